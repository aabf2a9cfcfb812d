"""The captioner: candidate texts for encoded images."""

import hashlib
from collections.abc import Sequence
from threading import Event

from blip2core.config import CaptionConfig
from blip2core.models import Generator, ImageFeatures
from blip2core.records import Candidate
from blip2core.texts import clean_text, normalised


def write_captions(
    generator: Generator,
    features: ImageFeatures,
    hashes: Sequence[str],
    config: CaptionConfig,
    *,
    stop: Event | None = None,
) -> list[list[Candidate]]:
    """Write up to `config.num` different texts for each of B images, in one pass over the prompt.

    Empty texts are left out, and of texts that differ only in case, punctuation and spaces the
    first stays. `hashes` are those of the images: with the seed they decide what is drawn, so
    an image gets the same texts in every batch and run. After `stop` texts may be cut short.
    """
    seed = config.decode.seed
    sampled = config.decode.mode == "sample" and seed is not None
    seeds = [image_seed(seed or 0, key) for key in hashes] if sampled else None
    written = generator.caption(
        features,
        prompt=config.prompt,
        num=config.num,
        decode=config.decode,
        stop=stop,
        seeds=seeds,
    )
    begun = generator.caption_prompt(config.prompt) if config.prompt else ""
    return [_different(begun, [text.text for text in texts]) for texts in written]


def image_seed(seed: int, key: str) -> int:
    """Return the seed of one image's draws, made of the run's seed and the image's hash."""
    return int.from_bytes(hashlib.sha256(f"{seed} {key}".encode()).digest()[:7], "big")


def _different(begun: str, texts: Sequence[str]) -> list[Candidate]:
    """Return the different texts, each with the beginning it continues."""
    unique: dict[str, str] = {}
    for text in map(clean_text, texts):
        if text:
            whole = f"{begun} {text}" if begun else text
            unique.setdefault(normalised(whole), whole)
    return [Candidate(text=text, source="synthetic") for text in unique.values()]
