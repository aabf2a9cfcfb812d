"""The image beside the tabs: panel, uploads, notes."""
