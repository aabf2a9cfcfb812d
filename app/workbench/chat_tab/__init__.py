"""Talk with the image."""
