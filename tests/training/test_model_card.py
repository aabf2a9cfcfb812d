"""Model cards: what was measured stands in them."""

from pathlib import Path

import pytest

from blip2core.evaluation.gallery import draw_scenes
from blip2core.evaluation.suite import measure
from blip2core.models import load_matcher
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
