"""One tab, one file; each runs alone."""
