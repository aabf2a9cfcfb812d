"""A loaded BLIP-2, InstructBLIP or BLIP that turns images and prompts into text."""

from collections.abc import Callable, Sequence
from collections.abc import Generator as Yielding
from contextlib import closing
from contextvars import copy_context
from dataclasses import replace
from functools import cached_property
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from blip2core.arguments import check_kind, check_text, check_texts
from blip2core.config import GREEDY, DecodeConfig, check_number
from blip2core.errors import ConfigError, ModelError
from blip2core.models.decoding import Writing, Written, write
from blip2core.models.identity import revision_of
from blip2core.models.prompt_inputs import Reader
from blip2core.models.prompt_words import begun
from blip2core.models.specs import ModelSpec
from blip2core.models.turn_words import TurnWords
from blip2core.models.vision import ImageFeatures, VisionEncoder, check_features
from blip2core.records import Generated
from blip2core.texts import count_of

_Update = list[list[int]] | list[Generated] | BaseException
"""A message of the generating thread: tokens so far, the finished texts, or an error."""
_Decode = Callable[[Sequence[int]], str]
"""New tokens -> text."""
Growing = Yielding[tuple[list[Generated], bool], None, None]
"""Texts so far, and whether they are finished."""


class Generator:
    """Encode an image once, ask many times. Holds no per-user state: threads may share it."""

    def __init__(self, model: Any, processor: Any, spec: ModelSpec) -> None:
        """Take `model` on its device, frozen, in evaluation mode, as `load_generator` leaves it."""
        self.model, self.processor, self.spec = model, processor, spec
        self.vision = VisionEncoder(model.vision_model, processor.image_processor)
        self.reader = Reader(model, processor)
        self.language_model = self.reader.language_model
        self.tokenizer = processor.tokenizer
        self.end_tokens = _end_tokens(self)
        self.turn_words = TurnWords(self.tokenizer, spec.template)

    @property
    def device(self) -> torch.device:
        return self.vision.device

    @property
    def dtype(self) -> torch.dtype:
        return self.vision.dtype

    @property
    def context_limit(self) -> int:
        """Tokens there are for a prompt and its continuation (encoder-decoder: for the prompt),
        the image's own already taken off.
        """
        return self.reader.context_limit

    @property
    def image_tokens(self) -> int:
        """Soft words that an image takes in front of the prompt; BLIP, which attends to the image
        by cross-attention, has none.
        """
        return self.reader.image_tokens

    @cached_property
    def revision(self) -> str:
        """What names the weights exactly: see `revision_of`."""
        return revision_of(self)

    def prompt_room(self, new_tokens: int) -> int:
        """Return the number of tokens left for a prompt before `new_tokens` new ones."""
        return self.reader.prompt_room(new_tokens)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of `text` as a prompt, start token included."""
        check_text(text, "The prompt")
        return len(self.reader.token_ids(text))

    @torch.no_grad()
    def encode(self, images: Sequence[Image.Image] | Tensor) -> ImageFeatures:
        """Encode RGB images, or what `vision.prepare` made of them, to features of B images.

        Image encoder and Q-Former run once.
        """
        vision = self.vision.encode(images)
        known = self.reader.fingerprint
        return ImageFeatures(
            vision=vision,
            encoder=self.vision.fingerprint,
            queries=self.reader.queries(vision) if known else None,
            reader=known,
        )

    def caption_prompt(self, prompt: str | None) -> str:
        """Return the beginning of a caption as the model reads it: tidy, and where it asks, in the
        words that it was trained to answer after. None is the model's own way to ask for a caption.
        """
        template = self.spec.template
        if prompt is None:
            return template.caption
        check_text(prompt, "The prompt")
        return begun(prompt, template)

    def caption(
        self,
        features: ImageFeatures,
        *,
        prompt: str | None = None,
        num: int = 1,
        decode: DecodeConfig = GREEDY,
        logprobs: bool = False,
        stop: Event | None = None,
        seeds: Sequence[int] | None = None,
    ) -> list[list[Generated]]:
        """Generate `num` texts that continue `prompt`, for each of B images, in one pass over the
        prompt.

        `prompt` None is the model's own way to ask for a caption; another one is read as
        `caption_prompt` returns it. `seeds`, one for each image,
        replaces `decode.seed`: an image gets the same texts in whatever batch it comes.
        """
        check_features(features, "caption")
        text = self.caption_prompt(prompt)
        writing = self._writing(decode, num=num, logprobs=logprobs, stop=stop, seeds=seeds)
        return self._write(features, [text] * len(features), writing)

    def answer(
        self,
        features: ImageFeatures,
        prompts: Sequence[str],
        *,
        decode: DecodeConfig = GREEDY,
        logprobs: bool = False,
        stop: Event | None = None,
    ) -> list[Generated]:
        """Generate one text for each prompt; as many prompts as images, or one image for all
        prompts.
        """
        check_features(features, "answer")
        check_texts(prompts, "answer")
        if len(features) == 1:
            features = features[[0] * len(prompts)]
        if len(features) != len(prompts):
            given = f"{count_of(len(prompts), 'prompt')} and {count_of(len(features), 'image')}"
            raise ModelError(f"{given} do not fit: give one image, or one for each prompt.")
        writing = self._writing(decode, logprobs=logprobs, stop=stop)
        return [texts[0] for texts in self._write(features, prompts, writing)]

    def stream(
        self,
        features: ImageFeatures,
        prompt: str,
        *,
        decode: DecodeConfig = GREEDY,
        stop: Event | None = None,
    ) -> Yielding[str, None, None]:
        """Yield the answer about one image as it grows; with beams, the leading one so far.

        The last value is what `answer` returns. Closing the iterator ends the writing.
        """
        shown = None
        with closing(self.stream_answer(features, prompt, decode=decode, stop=stop)) as growing:
            for leading in growing:
                if leading.text != shown:
                    shown = leading.text
                    yield shown

    def stream_answer(
        self,
        features: ImageFeatures,
        prompt: str,
        *,
        begun: str = "",
        decode: DecodeConfig = GREEDY,
        stop: Event | None = None,
    ) -> Yielding[Generated, None, None]:
        """Yield what `stream` does with all that is known of it; the last value says whether the
        limit of tokens cut it off.

        It goes on from `begun`, the words of the same answer that stand already, and each text
        begins with them; `tokens` are the new ones.
        """
        check_text(begun, "The beginning of the answer")
        writing = self._writing(decode, stop=stop)
        with closing(self._grow(features, prompt, writing, begun)) as growing:
            for (leading, *_), finished in growing:
                half_a_character = leading.text.endswith("\N{REPLACEMENT CHARACTER}")
                if finished or not half_a_character:
                    yield leading

    def stream_captions(
        self,
        features: ImageFeatures,
        *,
        prompt: str | None = None,
        num: int = 1,
        decode: DecodeConfig = GREEDY,
        stop: Event | None = None,
    ) -> Yielding[list[Generated], None, None]:
        """Yield `num` texts about one image as they grow, all at once; with beams, the leading
        ones.

        The last value is what `caption` returns with log-probabilities; those before have none.
        Closing the iterator ends the writing.
        """
        text = self.caption_prompt(prompt)
        writing = self._writing(decode, num=num, logprobs=True, stop=stop)
        with closing(self._grow(features, text, writing)) as growing:
            for texts, _ in growing:
                yield texts

    def _grow(
        self, features: ImageFeatures, prompt: str, writing: Writing, begun: str = ""
    ) -> Growing:
        """Yield the texts about one image after each step, and whether they are finished."""
        check_features(features, "stream")
        if len(features) != 1:
            raise ModelError(f"A stream is about one image; got features of {len(features)}.")
        abandoned = Event()
        updates: SimpleQueue[_Update] = SimpleQueue()
        decode = self._decoder(prompt, begun)
        writing = replace(writing, stops=(*writing.stops, abandoned), report=updates.put)

        def work() -> None:
            try:
                updates.put(self._write(features, [prompt], writing, begun)[0])
            except BaseException as error:  # raised again below, in the reader's thread
                updates.put(error)

        # In the reader's context, so that a log names the request that is worked for.
        worker = Thread(target=copy_context().run, args=(work,), daemon=True)
        worker.start()
        try:
            while True:
                update = updates.get()
                if isinstance(update, BaseException):
                    raise update
                finished = isinstance(update[0], Generated)
                yield [self._seen(text, decode) for text in update[: writing.num]], finished
                if finished:
                    return
        finally:
            abandoned.set()
            worker.join()

    def _seen(self, text: Generated | list[int], decode: _Decode) -> Generated:
        """Return a finished text as it is, the tokens of an unfinished one as a text."""
        if isinstance(text, Generated):
            return text
        return Generated(text=self.turn_words.before(decode(text)), tokens=tuple(text))

    def _writing(self, decode: DecodeConfig, *, stop: Event | None, **settings: Any) -> Writing:
        expected = "decode must be a DecodeConfig, such as DecodeConfig(mode='beam')"
        check_kind(decode, DecodeConfig, expected, ConfigError)
        return Writing(
            decode=decode,
            end_tokens=self.end_tokens,
            pad_token=self.reader.pad_token,
            turn_words=self.turn_words,
            stops=() if stop is None else (stop,),
            **settings,
        )

    @torch.no_grad()
    def _write(
        self, features: ImageFeatures, prompts: Sequence[str], writing: Writing, begun: str = ""
    ) -> list[list[Generated]]:
        check_number(writing.num, writing.decode)
        for prompt in prompts:
            check_text(prompt, "The prompt")
        if features.encoder != self.vision.fingerprint:
            raise ModelError(
                f"These features come from another image encoder than {self.spec.name}'s."
            )
        if not prompts:
            return []
        new_tokens = writing.decode.max_new_tokens
        prepared = self.reader.prompt(features.to(self.device), prompts, new_tokens, begun)
        written = write(self.language_model, prepared, writing)
        decode = self._decoder(prompts[0], begun)
        return [[self._generated(text, decode) for text in texts] for texts in written]

    def _generated(self, written: Written, decode: _Decode) -> Generated:
        text = decode(written.tokens)
        if written.cut_off:  # in the middle of a character, or of what may begin a new turn
            text = self.turn_words.before(text.rstrip("\N{REPLACEMENT CHARACTER}").rstrip())
        return Generated(
            text=text,
            tokens=written.tokens,
            logprobs=written.logprobs,
            stopped=written.stopped,
            cut_off=written.cut_off,
        )

    def _decoder(self, prompt: str, begun: str) -> _Decode:
        """Return what decodes new tokens up to the end token, without special tokens and outer
        white space, after the beginning of the same text.

        Whether a space stands between both is known from the tokens before and after together.
        """
        standing = self.reader.standing_ids(prompt, begun) if begun else []
        before = self.tokenizer.decode(standing, skip_special_tokens=True)

        def decode(tokens: Sequence[int]) -> str:
            ends = (at for at, token in enumerate(tokens) if token in self.end_tokens)
            new = list(tokens[: next(ends, len(tokens))])
            text: str = self.tokenizer.decode([*standing, *new], skip_special_tokens=True)
            return (begun + text[len(before) :]).strip()

        return decode


def _end_tokens(generator: Generator) -> tuple[int, ...]:
    """Return the tokens that end a text: of both generation configs,
    and of the spec's `end` text.
    """
    found: list[int] = []
    configs = [generator.language_model.generation_config]
    if generator.reader.is_blip:
        found.append(generator.model.config.text_config.sep_token_id)
    else:
        configs.append(generator.model.generation_config)
    for config in configs:
        ends = config.eos_token_id
        found += ends if isinstance(ends, list) else [] if ends is None else [ends]
    if generator.spec.end:
        found += generator.tokenizer(generator.spec.end, add_special_tokens=False).input_ids[-1:]
    return tuple(dict.fromkeys(found))
