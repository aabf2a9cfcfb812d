"""The parts of a trace that methods require, with errors that say how to get them."""

from torch import Tensor

from blip2core.errors import ConfigError
from blip2core.explain.trace import AttentionMaps, Cosines, Trace


def require_cosines(trace: Trace) -> Cosines:
    """Return the cosines of a trace. Raises ConfigError where it has no text."""
    if trace.cosines is None:
        raise ConfigError("this map needs a text: trace the image with one")
    return trace.cosines


def require_text_pass(trace: Trace) -> AttentionMaps:
    """Return the attention of the image-text pass.

    Raises ConfigError where the trace has no text.
    """
    if trace.together is None:
        raise ConfigError("this map needs a text: trace the image with one")
    return trace.together


def weighted_cross_attention(trace: Trace) -> Tensor:
    """Return the positive part of cross-attention times the ITM logit's gradient, (L, Q, P).

    The mean over the heads, as in Chefer et al. (2021).

    ConfigError where the trace has no gradients.
    """
    pair = require_text_pass(trace)
    return _weighted(pair.cross, pair.cross_gradients).mean(dim=1)


def weighted_self_attention(trace: Trace) -> Tensor:
    """Return self-attention weighted in the same way, (S, N, N)."""
    pair = require_text_pass(trace)
    return _weighted(pair.within, pair.within_gradients).mean(dim=1)


def word_rows(trace: Trace, word: int | None) -> list[int]:
    """Return the rows of a word's tokens among queries and text; None: of all words.

    ConfigError where there is no such word.
    """
    words = trace.words
    if word is not None and not 0 <= word < len(words):
        raise ConfigError(f"word ({word}) must be from 0 to {len(words) - 1}, counted from 0")
    chosen = words if word is None else words[word : word + 1]
    return [trace.queries + place for one in chosen for place in one.tokens]


def _weighted(attention: Tensor, gradients: Tensor | None) -> Tensor:
    if gradients is None:
        raise ConfigError("this map needs gradients: trace with gradients=True")
    return (attention * gradients).clamp(min=0)
