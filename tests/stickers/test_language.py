"""Training passages are right, and web texts are noisy in just the way they say."""

import random
import re

import pytest

from blip2core.records import Passage
from blip2core.stickers.captions import Meaning, parse
from blip2core.stickers.language import (
    WEB_KINDS,
    WebText,
    caption_passage,
    description,
    page,
    passage,
    probe_passage,
    question_chain,
    talk,
    vocabulary_texts,
    web_text,
)
from blip2core.stickers.scene import Scene
from blip2core.stickers.words import COLOURS, NOUNS, NUMBERS, PLACES, SIZES
from tests.stickers.independent import answer


def is_true(meaning: Meaning, scene: Scene) -> bool:
    claims = all(claim.is_true_of(scene) for claim in meaning.claims)
    return claims and meaning.place in (None, scene.place)


def web(scenes: list[Scene], kind: str) -> list[tuple[Scene, WebText]]:
    return [(scene, web_text(scene, random.Random(scene.seed), kind)) for scene in scenes]


def joined(part: Passage) -> str:
    return "".join(segment.text for segment in part)


def test_caption_passages_are_one_true_target(scenes: list[Scene]) -> None:
    for scene in scenes:
        (segment,) = caption_passage(scene, random.Random(scene.seed))
        assert segment.target and segment.text.endswith("\n")
        meaning = parse(segment.text)
        assert meaning.claims and is_true(meaning, scene)


def test_talks_carry_loss_on_answers_only(scenes: list[Scene]) -> None:
    for scene in scenes:
        part = talk(question_chain(scene, random.Random(scene.seed), 3))
        assert [segment.target for segment in part] == [False, True] * (len(part) // 2)
        for asked, said in zip(part[::2], part[1::2], strict=True):
            question = re.fullmatch(r"Question: (.+) Answer:", asked.text)
            assert question is not None
            assert said.text == f" {answer(scene, question[1])[0]}\n"


def test_passages_are_captions_and_talks(scenes: list[Scene]) -> None:
    texts = [joined(passage(scene, random.Random(scene.seed))) for scene in scenes]
    talks = sum(text.startswith("Question:") for text in texts)
    assert 0.65 < talks / len(texts) < 0.85
    assert texts[0] == joined(passage(scenes[0], random.Random(scenes[0].seed)))


def test_a_chain_has_at_least_one_question(ordinary: list[Scene]) -> None:
    for scene in ordinary:
        assert len(question_chain(scene, random.Random(scene.seed), 1)) == 1


def test_description_puts_each_sticker_into_its_cell(scenes: list[Scene]) -> None:
    for scene in scenes:
        cells = description(scene)
        assert len(cells) == 16
        assert (cells[0][0], cells[15][0]) == ("a1", "d4")
        assert all(cell[-1] == scene.place for cell in cells)
        filled = {index for index, cell in enumerate(cells) if "nothing" not in cell}
        boxes = [(box, group) for group in scene.groups for box in group.boxes]
        assert filled == {box.y // 28 * 4 + box.x // 28 for box, _ in boxes}
        for box, group in boxes:
            words = cells[box.y // 28 * 4 + box.x // 28][1:-1]
            assert words == tuple(filter(None, (group.size, group.colour, group.noun)))


def test_counted_description_says_how_many(scenes: list[Scene]) -> None:
    for scene in scenes:
        for plain, counted in zip(
            description(scene), description(scene, counted=True), strict=True
        ):
            if "nothing" in plain:
                assert counted == plain
            else:
                group = scene.group(plain[-2])
                assert group and counted == (plain[0], NUMBERS[group.count], *plain[1:])


def test_probes_are_what_the_description_says(scenes: list[Scene]) -> None:
    for scene in scenes:
        cells = {name: words for name, *words, _ in description(scene)}
        text = joined(probe_passage(scene, random.Random(scene.seed)))
        for asked, told in re.findall(r"(.+): (.+)\n", text):
            if cell := re.fullmatch(r"in ([a-d][1-4])", asked):
                assert told.split() == cells[cell[1]]
            else:
                noun = asked.removeprefix("the ")
                holding = [name for name, words in cells.items() if noun in words]
                assert told == (" ".join(holding) or "nothing")


def test_pages_are_filled_with_passages(ordinary: list[Scene]) -> None:
    for scene in ordinary:
        texts = [joined(page(scene, random.Random(1), probes=share)) for share in (0.0, 1.0)]
        assert min(len(text.split()) for text in texts) >= 34
        assert not re.search(r"in [a-d][1-4]:", texts[0])
        assert "Question:" not in texts[1] and ": " in texts[1]


def test_vocabulary_texts_show_every_word() -> None:
    words = set(re.findall(r"[a-z]+", " ".join(vocabulary_texts(60)).lower()))
    forms = {form for noun in NOUNS.values() for form in (noun.singular, noun.plural)}
    assert forms | {*COLOURS, *PLACES, *SIZES} <= words
    assert set(NUMBERS[1:]) <= words


def test_right_texts_are_right(scenes: list[Scene]) -> None:
    for kind in ("right", "wordy"):
        for scene, text in web(scenes, kind):
            meaning = parse(text.text)
            assert meaning.claims and is_true(meaning, scene), text
            assert text.right


def test_wordy_texts_have_junk_around_them(scenes: list[Scene]) -> None:
    for _, text in web(scenes, "wordy"):
        assert re.search(r"\d|[|]|free shipping", text.text), text


def test_wrong_texts_are_wrong_in_their_way(scenes: list[Scene]) -> None:
    for kind in ("wrong object", "wrong count or colour"):
        for scene, text in web(scenes, kind):
            meaning = parse(text.text)
            nouns = {claim.noun for claim in meaning.claims}
            absent = nouns - {group.noun for group in scene.groups}
            assert not is_true(meaning, scene), text
            assert len(absent) == (1 if kind == "wrong object" else 0)
            assert meaning.place in (None, scene.place)
            assert not text.right


def test_unrelated_texts_say_nothing_true(scenes: list[Scene]) -> None:
    for scene, text in web(scenes, "unrelated"):
        meaning = parse(text.text)
        assert not meaning.claims or not is_true(meaning, scene), text


def test_empty_texts_are_blank(scenes: list[Scene]) -> None:
    assert not any(text.text.strip() for _, text in web(scenes, "empty"))


def test_kinds_come_in_their_shares(scenes: list[Scene]) -> None:
    kinds = [web_text(scene, random.Random(scene.seed)).kind for scene in scenes]
    shares = {kind: kinds.count(kind) / len(kinds) for kind in WEB_KINDS}
    assert shares["right"] == pytest.approx(0.28, abs=0.06)
    assert min(shares.values()) > 0.04
    assert sum(shares.values()) == pytest.approx(1)
