"""Texts against images."""
