"""What a conversation is: session, settings, answer, replay, archive, feedback. No UI."""
