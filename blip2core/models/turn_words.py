"""The words with which a prompt begins a question or its answer, which a text must not go on with.

A model that has seen many questions goes on, after its caption or answer, with the next one, above
all where it is sampled: "a dog question: what colour is it? answer: red". Its text ends before
such words, with their colon; and where it is sampled, before such a word alone, as the prompt
writes it, for what follows a word that chance alone put there is chance as well. N rows of T new
tokens.
"""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from blip2core.models.prompt_words import around
from blip2core.models.specs import PromptTemplate


class TurnWords:
    """The words before the colons in a template, "Question:" and "Short answer:", in any case."""

    def __init__(self, tokenizer: Any, template: PromptTemplate) -> None:
        self._tokenizer = tokenizer
        parts = [part[:-1].split() for part in around(template) if part.endswith(":")]
        self._names = [part for part in parts if part]
        """Words of each: ["Question"], ["Short", "answer"]. None where the template has none."""
        named = "|".join(
            "".join(rf"(?:\b{re.escape(word)}\s+)?" for word in words) + re.escape(last)
            for *words, last in self._names
        )
        self._begun = re.compile(rf"(?:{named})\s*:", re.IGNORECASE)
        self._perhaps = re.compile(rf"\b(?:{named})\s*$", re.IGNORECASE)

    @cached_property
    def _colons(self) -> frozenset[int]:
        """Tokens with a colon in them."""
        return frozenset(n for word, n in self._tokenizer.get_vocab().items() if ":" in word)

    @cached_property
    def openers(self) -> tuple[int, ...]:
        """Tokens that are one of the words as a whole: a text that began with one would be empty in
        the end.
        """
        words = [word for name in self._names for word in name]
        written = [form for word in words for form in (word, f" {word}")]
        ids = [self._tokenizer(form, add_special_tokens=False).input_ids for form in written]
        return tuple(dict.fromkeys(one[0] for one in ids if len(one) == 1))

    def ended(self, rows: Tensor, *, sampled: bool) -> Tensor:
        """Return (N,) of new tokens (N, T): whether the latest one has led into such words."""
        latest = enumerate(rows[:, -1].tolist() if self._names else [])
        ends = {
            row
            for row, token in latest
            if (sampled and token in self.openers)
            or (token in self._colons and self._begun.search(self._text(rows[row].tolist())))
        }
        return torch.tensor([row in ends for row in range(len(rows))], device=rows.device)

    def length_before(self, tokens: Sequence[int], *, sampled: bool) -> int | None:
        """Return how many tokens stand before such words; None where there are none."""
        for at, token in enumerate(tokens if self._names else ()):
            if sampled and token in self.openers:
                return self._length_of(self._text(tokens[:at]), tokens[:at])
            if token in self._colons:
                whole = self._text(tokens[: at + 1])
                if found := self._begun.search(whole):
                    return self._length_of(whole[: found.start()], tokens[:at])
        return None

    def _length_of(self, text: str, tokens: Sequence[int]) -> int:
        """Return how many of the tokens give a text, white space at its end aside."""
        wanted = len(text.rstrip())
        sizes = [len(self._text(tokens[:count]).rstrip()) for count in range(len(tokens) + 1)]
        first = next((count for count, size in enumerate(sizes) if size >= wanted), len(tokens))
        return first if sizes[first] == wanted or not first else first - 1

    def before(self, text: str) -> str:
        """Return an unfinished text up to such words, or to what may become them."""
        if not self._names:
            return text
        found = self._begun.search(text) or self._perhaps.search(text)
        return text[: found.start()].rstrip() if found else text

    def _text(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text
