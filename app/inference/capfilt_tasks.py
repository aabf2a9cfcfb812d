"""Images with web texts and written captions, which a visitor filters and decides about.

The functions at the end need the models and are run by the engine; the filter needs none.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TYPE_CHECKING, Any

from app.inference.batches import ImageBatch
from app.inference.captions import CaptionRequest
from app.inference.pool import ModelPair
from blip2core.capfilt import decide
from blip2core.config import CaptionConfig, FilterConfig
from blip2core.errors import ConfigError, ImageError
from blip2core.records import Candidate, Decision, ReviewedText, Scored, TextVerdict

if TYPE_CHECKING:
    from blip2core.doubt import DoubtCalibration
    from blip2core.models.vision import ImageFeatures


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCard:
    """One image with its web texts, written captions and edited texts."""

    number: int
    name: str
    """Name of its file. Hostile text."""
    data: bytes = field(repr=False)
    """A clean image file."""
    sha256: str
    thumbnail: str
    texts: tuple[ReviewedText, ...] = ()
    features: ImageFeatures | None = None
    """Features that the matcher reads; None until an edited text has to be scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputImage:
    """An image that a visitor gave, opened and checked, with the texts beside it."""

    name: str
    """Name of its file. Hostile text."""
    data: bytes = field(repr=False)
    """A clean image file."""
    key: str
    """SHA-256 of `data`: what a page calls the image, wherever it stands in a list."""
    thumbnail: str = ""
    """Data address of the image in small."""
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CapFiltRequest:
    """The images of a session, and how captions are written for them."""

    model: str
    """Name of the model that writes the captions."""
    captions: CaptionRequest
    images: tuple[InputImage, ...]
    """One for each item of the batch."""


class CapFiltSession:
    """The images and texts of one visitor, with the rules that filter them."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(16)
        """A secret of the page that works with it, by which a reload finds it again."""
        self.given: tuple[InputImage, ...] = ()
        """The images on screen for the next run, each once."""
        self.typed: dict[str, str] = {}
        """Key of an image -> the texts that were typed beside it, one on each line."""
        self.batch = ImageBatch[CapFiltRequest, ImageCard]()
        """Each image that is done has a card as its result."""
        self.rules = FilterConfig()
        self.problems: tuple[tuple[str, str], ...] = ()
        """Files that could not be read at all: name and reason."""
        self.runs: dict[str, int] = {}
        """Name of a dataset -> number of the run in the database that stands for this work."""
        self.name = ""
        """Of the run on screen: an act that was meant for another one is refused."""
        self.accepted_at_once: list[list[tuple[int, int]]] = []
        """Numbers of image and text that were accepted together, the latest last."""

    def __deepcopy__(self, memo: dict[int, Any]) -> CapFiltSession:
        return CapFiltSession()  # Gradio copies a state's first value for each visitor

    def start(self, request: CapFiltRequest, problems: Sequence[tuple[str, str]]) -> None:
        """Begin with new images; those before them go."""
        self.problems, self.runs = tuple(problems), {}
        self.name, self.accepted_at_once = secrets.token_hex(8), []
        self.batch.start([image.name for image in request.images], request)

    def doubt_by(self, calibration: DoubtCalibration | None) -> None:
        """Have the filter doubt images by the calibration of the model that captions them."""
        least = None if calibration is None else calibration.threshold
        self.rules = replace(self.rules, own_caption_itc=least)

    @property
    def size(self) -> int:
        """Bytes of all its images together."""
        begun = self.batch.request.images if self.batch.items else ()
        return sum({one.key: len(one.data) for one in (*self.given, *begun)}.values())

    @property
    def cards(self) -> list[ImageCard]:
        """Cards of the images that are done, in the order of the images."""
        return [item.result for item in self.batch.items if item.result is not None]

    def card(self, run: object, number: object) -> ImageCard:
        """Return the card with a number that a browser sent, and the name of the run it is of.

        Raises ConfigError where there is none, as where another run has begun since.
        """
        for card in self.cards if run == self.name else ():
            if card.number == number:
                return card
        raise ConfigError("This image is not here any more.")

    def replace_card(self, card: ImageCard) -> None:
        """Put a changed card in the place of the one with its number."""
        self.batch.set_result(card.number, card)

    def set_verdict(self, card: ImageCard, text_number: object, verdict: TextVerdict) -> None:
        """Set the visitor's verdict on a text, which an undo of many leaves alone from now on; ""
        takes one back.

        Raises ConfigError where there is no such text.
        """
        text = text_of(card, text_number)
        this = (card.number, text.number)
        left = [[one for one in together if one != this] for together in self.accepted_at_once]
        self.accepted_at_once = [together for together in left if together]
        self.replace_card(with_text(card, replace(text, verdict=verdict)))

    def accept_kept(self) -> None:
        """Accept the texts that the filter keeps and nobody decided about yet."""
        accepted = []
        for card in self.cards:
            for text, decision in filtered_texts(card, self.rules):
                if decision.kept and not text.verdict:
                    card = with_text(card, replace(text, verdict="accepted"))
                    accepted.append((card.number, text.number))
            self.replace_card(card)
        if accepted:
            self.accepted_at_once.append(accepted)

    def undo_accept(self) -> None:
        """Take back what was accepted together last, but for what was decided otherwise since."""
        together = set(self.accepted_at_once.pop()) if self.accepted_at_once else set()
        for card in self.cards:
            for text in card.texts:
                if (card.number, text.number) in together and text.verdict == "accepted":
                    card = with_text(card, replace(text, verdict=""))
            self.replace_card(card)


def text_of(card: ImageCard, number: object) -> ReviewedText:
    """Return the text with a number that a browser sent. Raises ConfigError where there is none."""
    for text in card.texts:
        if text.number == number:
            return text
    raise ConfigError("This text is not here any more.")


def with_text(card: ImageCard, text: ReviewedText) -> ImageCard:
    """Return the card with one text changed, or added."""
    others = [one for one in card.texts if one.number != text.number]
    return replace(card, texts=tuple(sorted([*others, text], key=lambda one: one.number)))


def filtered_texts(card: ImageCard, rules: FilterConfig) -> list[tuple[ReviewedText, Decision]]:
    """Return the texts with the filter's decisions; kept ones first, then by ITM."""
    decisions = decide([text.scored for text in card.texts], rules)
    pairs = list(zip(card.texts, decisions, strict=True))
    return sorted(pairs, key=lambda pair: (not pair[1].kept, -pair[0].scored.itm))


def caption_and_score_image(
    pair: ModelPair,
    texts: Sequence[str],
    data: bytes,
    sha256: str,
    request: CaptionRequest,
    *,
    stop: Event | None,
) -> Generator[tuple[Scored, ...], None, None]:
    """Caption one image and score all its texts, encoded once; the engine runs this.

    Yields the scores once, or nothing where it was stopped. Raises ImageError where the image
    cannot be read.
    """
    from blip2core.capfilt import CapFilt, Task, judge  # loads torch: the page need not wait

    web = tuple(Candidate(text=text, source="web") for text in texts)
    task = Task(key=0, name="", data=data, sha256=sha256, texts=web)
    models = CapFilt(
        matcher=pair.matcher,
        generator=pair.generator,
        captions=caption_config(request),
        batch=1,
        workers=1,
    )
    with closing(judge([task], models, stop=stop)) as results:
        for result in results:
            if result.problem is not None:
                raise ImageError(result.problem.reason)
            yield result.scored


def caption_and_filter(
    pair: ModelPair,
    features: ImageFeatures,
    for_matcher: ImageFeatures,
    key: str,
    web: str,
    request: CaptionRequest,
    *,
    stop: Event | None,
) -> Generator[Any, None, None]:
    """Yield the written texts, then all texts with their scores. The engine runs it."""
    from blip2core.capfilt import score, write_captions  # loads torch: the page need not wait

    config = caption_config(request)
    written = write_captions(pair.generator, features, [key], config, stop=stop)[0]
    yield written
    texts = [Candidate(text=web, source="web")] if web else []
    yield tuple(score(pair.matcher, for_matcher, [[*texts, *written]])[0])


def caption_config(request: CaptionRequest) -> CaptionConfig:
    """Return a request in the form that the captioner takes."""
    return CaptionConfig(num=request.num, decode=request.decode, prompt=request.prompt or None)


def score_edited(pair: ModelPair, features: ImageFeatures, text: str) -> Scored:
    """Score an edited text as any other; the engine runs this."""
    return score_candidates(pair, features, [Candidate(text=text, source="edited")])[0]


def score_candidates(
    pair: ModelPair, features: ImageFeatures, candidates: Sequence[Candidate]
) -> list[Scored]:
    """Score texts about one image, in their order; the engine runs this."""
    from blip2core.capfilt import score

    return score(pair.matcher, features, [list(candidates)])[0]


def sha256_of(data: bytes) -> str:
    """Return the SHA-256 of an image's bytes, under which the database keeps it."""
    return hashlib.sha256(data).hexdigest()
