"""The tables of words fit together: each word means one thing."""

from blip2core.stickers.words import CATEGORIES, COLOURS, NOUNS, NUMBERS, PLACES, SIZES


def test_size_of_the_world() -> None:
    assert 75 <= len(NOUNS) <= 85
    assert (len(COLOURS), len(PLACES)) == (7, 8)
    assert sum(noun.coloured for noun in NOUNS.values()) == 15


def test_no_word_means_two_things() -> None:
    forms = [form for noun in NOUNS.values() for form in {noun.singular, noun.plural}]
    words = [*forms, *COLOURS, *PLACES, *NUMBERS, *SIZES, *CATEGORIES]
    assert len(words) == len(set(words))
    assert all(word.isalpha() and word.islower() for word in words)


def test_nouns_are_found_by_their_singular() -> None:
    assert all(name == noun.singular for name, noun in NOUNS.items())
    assert len({noun.glyph for noun in NOUNS.values()}) == len(NOUNS)
    assert {noun.category for noun in NOUNS.values()} == set(CATEGORIES)


def test_plurals() -> None:
    plurals = {name: NOUNS[name].plural for name in ("dog", "mouse", "fox", "cactus", "sheep")}
    assert plurals == {
        "dog": "dogs",
        "mouse": "mice",
        "fox": "foxes",
        "cactus": "cacti",
        "sheep": "sheep",
    }


def test_hues_can_be_told_apart() -> None:
    hues = sorted(COLOURS.values())
    gaps = [high - low for low, high in zip(hues, [*hues[1:], 360 + hues[0]], strict=True)]
    assert min(gaps) >= 20


def test_each_place_has_a_phrase_that_names_it() -> None:
    assert all(phrase.split()[-1] == place for place, phrase in PLACES.items())
