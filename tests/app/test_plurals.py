"""Counts with their nouns."""

from app.plurals import count_of


def test_one_is_not_several() -> None:
    assert [count_of(number, "pair") for number in (0, 1, 1_200)] == [
        "0 pairs",
        "1 pair",
        "1,200 pairs",
    ]
