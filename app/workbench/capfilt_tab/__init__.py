"""CapFilt on a handful of images."""
