"""Whether a question is of a kind that the sticker models were taught.

Their questions come from few patterns and few words, so a small language model tells: bigrams, with
the nouns, colours, numbers and kinds of things each counted as one word, over questions drawn as
for training. A question that is unlikely under it, or has a word that no question has, was never
taught; a model answers it with something all the same.
"""

import math
import random
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from blip2core.stickers.captions import parse
from blip2core.stickers.questions import KINDS, ask, follow_up
from blip2core.stickers.scene import SPLITS, draw_scene
from blip2core.stickers.words import CATEGORIES, COLOURS, NOUNS, NUMBERS

DRAWN = 400
"""Training scenes whose questions are counted."""
FAMILIAR = -4.2
"""Least mean natural log-probability of a word in a taught question; `blip2 evaluate --task
questions` measures it."""
_START, _END = "<start>", "<end>"
_BIGRAM = 0.9
"""Weight of the bigram against the single word."""
_OPENERS = re.compile(r"^((hi|hello|please|so|and|now|then|ok|okay|tell me)\b[,:]? )+")
CAN_DO = (
    "I was never taught to answer this. I can name animals, food, plants, vehicles and things, "
    "their colours, sizes and positions, count up to four, and tell a beach from a city."
)
"""What is said in place of an answer to a question that was never taught."""
_SAME = {"what's": "what is", "where's": "where is", "an": "a", "image": "picture"}
_SAME |= {"photo": "picture", "which": "what"} | {f"{kind}s": kind for kind in CATEGORIES}
"""Words that come to the same: with them the models answer as well, within .05. With "any" for "a",
"under" for "below" and "over" for "above" they do not (.46, .13 and .20): docs/doubt.md.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionGrammar:
    """How often which word follows which in taught questions."""

    pairs: Counter[tuple[str, str]]
    firsts: Counter[str]
    """How often each word comes first in a pair."""
    words: Counter[str]

    def likelihood(self, question: str) -> float:
        """Return the mean natural log-probability of the words of a question and its end; minus
        infinity where a word is in no taught question.
        """
        words = words_of(question)
        if not words:
            return -math.inf
        total = self.words.total()
        logs = []
        for before, word in zip([_START, *words], [*words, _END], strict=True):
            seen = self.firsts[before]
            bigram = self.pairs[before, word] / seen if seen else 0.0
            single = self.words[word] / total
            probability = _BIGRAM * bigram + (1 - _BIGRAM) * single
            logs.append(math.log(probability) if probability else -math.inf)
        return sum(logs) / len(logs)


def is_taught(question: str) -> bool:
    """Return whether a question is of a kind that the sticker models were trained to answer."""
    return grammar().likelihood(question) >= FAMILIAR


def questions_about(caption: str) -> tuple[str, ...]:
    """Return three taught questions about the image that a caption describes, as far as the caption
    names something in it.
    """
    nouns = [NOUNS[claim.noun] for claim in parse(caption).claims]
    if not nouns:
        return ("What animal is there?", "What do you see?", "Where is this?")
    first, last = nouns[0], nouns[-1]
    several = parse(caption).claims[-1].count != 1
    colour = f"are the {last.plural}" if several else f"is the {last.singular}"
    return (f"How many {first.plural} are there?", f"What colour {colour}?", "Where is this?")


def instead_of_an_answer(caption: str) -> dict[str, Any]:
    """Return what commands and endpoints tell where a question was never taught: no answer, what
    the model can do, and questions about the image of this caption, or about any image.
    """
    return {"taught": False, "answer": "", "can_do": CAN_DO, "try": list(questions_about(caption))}


@lru_cache(maxsize=1)
def grammar() -> QuestionGrammar:
    """Return the grammar of the training questions; drawn once, within a second."""
    pairs: Counter[tuple[str, str]] = Counter()
    for seed in SPLITS["train"][:DRAWN]:
        for question in drawn_questions(seed):
            words = words_of(question)
            pairs.update(zip([_START, *words], [*words, _END], strict=True))
    firsts: Counter[str] = Counter()
    singles: Counter[str] = Counter()
    for (before, word), times in pairs.items():
        firsts[before] += times
        singles[word] += times
    return QuestionGrammar(pairs=pairs, firsts=firsts, words=singles)


def drawn_questions(seed: int) -> list[str]:
    """Return a question of each kind about a scene, with one that follows up."""
    scene, rng = draw_scene(seed), random.Random(f"taught {seed}")
    asked = [ask(scene, rng, kind) for kind in (*KINDS, "list")]
    asked += [follow_up(scene, rng, scene.groups[0].noun) for _ in range(4)]
    return [question.text for question in asked if question is not None]


def words_of(question: str) -> list[str]:
    """Return the words of a question, those of the world by their kind, without its end."""
    text = " ".join(re.sub(r"[^\w' ]+", " ", question.lower().replace("’", "'")).split())
    words = _OPENERS.sub("", text).split()
    spelled = " ".join(_SAME.get(word, word) for word in words).split()
    return [_kinds().get(word, word) for word in spelled]


@lru_cache(maxsize=1)
def _kinds() -> dict[str, str]:
    kinds = {noun.singular: "<noun>" for noun in NOUNS.values()}
    kinds |= {n.plural: "<nouns>" for n in NOUNS.values() if n.plural not in kinds}
    kinds |= dict.fromkeys(COLOURS, "<colour>") | dict.fromkeys(CATEGORIES, "<kind>")
    return kinds | dict.fromkeys(filter(None, NUMBERS), "<number>")
