"""`trace`: the attention of a matcher's Q-Former for one image and one text, as plain tensors.

Takes features, so the image encoder is never run again. L layers with cross-attention, S layers,
H heads, Q queries, T text tokens, N = Q + T, P patches (the class token, if any, first).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from blip2core.arguments import check_kind, check_text
from blip2core.errors import ConfigError, ModelError
from blip2core.explain.capture import Capture, capture_attention
from blip2core.explain.fit import Fit, unlearned_words
from blip2core.models import ImageFeatures, Matcher
from blip2core.models.match_formulas import QFormerMatching
from blip2core.models.matcher import cosines_of
from blip2core.models.vision import check_features


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionMaps:
    """Attention probabilities of one pass of the Q-Former; float32 on the CPU."""

    cross: Tensor
    """(L, H, Q, P): cross-attention. Rows sum to 1, class token included."""
    within: Tensor
    """(S, H, N, N): self-attention among queries and text tokens."""
    cross_gradients: Tensor | None = None
    """As `cross`: gradients of the ITM logit, match minus no match."""
    within_gradients: Tensor | None = None
    """As `within`: gradients of the same logit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word of the text with the positions of its tokens."""

    text: str
    tokens: tuple[int, ...]
    """Positions of its tokens among the text's tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosines:
    """The text's ITC cosine with each query; the largest is the score."""

    values: Tensor
    """(Q,) in [-1, 1]."""
    winner: int
    runner_up: int | None
    """None where there is one query only."""

    @property
    def margin(self) -> float | None:
        """Difference between the winner's cosine and the runner-up's."""
        if self.runner_up is None:
            return None
        return float(self.values[self.winner] - self.values[self.runner_up])


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The attention of a Q-Former for one image, and for one text where one was given."""

    model: str
    revision: str
    grid: tuple[int, int]
    """Rows and columns of patches; they cover the whole image, whatever its shape."""
    class_token: bool
    """Whether column 0 of `cross` is the encoder's class token, which belongs to no patch."""
    layers: tuple[int, ...]
    """Numbers of the layers with cross-attention, as the Q-Former counts its layers."""
    alone: AttentionMaps
    """The pass of the image alone, as for ITC."""
    text: str | None = None
    truncated: bool = False
    """The text was longer than the model reads: `tokens` has its beginning."""
    tokens: tuple[str, ...] = ()
    """The text's tokens by place, special ones included."""
    words: tuple[Word, ...] = ()
    together: AttentionMaps | None = None
    """The pass of image and text together, as for ITM."""
    cosines: Cosines | None = None
    itm: float | None = None
    """Matching probability."""

    unlearned: tuple[str, ...] = ()
    """Words of the text that the matcher never learned."""

    @property
    def fit(self) -> Fit | None:
        """How well the text fits; None without a text."""
        if self.itm is None or self.text is None:
            return None
        return Fit(text=self.text, itm=self.itm, truncated=self.truncated, unlearned=self.unlearned)

    @property
    def facts_of_fit(self) -> dict[str, Any]:
        """How well the text fits, as plain JSON values; None without a text."""
        fit = self.fit
        return {
            "itm": self.itm,
            "fits": None if fit is None else fit.fits,
            "fit": None if fit is None else fit.sentence,
        }

    @property
    def shown(self) -> AttentionMaps:
        """The pass with the text where there is one, else the image's own."""
        return self.alone if self.together is None else self.together

    @property
    def heads(self) -> int:
        return self.alone.cross.shape[1]

    @property
    def queries(self) -> int:
        return self.alone.cross.shape[2]

    def patches(self, cross: Tensor) -> Tensor:
        """Return (..., P) without the class token's column."""
        return cross[..., int(self.class_token) :]


def trace(
    matcher: Matcher, features: ImageFeatures, text: str | None = None, *, gradients: bool = False
) -> Trace:
    """Record attention of the matcher's Q-Former for one image's features, and for a text where one
    is given.

    `gradients` also keeps those of the ITM logit, which word maps and Grad-CAM need. Raises
    ModelError (features of several images, of another encoder or with patches hidden; a matcher
    without a Q-Former), ConfigError (gradients without a text), TextError (an empty text).
    """
    if not hasattr(matcher, "match"):  # something else may stand for a Matcher
        expected = "trace takes a Matcher, such as load_matcher() returns"
        check_kind(matcher, Matcher, expected, ModelError)
    if not isinstance(matcher.matching, QFormerMatching):
        raise ModelError(f"{matcher.spec.name} has no Q-Former to look into: choose a BLIP-2 one.")
    check_features(features, "trace")
    if text is not None:
        check_text(text, "The text of trace")
    if len(features) != 1:
        raise ModelError(f"trace() takes the features of one image, not of {len(features)}.")
    if gradients and text is None:
        raise ConfigError("gradients need a text: they are those of its matching score")
    model = matcher.model
    vision = matcher.vision_of(features)
    grid, class_token = patch_grid(model.vision_model, vision.shape[1])
    with (
        torch.inference_mode(False),
        torch.set_grad_enabled(gradients),
        capture_attention(model, shared=[model.vision_model]) as capture,
    ):
        vision = vision.clone()  # a tensor made in inference mode cannot be part of a graph
        matching = QFormerMatching(capture.model)
        images = matching.embed_images(vision)[0].float().detach()  # (Q, E)
        alone = split_passes(capture.take())
        known: dict[str, Any] = {}
        if text is not None:
            known = _with_text(matcher, capture, vision, images, text, gradients)
    return Trace(
        model=matcher.spec.name,
        revision=matcher.spec.revision,
        grid=grid,
        class_token=class_token,
        layers=tuple(alone[0]),
        alone=AttentionMaps(cross=stacked(alone[0].values()), within=stacked(alone[1].values())),
        **known,
    )


def _with_text(
    matcher: Matcher,
    capture: Capture,
    vision: Tensor,
    images: Tensor,
    text: str,
    gradients: bool,
) -> dict[str, Any]:
    """Return the fields of a `Trace` that need a text."""
    ids, mask = matcher.tokens([text])
    matching = QFormerMatching(capture.model)
    embedded = matching.embed_texts(ids, mask)[0].float().detach()
    capture.take()  # the text's own pass, which knows nothing of the image
    if gradients:  # the weights are frozen, so the graph has to start at the queries
        start = capture.model.query_tokens.detach().clone().requires_grad_()
        capture.model.query_tokens = torch.nn.Parameter(start)
    logits = matching.itm_logits(vision, ids, mask)[0].float()
    margin = logits[1] - logits[0]
    cross, within = split_passes(capture.take())
    slopes: tuple[Tensor | None, Tensor | None] = (None, None)
    if gradients:
        maps = [*cross.values(), *within.values()]
        found = torch.autograd.grad(margin, maps, allow_unused=True, materialize_grads=True)
        slopes = (stacked(found[: len(cross)]), stacked(found[len(cross) :]))
    words = split_words(matcher, text, ids.shape[1])
    return {
        "text": text,
        "truncated": matcher.is_truncated(text),
        "unlearned": unlearned_words(matcher, text),
        "tokens": tuple(matcher.processor.tokenizer.convert_ids_to_tokens(ids[0].tolist())),
        "words": words,
        "together": AttentionMaps(
            cross=stacked(cross.values()),
            within=stacked(within.values()),
            cross_gradients=slopes[0],
            within_gradients=slopes[1],
        ),
        "cosines": rank_cosines(cosines_of(images, embedded).cpu()),
        "itm": float(margin.detach().sigmoid()),
    }


def rank_cosines(values: Tensor) -> Cosines:
    """Return (Q,) cosines with the largest and the second largest."""
    order = values.argsort(descending=True).tolist()
    return Cosines(values=values, winner=order[0], runner_up=order[1] if len(order) > 1 else None)


def split_passes(maps: Mapping[str, Tensor]) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """Split the maps of one Q-Former pass into cross- and self-attention by layer number."""
    cross: dict[int, Tensor] = {}
    within: dict[int, Tensor] = {}
    for name, weights in maps.items():
        *_, number, kind, _ = name.split(".")  # qformer.encoder.layer.2.crossattention.attention
        (cross if kind == "crossattention" else within)[int(number)] = weights
    return cross, within


def stacked(maps: Any) -> Tensor:
    """Stack maps (1, H, N, M) of several layers: (layers, H, N, M), float32 on the CPU,
    no graph.
    """
    return torch.cat([one.detach() for one in maps]).to("cpu", torch.float32)


def patch_grid(vision_model: Any, patches: int) -> tuple[tuple[int, int], bool]:
    """Return rows and columns of an image encoder, and whether a class token comes first.

    ModelError where the number of patches is not that of a whole image.
    """
    side = vision_model.config.image_size // vision_model.config.patch_size
    class_token = hasattr(vision_model.embeddings, "class_embedding")
    if patches != side * side + class_token:
        raise ModelError(
            f"These features have {patches - class_token} of the {side * side} patches of a whole "
            f"image: look into the features as they were before patches were hidden."
        )
    return (side, side), class_token


def split_words(matcher: Matcher, text: str, length: int) -> tuple[Word, ...]:
    """Return the words of a text with the places of their pieces among its `length` tokens."""
    encoded = matcher.processor.tokenizer(text)
    pieces: dict[int, list[int]] = {}
    for place, word in enumerate(encoded.word_ids()[: length - 1]):
        if word is not None:
            pieces.setdefault(word, []).append(place)
    spans = {word: encoded.word_to_chars(word) for word in pieces}
    return tuple(
        Word(text=text[spans[word].start : spans[word].end], tokens=tuple(places))
        for word, places in pieces.items()
    )
