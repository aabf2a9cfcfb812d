"""A generator without a network inside: answers from a dict, word by word, as slowly as asked."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from PIL import Image

from app.inference.engine import Engine
from app.inference.pool import Loading, ModelPair
from app.services import Services
from app.settings import AppSettings
from blip2core.config import GREEDY, DecodeConfig
from blip2core.models.prompt_words import begun
from blip2core.models.specs import ModelSpec, find_spec
from blip2core.records import Generated, Match

ENDLESS = "Tell me a story without an end"
"""An answer or caption that is not finished before somebody stops it."""
PATIENCE = 60.0
"""Seconds after which what is held back goes on, so that no test hangs."""


class Held:
    """Work that goes on only so far, for as long as a test needs to look on and to stop it.

    It stands for `work`; its first calls go through, later ones wait for `let_go`.
    """

    def __init__(self, work: Callable[..., Any], *, after: int = 1) -> None:
        self.work = work
        self.after = after
        self.calls = 0
        self.gate = threading.Event()

    def __call__(self, *given: Any, **options: Any) -> Any:
        self.calls += 1
        if self.calls > self.after:
            self.gate.wait(PATIENCE)
        return self.work(*given, **options)

    def let_go(self) -> None:
        self.gate.set()


@dataclass(frozen=True, kw_only=True)
class FakeFeatures:
    """Stands for the encoded form of some images."""

    sizes: tuple[tuple[int, int], ...]
    encoder: str = "fake"

    def to(self, device: str) -> "FakeFeatures":
        return self

    @staticmethod
    def join(parts: "Sequence[FakeFeatures]") -> "FakeFeatures":
        return FakeFeatures(sizes=tuple(size for part in parts for size in part.sizes))


@dataclass(kw_only=True)
class FakeGenerator:
    """What the page and the commands need of a `Generator`, and counters of what they did."""

    answers: dict[str, str] = field(default_factory=dict)
    """Question to answer; an unknown question is answered with its own words. An answer of
    "!" raises an error that holds a path, as a broken model would."""
    caption_text: str = "a red bird on the beach"
    captions: tuple[str, ...] = ("a red bird on the beach", "a bird", "a red bird on the beach")
    """What `stream_captions` writes, over and over; a caption of "!" fails."""
    seconds_per_word: float = 0.0
    context_limit: int = 200
    image_tokens: int = 16
    revision: str = "0" * 64
    device: str = "cpu"
    dtype: str = "float32"
    spec: ModelSpec = field(
        default_factory=lambda: replace(find_spec("stickers-opt"), few_questions=False)
    )
    """That of an embedded model, which answers questions of every kind here."""
    vision: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(fingerprint="fake"))
    vision_calls: int = 0
    prompts: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    """What stood of the answers that were asked for."""
    decodes: list[DecodeConfig | None] = field(default_factory=list)
    """Settings that captions were written with."""
    running: int = 0
    most_running: int = 0

    def encode(self, images: Sequence[Image.Image]) -> FakeFeatures:
        self.vision_calls += 1
        return FakeFeatures(sizes=tuple(image.size for image in images))

    def caption_prompt(self, prompt: str | None) -> str:
        template = self.spec.template
        return template.caption if prompt is None else begun(prompt, template)

    def caption(
        self, features: FakeFeatures, *, num: int = 1, prompt: str = "", **_: object
    ) -> list[list[Generated]]:
        texts = [self.caption_text, *(f"{self.caption_text} {n}" for n in range(2, num + 1))]
        one = [Generated(text=text, tokens=(1, 2, 3)) for text in texts]
        return [one for _ in features.sizes]

    def answer(
        self, features: FakeFeatures, prompts: Sequence[str], **_: object
    ) -> list[Generated]:
        self.prompts += prompts
        return [Generated(text=self._answer(prompt), tokens=(1, 2)) for prompt in prompts]

    def stream_answer(
        self,
        features: FakeFeatures,
        prompt: str,
        *,
        begun: str = "",
        decode: DecodeConfig = GREEDY,
        stop: threading.Event | None = None,
    ) -> Iterator[Generated]:
        """Words in place of tokens; an answer that goes on has so many more."""
        self.prompts.append(prompt)
        self.begun.append(begun)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            whole, stood = self._answer(prompt), len(begun.split())
            limit = stood + decode.max_new_tokens
            cut_off = len(whole.split()) > limit
            for text in self._words(" ".join(whole.split()[:limit]), stop):
                count = len(text.split())
                if count > stood:
                    yield Generated(text=text, tokens=(1,), cut_off=cut_off and count == limit)
        finally:
            self.running -= 1

    def stream(
        self,
        features: FakeFeatures,
        prompt: str,
        *,
        decode: DecodeConfig = GREEDY,
        stop: threading.Event | None = None,
    ) -> Iterator[str]:
        for text in self.stream_answer(features, prompt, decode=decode, stop=stop):
            yield text.text

    def stream_captions(
        self,
        features: FakeFeatures,
        *,
        prompt: str | None = None,
        num: int = 1,
        decode: DecodeConfig | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[list[Generated]]:
        self.prompts.append(self.spec.template.caption if prompt is None else prompt)
        self.decodes.append(decode)
        texts = [self.captions[n % len(self.captions)] for n in range(num)]
        longest, written = max(len(text.split()) for text in texts), 0
        for written in range(1, longest + 1):
            for _ in self._words("word", None):
                yield [said(text, written) for text in texts]
            if "!" in texts:
                raise RuntimeError("no such file: /home/someone/secret")
            if stop is not None and (
                stop.is_set() or (ENDLESS in texts and written == longest - 1)
            ):
                stop.wait(PATIENCE)
                break
        yield [said(text, written, finished=True) for text in texts]

    def prompt_room(self, new_tokens: int) -> int:
        return self.context_limit - new_tokens

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def _answer(self, prompt: str) -> str:
        if prompt == self.spec.template.caption:
            return self.caption_text
        question = prompt.rpartition("Question: ")[2]
        question = question.removesuffix(" Answer:").removesuffix(" Short answer:")
        return self.answers.get(question, question)

    def _words(self, answer: str, stop: threading.Event | None) -> Iterator[str]:
        words = answer.split()
        for end in range(1, len(words) + 1):
            time.sleep(self.seconds_per_word)
            if stop is not None and stop.is_set():
                return
            if answer == "!":
                raise RuntimeError("no such file: /home/someone/secret")
            if answer == ENDLESS and stop is not None and end == len(words):
                stop.wait(PATIENCE)
                return
            yield " ".join(words[:end])


def said(text: str, words: int, *, finished: bool = False) -> Generated:
    """The first words of a text, as a model hands them over."""
    tokens = tuple(range(min(words, len(text.split()))))
    return Generated(
        text=" ".join(text.split()[:words]),
        tokens=tokens,
        logprobs=tuple(-0.5 for _ in tokens) if finished else None,
        stopped=finished and words < len(text.split()),
    )


@dataclass(kw_only=True)
class FakeMatcher:
    """What the page needs of a `Matcher`: a text fits by the share of its words that are `true`."""

    true: str = "a red bird on the beach"
    seconds_per_text: float = 0.0
    revision: str = "1" * 64
    text_limit: int = 32
    spec: ModelSpec = field(default_factory=lambda: find_spec("stickers-itm"))
    vision: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(fingerprint="fake"))
    vision_calls: int = 0
    scored: list[str] = field(default_factory=list)

    def encode(self, images: Sequence[Image.Image]) -> FakeFeatures:
        self.vision_calls += 1
        sizes = tuple(image.size for image in images)
        return FakeFeatures(sizes=sizes, encoder=self.vision.fingerprint)

    def match(self, features: FakeFeatures, texts: Sequence[str]) -> list[Match]:
        time.sleep(self.seconds_per_text * len(texts))
        self.scored += texts
        return [self._match(text) for text in texts]

    def rank(
        self, text: str, features: FakeFeatures, *, shortlist: int = 16
    ) -> list[tuple[int, Match]]:
        """The widest images come first."""
        order = sorted(range(len(features.sizes)), key=lambda index: -features.sizes[index][0])
        return [(index, self._match(text)) for index in order[:shortlist]]

    def _match(self, text: str) -> Match:
        words = text.split()
        share = sum(word in self.true.split() for word in words) / len(words)
        long = len(words) > self.text_limit
        return Match(text=text, itm=share, itc=share / 2, query=3, truncated=long)


class FakeModels:
    """What the engine needs of `Models`: the same pair under every name."""

    def __init__(self, generator: Any, matcher: Any) -> None:
        self.pair = ModelPair(
            spec=find_spec("stickers-opt"),
            loading=future_of(generator),
            loading_matcher=lambda: future_of(matcher),
        )

        self.loaded: list[Any] = []
        self.asked: list[str] = []
        """Names of the models that work was done with."""

    def has(self, name: str) -> bool:
        return True

    def get(self, name: str) -> ModelPair:
        self.asked.append(name)
        return self.pair


def future_of(result: Any) -> "Loading[Any]":
    """Done with a result, failed with an exception, or (None) never done."""
    future: Loading[Any] = Loading()
    if isinstance(result, Exception):
        future.set_exception(result)
    elif result is not None:
        future.set_result(result)
    return future


def fake_services(
    generator: FakeGenerator | Exception | None, matcher: Any = None, **settings: object
) -> Services:
    """Services around fakes: loaded, failed to load, or (None) loading for ever."""
    chosen = AppSettings(**settings)
    engine = Engine(FakeModels(generator, matcher), chosen.max_new_tokens)
    return Services(settings=chosen, engine=engine)
