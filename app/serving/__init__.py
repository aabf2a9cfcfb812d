"""Serving both apps on one port: start, host names, login, users."""
