"""The recipe of the embedded checkpoints: its parts fit together."""

from pathlib import Path

from blip2core.stickers.scene import GRID
from blip2core.training import pretrain


def test_each_part_reads_what_an_earlier_one_wrote() -> None:
    build = Path("somewhere")
    first, second = pretrain.stage1_config(build), pretrain.stage2_config(build, "decoder")
    assert first.vision == second.vision == "somewhere/image_encoder/model"
    assert (first.tokenizer, second.stage1) == (
        "somewhere/tokenizers/wordpiece",
        "somewhere/stage1/model",
    )
    assert second.language_model == "somewhere/decoder/model"
    assert first.cache == second.cache
    order = list(pretrain.PARTS)
    made_before = ["tokenizers", "image_encoder", "decoder", "stage1", "stage2", "publish", "cards"]
    assert [part for part in order if part in made_before] == made_before


def test_the_queries_are_the_cells() -> None:
    config = pretrain.stage1_config(Path("somewhere"))
    assert config.qformer.queries == config.anchor_grid**2 == GRID**2


def test_the_published_weights_are_small() -> None:
    files = [file for file in pretrain.CHECKPOINTS.rglob("*") if file.is_file()]
    assert {"model.safetensors", "config.json", "README.md"} <= {file.name for file in files}
    assert sum(file.stat().st_size for file in files) < 60e6
