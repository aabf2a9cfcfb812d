"""Load a model by name: class, device, number type, and errors that say what to do."""

from pathlib import Path
from typing import Any

import torch
from huggingface_hub import model_info
from huggingface_hub.errors import OfflineModeIsEnabled
from safetensors import SafetensorError
from transformers import (
    Blip2ForConditionalGeneration,
    Blip2ForImageTextRetrieval,
    Blip2Processor,
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    BlipImageProcessorPil,
    BlipProcessor,
    InstructBlipForConditionalGeneration,
    InstructBlipProcessor,
)

from blip2core.device_errors import device_errors
from blip2core.errors import ModelError, ModelUnavailableError
from blip2core.models.generator import Generator
from blip2core.models.matcher import Matcher
from blip2core.models.specs import SPECS, Kind, ModelSpec, find_spec, of_kind
from blip2core.models.vision import share_encoder

_CLASSES: dict[tuple[str, str], tuple[Any, Any]] = {
    ("generator", "blip2"): (Blip2ForConditionalGeneration, Blip2Processor),
    ("generator", "instructblip"): (InstructBlipForConditionalGeneration, InstructBlipProcessor),
    ("generator", "blip"): (BlipForConditionalGeneration, BlipProcessor),
    ("matcher", "blip2"): (Blip2ForImageTextRetrieval, Blip2Processor),
    ("matcher", "blip"): (BlipForImageTextRetrieval, BlipProcessor),
}
"""(kind, family) -> transformers' model and processor."""


def load_generator(
    model: str | ModelSpec = "stickers-opt",
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
) -> Generator:
    """Load a model that generates text, by name, Hub id of a known model, folder or spec.

    Raises UnknownModelError, ModelUnavailableError (not here and not to be had), ModelError,
    DeviceError.
    """
    spec = _spec(model, "generator")
    with device_errors():
        return Generator(*_load(spec, choose_device(device), dtype), spec)


def load_matcher(
    model: str | ModelSpec = "stickers-itm",
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    share_with: Generator | None = None,
) -> Matcher:
    """Load a model that scores texts; raises as `load_generator` does.

    `share_with`: use that generator's image encoder, device and number type where the weights are
    equal; `matcher.sharing` says whether they were.
    """
    spec = _spec(model, "matcher")
    if share_with is not None:
        device = share_with.device if device == "auto" else device
        dtype = share_with.dtype if dtype == "auto" else dtype
    with device_errors():
        matcher = Matcher(*_load(spec, choose_device(device), dtype), spec)
        if share_with is not None:
            matcher.sharing = share_encoder(share_with, matcher)
    return matcher


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """Return the device; "auto" is the GPU where there is one, else the CPU.

    Raises ModelError for a missing one.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:  # both occur where torch is built without it
        raise ModelError(f"There is no device '{device}' here: use auto or cpu.") from error


def choose_dtype(spec: ModelSpec, device: torch.device, dtype: str | torch.dtype) -> torch.dtype:
    """Return the number type to load with. T5 never runs in float16: its activations overflow."""
    chosen = _default_dtype(spec, device) if dtype == "auto" else dtype
    found = getattr(torch, chosen, None) if isinstance(chosen, str) else chosen
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ModelError(f"There is no number type '{dtype}': use auto, float32 or bfloat16.")
    if found is torch.float16 and spec.language == "t5":
        raise ModelError(f"{spec.name} overflows in float16: use bfloat16 or float32.")
    return found


def _default_dtype(spec: ModelSpec, device: torch.device) -> torch.dtype:
    if spec.dtype == "float32":
        return torch.float32
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16
        return torch.float32 if spec.language == "t5" else torch.float16
    return torch.bfloat16 if device.type == "cpu" and fast_bfloat16() else torch.float32


def fast_bfloat16() -> bool:
    """Return whether this CPU multiplies bfloat16 in hardware; otherwise float32 is faster."""
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


def _spec(model: str | ModelSpec, kind: Kind) -> ModelSpec:
    return of_kind(model if isinstance(model, ModelSpec) else find_spec(model), kind)


def _load(spec: ModelSpec, device: torch.device, dtype: str | torch.dtype) -> tuple[Any, Any]:
    """Load the model, frozen and in evaluation mode on its device, and its processor."""
    chosen = choose_dtype(spec, device, dtype)
    if isinstance(spec.checkpoint, Path) and not (spec.checkpoint / "config.json").is_file():
        raise ModelUnavailableError(_missing_folder(spec))
    try:
        return _read(spec, device, chosen, local_files_only=True)
    except (OSError, ValueError, SafetensorError) as error:
        if isinstance(spec.checkpoint, Path):
            raise ModelError(f"{spec.name} in {spec.checkpoint} cannot be read: {error}") from error
    try:
        # Asked first, because transformers tries every file for minutes where there is no network.
        model_info(spec.checkpoint, revision=spec.revision, timeout=10)
    except Exception as error:  # the HTTP library under huggingface_hub has errors of its own
        raise ModelUnavailableError(_not_downloaded(spec, error)) from error
    try:
        return _read(spec, device, chosen, local_files_only=False)
    except OSError as error:
        raise ModelUnavailableError(_not_downloaded(spec, error)) from error


def _read(
    spec: ModelSpec, device: torch.device, dtype: torch.dtype, *, local_files_only: bool
) -> tuple[Any, Any]:
    """Read what transformers finds in a folder, the cache or the Hub; OSError where files lack."""
    model_class, processor_class = _CLASSES[spec.kind, spec.family]
    source: dict[str, Any] = {"pretrained_model_name_or_path": str(spec.checkpoint)}
    if isinstance(spec.checkpoint, str):
        source |= {"revision": spec.revision, "local_files_only": local_files_only}
    processor = processor_class.from_pretrained(**source)
    # Pillow's, also where torchvision is installed: that one resizes differently.
    processor.image_processor = BlipImageProcessorPil.from_pretrained(**source)
    # Straight to the GPU, so that the largest models need no room beside it.
    placement = {"device_map": {"": device}} if device.type == "cuda" else {}
    model, found = model_class.from_pretrained(
        **source, dtype=dtype, output_loading_info=True, **placement
    )
    missing = sorted(found["missing_keys"])
    if missing:
        raise ModelError(f"{spec.name} lacks weights, such as {missing[0]}: they would be random.")
    return model.to(device).eval().requires_grad_(False), processor


def _missing_folder(spec: ModelSpec) -> str:
    if spec.is_embedded:
        return (
            f"The embedded checkpoint {spec.name} is not in {spec.checkpoint}. It comes with the "
            "repository: clone it again, or make it with `make pretrain`."
        )
    return f"There is no checkpoint in {spec.checkpoint}: config.json is missing."


def _not_downloaded(spec: ModelSpec, error: Exception) -> str:
    offline = isinstance(error, OfflineModeIsEnabled)
    why = "HF_HUB_OFFLINE forbids downloads" if offline else f"the download failed ({error})"
    return (
        f"{spec.name} is not on this machine, and {why}. With a network, run "
        f"`hf download {spec.checkpoint} --revision {spec.revision}` once "
        f"(about {spec.gigabytes * 2:.0f} GB), or choose an embedded model: "
        f"{', '.join(name for name, other in SPECS.items() if other.is_embedded)}."
    )
