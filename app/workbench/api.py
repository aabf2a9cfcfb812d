"""The endpoints for programs, which share the queue of the models with the page.

No postponed annotations here: Gradio reads the types of an endpoint as they stand.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from threading import Event
from typing import Any, Literal

import gradio as gr
from gradio.events import api
from PIL import Image

from app.inference.captions import caption_and_score, caption_request_from, score_texts
from app.inference.decoding import decode_from
from app.inference.doubts import find_doubt
from app.inference.endpoint_tasks import answer_question, doubt_record, map_attention
from app.inference.failures import error_message
from app.inference.features import encode_for_matcher, encode_for_pair, encode_image
from app.services import Services
from app.workbench.chat_tab.handlers import LONGEST_QUESTION
from app.workbench.events import MODEL_QUEUE
from app.workbench.image.uploaded_files import read_upload
from app.workbench.match_tab.tab import texts_from
from app.workbench.widgets.caption_rows import caption_record
from blip2core.config import DecodeConfig, DecodingMode
from blip2core.errors import TextError
from blip2core.images import open_image
from blip2core.models.specs import find_spec
from blip2core.records import Conversation

MapMethod = Literal[
    "winner",
    "gradcam",
    "words",
    "relevance",
    "rollout",
    "cross-attention",
]
"""The names of `blip2core.explain.METHODS`, which loads torch and is not imported here."""

MOST_TURNS = 100
"""Turns of a conversation that a program sends: each takes time, and the model reads far fewer."""


class Endpoints:
    """The functions behind the endpoints; their signatures and docstrings are what programs see."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def caption(
        self,
        image: gr.FileData,
        num: int = 1,
        mode: DecodingMode = "greedy",
        prompt: str = "",
        seed: int | None = None,
        max_new_tokens: int | None = None,
        beams: int = 5,
    ) -> list[dict[str, Any]]:
        """Caption an image; return the captions with their scores, likeliest first.

        Args:
            image: The image, as a file.
            num: How many captions, 1 to 8; equal ones are merged, and "times" counts them.
            mode: greedy has one caption to give; sample draws words; beam searches.
            prompt: Words that the captions begin with.
            seed: Same seed, same captions; sample only.
            max_new_tokens: Longest caption, 1 to 256 tokens; without it 40, or fewer
                where the studio allows no more.
            beams: Captions that grow side by side, 2 to 10; beam only.

        Returns:
            One object for each: caption, times, itm, itc, mean_log_probability, tokens, truncated,
            cut_off; and doubt, where the model is calibrated: is_doubted says that the image is
            unlike anything it has seen.
        """
        with api_errors("No captions"):
            decode = decoding(mode, self._length(max_new_tokens), seed, beams)
            model, opened = self._model, open_uploaded(image)
            request = caption_request_from(num, prompt, decode, find_spec(model).template)
            features = encode_for_pair(self._services.engine, model, opened)
            growing = caption_and_score(self._services.engine, model, features, request, Event())
            *_, captions = growing
            doubt = find_doubt(self._services.engine, model, opened, features.generator)
        return [caption_record(caption) | doubt_record(doubt) for caption in captions]

    def ask(
        self,
        image: gr.FileData,
        question: str,
        history: list[list[str]] | None = None,
        mode: DecodingMode = "greedy",
        seed: int | None = None,
        max_new_tokens: int | None = None,
    ) -> dict[str, Any]:
        """Answer a question about an image.

        Args:
            image: The image, as a file.
            question: What to ask.
            history: Earlier questions with their answers, oldest first, which it builds on; the
                model is sent as many of the latest as it was measured with.
            mode: How words are chosen: greedy, sample or beam.
            seed: Same seed, same answer; sample only.
            max_new_tokens: Longest answer, 1 to 256 tokens; without it 40, or fewer
                where the studio allows no more.

        Returns:
            answer; cut_off, whether the limit of tokens ended it; prompt, as the model read it;
            dropped, how many of the earliest turns are not in it; and doubt, where the model is
            calibrated: is_doubted says that the image is unlike anything it has seen. An embedded
            model also has taught, whether it was ever taught such questions: if not, it is not
            asked, can_do says what it can do, and try are three questions about the image.
        """
        with api_errors("No answer"):
            decode = decoding(mode, self._length(max_new_tokens), seed)
            talk, model = conversation(history), self._model
            engine, opened = self._services.engine, open_uploaded(image)
            features = engine.call(encode_image, model, opened)
            doubt = find_doubt(engine, model, opened, features)
            is_doubted = doubt is not None and doubt.is_doubted
            asked = (short(question), talk, decode, is_doubted)
            return engine.call(answer_question, model, features, *asked) | doubt_record(doubt)

    def match(self, image: gr.FileData, texts: list[str]) -> list[dict[str, Any]]:
        """Score how well texts fit an image.

        Args:
            image: The image, as a file.
            texts: At most 100 texts; equal ones are scored once.

        Returns:
            One object for each text, in their order: text; itm, a probability; itc, a cosine;
            query, the query token with that cosine; truncated, whether its end was not read.
        """
        with api_errors("No scores"):
            words, model = texts_from("\n".join(map(one_line, listed(texts)))), self._model
            features = self._services.engine.call(encode_for_matcher, model, open_uploaded(image))
            found = self._services.engine.each(score_texts, model, features, words)
            *_, matches = found
        return [asdict(match) for match in matches]

    def attention(
        self,
        image: gr.FileData,
        text: str,
        method: MapMethod = "winner",
        word: int | None = None,
    ) -> dict[str, Any]:
        """Show where in an image the Q-Former looked, given a text.

        Args:
            image: The image, as a file.
            text: A text about it.
            method: How the map is made.
            word: Place of one word of the text, from 0; for the methods that follow words.

        Returns:
            itm, the probability that the text fits; fits, whether it does by that: false, too,
            where the matcher never learned a word of it; fit, both in a sentence; map, rows of
            columns of shares of the largest value; peak, its row and column and its centre x and y
            in shares of the image; alt, the map in words; flat, whether no part stands out; words,
            those of the text; method.
        """
        with api_errors("No map"):
            features = self._services.engine.call(
                encode_for_matcher, self._model, open_uploaded(image)
            )
            asked = (features, short(text), method, word)
            return self._services.engine.call(map_attention, self._model, *asked)

    def _length(self, asked: int | None) -> int:
        return self._services.settings.usual_new_tokens if asked is None else asked

    @property
    def _model(self) -> str:
        return self._services.settings.model


def build_api(services: Services) -> None:
    """Add the endpoints to the page that is being built; there are no others."""
    endpoints = Endpoints(services)
    for endpoint in (endpoints.caption, endpoints.ask, endpoints.match, endpoints.attention):
        api(endpoint, api_name=endpoint.__name__, **MODEL_QUEUE)


@contextmanager
def api_errors(what: str) -> Iterator[None]:
    """Raise every error inside as a gr.Error whose message gives no internals away."""
    try:
        yield
    except Exception as error:
        raise gr.Error(error_message(error, what), print_exception=False) from error


def open_uploaded(file: Any) -> Image.Image:
    """Return the image in an upload. Raises ImageError where it is none, or was not uploaded.

    Gradio checks the path of what says it is a file, but nothing makes a program say so.
    """
    return open_image(read_upload(file.get("path") if isinstance(file, dict) else None))


def decoding(mode: Any, max_new_tokens: Any, seed: Any, beams: Any = 5) -> DecodeConfig:
    """Return settings within the limits of the page. Raises ConfigError for any other."""
    return decode_from(mode, max_new_tokens, 0, 1.0, 1.0, 0.9, beams, 1.0, seed)


def conversation(history: Any) -> Conversation:
    """Return pairs of question and answer as turns. Raises TextError where they are none."""
    talk = Conversation()
    turns = listed([] if history is None else history)
    if len(turns) > MOST_TURNS:
        raise TextError(f"history has {len(turns)} turns; at most {MOST_TURNS} are read.")
    for turn in turns:
        if not isinstance(turn, list | tuple) or len(turn) != 2:
            raise TextError("history must hold pairs of a question and its answer.")
        talk = talk.add(short(turn[0]), short(turn[1]))
    return talk


def listed(values: Any) -> list[Any]:
    """Return values that were sent as a list. Raises TextError for anything else."""
    if not isinstance(values, list):
        raise TextError("The texts, and the history, must be lists.")
    return values


def one_line(text: Any) -> str:
    """Return a text with its line breaks as spaces."""
    return " ".join(short(text).split())


def short(text: Any) -> str:
    """Return a text that is short enough. Raises TextError where it is not."""
    if not isinstance(text, str):
        raise TextError("A question, answer or text must be words.")
    if len(text) > LONGEST_QUESTION:
        raise TextError(f"A text has {len(text)} characters: at most {LONGEST_QUESTION}.")
    return text
