"""Conversion of LAVIS checkpoints (`.pth`) to transformers' folders and back.

LAVIS is the code that the BLIP-2 and InstructBLIP weights were made with. Its files hold a dict
with the weights under `"model"`. Frozen weights may be missing there, so a folder of the same
architecture is needed to fill them in; it also gives configuration, tokenizer and image processor.

A stage-1 folder is one of `Blip2ForImageTextRetrieval` with `stage1.safetensors` beside it for
the temperature and the head that writes text, which transformers has no place for.
"""

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoProcessor,
    Blip2ForConditionalGeneration,
    Blip2ForImageTextRetrieval,
    InstructBlipForConditionalGeneration,
)

from blip2core.errors import CheckpointError
from blip2core.models.qformer import is_stage1_only
from blip2core.models.stage1_files import FILE, read_stage1_state, write_stage1_state

Language = Literal["opt", "t5", "llm"]

_VISION = (
    ("visual_encoder.cls_token", "vision_model.embeddings.class_embedding"),
    ("visual_encoder.pos_embed", "vision_model.embeddings.position_embedding"),
    ("visual_encoder.patch_embed.proj.", "vision_model.embeddings.patch_embedding."),
    ("visual_encoder.blocks.#.norm1.", "vision_model.encoder.layers.#.layer_norm1."),
    ("visual_encoder.blocks.#.norm2.", "vision_model.encoder.layers.#.layer_norm2."),
    ("visual_encoder.blocks.#.attn.proj.", "vision_model.encoder.layers.#.self_attn.projection."),
    ("visual_encoder.blocks.#.attn.qkv.", "vision_model.encoder.layers.#.self_attn.qkv."),
    ("visual_encoder.blocks.#.mlp.", "vision_model.encoder.layers.#.mlp."),
    ("ln_vision.", "vision_model.post_layernorm."),
)
_LAYERS = (
    ("query_tokens", "query_tokens"),
    (
        "Qformer.bert.encoder.layer.#.attention.self.",
        "qformer.encoder.layer.#.attention.attention.",
    ),
    (
        "Qformer.bert.encoder.layer.#.crossattention.self.",
        "qformer.encoder.layer.#.crossattention.attention.",
    ),
    ("Qformer.bert.encoder.layer.#.", "qformer.encoder.layer.#."),
)
_EMBEDDINGS = (
    ("Qformer.bert.embeddings.LayerNorm.", "qformer.layernorm."),
    ("Qformer.bert.embeddings.word_embeddings.", "embeddings.word_embeddings."),
    ("Qformer.bert.embeddings.position_embeddings.", "embeddings.position_embeddings."),
)
_INSTRUCT_EMBEDDINGS = (
    ("Qformer.bert.embeddings.LayerNorm.", "qformer.embeddings.layernorm."),
    ("Qformer.bert.embeddings.", "qformer.embeddings."),
)
_HEADS = (
    ("vision_proj.", "vision_projection."),
    ("text_proj.", "text_projection."),
    ("itm_head.", "itm_head."),
    ("temp", "temperature"),
    ("Qformer.cls.predictions.transform.", "itg_transform."),
    # LAVIS enlarges its vocabulary by [DEC], which leaves `predictions.bias` behind, short and
    # unused; this is the bias that its forward pass adds
    ("Qformer.cls.predictions.decoder.bias", "itg_bias"),
)
_TIED = "Qformer.cls.predictions.decoder.weight"
_WORDS = "Qformer.bert.embeddings.word_embeddings.weight"
_POSITIONS = "Qformer.bert.embeddings.position_embeddings.weight"
_POSITION_IDS = "Qformer.bert.embeddings.position_ids"
_SHORT_BIAS = "Qformer.cls.predictions.bias"
_FROZEN = ("visual_encoder.", *(f"{language}_model." for language in get_args(Language)))
_SPLIT_BIAS = re.compile(r"(visual_encoder\.blocks\.\d+\.attn\.)(q_bias|v_bias)$")
_JOINED_BIAS = re.compile(r"(visual_encoder\.blocks\.\d+\.attn\.)qkv\.bias$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Which of the LAVIS models a file is of."""

    language: Language | None
    """Prefix of the language model's names; None for stage 1."""
    instruct: bool = False
    """InstructBLIP: the Q-Former reads the instruction, with embeddings of its own."""

    @property
    def model_class(self) -> Any:
        """The transformers class of the same architecture."""
        if self.language is None:
            return Blip2ForImageTextRetrieval
        return (
            InstructBlipForConditionalGeneration if self.instruct else Blip2ForConditionalGeneration
        )

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """(theirs, ours), beginnings of names; `#` is a number, and the first that fits counts."""
        names = _VISION + _LAYERS + (_INSTRUCT_EMBEDDINGS if self.instruct else _EMBEDDINGS)
        if self.language is None:
            return names + _HEADS
        return (
            *names,
            (f"{self.language}_proj.", "language_projection."),
            (f"{self.language}_model.", "language_model."),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedWeights:
    """The weights of an import, by where they came from."""

    taken: tuple[str, ...]
    """Our names of the weights that came from the LAVIS file."""
    kept: tuple[str, ...]
    """Our names of the weights that the file lacks, usually frozen ones, left as in the base."""


def import_lavis(path: Path, base: Path | str, out: Path) -> ImportedWeights:
    """Write the weights of a LAVIS file as a folder that `from_pretrained` loads.

    Args:
        path: The `.pth` file; only weights are read from it, no code is run.
        base: Folder or Hub name of a model of the same architecture.
        out: The folder to write.

    Raises:
        CheckpointError: The file is unreadable, or does not fit the base.
    """
    theirs = read_lavis(path)
    layout = layout_of_lavis(theirs)
    ours = from_lavis(theirs, layout)
    beside = {name: ours.pop(name) for name in list(ours) if is_stage1_only(name)}
    # in fp32, so that nothing is rounded where the base is stored in a smaller type
    model = layout.model_class.from_pretrained(base, dtype=torch.float32)
    try:
        missing, unknown = model.load_state_dict(ours, strict=False)
    except RuntimeError as error:
        raise CheckpointError(f"{path} does not fit {base}: {error}") from error
    if unknown:
        raise CheckpointError(f"{path} does not fit {base}, which has no {unknown[0]}.")
    processor = AutoProcessor.from_pretrained(base)
    model.save_pretrained(out)
    processor.save_pretrained(out)
    if beside:
        decoder = processor.tokenizer.bos_token_id
        if decoder is None:  # LAVIS adds [DEC] as the last word
            decoder = model.config.qformer_config.vocab_size - 1
        write_stage1_state(out, beside, decoder_token_id=decoder)
    return ImportedWeights(taken=(*ours, *beside), kept=tuple(missing))


def export_lavis(folder: Path, path: Path, *, frozen: bool = True) -> None:
    """Write a folder as a LAVIS file.

    `frozen=False` leaves out image encoder and language model, as LAVIS itself does.
    """
    config = AutoConfig.from_pretrained(folder)
    if config.architectures is None:
        raise CheckpointError(f"{folder} does not say which architecture it is of.")
    layout = layout_of_config(config)
    ours = dict(layout.model_class.from_pretrained(folder).state_dict())
    if layout.language is None and (folder / FILE).is_file():
        ours |= read_stage1_state(folder)[0]
    theirs = to_lavis(ours, layout)
    if not frozen:
        theirs = {name: value for name, value in theirs.items() if not name.startswith(_FROZEN)}
    torch.save({"model": theirs}, path)


def read_lavis(path: Path) -> dict[str, Tensor]:
    """Read the weights of a LAVIS file, by their names there.

    Raises CheckpointError for any other file.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(
            f"{path} is no checkpoint that holds weights only, so it is not opened."
        ) from error
    weights = content.get("model") if isinstance(content, dict) else None
    if not isinstance(weights, Mapping):
        raise CheckpointError(f"{path} has no weights under 'model': it is not of LAVIS.")
    return {str(name): value for name, value in weights.items() if isinstance(value, Tensor)}


def layout_of_lavis(theirs: Mapping[str, Tensor]) -> Layout:
    """Return which model the names belong to. Raises CheckpointError where they belong to none."""
    for language in get_args(Language):
        if f"{language}_proj.weight" in theirs:
            return Layout(language=language, instruct=_WORDS in theirs)
    if "itm_head.weight" in theirs:
        return Layout(language=None)
    raise CheckpointError("The weights are of neither stage 1 nor stage 2 of BLIP-2.")


def layout_of_config(config: Any) -> Layout:
    """Return which LAVIS model a transformers config belongs to.

    Raises CheckpointError for any other.
    """
    architecture = (config.architectures or ["unknown"])[0]
    if architecture == Blip2ForImageTextRetrieval.__name__:
        return Layout(language=None)
    instruct = architecture == InstructBlipForConditionalGeneration.__name__
    if not instruct and architecture != Blip2ForConditionalGeneration.__name__:
        raise CheckpointError(f"LAVIS has no model like {architecture}.")
    language = config.text_config.model_type
    known: dict[str, Language] = {"opt": "opt", "t5": "t5"}
    return Layout(language=known.get(language, "llm"), instruct=instruct)


def from_lavis(theirs: Mapping[str, Tensor], layout: Layout) -> dict[str, Tensor]:
    """Rename LAVIS weights to transformers' names, for stage 1 also those of `Stage1QFormer`."""
    _check_tied(theirs)
    names = [(_as_pattern(their), our) for their, our in layout.names]
    ours = {}
    for name, value in _join_biases(theirs).items():
        if name not in (_TIED, _POSITION_IDS, _SHORT_BIAS):
            ours[_rename(name, names)] = value
    return ours


def to_lavis(ours: Mapping[str, Tensor], layout: Layout) -> dict[str, Tensor]:
    """Reverse `from_lavis`, with the copies that LAVIS keeps of tied weights."""
    names = [(_as_pattern(our), their) for their, our in layout.names]
    theirs = _split_biases({_rename(name, names): value for name, value in ours.items()})
    if _WORDS in theirs:
        positions = theirs[_POSITIONS].shape[0]
        theirs[_POSITION_IDS] = torch.arange(positions).expand(1, -1).clone()
    if "Qformer.cls.predictions.decoder.bias" in theirs:
        theirs[_TIED] = theirs[_WORDS]
    return theirs


def _as_pattern(beginning: str) -> re.Pattern[str]:
    """Return a pattern: `a.#.b.` matches names that begin so; without a final dot,
    that name alone.
    """
    pattern = re.escape(beginning).replace(r"\#", r"(\d+)")
    return re.compile(pattern if beginning.endswith(".") else pattern + "$")


def _rename(name: str, names: list[tuple[re.Pattern[str], str]]) -> str:
    for pattern, replacement in names:
        if found := pattern.match(name):
            number = found.group(1) if pattern.groups else ""
            return replacement.replace("#", number) + name[found.end() :]
    raise CheckpointError(f"There is no place for {name} in the other format.")


def _join_biases(theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Join EVA's biases of query and value into one of query, key and value; the key has none."""
    joined = {}
    for name, value in theirs.items():
        found = _SPLIT_BIAS.match(name)
        if found is None:
            joined[name] = value
        elif found.group(2) == "q_bias":
            values = theirs[f"{found.group(1)}v_bias"]
            joined[f"{found.group(1)}qkv.bias"] = torch.cat(
                [value, torch.zeros_like(value), values]
            )
    return joined


def _split_biases(theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Reverse `_join_biases`.

    A bias of the key is dropped: it adds the same to all scores of a query, so no output changes.
    """
    split = {}
    for name, value in theirs.items():
        if found := _JOINED_BIAS.match(name):
            split[f"{found.group(1)}q_bias"], _, split[f"{found.group(1)}v_bias"] = (
                part.clone() for part in value.chunk(3)
            )
        else:
            split[name] = value
    return split


def _check_tied(theirs: Mapping[str, Tensor]) -> None:
    if _TIED in theirs and not torch.equal(theirs[_TIED], theirs[_WORDS]):
        raise CheckpointError(
            "The output weights of the ITG head differ from the word embeddings; "
            "ours are one and the same."
        )
