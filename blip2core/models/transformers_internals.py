"""The parts of transformers and accelerate that we use although their authors promise no stability.

Everything with a leading underscore or without a page in their documentation is reached through
this module alone, so that a new version has one place to break;
tests/models/test_transformers_internals.py says what it broke.
B batch, H heads, Q queries, P patches, D width.
"""

from typing import Any, cast

from accelerate import PartialState
from accelerate.state import AcceleratorState
from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.bert.modeling_bert import BertPredictionHeadTransform
from transformers.models.blip_2.modeling_blip_2 import (
    Blip2QFormerAttention,
    Blip2QFormerLayer,
    Blip2TextEmbeddings,
    eager_attention_forward,
)

__all__ = [
    "BertPredictionHeadTransform",
    "Blip2QFormerAttention",
    "Blip2QFormerLayer",
    "Blip2TextEmbeddings",
    "attend",
    "attention_implementation",
    "commit_of",
    "forget_accelerator_choices",
    "use_eager_attention",
]


def attend(inner: Any, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return (B, Q, H, D / H): what the queries (B, H, Q, D / H) take from the values.

    Keys and values are (B, H, P, D / H). `inner` is the `attention` of a `Blip2QFormerAttention`;
    the computation is the one its model is set to, such as "eager" or "sdpa".
    """
    function = ALL_ATTENTION_FUNCTIONS.get_interface(
        attention_implementation(inner), eager_attention_forward
    )
    taken, _ = function(
        inner,
        queries,
        keys,
        values,
        None,
        dropout=inner.attention_dropout if inner.training else 0.0,
        scaling=inner.scaling,
    )
    return cast(Tensor, taken)


def attention_implementation(module: Any) -> str:
    """Return how a module computes attention, such as "eager" or "sdpa"."""
    return cast(str, module.config._attn_implementation)


def use_eager_attention(module: nn.Module) -> None:
    """Set a module that has a configuration to eager attention, whatever class it is of.

    `set_attn_implementation` exists for whole models only, and changes all parts of one.
    """
    config = getattr(module, "config", None)
    if config is not None:
        config._attn_implementation = "eager"


def commit_of(model: Any) -> str | None:
    """Return the commit on the Hub that a model was read from; None for one from elsewhere."""
    return getattr(model.config, "_commit_hash", None)


def forget_accelerator_choices() -> None:
    """Let the next `Accelerator` of this process choose its device and precision anew.

    accelerate keeps the first choice for the life of a process. Where several processes train
    together, their connection is kept.
    """
    AcceleratorState._reset_state(reset_partial_state=PartialState().num_processes == 1)
