from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import Blip2ForConditionalGeneration, Blip2ForImageTextRetrieval

from blip2core.errors import CheckpointError
from blip2core.models.qformer import Stage1QFormer
from blip2core.models.stage1_files import read_stage1_state, write_stage1
from blip2core.training.lavis import export_lavis, import_lavis, read_lavis
from tests import tiny

DECODER = 5


def stage1(folder: Path, seed: int) -> Path:
    """A random stage-1 folder as training writes it."""
    model, processor = tiny.retrieval(seed=seed)
    qformer = Stage1QFormer.from_retrieval(model, decoder_token_id=DECODER)
    tiny.randomise(qformer, seed)
    write_stage1(folder, qformer, model.vision_model, processor)
    return folder


def stage2(folder: Path, kind: str, seed: int) -> Path:
    build = tiny.instructblip if kind.startswith("instruct") else tiny.blip2
    model, processor = build(tiny.T5 if kind.endswith("t5") else tiny.OPT, seed=seed)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def weights(folder: Path, model_class: type) -> dict[str, Tensor]:
    return dict(model_class.from_pretrained(folder).state_dict())


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    """Bit for bit, but for the bias of vision keys, which LAVIS lacks and which changes nothing."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        if name.endswith("qkv.bias"):
            query, _, seen = value.chunk(3)
            again = other[name].chunk(3)
            assert torch.equal(query, again[0]) and torch.equal(seen, again[2])
            assert not again[1].any()
        else:
            assert torch.equal(value, other[name]), name


def test_stage1_names_are_those_of_lavis(tmp_path: Path) -> None:
    folder = stage1(tmp_path / "ours", seed=0)
    export_lavis(folder, tmp_path / "lavis.pth")
    theirs = read_lavis(tmp_path / "lavis.pth")
    ours = weights(folder, Blip2ForImageTextRetrieval)
    extra, _ = read_stage1_state(folder)

    layer = "Qformer.bert.encoder.layer.0."
    expected = {
        "temp": extra["temperature"],
        "query_tokens": ours["query_tokens"],
        "visual_encoder.cls_token": ours["vision_model.embeddings.class_embedding"],
        "visual_encoder.pos_embed": ours["vision_model.embeddings.position_embedding"],
        "visual_encoder.blocks.1.norm2.bias": ours[
            "vision_model.encoder.layers.1.layer_norm2.bias"
        ],
        "visual_encoder.blocks.1.attn.v_bias": ours[
            "vision_model.encoder.layers.1.self_attn.qkv.bias"
        ][2 * 24 :],
        "ln_vision.weight": ours["vision_model.post_layernorm.weight"],
        layer + "attention.self.key.weight": ours[
            "qformer.encoder.layer.0.attention.attention.key.weight"
        ],
        layer + "crossattention.self.value.bias": ours[
            "qformer.encoder.layer.0.crossattention.attention.value.bias"
        ],
        layer + "crossattention.output.LayerNorm.weight": ours[
            "qformer.encoder.layer.0.crossattention.output.LayerNorm.weight"
        ],
        layer + "output_query.dense.weight": ours[
            "qformer.encoder.layer.0.output_query.dense.weight"
        ],
        "Qformer.bert.embeddings.LayerNorm.bias": ours["qformer.layernorm.bias"],
        "Qformer.bert.embeddings.word_embeddings.weight": ours["embeddings.word_embeddings.weight"],
        "Qformer.cls.predictions.decoder.weight": ours["embeddings.word_embeddings.weight"],
        "Qformer.cls.predictions.decoder.bias": extra["itg_bias"],
        "Qformer.cls.predictions.transform.LayerNorm.weight": extra[
            "itg_transform.LayerNorm.weight"
        ],
        "text_proj.weight": ours["text_projection.weight"],
        "itm_head.bias": ours["itm_head.bias"],
    }
    for name, value in expected.items():
        assert torch.equal(theirs[name], value), name
    assert theirs["Qformer.bert.embeddings.position_ids"].shape == (1, 48)


def test_stage1_round_trip_keeps_temperature_and_writing_head(tmp_path: Path) -> None:
    source, base = stage1(tmp_path / "source", seed=0), stage1(tmp_path / "base", seed=1)
    Blip2ForImageTextRetrieval.from_pretrained(base).half().save_pretrained(base)
    export_lavis(source, tmp_path / "lavis.pth")
    imported = import_lavis(tmp_path / "lavis.pth", base, tmp_path / "back")
    assert imported.kept == ()
    assert_same(
        weights(source, Blip2ForImageTextRetrieval),
        weights(tmp_path / "back", Blip2ForImageTextRetrieval),
    )
    for before, after in zip(
        tiny.read_stage1(source).state_dict().items(),
        tiny.read_stage1(tmp_path / "back").state_dict().items(),
        strict=True,
    ):
        assert before[0] == after[0] and torch.equal(before[1], after[1])
    assert tiny.read_stage1(tmp_path / "back").decoder_token_id == DECODER


def test_lavis_scores_are_the_same_without_the_key_bias(tmp_path: Path) -> None:
    source, base = stage1(tmp_path / "source", seed=0), stage1(tmp_path / "base", seed=1)
    export_lavis(source, tmp_path / "lavis.pth")
    import_lavis(tmp_path / "lavis.pth", base, tmp_path / "back")
    pixels = torch.randn(2, 3, tiny.IMAGE_SIZE, tiny.IMAGE_SIZE)
    ids, mask = torch.randint(6, 80, (2, 5)), torch.ones(2, 5)
    first, second = (
        Blip2ForImageTextRetrieval.from_pretrained(folder)(
            pixels, ids, mask, use_image_text_matching_head=True
        ).logits_per_image
        for folder in (source, tmp_path / "back")
    )
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize("kind", ["opt", "t5", "instruct-opt", "instruct-t5"])
def test_stage2_round_trip(kind: str, tmp_path: Path) -> None:
    source, base = (
        stage2(tmp_path / name, kind, seed) for name, seed in (("source", 0), ("base", 1))
    )
    export_lavis(source, tmp_path / "lavis.pth")
    theirs = read_lavis(tmp_path / "lavis.pth")
    assert ("t5_proj.weight" if kind.endswith("t5") else "opt_proj.weight") in theirs
    imported = import_lavis(tmp_path / "lavis.pth", base, tmp_path / "back")
    assert imported.kept == ()
    model_class = (
        type(tiny.instructblip()[0]) if "instruct" in kind else (Blip2ForConditionalGeneration)
    )
    assert_same(weights(source, model_class), weights(tmp_path / "back", model_class))


def test_frozen_weights_that_the_file_lacks_stay_those_of_the_base(tmp_path: Path) -> None:
    source, base = (stage2(tmp_path / str(seed), "opt", seed) for seed in (0, 1))
    export_lavis(source, tmp_path / "lavis.pth", frozen=False)
    imported = import_lavis(tmp_path / "lavis.pth", base, tmp_path / "back")
    assert {name.split(".")[0] for name in imported.kept} == {"vision_model", "language_model"}
    assert "vision_model.post_layernorm.weight" in imported.taken
    ours, from_base, from_source = (
        weights(folder, Blip2ForConditionalGeneration)
        for folder in (tmp_path / "back", base, source)
    )
    for name, value in ours.items():
        expected = from_base if name in imported.kept else from_source
        assert torch.equal(value, expected[name]), name


def test_a_short_leftover_bias_of_lavis_is_ignored(tmp_path: Path) -> None:
    source = stage1(tmp_path / "source", seed=0)
    export_lavis(source, tmp_path / "lavis.pth")
    theirs = read_lavis(tmp_path / "lavis.pth")
    theirs["Qformer.cls.predictions.bias"] = torch.zeros(3)
    torch.save({"model": theirs, "epoch": 3, "config": {"run": {"lr": 1e-4}}}, tmp_path / "a.pth")
    import_lavis(tmp_path / "a.pth", source, tmp_path / "back")
    assert torch.equal(
        tiny.read_stage1(tmp_path / "back").itg_bias, theirs["Qformer.cls.predictions.decoder.bias"]
    )


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("code ran",)


def test_unfit_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, base = tmp_path / "lavis.pth", stage1(tmp_path / "base", seed=1)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_lavis(tmp_path / "none.pth")
    torch.save({"model": Evil()}, file)
    with pytest.raises(CheckpointError, match="weights only"):
        read_lavis(file)
    assert "code ran" not in capsys.readouterr().out
    file.write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match="weights only"):
        read_lavis(file)
    torch.save({"weights": {}}, file)
    with pytest.raises(CheckpointError, match="under 'model'"):
        read_lavis(file)
    torch.save({"model": {"a": torch.zeros(1)}}, file)
    with pytest.raises(CheckpointError, match="neither stage 1 nor stage 2"):
        import_lavis(file, base, tmp_path / "back")

    export_lavis(base, file)
    theirs = read_lavis(file)
    for change, message in (
        ({"itm_head.weight": torch.zeros(3, 3)}, "does not fit"),
        ({"visual_encoder.conv1.weight": torch.zeros(1)}, "no place for visual_encoder.conv1"),
        ({"Qformer.bert.encoder.layer.7.output.dense.bias": torch.zeros(1)}, "layer.7"),
        ({"Qformer.cls.predictions.decoder.weight": torch.zeros(1)}, "differ from the word"),
    ):
        torch.save({"model": theirs | change}, file)
        with pytest.raises(CheckpointError, match=message):
            import_lavis(file, base, tmp_path / "back")
