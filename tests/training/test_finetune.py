"""Fine-tuning of tiny models on an export of one-coloured images."""

import csv
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from blip2core.config import FinetuneConfig
from blip2core.errors import CheckpointError, DataError, ModelError
from blip2core.exports import Subject, export_pairs
from blip2core.models import load_generator, load_matcher
from blip2core.models.qformer import Stage1QFormer
from blip2core.models.stage1_files import FILE, read_stage1_state, write_stage1
from blip2core.records import ExportPair
from blip2core.training import finetune
from blip2core.training.finetune_models import FinetuneMatcher
from tests import tiny

WEB = Path(__file__).parents[2] / "data" / "samples" / "web"
COLOURS = ("red", "green", "blue", "white", "black", "pink", "brown", "yellow")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of tiny models: opt and t5 write, itm scores, bare scores without stage 1's rest."""
    root = tmp_path_factory.mktemp("checkpoints")
    for name, language in (("opt", tiny.OPT), ("t5", tiny.T5)):
        model, processor = tiny.blip2(language)
        model.save_pretrained(root / name)
        processor.save_pretrained(root / name)
    retrieval, processor = tiny.retrieval()
    retrieval.save_pretrained(root / "bare")
    processor.save_pretrained(root / "bare")
    qformer = Stage1QFormer.from_retrieval(retrieval, decoder_token_id=5)
    write_stage1(root / "itm", qformer, retrieval.vision_model, processor)
    return root


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """(format) -> folder of an export; the last two colours are for validation."""
    root = tmp_path_factory.mktemp("exports")

    def pairs() -> list[ExportPair]:
        found = []
        for number, colour in enumerate(COLOURS):
            file = root / f"{colour}.png"
            Image.new("RGB", (28, 28), colour).save(file)
            for caption, text in enumerate((f"{colour}, all {colour}", f"a {colour} sheet")):
                found.append(
                    ExportPair(
                        caption_id=2 * number + caption,
                        item_id=number,
                        split="train" if number < 6 else "validation",
                        text=text,
                        source="human",
                        image_sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
                        image_path=str(file),
                        format="PNG",
                        width=28,
                        height=28,
                    )
                )
        return sorted(found, key=lambda pair: (pair.image_sha256, pair.caption_id))

    def export(format: str) -> Path:
        out = root / format
        if not out.exists():
            subject = Subject(dataset="colours", snapshot="first", content_sha256="c0" * 32)
            export_pairs(pairs(), out, format=format, subject=subject)
        return out

    return export


@pytest.fixture
def settings(checkpoints: Path, export: Callable[[str], Path]) -> Callable[..., FinetuneConfig]:
    """(model, changes) -> settings of a short run."""

    def settings(model: str = "opt", **changes: Any) -> FinetuneConfig:
        defaults = dict(
            model=str(checkpoints / model),
            source=str(export("imagefolder")),
            steps=6,
            warmup_steps=1,
            batch=4,
            learning_rate=3e-3,
            length_window=2,
            eval_every=3,
            checkpoint_every=2,
            log_every=1,
            device="cpu",
        )
        return FinetuneConfig(**(defaults | changes))

    return settings


def validation(out: Path) -> dict[str, dict[str, float]]:
    return json.loads((out / "report.json").read_text())["validation"]


TRAINED = {
    "opt": ("query_tokens", "qformer.", "language_projection."),
    "t5": ("query_tokens", "qformer.", "language_projection."),
    "itm": ("query_tokens", "qformer.", "embeddings.", "vision_projection.", "text_projection.",
            "itm_head."),
    "bare": ("query_tokens", "qformer.", "embeddings.", "vision_projection.", "text_projection.",
             "itm_head."),
}  # fmt: skip


@pytest.mark.parametrize("model", TRAINED)
def test_the_loss_falls_and_only_the_middle_changes(
    model: str, settings: Callable[..., Any], checkpoints: Path, tmp_path: Path
) -> None:
    config = settings(model, steps=40, eval_every=40, learning_rate=5e-3)
    config = replace(config, validation=config.source + "/train/metadata.jsonl")
    folder = finetune.run(config, tmp_path)
    figures = validation(tmp_path)
    assert figures["40"]["loss"] < 0.95 * figures["0"]["loss"]

    before = load_file(checkpoints / model / "model.safetensors")
    after = load_file(folder / "model.safetensors")
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name for name in changed if not name.startswith(TRAINED[model])} == set()
    for part in TRAINED[model]:
        assert any(name.startswith(part) for name in changed), part


@pytest.mark.parametrize("model", ["opt", "t5"])
def test_the_result_writes(model: str, settings: Callable[..., Any], tmp_path: Path) -> None:
    folder = finetune.run(settings(model), tmp_path)
    generator = load_generator(str(folder))
    features = generator.encode([Image.new("RGB", (30, 20), "red")])
    assert isinstance(generator.caption(features)[0][0].text, str)


def test_the_result_scores_and_keeps_what_stage_1_needs(
    settings: Callable[..., Any], checkpoints: Path, tmp_path: Path
) -> None:
    folder = finetune.run(settings("itm"), tmp_path)
    matcher = load_matcher(str(folder))
    fit = matcher.match(matcher.encode([Image.new("RGB", (30, 20), "red")]), ["red"])[0]
    assert 0 <= fit.itm <= 1
    ours, start = read_stage1_state(folder)
    theirs, _ = read_stage1_state(checkpoints / "itm")
    assert start == 5
    assert not torch.equal(ours["temperature"], theirs["temperature"])
    assert not (finetune.run(settings("bare"), tmp_path / "bare") / FILE).exists()


@pytest.mark.parametrize("model", ["opt", "t5", "itm"])
def test_killed_and_resumed_gives_the_weights_of_never_killed(
    model: str, settings: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings(model, steps=7)
    whole = finetune.run(config, tmp_path / "whole")
    rate_at = finetune.rate_at

    def die_at_5(config: FinetuneConfig, step: int) -> float:
        if step == 5:
            raise KeyboardInterrupt
        return rate_at(config, step)

    with monkeypatch.context() as patch:
        patch.setattr(finetune, "rate_at", die_at_5)
        with pytest.raises(KeyboardInterrupt):
            finetune.run(config, tmp_path / "killed")
    resumed = finetune.run(config, tmp_path / "killed")
    ours, theirs = (load_file(at / "model.safetensors") for at in (resumed, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert validation(tmp_path / "killed") == validation(tmp_path / "whole")
    assert list(validation(tmp_path / "whole")) == ["0", "3", "6", "7"]
    with pytest.raises(CheckpointError, match="seed = 0, this run has seed = 3"):
        finetune.run(replace(config, seed=3), tmp_path / "killed")


def test_images_are_encoded_once(
    settings: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    image = finetune.FilePairs.image
    monkeypatch.setattr(
        finetune.FilePairs, "image", lambda self, index: opened.append(index) or image(self, index)
    )
    config = settings(steps=12, cache=str(tmp_path / "shared.npy"))
    finetune.run(config, tmp_path / "one")
    finetune.run(replace(config, seed=1), tmp_path / "two")
    assert len(opened) == len(COLOURS)


def test_the_report_names_the_data_by_its_hash(
    settings: Callable[..., Any], export: Callable[[str], Path], tmp_path: Path
) -> None:
    finetune.run(settings(), tmp_path)
    told = json.loads((tmp_path / "report.json").read_text())
    manifest = (export("imagefolder") / "manifest.json").read_bytes()
    assert told["data"] == {
        "dataset": "colours",
        "snapshot": "first",
        "content_sha256": "c0" * 32,
        "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
    }


def test_both_kinds_of_folder_are_the_same_data(
    settings: Callable[..., Any], export: Callable[[str], Path], tmp_path: Path
) -> None:
    for name in ("imagefolder", "jsonl"):
        finetune.run(settings(source=str(export(name))), tmp_path / name)
    assert validation(tmp_path / "imagefolder") == validation(tmp_path / "jsonl")


def test_without_a_validation_split_there_is_no_validation(
    settings: Callable[..., Any], tmp_path: Path
) -> None:
    config = settings()
    finetune.run(replace(config, source=config.source + "/train/metadata.jsonl"), tmp_path)
    assert not (tmp_path / "report.json").exists()


def test_what_cannot_be_trained_is_refused(settings: Callable[..., Any], tmp_path: Path) -> None:
    model, processor = tiny.blip_captioner()
    model.save_pretrained(tmp_path / "blip")
    processor.save_pretrained(tmp_path / "blip")
    with pytest.raises(ModelError, match="only BLIP-2 is fine-tuned"):
        finetune.run(settings(model=str(tmp_path / "blip")), tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="export the pairs as imagefolder"):
        finetune.run(settings(source=str(tmp_path / "empty")), tmp_path / "out")


@pytest.mark.slow
@pytest.mark.skipif(not (WEB / "web.csv").is_file(), reason="The sample images are not here.")
def test_the_embedded_captioner_learns_another_style(tmp_path: Path) -> None:
    with (WEB / "web.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for split, part in (("train", rows[:160]), ("validation", rows[160:])):
        (tmp_path / f"{split}.jsonl").write_text(
            "".join(
                json.dumps({"image": str(WEB / row["file"]), "text": place_first(row["truth"])})
                + "\n"
                for row in part
            )
        )
    config = FinetuneConfig(
        model="stickers-opt",
        source=str(tmp_path),
        steps=20,
        warmup_steps=5,
        batch=16,
        eval_every=20,
        device="cpu",
    )
    finetune.run(config, tmp_path / "run")
    figures = validation(tmp_path / "run")
    assert figures["20"]["loss"] < 0.8 * figures["0"]["loss"]


def place_first(truth: str) -> str:
    """In a form that no model was taught: "in the meadow: a bear"."""
    place = re.search(r"(on|in) the \w+|at night", truth)[0]
    rest = truth.replace(place, "").strip(" ,")
    return f"{place}: " + re.sub(r"^(a (picture|photo) of|there (is|are)) ", "", rest)


def test_a_matcher_without_its_caption_head_begins_texts_with_the_mark_of_its_tokenizer(
    settings: Callable[..., FinetuneConfig],
) -> None:
    model = FinetuneMatcher(settings("bare"), torch.device("cpu"))
    tokenizer = model.processor.tokenizer
    assert tokenizer.bos_token_id != tokenizer.cls_token_id
    assert model.module.qformer.decoder_token_id == tokenizer.bos_token_id
    tokenizer.bos_token = None  # as that of BERT, which official matchers have
    assert model._start_token() == tokenizer.cls_token_id
