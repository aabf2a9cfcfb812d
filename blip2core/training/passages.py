"""Tokenised passages and the batches of stage 2, with labels where there is loss.

A language model that only has a decoder reads [images' queries][passage][end], and learns the
target segments. One with an encoder reads what stands before a target and writes that target (the
prefix language model of section 3.3 of the paper); a plain caption is cut in two at random.

Segments meet at spaces or line breaks, so that none of a decoder's tokens spans two of them.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from blip2core.errors import DataError
from blip2core.records import Passage
from blip2core.training.data import Order, PairSource
from blip2core.training.features import FeatureCache
from blip2core.training.losses import IGNORE_INDEX


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One passage as tokens."""

    ids: list[int]
    """What the language model reads after the queries."""
    labels: list[int]
    """For a decoder alone one label per id, IGNORE_INDEX where there is no loss; for an
    encoder-decoder the ids that its decoder is to write."""

    @property
    def length(self) -> int:
        """Tokens computed for it, padding not counted."""
        return max(len(self.ids), len(self.labels))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage2Batch:
    """B images with a passage each, padded on the right."""

    vision: Tensor
    """(B, P, V) image features."""
    ids: Tensor
    """(B, T) token ids that follow the queries."""
    mask: Tensor
    """(B, T) 1 for a token, 0 for padding."""
    labels: Tensor
    """(B, T), or (B, L) for the decoder of an encoder-decoder; IGNORE_INDEX without loss."""

    def to(self, device: torch.device) -> "Stage2Batch":
        """Return the same batch on another device."""
        return Stage2Batch(
            vision=self.vision.to(device),
            ids=self.ids.to(device),
            mask=self.mask.to(device),
            labels=self.labels.to(device),
        )


class PassageTokenizer:
    """Cuts passages into tokens for one language model."""

    def __init__(
        self,
        tokenizer: Any,
        *,
        encoder_decoder: bool,
        max_text: int,
        whole_caption_share: float = 0.0,
    ) -> None:
        """Take `max_text`, the most tokens of `ids`, special ones included; targets have as many.

        `whole_caption_share` of the plain captions are written from the image alone by an
        encoder-decoder, as it must do for an empty prompt.
        """
        self.pad_id: int = tokenizer.pad_token_id
        self._tokenizer = tokenizer
        self._encoder_decoder = encoder_decoder
        self._max_text = max_text
        self._whole_caption_share = whole_caption_share
        self._end = end_token(tokenizer, encoder_decoder=encoder_decoder)
        self._before, self._after = _special_ids(tokenizer)

    def examples(
        self, passages: Sequence[Passage], generators: Sequence[random.Random]
    ) -> list[Example]:
        """Return one example per passage; the generators choose targets and cuts.

        Raises DataError for a passage without a target.
        """
        if not all(any(segment.target for segment in passage) for passage in passages):
            raise DataError("A passage has no target: the language model could learn nothing.")
        if self._encoder_decoder:
            return self._prefixed(passages, generators)
        return self._continued(passages)

    def _continued(self, passages: Sequence[Passage]) -> list[Example]:
        """Return [special][segments][end] for a decoder alone.

        The end is a target where it follows one, also between two turns.
        """
        encoded = iter(self._encode([part.text for passage in passages for part in passage]))
        examples = []
        for passage in passages:
            ids, labels = list(self._before), [IGNORE_INDEX] * len(self._before)
            after_target = False
            for segment in passage:
                tokens = next(encoded)
                ids += tokens
                labels += tokens if segment.target else [IGNORE_INDEX] * len(tokens)
                if after_target and not segment.target and tokens[:1] == [self._end]:
                    labels[-len(tokens)] = self._end
                after_target = segment.target
            if ids[-1] != self._end:
                ids.append(self._end)
                labels.append(self._end if after_target else IGNORE_INDEX)
            examples.append(Example(ids=ids[: self._max_text], labels=labels[: self._max_text]))
        return examples

    def _prefixed(
        self, passages: Sequence[Passage], generators: Sequence[random.Random]
    ) -> list[Example]:
        """Return the text before one target, and that target, for an encoder-decoder."""
        pairs = [
            _choose_target(passage, rng) for passage, rng in zip(passages, generators, strict=True)
        ]
        encoded = self._encode([text for pair in pairs for text in pair])
        room = self._max_text - len(self._before) - len(self._after)
        examples = []
        for before, target, rng in zip(encoded[::2], encoded[1::2], generators, strict=True):
            if not before:
                before, target = self._split(target, rng)
            # The words just before the target matter most: a long history loses its beginning.
            before = before[max(0, len(before) - room) :]
            examples.append(
                Example(
                    ids=[*self._before, *before, *self._after],
                    labels=[*target[: self._max_text - 1], self._end],
                )
            )
        return examples

    def _split(self, tokens: list[int], rng: random.Random) -> tuple[list[int], list[int]]:
        """Cut a caption between position 1 and its middle, the bounds that the authors give."""
        if len(tokens) < 2 or rng.random() < self._whole_caption_share:
            return [], tokens
        cut = rng.randint(1, len(tokens) // 2)
        return tokens[:cut], tokens[cut:]

    def _encode(self, texts: list[str]) -> list[list[int]]:
        ids: list[list[int]] = self._tokenizer(texts, add_special_tokens=False).input_ids
        return ids


def end_token(tokenizer: Any, *, encoder_decoder: bool) -> int:
    """Return the id that ends a text: the line break for a decoder alone, as in BLIP-2 with OPT,
    else </s>.
    """
    if encoder_decoder:
        return int(tokenizer.eos_token_id)
    return int(tokenizer("\n", add_special_tokens=False).input_ids[-1])


def _choose_target(passage: Passage, rng: random.Random) -> tuple[str, str]:
    """Draw a target and return the text before it and itself; before a plain caption there is
    nothing.
    """
    if all(segment.target for segment in passage):
        return "", "".join(segment.text for segment in passage).strip()
    chosen = rng.choice([number for number, part in enumerate(passage) if part.target])
    return "".join(part.text for part in passage[:chosen]), passage[chosen].text.strip()


class Stage2Batches:
    """The batches of a run, each a pure function of `order` and its step.

    A window of `window` batches is drawn together and cut by length, so that the passages of one
    batch are about as long as each other; the batches of a window come in random order.
    """

    def __init__(
        self,
        source: PairSource,
        features: FeatureCache,
        tokenizer: PassageTokenizer,
        order: Order,
        *,
        window: int = 1,
    ) -> None:
        self._source = source
        self._features = features
        self._tokenizer = tokenizer
        self._order = order
        self._window = window
        self._number = -1
        self._drawn: list[list[tuple[int, Example]]] = []

    def batch(self, step: int) -> Stage2Batch:
        """Return the batch of a step, on the CPU."""
        number, place = divmod(step, self._window)
        if number != self._number:
            self._drawn = self._draw(number)
            self._number = number
        rows = self._drawn[place]
        vision = self._features.read([index for index, _ in rows])
        return collate([example for _, example in rows], vision, self._tokenizer.pad_id)

    def _draw(self, number: int) -> list[list[tuple[int, Example]]]:
        order = self._order
        steps = range(number * self._window, (number + 1) * self._window)
        positions = [position for step in steps for position in order.positions(step)]
        indices = [order.index(position) for position in positions]
        generators = [order.rng(position) for position in positions]
        passages = [self._source.passage(i, r) for i, r in zip(indices, generators, strict=True)]
        examples = self._tokenizer.examples(passages, generators)
        rows = list(zip(indices, examples, strict=True))
        if self._window > 1:
            rows.sort(key=lambda row: row[1].length)
        batches = [rows[i : i + order.batch] for i in range(0, len(rows), order.batch)]
        random.Random(f"window {order.seed} {number}").shuffle(batches)
        return batches


def collate(examples: Sequence[Example], vision: Tensor, pad_id: int) -> Stage2Batch:
    """Pad B examples and join them with (B, P, V) features."""
    ids = _padded([example.ids for example in examples], pad_id)
    labels = _padded([example.labels for example in examples], IGNORE_INDEX)
    lengths = torch.tensor([len(example.ids) for example in examples])
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    return Stage2Batch(vision=vision, ids=ids, mask=mask, labels=labels)


def _padded(rows: Sequence[list[int]], value: int) -> Tensor:
    longest = max(len(row) for row in rows)
    return torch.tensor([row + [value] * (longest - len(row)) for row in rows])


def _special_ids(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return what the tokenizer puts before and after any text, such as the start token."""
    bare = tokenizer("a", add_special_tokens=False).input_ids
    full = tokenizer("a").input_ids
    start = next(
        place
        for place in range(len(full) - len(bare) + 1)
        if full[place : place + len(bare)] == bare
    )
    return full[:start], full[start + len(bare) :]
