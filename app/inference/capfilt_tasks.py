"""Images with the texts that compete for them: what a visitor filters and judges.

The engine's part of it is below; the filter itself needs no model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TYPE_CHECKING, Any

from app.inference.batches import ImageBatch, Upload
from app.inference.captions import CaptionRequest
from app.inference.pool import ModelPair
from blip2core.capfilt import decide
from blip2core.config import CaptionConfig, FilterConfig
from blip2core.errors import ConfigError, ImageError
from blip2core.records import Candidate, Decision, JudgedText, Scored, TextVerdict

if TYPE_CHECKING:
    from blip2core.models.vision import ImageFeatures


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCard:
    """One image and all its texts, which are judged as equals."""

    number: int
    name: str
    """Name of its file. Hostile text."""
    data: bytes = field(repr=False)
    """A clean image file."""
    sha256: str
    thumbnail: str
    texts: tuple[JudgedText, ...] = ()
    features: ImageFeatures | None = None
    """What the matcher reads, once an edited text had to be scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapFiltRequest:
    """What a desk works on, and how."""

    model: str
    order: CaptionRequest
    given: tuple[InputImage, ...]
    """One for each job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputImage:
    """An image as it came, not opened yet."""

    name: str
    data: bytes = field(repr=False)
    texts: tuple[str, ...] = ()


class CapFiltSession(ImageBatch):
    """The pairs of one visitor. Jobs are the images; each that is done has a card."""

    def __init__(self) -> None:
        super().__init__()
        self.rules = FilterConfig()
        self.problems: tuple[tuple[str, str], ...] = ()
        """What could not be read at all: name and reason."""
        self.runs: dict[str, int] = {}
        """Dataset -> number of the run in the database that stands for this work."""

    def __deepcopy__(self, memo: dict[int, Any]) -> CapFiltSession:
        return CapFiltSession()

    def begin_with(self, plan: CapFiltRequest, problems: Sequence[tuple[str, str]]) -> None:
        """New images; what was on the desk goes."""
        self.problems, self.runs = tuple(problems), {}
        self.start([Upload(path="", name=one.name) for one in plan.given], plan)

    @property
    def cards(self) -> list[ImageCard]:
        """Those that are done, in the order of the images."""
        return [job.result for job in self.jobs if isinstance(job.result, ImageCard)]

    def card(self, number: Any) -> ImageCard:
        """ConfigError where there is none: the browser's number may be of an earlier desk."""
        for card in self.cards:
            if card.number == number:
                return card
        raise ConfigError("This image is not here any more.")

    def put(self, card: ImageCard) -> None:
        """A card that changed."""
        with self._lock:
            self._change(card.number, {"result": card})

    def judge(self, card_number: Any, text_number: Any, verdict: TextVerdict) -> None:
        """What the visitor thinks of a text; the same again takes it back."""
        card = self.card(card_number)
        text = text_of(card, text_number)
        verdict = "" if text.verdict == verdict else verdict
        self.put(with_text(card, replace(text, verdict=verdict)))

    def accept_kept(self) -> int:
        """Accepts what the filter keeps and nobody judged yet -> how many."""
        accepted = 0
        for card in self.cards:
            for text, decision in filtered_texts(card, self.rules):
                if decision.kept and not text.verdict:
                    card = with_text(card, replace(text, verdict="accepted"))
                    accepted += 1
            self.put(card)
        return accepted


def text_of(card: ImageCard, number: Any) -> JudgedText:
    """ConfigError where there is none."""
    for text in card.texts:
        if text.number == number:
            return text
    raise ConfigError("This text is not here any more.")


def with_text(card: ImageCard, text: JudgedText) -> ImageCard:
    """The card with one text changed, or added."""
    others = [one for one in card.texts if one.number != text.number]
    return replace(card, texts=tuple(sorted([*others, text], key=lambda one: one.number)))


def filtered_texts(card: ImageCard, rules: FilterConfig) -> list[tuple[JudgedText, Decision]]:
    """The texts with what the filter makes of them; kept ones first, likeliest first."""
    decisions = decide([text.scored for text in card.texts], rules)
    pairs = list(zip(card.texts, decisions, strict=True))
    return sorted(pairs, key=lambda pair: (not pair[1].kept, -pair[0].scored.itm))


def judge_image(
    pair: ModelPair,
    texts: Sequence[str],
    data: bytes,
    sha256: str,
    order: CaptionRequest,
    *,
    stop: Event | None,
) -> Iterator[tuple[Scored, ...]]:
    """Done by the engine: one image captioned, all its texts scored, encoded once.

    Yields the scores once, or nothing where it was stopped. ImageError says what is wrong.
    """
    from blip2core.capfilt import CapFilt, Task, judge  # loads torch: the page need not wait

    web = tuple(Candidate(text=text, source="web") for text in texts)
    task = Task(key=0, name="", data=data, sha256=sha256, texts=web)
    models = CapFilt(
        matcher=pair.matcher,
        generator=pair.generator,
        captions=caption_config(order),
        batch=1,
        workers=1,
    )
    with closing(judge([task], models, stop=stop)) as results:
        for result in results:
            if result.problem is not None:
                raise ImageError(result.problem.reason)
            yield result.scored


def caption_config(order: CaptionRequest) -> CaptionConfig:
    """An order as the captioner takes it."""
    return CaptionConfig(num=order.num, decode=order.decode, prompt=order.prompt or None)


def score_edited(pair: ModelPair, features: ImageFeatures, text: str) -> Scored:
    """Done by the engine: an edited text is scored as any other."""
    from blip2core.capfilt import score

    return score(pair.matcher, features, [[Candidate(text=text, source="edited")]])[0][0]


def sha256_of(data: bytes) -> str:
    """Identity of an image's bytes, as the store names them."""
    return hashlib.sha256(data).hexdigest()
