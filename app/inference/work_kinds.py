"""The kinds of work on models, as metrics name them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

JOB = "job"
"""A batch of a job in the background, see `Engine.turn`."""
OTHER = "other"
KINDS = {
    "encode_image": "encode",
    "encode_for_matcher": "encode",
    "write_caption": "caption",
    "stream_captions": "caption",
    "continue_prompt": "chat",
    "answer_question": "chat",
    "look_for_doubt": "doubt",
    "score_texts": "match",
    "rank_images": "match",
    "inspect_image": "explain",
    "measure_map": "explain",
    "answer_without_patches": "explain",
    "map_attention": "explain",
    "follow_answer": "explain",
    "caption_and_filter": "capfilt",
    "caption_and_score_image": "capfilt",
    "score_candidates": "capfilt",
    "score_edited": "capfilt",
}
"""Name of a function that the engine runs -> its kind."""


def kind_of(work: Callable[..., Any]) -> str:
    """Return the kind of a piece of work."""
    return KINDS.get(getattr(work, "__name__", ""), OTHER)
