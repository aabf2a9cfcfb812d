"""Conversations: session, settings, answer, replay, archive, feedback. No UI."""
