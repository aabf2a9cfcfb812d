"""Model cards: what was measured stands in them."""

from pathlib import Path

import pytest

from blip2core.evaluation.gallery import draw_scenes
from blip2core.evaluation.partial_texts import measure_partial_texts
from blip2core.evaluation.suite import measure
from blip2core.evaluation.web_gallery import build_web_gallery, draw_web_scenes
from blip2core.models import load_generator, load_matcher
from blip2core.models.specs import CHECKPOINTS, SPECS, ModelSpec
from blip2core.training import model_card
from blip2core.training.model_card import SEED, WHAT, write_card
from tests.fonts import needs_font


@needs_font
def test_a_card_holds_what_evaluation_finds(tmp_path: Path) -> None:
    write_card(tmp_path, "stickers-itm", scenes=6)
    card = (tmp_path / "README.md").read_text("utf-8")
    found = measure(draw_scenes(SEED, 6), ("itm",), matcher=load_matcher("stickers-itm"))
    assert f"| ITM accuracy at 0.5, balanced mix | 0.9 | {found['itm']['accuracy']:.3f} |" in card
    assert f"--seed {SEED} --scenes 6" in card
    assert "Blip2ForImageTextRetrieval.from_pretrained" in card
    captioner = load_generator("stickers-opt")
    matcher = load_matcher("stickers-itm", share_with=captioner)
    web = build_web_gallery(captioner, draw_web_scenes(SEED, 6))
    kept = measure_partial_texts(captioner, matcher, web)["kept"]
    (row,) = (line for line in card.splitlines() if line.startswith("| one is named |"))
    shares = [kept.get(f"1 of {groups}") for groups in range(1, 5)]
    assert row.split(" | ")[1:] == [
        *("-" if share is None else f"{share:.3f}" for share in shares[:3]),
        "- |" if shares[3] is None else f"{shares[3]:.3f} |",
    ]


def test_two_ways_of_training_are_compared_figure_by_figure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    measured = iter([0.75, 0.5])

    def figures(spec: ModelSpec, scenes: int) -> dict[str, float]:
        assert spec.checkpoint.parent.parent == tmp_path
        return {"figure": next(measured)}

    monkeypatch.setattr(model_card, "_figures", figures)
    monkeypatch.setattr(model_card, "look_up", lambda found, path: found["figure"])
    lines = model_card._compared(SPECS["stickers-opt"], tmp_path).splitlines(keepends=True)
    assert lines[0].startswith("| figure | ") and lines[1] == "|---|---|---|\n"
    assert [line.partition(" | ")[2] for line in lines[2:]] == ["0.750 | 0.500 |\n"] * (
        len(model_card.COMPARED)
    )


@pytest.mark.parametrize("name", WHAT)
def test_every_embedded_checkpoint_has_its_card(name: str) -> None:
    card = (CHECKPOINTS / name / "README.md").read_text("utf-8")
    assert card.startswith("---\nlicense: ")
    assert "1000 test scenes" in card
