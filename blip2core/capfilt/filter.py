"""The filter: which texts of an image are kept.

Pure functions: scores and rules in, decisions out, no model.
"""

import math
from collections import Counter
from collections.abc import Sequence

from blip2core.arguments import check_kind
from blip2core.config import FilterConfig
from blip2core.errors import TextError
from blip2core.records import Decision, Scored
from blip2core.texts import count_of, normalised

Reasons = dict[int, str]
"""Position of a dropped text -> why."""


def decide(scored: Sequence[Scored], rules: FilterConfig) -> list[Decision]:
    """Return a decision for each text of one image, in their order; all, some or none are kept.

    Web and written texts are treated alike. Where the image is in doubt all are dropped. Duplicates
    and texts of a wrong length are no rivals of the others; texts below the threshold are.
    """
    expected = "decide takes the Scored texts that score() returns"
    for text in scored:
        check_kind(text, Scored, expected, TextError)
    if (doubt := _doubt(scored, rules)) is not None:
        return [Decision(scored=text, kept=False, reason=doubt, doubted=True) for text in scored]
    values = [text.itm if rules.head == "itm" else text.itc for text in scored]
    dropped = _wrong_length(scored, rules)
    if rules.drop_duplicates:
        dropped |= _duplicates(scored, values, _rest(values, dropped))
    rivals = _rest(values, dropped)
    dropped |= _below_threshold(values, rivals, rules)
    dropped |= _without_margin(values, rivals, _rest(values, dropped), rules)
    dropped |= _beyond_top(values, _rest(values, dropped), rules)
    return [
        Decision(
            scored=text,
            kept=position not in dropped,
            reason=dropped.get(position) or _why_kept(values[position], rules),
        )
        for position, text in enumerate(scored)
    ]


def _doubt(scored: Sequence[Scored], rules: FilterConfig) -> str | None:
    """Return why nothing is known of the texts of an image; None where there is no reason."""
    own = [text.itc for text in scored if text.candidate.source == "synthetic"]
    least = rules.own_caption_itc
    if least is None or not own or sum(own) / len(own) >= least:
        return None
    number, limit = _numbers(sum(own) / len(own), least)
    return (
        "the image is unlike what the models know: the captions written of it fit with ITC "
        f"{number} on average, below {limit}"
    )


_SAY_NOTHING = ("there", "is", "are")


def says_less(decisions: Sequence[Decision]) -> list[bool]:
    """Return of each text of an image whether it was dropped and only says less than a kept one.

    It has fewer words, and all of them but "there is" stand in the kept text. Such a text may be
    true: a matcher that learned from whole captions takes what is left out for a mismatch.
    """
    kept = [_words(one) for one in decisions if one.kept]
    return [not one.kept and any(_words(one) < whole for whole in kept) for one in decisions]


def _words(decision: Decision) -> Counter[str]:
    words = normalised(decision.scored.candidate.text).split()
    return Counter(word for word in words if word not in _SAY_NOTHING)


def _rest(values: Sequence[float], dropped: Reasons) -> list[int]:
    return [position for position in range(len(values)) if position not in dropped]


def _wrong_length(scored: Sequence[Scored], rules: FilterConfig) -> Reasons:
    reasons = {}
    for position, text in enumerate(scored):
        words = len(text.candidate.text.split())
        if words < rules.shortest:
            reasons[position] = f"{_count(words)} is fewer than {rules.shortest}"
        elif rules.longest is not None and words > rules.longest:
            reasons[position] = f"{_count(words)} is more than {rules.longest}"
    return reasons


def _duplicates(scored: Sequence[Scored], values: Sequence[float], rest: list[int]) -> Reasons:
    """Return all but the best of each set of equal texts; the first where scores are equal."""
    best: dict[str, int] = {}
    reasons = {}
    for position in rest:
        key = normalised(scored[position].candidate.text)
        other = best.setdefault(key, position)
        if other == position:
            continue
        if values[position] > values[other]:
            best[key], position, other = position, other, position
        kind = scored[other].candidate.source
        reasons[position] = f"the same words as another text ({kind})"
    return reasons


def _below_threshold(values: Sequence[float], rest: list[int], rules: FilterConfig) -> Reasons:
    reasons = {}
    for position in rest:
        value, least = values[position], rules.threshold
        if math.isnan(value):
            reasons[position] = f"{_head(rules)} is not a number"
        elif least is not None and value < least:
            number, limit = _numbers(value, least)
            reasons[position] = f"{_head(rules)} {number} is below {limit}"
    return reasons


def _without_margin(
    values: Sequence[float], rivals: list[int], rest: list[int], rules: FilterConfig
) -> Reasons:
    if rules.margin is None:
        return {}
    reasons = {}
    for position in rest:
        others = [values[other] for other in rivals if other != position]
        best = max((value for value in others if not math.isnan(value)), default=None)
        if best is not None and values[position] - best < rules.margin:
            number, limit = _numbers(values[position], best)
            lead = f"does not lead the best other ({limit}) by {rules.margin:.2f}"
            if rules.margin <= 0:
                lead = f"is more than {abs(rules.margin):.2f} below the best other ({limit})"
            reasons[position] = f"{_head(rules)} {number} {lead}"
    return reasons


def _beyond_top(values: Sequence[float], rest: list[int], rules: FilterConfig) -> Reasons:
    if rules.top_k is None:
        return {}
    order = sorted(rest, key=lambda position: (-values[position], position))
    text = f"not among the best {rules.top_k} by {_head(rules)}"
    return dict.fromkeys(order[rules.top_k :], text)


def _why_kept(value: float, rules: FilterConfig) -> str:
    if rules.threshold is not None:
        number, limit = _numbers(value, rules.threshold)
        return f"{_head(rules)} {number} is at least {limit}"
    if rules.top_k is not None:
        return f"among the best {rules.top_k} by {_head(rules)} ({value:.2f})"
    return "no rule is against it"


def _head(rules: FilterConfig) -> str:
    return rules.head.upper()


def _count(words: int) -> str:
    return count_of(words, "word")


def _numbers(value: float, limit: float) -> tuple[str, str]:
    """Format both numbers with two decimals, or with as many as it takes to tell them apart."""
    for digits in range(2, 9):
        texts = f"{value:.{digits}f}", f"{limit:.{digits}f}"
        if value == limit or texts[0] != texts[1]:
            break
    return texts
