"""Whether a text fits, in words: said before any map."""

import random

import pytest

from blip2core.explain import Trace
from blip2core.explain.fit import Fit, fit_of, unlearned_words
from blip2core.models import Matcher, load_matcher
from blip2core.stickers.captions import CHANGES, full_caption
from blip2core.stickers.scene import draw_scene


@pytest.mark.parametrize(
    ("itm", "sentence"),
    [
        (0.14, "ITM 0.140: “a car” does not fit the image, says the matcher."),
        (0.57, "ITM 0.570: “a car” fits the image, says the matcher."),
        (0.5, "ITM 0.500: “a car” fits the image, says the matcher."),
        (0.49996, "ITM 0.499: “a car” does not fit the image, says the matcher."),
        (1.0, "ITM 1.000: “a car” fits the image, says the matcher."),
    ],
)
def test_probability_and_word_agree(itm: float, sentence: str) -> None:
    fit = Fit(text="a car", itm=itm)
    assert fit.sentence == sentence
    assert fit.fits is ("not" not in sentence)


def test_a_text_that_was_cut_is_said_to_be() -> None:
    assert Fit(text="a car", itm=0.2, truncated=True).sentence == (
        "ITM 0.200: “a car”, of which only the beginning was read, "
        "does not fit the image, says the matcher."
    )


def test_a_long_text_is_quoted_in_part() -> None:
    whole = Fit(text="a" * 80, itm=0.9).sentence
    assert whole == f"ITM 0.900: “{'a' * 80}” fits the image, says the matcher."
    quoted = Fit(text="car " * 400, itm=0.9).sentence.split("”")[0]
    assert quoted.endswith("car car…") and len(quoted) < 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("suit",), "“suit”"),
        (("space", "suit"), "“space” and “suit”"),
        (("woman", "space", "suit"), "“woman”, “space” and “suit”"),
        (("a", "b", "c", "d", "e"), "“a”, “b”, “c” and 2 more"),
    ],
)
def test_words_that_were_never_learned_fit_nothing(words: tuple[str, ...], said: str) -> None:
    fit = Fit(text="a suit", itm=0.696, unlearned=words)
    assert not fit.fits
    assert fit.sentence == (
        f"ITM 0.696 says nothing of “a suit”: the matcher never learned {said}."
    )


@pytest.fixture(scope="module")
def embedded() -> Matcher:
    return load_matcher("stickers-itm")


def test_the_embedded_matcher_knows_what_it_learned(embedded: Matcher) -> None:
    text = "A woman in a space suit, and a red rabit"
    assert unlearned_words(embedded, text) == ("woman", "space", "suit", "rabit")
    assert fit_of(embedded, text, 0.9).unlearned == ("woman", "space", "suit", "rabit")
    assert unlearned_words(embedded, "a 日 car, a 🐧 car") == ("日", "🐧")
    assert unlearned_words(embedded, "x" * 3000)[0].startswith("xxx")
    for seed in range(200):
        scene, rng = draw_scene(seed), random.Random(seed)
        caption = full_caption(scene, rng)
        texts = [caption, *(caption.changed(scene, rng, kind, held_out=True) for kind in CHANGES)]
        for one in texts:
            assert one is None or unlearned_words(embedded, one.text) == ()


def test_of_other_matchers_nothing_is_known(tiny_matcher: Matcher, traced: Trace) -> None:
    assert unlearned_words(tiny_matcher, "a woman in a space suit") == ()
    assert traced.fit == fit_of(tiny_matcher, traced.text, traced.itm)
    assert traced.facts_of_fit == {
        "itm": traced.itm,
        "fits": traced.fit.fits,
        "fit": traced.fit.sentence,
    }
