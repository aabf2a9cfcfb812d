import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional
from transformers import Blip2ForConditionalGeneration, Blip2Processor

from blip2core.config import Stage2Config
from blip2core.errors import CheckpointError
from blip2core.records import Segment
from blip2core.training import images, stage2
from blip2core.training.images import Data
from blip2core.training.losses import IGNORE_INDEX
from blip2core.training.optimizer import build_optimizer, clip_gradients
from blip2core.training.passages import PassageTokenizer, Stage2Batch, collate
from blip2core.training.stage2 import Stage2Model, initialise_projection
from tests import tiny

KINDS = pytest.mark.parametrize("kind", ["opt", "t5"])


@pytest.fixture
def settings(start: Any, pairs: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """(kind of language model, changes) -> config of a short run on coloured images."""
    monkeypatch.setattr(images, "open_pair_source", lambda *_, **__: pairs)

    def settings(kind: str = "opt", **changes: Any) -> Stage2Config:
        defaults = {
            "stage1": str(start.stage1),
            "vision": str(start.vision),
            "language_model": str(getattr(start, kind)),
            "steps": 6,
            "warmup_steps": 1,
            "batch": 4,
            "learning_rate": 3e-3,
            "length_window": 4,
            "eval_every": 3,
            "checkpoint_every": 2,
            "device": "cpu",
            "max_text": 60,
        }
        return Stage2Config(**(defaults | changes))

    return settings


def batch_for(kind: str) -> Stage2Batch:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(5, 200, (2, 7), generator=generator)
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
    ids[mask == 0] = tiny.PAD
    labels = ids.clone()
    labels[mask == 0] = IGNORE_INDEX
    labels[:, :2] = IGNORE_INDEX
    if kind == "t5":
        labels = torch.tensor([[9, 8, 7, 2], [5, 2, IGNORE_INDEX, IGNORE_INDEX]])
    vision = torch.randn(2, 5, 24, generator=generator)
    return Stage2Batch(vision=vision, ids=ids, mask=mask, labels=labels)


def whole_forward(model: Any, batch: Stage2Batch, labels: Tensor | None) -> Any:
    """transformers' own forward pass, its image encoder replaced by the features."""
    queries = model.qformer(
        query_embeds=model.query_tokens.expand(2, -1, -1), encoder_hidden_states=batch.vision
    ).last_hidden_state
    known = type("Known", (), {})()
    known.pooler_output = model.language_projection(queries)
    known.qformer_outputs = known.vision_outputs = None
    images = torch.full((2, tiny.QUERIES), tiny.IMAGE)
    model.get_image_features = lambda *_, **__: known
    return model(
        pixel_values=torch.zeros(2, 3, 1, 1),
        input_ids=torch.cat([images, batch.ids], dim=1),
        attention_mask=torch.cat([torch.ones_like(images), batch.mask], dim=1),
        labels=labels,
    )


@KINDS
def test_loss_is_that_of_transformers_and_of_the_formula(kind: str) -> None:
    model, _ = tiny.blip2(tiny.OPT if kind == "opt" else tiny.T5)
    batch = batch_for(kind)
    loss = Stage2Model(model)(batch)
    labels = batch.labels
    if kind == "opt":
        labels = functional.pad(labels, (tiny.QUERIES, 0), value=IGNORE_INDEX)
    whole = whole_forward(model, batch, labels)
    assert loss.item() == pytest.approx(whole.loss.item(), rel=1e-5)

    logs = whole.logits.log_softmax(dim=-1)
    if kind == "opt":
        logs, labels = logs[:, :-1], labels[:, 1:]
    told = [
        -logs[row, at, labels[row, at]].item()
        for row in range(2)
        for at in range(labels.shape[1])
        if labels[row, at] != IGNORE_INDEX
    ]
    assert loss.item() == pytest.approx(sum(told) / len(told), rel=1e-5)


@KINDS
def test_padding_changes_nothing(kind: str) -> None:
    model = Stage2Model(tiny.blip2(tiny.OPT if kind == "opt" else tiny.T5)[0])
    batch = batch_for(kind)
    side = (0, 3)
    padded = replace(
        batch,
        ids=functional.pad(batch.ids, side, value=tiny.PAD),
        mask=functional.pad(batch.mask, side),
        labels=functional.pad(batch.labels, side, value=IGNORE_INDEX),
    )
    assert model(padded).item() == pytest.approx(model(batch).item(), rel=1e-5)


def test_projected_queries_start_as_large_as_words() -> None:
    blip2, _ = tiny.blip2()
    model = Stage2Model(blip2)
    vision = torch.randn(64, 5, 24)
    torch.manual_seed(0)
    initialise_projection(model, Data(None, tiny.InMemory(vision)), None)
    words = blip2.get_input_embeddings().weight
    assert model.soft_words(vision).std().item() == pytest.approx(words.std().item(), rel=0.2)


def test_the_language_model_stays_in_evaluation_mode() -> None:
    model = Stage2Model(tiny.blip2()[0]).train()
    assert model.qformer.training
    assert not any(module.training for module in model.language_model.modules())


@KINDS
def test_a_run_trains_the_middle_and_leaves_the_rest_bit_for_bit(
    kind: str, settings: Callable[..., Any], start: Any, tmp_path: Path
) -> None:
    folder = stage2.run(settings(kind), tmp_path)
    model = Blip2ForConditionalGeneration.from_pretrained(folder)
    frozen = {
        "vision_model": load_file(start.vision / "model.safetensors"),
        "language_model": load_file(getattr(start, kind) / "model.safetensors"),
    }
    for part, expected in frozen.items():
        found = getattr(model, part).state_dict()
        assert all(torch.equal(found[name], value) for name, value in expected.items())
    before = load_file(start.stage1 / "model.safetensors")
    assert not torch.equal(before["query_tokens"], model.query_tokens)
    same = [
        name
        for name, value in model.qformer.state_dict().items()
        if torch.equal(before[f"qformer.{name}"], value)
    ]
    assert not [name for name in same if not name.endswith("key.bias")]


@KINDS
def test_the_result_loads_and_speaks_with_plain_transformers(
    kind: str, settings: Callable[..., Any], tmp_path: Path
) -> None:
    folder = stage2.run(settings(kind), tmp_path)
    model = Blip2ForConditionalGeneration.from_pretrained(folder)
    processor = Blip2Processor.from_pretrained(folder)
    image = Image.new("RGB", (40, 30), "red")
    inputs = processor(images=image, text="Question: what colour? Answer:", return_tensors="pt")
    assert (inputs.input_ids == tiny.IMAGE).sum() == tiny.QUERIES
    ends = {
        "opt": processor.tokenizer("\n", add_special_tokens=False).input_ids[0],
        "t5": processor.tokenizer.eos_token_id,
    }
    assert model.language_model.generation_config.eos_token_id == ends[kind]
    tokens = model.generate(**inputs, max_new_tokens=5, do_sample=False)
    assert tokens.shape[0] == 1
    pixels = processor(images=image, return_tensors="pt").pixel_values
    alone = model.generate(pixels, max_new_tokens=5, do_sample=False)
    assert alone.shape[0] == 1


def test_the_encoder_never_runs_in_training(
    settings: Callable[..., Any], pairs: Any, tmp_path: Path
) -> None:
    config = settings(steps=12, cache=str(tmp_path / "shared.npy"), eval_items=0)
    stage2.run(config, tmp_path / "one")
    assert pairs.painted == len(pairs)
    stage2.run(replace(config, seed=1), tmp_path / "two")
    assert pairs.painted == len(pairs)


def test_killed_and_resumed_gives_the_weights_of_never_killed(
    settings: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings(steps=7, eval_items=0)
    whole = stage2.run(config, tmp_path / "whole")

    def die_at_5(config: Stage2Config, step: int) -> float:
        if step == 5:
            raise KeyboardInterrupt
        return rate_at(config, step)

    rate_at = stage2.rate_at
    with monkeypatch.context() as patch:
        patch.setattr(stage2, "rate_at", die_at_5)
        with pytest.raises(KeyboardInterrupt):
            stage2.run(config, tmp_path / "killed")
    resumed = stage2.run(config, tmp_path / "killed")
    ours, theirs = (load_file(at / "model.safetensors") for at in (resumed, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    with pytest.raises(CheckpointError, match="seed = 0, this run has seed = 3"):
        stage2.run(replace(config, seed=3), tmp_path / "killed")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_a_run_in_bf16(settings: Callable[..., Any], tmp_path: Path, device: str) -> None:
    config = settings(steps=3, device=device, precision="bf16", language_dtype="bfloat16")
    model = Blip2ForConditionalGeneration.from_pretrained(stage2.run(config, tmp_path))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_validation_runs_in_the_run_and_at_its_end(
    settings: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points: dict[int, dict[str, float]] = {}

    class Recorder(stage2.TrainingProgress):
        def log(self, step: int, values: Mapping[str, float]) -> None:
            points.setdefault(step, {}).update(values)

    def measure(model: Any, processor: Any, source: Any, features: Any) -> dict[str, float]:
        assert not model.qformer.training
        assert len(source) == len(features)
        return {"own figure": 0.5}

    monkeypatch.setattr(stage2, "TrainingProgress", Recorder)
    stage2.run(settings(steps=8, eval_every=3, log_every=4), tmp_path, measure=measure)
    validated = [step for step, values in points.items() if "validation/loss" in values]
    assert sorted(validated) == [3, 6, 8]
    assert points[8]["validation/own figure"] == 0.5
    assert points[4].keys() == {"train/loss", "train/gradient", "train/lr"}


def test_it_learns_a_batch_by_heart() -> None:
    blip2, processor = tiny.blip2()
    model = Stage2Model(blip2)
    for part in (model.qformer, model.language_projection, model.query_tokens):
        part.requires_grad_(True)
    cutter = PassageTokenizer(processor.tokenizer, encoder_decoder=False, max_text=9)
    question = Segment(text="Q", target=False)
    passages = [(question, Segment(text=letter, target=True)) for letter in "rgbw"]
    examples = cutter.examples(passages, [random.Random(0)] * 4)
    torch.manual_seed(0)
    batch = collate(examples, torch.randn(4, 5, 24), cutter.pad_id)
    initialise_projection(model, Data(None, tiny.InMemory(batch.vision)), None)
    optimizer = build_optimizer(model, lr=1e-2, weight_decay=0.0)
    first = model(batch).item()
    for _ in range(120):
        model(batch).backward()
        clip_gradients(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    assert first > 5
    assert model(batch).item() < 1
