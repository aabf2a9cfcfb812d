"""The frozen image encoder: run once per image, shared where two models hold the same one.

B images, P patches (class token included), V vision width, Q queries, D language-model width.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import torch
from PIL import Image
from torch import Tensor, nn

from blip2core.arguments import check_kind, check_pixels, checked_images
from blip2core.errors import ModelError

log = logging.getLogger(__name__)

NEARLY_EQUAL = 0.01
"""Largest difference, relative to the largest weight of its tensor, that looks like rounding or
a short finetuning rather than another model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFeatures:
    """Encoded images. All other functions take these, never pixels."""

    vision: Tensor
    """(B, P, V) encoder output before `post_layernorm`, which each model applies itself."""
    encoder: str
    """Fingerprint of the encoder that made `vision`."""
    queries: Tensor | None = None
    """(B, Q, D) Q-Former output as the language model reads it; None where no generator made
    these, or where the Q-Former needs the instruction first (InstructBLIP)."""
    reader: str | None = None
    """Fingerprint of the Q-Former that made `queries`."""

    def __len__(self) -> int:
        return self.vision.shape[0]

    def __getitem__(self, index: int | slice | Sequence[int]) -> "ImageFeatures":
        """Return some of the images, in the order asked for; one index gives a batch of one."""
        rows = [index] if isinstance(index, int) else index
        queries = None if self.queries is None else self.queries[rows]
        return replace(self, vision=self.vision[rows], queries=queries)

    def to(self, device: torch.device | str) -> "ImageFeatures":
        """Return the same features on another device, such as "cpu" to keep many of them."""
        queries = None if self.queries is None else self.queries.to(device)
        return replace(self, vision=self.vision.to(device), queries=queries)

    @staticmethod
    def join(parts: Sequence["ImageFeatures"]) -> "ImageFeatures":
        """Join several batches into one. Raises ModelError where different models made them."""
        if not parts:
            raise ModelError("join takes a list of ImageFeatures; got an empty one.")
        for part in parts:
            check_features(part, "join")
        first, *_ = parts
        if any((p.encoder, p.reader) != (first.encoder, first.reader) for p in parts):
            raise ModelError("Features of different models cannot be joined in one batch.")
        queries = [part.queries for part in parts if part.queries is not None]
        return replace(
            first,
            vision=torch.cat([part.vision for part in parts]),
            queries=torch.cat(queries) if queries else None,
        )


def check_features(features: object, function: str) -> None:
    """Raise ModelError where `function` was given something else than features."""
    expected = f"{function} takes the features that encode([image]) returns"
    check_kind(features, ImageFeatures, expected, ModelError)


class VisionEncoder:
    """Patch embedding and transformer layers of a BLIP vision model, without its last LayerNorm."""

    def __init__(self, model: Any, image_processor: Any) -> None:
        self.model = model
        self.image_processor = image_processor
        self.calls = 0
        self.fingerprint = fingerprint(model.embeddings, model.encoder)

    @property
    def device(self) -> torch.device:
        return cast(torch.device, self.model.embeddings.patch_embedding.weight.device)

    @property
    def dtype(self) -> torch.dtype:
        """Number type of the encoder; parts of a float16 model stay in float32."""
        return cast(torch.dtype, self.model.embeddings.patch_embedding.weight.dtype)

    def prepare(self, images: Sequence[Image.Image]) -> Tensor:
        """Return RGB images of any size as (B, 3, H, W) on the CPU, as the encoder takes them.

        Runs no network and keeps no state: worker threads may call it.
        """
        given = checked_images(images, "encode")
        prepared = self.image_processor(given, return_tensors="pt")
        return cast(Tensor, prepared["pixel_values"])

    @torch.no_grad()
    def encode(self, images: Sequence[Image.Image] | Tensor) -> Tensor:
        """Encode images, or what `prepare` made of them, to (B, P, V). One run,
        counted in `calls`.
        """
        pixels = images if isinstance(images, Tensor) else self.prepare(images)
        check_pixels(pixels, self.model.config.image_size, "encode")
        self.calls += 1
        hidden = self.model.embeddings(pixels.to(self.device, self.dtype))
        return cast(Tensor, self.model.encoder(inputs_embeds=hidden).last_hidden_state)


def fingerprint(*modules: nn.Module) -> str:
    """Return 16 hex digits over names, shapes, types and up to 256 spread values of each weight.

    Tells models apart, quickly and in every process alike; whether two models are equal to the
    last bit is for `share_encoder` to say.
    """
    digest = hashlib.sha256()
    for module in modules:
        for name, weight in module.state_dict().items():
            digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode())
            flat = weight.detach().reshape(-1)
            spread = flat[:: max(1, flat.numel() // 256)][:256]
            digest.update(spread.to("cpu", torch.float64).numpy().tobytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """Whether two models now hold one image encoder, and why."""

    shared: bool
    reason: str
    """One sentence for the user."""
    own_norm: bool = False
    """Shared, but `post_layernorm` differs: each model applies its own."""
    saved_bytes: int = 0
    """Memory that the second copy would have taken."""


class HasEncoder(Protocol):
    """A generator or a matcher."""

    vision: VisionEncoder


def share_encoder(owner: HasEncoder, other: HasEncoder) -> Sharing:
    """Let `other` use the image encoder of `owner` where all tensors are equal, bit for bit.

    Nearly equal weights are refused: scores would change and nobody would know.
    """
    reason = _difference(owner.vision, other.vision)
    if reason is not None:
        log.info("Image encoder not shared: %s", reason)
        return Sharing(shared=False, reason=reason)
    ours, theirs = owner.vision.model, other.vision.model
    weights = [*theirs.embeddings.parameters(), *theirs.encoder.parameters()]
    saved = sum(weight.numel() * weight.element_size() for weight in weights)
    theirs.embeddings, theirs.encoder = ours.embeddings, ours.encoder
    other.vision = owner.vision
    norms = (ours.post_layernorm, theirs.post_layernorm)
    own_norm = norms[0].eps != norms[1].eps or _differing_weight(*norms) is not None
    reason = "The two models hold the same image encoder: it is kept once and run once"
    reason += ", and each applies its own last LayerNorm." if own_norm else "."
    log.info("Image encoder shared: %s", reason)
    return Sharing(shared=True, reason=reason, own_norm=own_norm, saved_bytes=saved)


def _difference(owner: VisionEncoder, other: VisionEncoder) -> str | None:
    """Return why the encoders cannot be shared, as a sentence; None where they are equal."""
    for name in ("size", "image_mean", "image_std", "resample", "rescale_factor"):
        settings = [getattr(e.image_processor, name, None) for e in (owner, other)]
        if settings[0] != settings[1]:
            return f"The models prepare images differently ({name})."
    for name in ("hidden_act", "layer_norm_eps", "num_attention_heads", "patch_size"):
        settings = [getattr(e.model.config, name) for e in (owner, other)]
        if settings[0] != settings[1]:
            return f"The image encoders are built differently ({name})."
    for part in ("embeddings", "encoder"):
        found = _differing_weight(getattr(owner.model, part), getattr(other.model, part))
        if found is not None:
            return found
    return None


def _differing_weight(ours: nn.Module, theirs: nn.Module) -> str | None:
    """Return the first difference between two modules as a sentence; None where there is none."""
    left, right = ours.state_dict(), theirs.state_dict()
    if left.keys() != right.keys():
        return "The image encoders have different layers."
    for name, weight in left.items():
        twin = right[name]
        if (weight.shape, weight.dtype, weight.device) != (twin.shape, twin.dtype, twin.device):
            return f"The image encoders differ in shape, number type or device ({name})."
        if torch.equal(weight, twin):
            continue
        gap = ((weight.float() - twin.float()).abs().max() / weight.float().abs().max()).item()
        if gap <= NEARLY_EQUAL:
            return (
                f"The image encoders are nearly equal ({name} differs by {gap:.1e}), "
                "and nearly is not enough: scores would change unnoticed."
            )
        return f"The image encoders have different weights ({name})."
    return None
