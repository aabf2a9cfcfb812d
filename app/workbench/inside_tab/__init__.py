"""Look inside the Q-Former."""
