"""Frozen values that cross modules. No torch here."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One question and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The turns spoken so far about one picture, oldest first."""

    turns: tuple[Turn, ...] = ()

    def add(self, question: str, answer: str) -> "Conversation":
        """A new conversation, longer by one turn; this one stays as it is."""
        return replace(self, turns=(*self.turns, Turn(question=question, answer=answer)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """One text a model wrote. Never contains the prompt."""

    text: str
    tokens: tuple[int, ...]
    """Ids of the new tokens, without padding; the end token is included where one was reached."""
    logprobs: tuple[float, ...] | None = None
    """Natural logarithm of the probability of each token in `tokens`, before temperature and
    other processing; None where not asked for."""
    stopped: bool = False
    """The reader pressed Stop: the text is partial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How well one text fits one picture."""

    text: str
    itm: float
    """Image-text matching probability in [0, 1]: one softmax over the mean of per-query logits."""
    itc: float
    """Image-text contrastive cosine in [-1, 1], the best over the queries; not a probability."""
    query: int
    """Index of the query token with the best cosine."""
    truncated: bool = False
    """The text was longer than the model reads; only its beginning was scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A piece of a training passage."""

    text: str
    target: bool
    """Only target segments carry loss."""


Passage = tuple[Segment, ...]
"""A training text in reading order."""
