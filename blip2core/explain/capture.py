"""Capture of attention: the probabilities of a Q-Former or a language model in one call.

The hooks are on a private copy of the modules that shares every weight with the model, so two calls
never meet, and nothing has to be restored. The copy computes attention eagerly: SDPA, which the
models run with, keeps no probabilities, and transformers then returns none without an error.
B batch, H heads, N rows (queries of the attention), M columns (keys).
"""

import copy
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from blip2core.errors import ModelError
from blip2core.models.transformers_internals import use_eager_attention

ATTENTION_CLASSES = frozenset(
    {
        "Blip2QFormerMultiHeadAttention",
        "InstructBlipQFormerMultiHeadAttention",
        "OPTAttention",
        "T5Attention",
        "LlamaAttention",
    }
)
"""Modules whose forward returns the attention probabilities last."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A private copy of a model, with the attention maps recorded since the last `take`."""

    model: Any
    """Runs as the original does, with the same weights."""
    _maps: dict[str, Tensor] = field(default_factory=dict)

    def take(self) -> dict[str, Tensor]:
        """Return module name -> probabilities (B, H, N, M) since the last call, in the order of
        computation.

        They are part of the graph, so gradients reach them. Ends one pass: the next starts empty.
        ModelError where nothing was recorded.
        """
        if not self._maps:
            raise ModelError("No attention was recorded: run the captured copy first.")
        taken = dict(self._maps)
        self._maps.clear()
        return taken


@contextmanager
def capture_attention(model: nn.Module, *, shared: Collection[nn.Module] = ()) -> Iterator[Capture]:
    """Yield a copy of `model` whose attention is recorded; `shared` modules are used as they are.

    Raises ModelError where the model has no attention that is known here.
    """
    private = private_copy(model, shared=shared)
    left_out = {id(module) for part in shared for module in part.modules()}
    found = {
        name: module
        for name, module in private.named_modules()
        if type(module).__name__ in ATTENTION_CLASSES and id(module) not in left_out
    }
    if not found:
        raise ModelError(f"{type(model).__name__} has no attention that can be looked into.")
    capture = Capture(private)
    handles = [
        module.register_forward_hook(_recorder(name, capture._maps))
        for name, module in found.items()
    ]
    try:
        yield capture
    finally:
        for handle in handles:
            handle.remove()


def private_copy(model: nn.Module, *, shared: Collection[nn.Module] = ()) -> Any:
    """Copy modules and settings, with eager attention, while sharing the weight tensors."""
    kept: list[Any] = [*model.parameters(), *model.buffers(), *shared]
    private = copy.deepcopy(model, {id(value): value for value in kept})
    left_out = {id(module) for part in shared for module in part.modules()}
    for module in private.modules():
        if id(module) not in left_out:
            use_eager_attention(module)
    return private


def _recorder(name: str, maps: dict[str, Tensor]) -> Any:
    """Return a forward hook that keeps the probabilities under `name`."""

    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        weights = output[-1] if isinstance(output, tuple) else None
        if not isinstance(weights, Tensor) or weights.dim() != 4 or not weights.numel():
            raise ModelError(f"{name} gave no attention probabilities: eager attention is needed.")
        if name in maps:
            raise ModelError(f"{name} ran twice in one pass: take() each pass apart.")
        maps[name] = weights

    return keep
