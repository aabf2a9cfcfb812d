"""Each rule of the filter alone and together, on scores by hand."""

from dataclasses import replace

from blip2core.capfilt import decide, says_less
from blip2core.config import BLIP2_RANKING, FilterConfig
from blip2core.records import Scored
from tests.capfilt.conftest import scored

OFF = FilterConfig(threshold=None, drop_duplicates=False)


def kept(texts: list[Scored], rules: FilterConfig) -> list[str]:
    return [one.scored.candidate.text for one in decide(texts, rules) if one.kept]


def reasons(texts: list[Scored], rules: FilterConfig) -> list[str]:
    return [one.reason for one in decide(texts, rules)]


def test_no_texts_no_decisions():
    assert decide([], FilterConfig()) == []


def test_the_threshold_keeps_none_some_or_all_of_any_source():
    texts = [scored("a", 0.31), scored("b", 0.5, source="synthetic"), scored("c", 0.9)]
    assert kept(texts, FilterConfig()) == ["b", "c"]
    assert kept(texts, FilterConfig(threshold=0.95)) == []
    assert kept(texts, FilterConfig(threshold=0.1)) == ["a", "b", "c"]
    assert reasons(texts, FilterConfig())[:2] == [
        "ITM 0.31 is below 0.50",
        "ITM 0.50 is at least 0.50",
    ]


def test_numbers_that_decide_are_told_apart():
    assert reasons([scored("a", 0.49996)], FilterConfig()) == ["ITM 0.49996 is below 0.50000"]


def test_the_head_chooses_the_score():
    texts = [scored("a", 0.9, -0.3), scored("b", 0.1, 0.4)]
    assert kept(texts, FilterConfig(head="itc", threshold=0.2)) == ["b"]
    assert reasons(texts, FilterConfig(head="itc", threshold=0.2))[0] == "ITC -0.30 is below 0.20"


def test_top_k_takes_the_best_and_the_first_of_equals():
    texts = [scored("a", 0.6), scored("b", 0.9), scored("c", 0.6), scored("d", 0.7)]
    assert kept(texts, replace(OFF, top_k=3)) == ["a", "b", "d"]
    assert reasons(texts, replace(OFF, top_k=3))[2] == "not among the best 3 by ITM"


def test_a_margin_above_zero_keeps_a_clear_winner_only():
    rules = replace(OFF, margin=0.2)
    assert kept([scored("a", 0.9), scored("b", 0.5)], rules) == ["a"]
    assert kept([scored("a", 0.9), scored("b", 0.8)], rules) == []
    assert kept([scored("alone", 0.1)], rules) == ["alone"]
    assert reasons([scored("a", 0.9), scored("b", 0.8)], rules)[0] == (
        "ITM 0.90 does not lead the best other (0.80) by 0.20"
    )


def test_a_margin_of_zero_keeps_the_best():
    texts = [scored("a", 0.9), scored("b", 0.9), scored("c", 0.8)]
    rules = replace(OFF, margin=0.0)
    assert kept(texts, rules) == ["a", "b"]
    assert "is more than 0.00 below the best other (0.90)" in reasons(texts, rules)[2]


def test_a_margin_below_zero_keeps_what_comes_near():
    texts = [scored("a", 0.9), scored("b", 0.85), scored("c", 0.5)]
    assert kept(texts, replace(OFF, margin=-0.1)) == ["a", "b"]
    assert (
        "more than 0.10 below the best other (0.90)" in reasons(texts, replace(OFF, margin=-0.1))[2]
    )


def test_a_text_below_the_threshold_is_still_a_rival():
    texts = [scored("a", 0.55), scored("b", 0.45)]
    assert kept(texts, FilterConfig(margin=0.2)) == []
    assert kept(texts, FilterConfig(margin=0.05)) == ["a"]


def test_words_are_counted():
    texts = [scored("dog", 0.9), scored("a small dog", 0.9), scored("a very small dog", 0.9)]
    rules = replace(OFF, shortest=2, longest=3)
    assert kept(texts, rules) == ["a small dog"]
    assert reasons(texts, rules)[::2] == ["1 word is fewer than 2", "4 words is more than 3"]


def test_the_best_of_equal_texts_stays():
    texts = [
        scored("A dog!", 0.7),
        scored("a  dog", 0.8, source="synthetic"),
        scored("a cat", 0.6),
        scored("a dog.", 0.8),
    ]
    assert kept(texts, FilterConfig()) == ["a  dog", "a cat"]
    assert reasons(texts, FilterConfig())[0] == "the same words as another text (synthetic)"
    assert kept(texts, FilterConfig(drop_duplicates=False)) == [
        text.candidate.text for text in texts
    ]


def test_a_duplicate_is_no_rival():
    texts = [scored("a dog", 0.9), scored("A dog", 0.9), scored("a cat", 0.6)]
    assert kept(texts, FilterConfig(margin=0.2)) == ["a dog"]


def test_what_is_not_a_number_is_dropped():
    texts = [scored("a", float("nan")), scored("b", 0.8)]
    assert kept(texts, replace(OFF, margin=0.1, top_k=1)) == ["b"]
    assert reasons(texts, OFF) == ["ITM is not a number", "no rule is against it"]


def test_the_variant_of_blip2_ranks_and_keeps_two():
    texts = [
        scored("web", 0.0, 0.3),
        scored("one", 0.0, 0.1, "synthetic"),
        scored("two", 0.0, 0.4, "synthetic"),
    ]
    assert kept(texts, BLIP2_RANKING) == ["web", "two"]
    assert reasons(texts, BLIP2_RANKING)[2] == "among the best 2 by ITC (0.40)"


def test_an_image_in_doubt_keeps_no_text_by_the_mean_of_its_written_captions() -> None:
    texts = [
        scored("web", 0.99, 0.9),
        scored("a", 0.9, 0.8, source="synthetic"),
        scored("b", 0.9, 0.7, source="synthetic"),
    ]
    assert kept(texts, FilterConfig(own_caption_itc=0.75)) == ["web", "a", "b"]
    doubting = FilterConfig(own_caption_itc=0.76)
    assert kept(texts, doubting) == []
    assert all(one.doubted for one in decide(texts, doubting))
    assert reasons(texts, doubting)[0] == (
        "the image is unlike what the models know: the captions written of it fit with ITC 0.75 on "
        "average, below 0.76"
    )


def test_without_written_captions_nothing_is_doubted() -> None:
    texts = [scored("web", 0.99, -0.9), scored("mine", 0.9, -0.9, source="edited")]
    decisions = decide(texts, FilterConfig(own_caption_itc=1.0))
    assert [one.kept for one in decisions] == [True, True]
    assert not any(one.doubted for one in decisions)


def test_a_dropped_text_of_which_all_words_stand_in_a_kept_one_says_less():
    whole = scored("Two red cars and a whale, at sea.", 0.9, source="synthetic")

    def says(text: str, itm: float = 0.2, other: Scored = whole) -> bool:
        return says_less(decide([scored(text, itm), other], FilterConfig()))[0]

    assert says("two red cars") and says("A WHALE!") and says("a whale at sea")
    assert says("there is a whale") and says("There are two red cars.")
    assert not says("there are two red cars and a whale at sea"), "in other words as much"
    assert not says("two blue cars")
    assert not says("two red red cars"), "a word is there as often as it stands"
    assert not says("two red cars and a whale at sea"), "as much is not less"
    assert not says("two red cars", 0.6), "it is kept"
    assert not says("two red cars", other=replace(whole, itm=0.4)), "nothing is kept"
    assert says_less([]) == []
