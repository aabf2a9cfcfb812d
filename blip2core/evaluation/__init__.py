"""How good a model is on sticker scenes that no training saw."""

from blip2core.evaluation.report import table
from blip2core.evaluation.suite import TASKS, evaluate

__all__ = ["TASKS", "evaluate", "table"]
