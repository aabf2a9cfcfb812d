"""The files of a stage-1 model: transformers' own, and one for what transformers lacks.

config.json, model.safetensors, ...     `Blip2ForImageTextRetrieval` and its processor
stage1.safetensors                      the temperature and the head that writes text (ITG)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import Blip2VisionModel

from blip2core.errors import ModelError
from blip2core.models.qformer import Stage1QFormer

FILE = "stage1.safetensors"
_DECODER = "decoder_token_id"


def write_stage1(
    folder: Path, qformer: Stage1QFormer, vision_model: Blip2VisionModel, processor: Any
) -> None:
    """Write everything of a stage-1 model; `processor` is its `Blip2Processor`."""
    qformer.to_retrieval(vision_model).save_pretrained(folder)
    processor.save_pretrained(folder)
    write_stage1_state(folder, qformer.stage1_state(), decoder_token_id=qformer.decoder_token_id)


def write_stage1_state(folder: Path, state: Mapping[str, Tensor], *, decoder_token_id: int) -> None:
    """Write `Stage1QFormer.stage1_state()` and the id of [DEC] into an existing folder."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    save_file(tensors, folder / FILE, metadata={_DECODER: str(decoder_token_id)})


def read_stage1_state(folder: Path) -> tuple[dict[str, Tensor], int]:
    """Return what `write_stage1_state` wrote: the weights, and the id of [DEC].

    Raises ModelError where the folder has none.
    """
    path = folder / FILE
    if not path.is_file():
        raise ModelError(f"{folder} has no {FILE}: it holds no temperature and no writing head.")
    with safe_open(path, framework="pt") as file:
        names = file.keys()  # safe_open is no mapping
        return {name: file.get_tensor(name) for name in names}, int(file.metadata()[_DECODER])
