"""Checkpoints with everything that a killed run needs to continue exactly.

    checkpoints/step-00000500/
        weights.safetensors     the trainable weights
        optimizer.pt            the state of AdamW
        random-0.pt             the random states of process 0 (one file per process)
        state.json              step and config

A folder is written under another name, flushed to disk and then renamed, so one that has its final
name is complete. Files are read with `weights_only`: they cannot run code.
"""

import json
import random
import shutil
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from blip2core.config import RESUME_MAY_CHANGE, TrainConfig
from blip2core.disk import sync_file, sync_folder
from blip2core.errors import CheckpointError

_WEIGHTS = "weights.safetensors"
_OPTIMIZER = "optimizer.pt"
_STATE = "state.json"


def save_checkpoint(
    root: Path, *, step: int, module: nn.Module, optimizer: Optimizer, config: TrainConfig
) -> Path:
    """Write `root/step-<step>` and keep only the newest `config.keep`; returns the folder.

    `step` is the number of finished optimizer steps. Every process of a run calls this.
    """
    processes = PartialState()
    folder = root / f"step-{step:08d}"
    unfinished = root / f".unfinished-{step:08d}"
    if processes.is_main_process:
        _remove(unfinished)
        unfinished.mkdir(parents=True)
        save_file(trainable_weights(module), unfinished / _WEIGHTS)
        torch.save(optimizer.state_dict(), unfinished / _OPTIMIZER)
        state = {"step": step, "config": asdict(config)}
        (unfinished / _STATE).write_text(json.dumps(state, indent=2) + "\n")
    processes.wait_for_everyone()
    torch.save(random_state(), unfinished / f"random-{processes.process_index}.pt")
    processes.wait_for_everyone()
    if processes.is_main_process:
        _publish(unfinished, folder)
        for old in checkpoints(root)[: -config.keep]:
            _remove(old)
    processes.wait_for_everyone()
    return folder


def load_checkpoint(
    root: Path, *, module: nn.Module, optimizer: Optimizer, config: TrainConfig
) -> int:
    """Bring back the newest checkpoint in `root`; returns its step, or 0 where there is none.

    Raises CheckpointError where it is of another config, or of another number of processes.
    """
    found = checkpoints(root)
    if not found:
        return 0
    folder = found[-1]
    state = json.loads((folder / _STATE).read_text())
    _check_config(folder, state["config"], json.loads(json.dumps(asdict(config))))
    random_file = folder / f"random-{PartialState().process_index}.pt"
    processes = len(list(folder.glob("random-*.pt")))
    if processes != PartialState().num_processes:
        raise CheckpointError(
            f"{folder} is of a run with another number of processes, {processes}; this one has "
            f"{PartialState().num_processes}: start it with as many."
        )
    load_trainable(module, _load(folder / _WEIGHTS), folder)
    optimizer.load_state_dict(_load(folder / _OPTIMIZER))
    restore_random_state(_load(random_file))
    return int(state["step"])


def checkpoints(root: Path) -> list[Path]:
    """Return the complete checkpoints in `root`, oldest first."""
    return sorted(root.glob("step-*"))


def trainable_weights(module: nn.Module) -> dict[str, Tensor]:
    """Return name -> copy on the CPU, for every parameter that is trained."""
    return {
        name: parameter.detach().cpu().clone()
        for name, parameter in module.named_parameters()
        if parameter.requires_grad
    }


def load_trainable(module: nn.Module, weights: dict[str, Tensor], origin: Path) -> None:
    """Put `weights` into the trainable parameters; CheckpointError where the names differ."""
    parameters = {name: value for name, value in module.named_parameters() if value.requires_grad}
    if differing := sorted(parameters.keys() ^ weights.keys()):
        raise CheckpointError(f"{origin} does not fit this model: it differs in {differing[0]}.")
    with torch.no_grad():
        for name, parameter in parameters.items():
            if parameter.shape != weights[name].shape:
                raise CheckpointError(
                    f"{origin} does not fit this model: {name} is {tuple(weights[name].shape)} "
                    f"there and {tuple(parameter.shape)} here."
                )
            parameter.copy_(weights[name])


def random_state() -> dict[str, Any]:
    """Return the states of all random generators of this process, as tensors and plain values."""
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "python": (version, list(words), gauss),
        "numpy": (name, np.asarray(keys).tolist(), position, has_gauss, cached),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_state(state: dict[str, Any]) -> None:
    """Restore what `random_state` returned."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])


def _check_config(folder: Path, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    for name in sorted((theirs.keys() | ours.keys()) - RESUME_MAY_CHANGE):
        if theirs.get(name) != ours.get(name):
            raise CheckpointError(
                f"{folder} was made with {name} = {theirs.get(name)!r}, this run has "
                f"{name} = {ours.get(name)!r}: use the old setting, or another output folder."
            )


def _publish(unfinished: Path, folder: Path) -> None:
    """Flush every file to disk, then rename: the final name means complete."""
    for path in unfinished.iterdir():
        sync_file(path)
    sync_folder(unfinished)
    _remove(folder)
    unfinished.rename(folder)
    sync_folder(folder.parent)


def _load(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, SafetensorError, UnpicklingError) as error:
        raise CheckpointError(f"{path} cannot be read; delete its folder. ({error})") from error


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
