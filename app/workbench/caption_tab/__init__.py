"""Captions of one image or several."""
