"""Fine-tuning of a trained BLIP-2 on accepted pairs.

out/features.npy    image features, once for all runs that name the same file
out/checkpoints/    to go on after a kill
out/curves/         TensorBoard
out/model/          the result, a folder that `load_generator` or `load_matcher` opens
out/report.json     from which data, and the validation figures by step; step 0 is before training
"""

import json
import os
from pathlib import Path
from typing import Any

from blip2core.arguments import check_kind, checked_folder
from blip2core.config import FinetuneConfig
from blip2core.errors import ConfigError, DataError
from blip2core.training.accepted_pairs import origin, training_file, validation_file
from blip2core.training.checkpoint import load_checkpoint, save_checkpoint
from blip2core.training.data import FilePairs
from blip2core.training.features import build_features
from blip2core.training.finetune_models import FinetuneModel, load_finetune_model
from blip2core.training.images import Data
from blip2core.training.optimizer import build_optimizer, set_lr
from blip2core.training.schedule import rate_at
from blip2core.training.session import TrainingProgress, is_due, order_of, start_session


def run(config: FinetuneConfig, out: Path) -> Path:
    """Train, or go on with what a killed run left in `out`; returns the folder of the model.

    Args:
        config: All settings; a run can only go on with those it was started with.
        out: Folder of this run, see above.
    """
    check_kind(config, FinetuneConfig, "config must be a FinetuneConfig", ConfigError)
    out = checked_folder(out, "out")
    accelerator = start_session(config)
    device, main = accelerator.device, accelerator.is_main_process
    trained = load_finetune_model(config, device)
    with accelerator.main_process_first():
        training, held = open_pairs(config, out, trained)
    trained.encoder.to("cpu")
    order = order_of(config, accelerator, len(training.source))
    draw = trained.batches(training, order)

    model = trained.module
    optimizer = build_optimizer(model, lr=config.learning_rate, weight_decay=config.weight_decay)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    root = out / "checkpoints"
    first = load_checkpoint(root, module=model, optimizer=optimizer, config=config)
    report = Report(out / "report.json", config, step=first)

    with TrainingProgress(out, step=first, steps=config.steps, visible=main) as progress:

        def validate(step: int) -> None:
            if held is not None and main:
                wrapped.eval()
                with accelerator.autocast():
                    figures = trained.validate(held)
                progress.log(step, {f"validation/{name}": at for name, at in figures.items()})
                report.add(step, figures)

        if first == 0:
            validate(0)
        for step in range(first, config.steps):
            lr = rate_at(config, step)
            set_lr(optimizer, lr)
            wrapped.train()
            losses = trained.losses(wrapped, draw(step), step, device)
            accelerator.backward(losses["loss"])
            norm = accelerator.clip_grad_norm_(model.parameters(), config.clip)
            optimizer.step()
            optimizer.zero_grad()

            done = step + 1
            progress.advance()
            if is_due(done, config.log_every, config.steps):
                curves = {f"train/{name}": value.item() for name, value in losses.items()}
                progress.log(done, curves | {"train/gradient": norm.item(), "train/lr": lr})
            if is_due(done, config.eval_every, config.steps):
                validate(done)
            if is_due(done, config.checkpoint_every, config.steps):
                save_checkpoint(root, step=done, module=model, optimizer=optimizer, config=config)

    if main:
        trained.save(out / "model")
    accelerator.wait_for_everyone()
    return out / "model"


def open_pairs(
    config: FinetuneConfig, out: Path, trained: FinetuneModel
) -> tuple[Data, Data | None]:
    """Return the pairs to train on with the features of their images, and the held-out ones."""
    cache = Path(config.cache) if config.cache else out / "features.npy"
    training = _with_features(training_file(config.source), cache, trained)
    held = validation_file(config.source, config.validation)
    if held is None or config.eval_items == 0:
        return training, None
    beside = cache.with_stem(f"{cache.stem}-validation")
    return training, _with_features(held, beside, trained)


def _with_features(file: Path, cache: Path, trained: FinetuneModel) -> Data:
    source = FilePairs(file)
    processor = trained.processor.image_processor
    return Data(source, build_features(cache, source, trained.encoder, processor))


class Report:
    """`report.json`: the data by its hash, and the validation figures so far."""

    def __init__(self, path: Path, config: FinetuneConfig, *, step: int) -> None:
        """Open the report at `step`: later figures of a killed run are dropped, since those steps
        are repeated.
        """
        self._path = path
        told = origin(config.source)
        self._content: dict[str, Any] = {"model": config.model, "data": told, "validation": {}}
        if step and path.is_file():
            before = json.loads(path.read_text("utf-8"))
            if before["data"] != told:
                raise DataError(f"{config.source} has changed since this run began: start anew.")
            kept = {at: figures for at, figures in before["validation"].items() if int(at) <= step}
            self._content["validation"] = kept
        path.parent.mkdir(parents=True, exist_ok=True)

    def add(self, step: int, figures: dict[str, float]) -> None:
        """Note the figures of a step."""
        self._content["validation"][str(step)] = figures
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(self._content, indent=2) + "\n", "utf-8")
        os.replace(unfinished, self._path)
