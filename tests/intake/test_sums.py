"""Every image and text that was read is in one of the sums, and the sums are told in words."""

from blip2core.intake import Sums, sums_of
from blip2core.records import Problem, Unused, WebImage


def problem(about: str, texts: int = 0, count: int = 1) -> Problem:
    return Problem(name="a", reason="Why.", about=about, texts=texts, count=count)  # type: ignore[arg-type]


def filled() -> Sums:
    sums = Sums()
    image = WebImage(name="a", data=b"", texts=("one", "two"), duplicates=3)
    sums.add_image(image, is_new=True, texts_new=2)
    sums.add_image(image, is_new=False, texts_new=0)
    sums.add_problem(problem("image", texts=4))
    sums.add_problem(problem("image", texts=5, count=20))
    sums.add_problem(problem("text", texts=6))
    sums.add_problem(problem("text without image", texts=7))
    sums.add_problem(problem("source", count=8))
    sums.add_problem(problem("note"))
    return sums


def test_the_sums_of_images_and_texts() -> None:
    sums = filled()
    assert (sums.images_new, sums.images_known, sums.images_refused) == (1, 1, 21)
    assert sums.images_read == 23
    assert (sums.texts_new, sums.texts_known) == (2, 3 + 5)
    assert (sums.texts_refused, sums.texts_without_image) == (6, 4 + 5 + 7)
    assert sums.texts_read == 2 + 8 + 6 + 16
    assert sums.sources_refused == 8


def test_what_was_not_used_is_counted_with_three_examples() -> None:
    sums = Sums()
    for number in range(5):
        advice = "looks like texts"
        sums.add_unused(Unused(kind="column", name=f"c{number}", advice=advice, count=10))
    assert sums.unused == {"column": 50}
    assert sums.examples == {
        "column": [{"name": f"c{n}", "advice": "looks like texts"} for n in range(3)]
    }


def test_they_come_back_from_json() -> None:
    sums = filled()
    assert sums.as_json()["texts_read"] == 32
    assert sums_of(sums.as_json()) == sums


def test_in_words() -> None:
    assert filled().sentences() == [
        "23 images read: 1 new, 1 there already, 21 refused",
        "32 texts read: 2 new, 8 there already, 16 without an image, 6 refused",
        "8 files or rows of which nothing was read",
    ]
    assert Sums().sentences() == ["0 images read: 0 new", "0 texts read: 0 new"]


def test_alike_images_are_counted_among_the_new_ones() -> None:
    sums = Sums()
    image = WebImage(name="a", data=b"")
    for is_new in (True, False):
        sums.add_image(image, is_new=is_new, texts_new=0, is_alike=True)
    assert sums.images_alike == 1
    assert sums.sentences()[2] == "1 new image looks like one that was there before"
    sums.add_image(image, is_new=True, texts_new=0, is_alike=True)
    assert sums.sentences()[2] == "2 new images look like one that was there before"


def test_what_was_read_before_counts_as_there_already() -> None:
    earlier = filled()
    for number in range(2):
        earlier.add_unused(Unused(kind="file", name=f"{number}.doc", advice="no image"))
    sums = filled()
    sums.add_unused(Unused(kind="file", name="a.doc", advice="no image"))
    sums.add_again(earlier)
    sums.add_again(earlier)
    assert (sums.images_new, sums.images_known, sums.images_refused) == (1, 1 + 4, 3 * 21)
    assert (sums.texts_new, sums.texts_known) == (2, 8 + 20)
    assert (sums.texts_refused, sums.texts_without_image) == (18, 48)
    assert sums.sources_refused == 24
    assert sums.unused == {"file": 5}
    names = [one["name"] for one in sums.examples["file"]]
    assert names == ["a.doc", "0.doc", "1.doc"]
    assert [one["name"] for one in earlier.examples["file"]] == ["0.doc", "1.doc"]
