"""Whether a text fits an image, which is told before any map of the two.

A map of a text that does not fit has a peak, too, and a query that is closest to the text.
"""

from collections import Counter
from dataclasses import dataclass

from blip2core.models import Matcher

FITS = 0.5
"""ITM from which on a text fits: from there on the matcher holds a match for likelier than none.

It is reached by 47 of 52 true texts and by 1 of 104 false ones; .6 by 39 (docs/LOG.md)."""
LONGEST_QUOTED = 80
"""Characters of a text that a sentence quotes."""
MOST_QUOTED = 3
"""Words that a sentence quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How well a text fits an image by the matcher, and whether it can tell."""

    text: str
    itm: float
    """Matching probability of the text and the whole image."""
    truncated: bool = False
    """The matcher has read only the beginning of the text."""
    unlearned: tuple[str, ...] = ()
    """Words of the text that the matcher never learned."""

    @property
    def fits(self) -> bool:
        """Whether the text fits; False, too, where the matcher does not know its words."""
        return self.itm >= FITS and not self.unlearned

    @property
    def sentence(self) -> str:
        """The matching probability, and what it says."""
        # .4996 is no .500 that does not fit.
        itm = self.itm if self.itm >= FITS else min(self.itm, FITS - 0.001)
        short = len(self.text) <= LONGEST_QUOTED
        quoted = self.text if short else f"{self.text[: LONGEST_QUOTED - 1].rstrip()}…"
        if self.unlearned:
            words = _listed(self.unlearned)
            return f"ITM {itm:.3f} says nothing of “{quoted}”: the matcher never learned {words}."
        whole = ", of which only the beginning was read," if self.truncated else ""
        said = "fits" if self.fits else "does not fit"
        return f"ITM {itm:.3f}: “{quoted}”{whole} {said} the image, says the matcher."


def fit_of(matcher: Matcher, text: str, itm: float) -> Fit:
    """Return what the matching probability of a text says of it."""
    truncated = matcher.is_truncated(text)
    return Fit(text=text, itm=itm, truncated=truncated, unlearned=unlearned_words(matcher, text))


def unlearned_words(matcher: Matcher, text: str) -> tuple[str, ...]:
    """Return the words of a text that an embedded matcher never learned, each once.

    Its tokenizer has every word of its training as one token; whatever it takes apart, or has no
    token for, is another. Of other matchers nothing is known: theirs take apart what they learned.
    """
    if not matcher.spec.is_embedded:
        return ()
    tokenizer = matcher.processor.tokenizer
    encoded = tokenizer(text, verbose=False)
    words = [word for word in encoded.word_ids() if word is not None]
    times = Counter(words)
    unknown = {
        word
        for word, token in zip(encoded.word_ids(), encoded.input_ids, strict=True)
        if token == tokenizer.unk_token_id
    }
    spans = [encoded.word_to_chars(word) for word in words if times[word] > 1 or word in unknown]
    return tuple(dict.fromkeys(text[span.start : span.end] for span in spans))


def _listed(words: tuple[str, ...]) -> str:
    quoted = [f"“{word[:LONGEST_QUOTED]}”" for word in words[:MOST_QUOTED]]
    more = len(words) - len(quoted)
    if more:
        return f"{', '.join(quoted)} and {more} more"
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else quoted[0]
