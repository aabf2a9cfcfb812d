"""Logging in, in front of both apps: passwords, sign-in elsewhere, sessions, and who is who."""
