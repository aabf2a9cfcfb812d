"""The engine, the pool of models, and the tasks that run on them. No UI."""
