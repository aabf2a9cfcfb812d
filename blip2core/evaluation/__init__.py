"""Evaluation of models on sticker scenes of the test split."""

from blip2core.evaluation.report import table
from blip2core.evaluation.suite import TASKS, evaluate

__all__ = ["TASKS", "evaluate", "table"]
