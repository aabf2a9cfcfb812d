"""The models this project knows by name, with the prompts they were trained on."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from blip2core.arguments import check_kind
from blip2core.bundled import CHECKPOINTS
from blip2core.errors import ModelError, UnknownModelError
from blip2core.models import suggestions
from blip2core.models.suggestions import Suggestions
from blip2core.records import HistoryPolicy

Kind = Literal["generator", "matcher"]
Family = Literal["blip2", "instructblip", "blip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTemplate:
    """The prompts that a model was trained with."""

    question: str = "Question: {question} Answer:"
    """One question; `{question}` stands for it."""
    separator: str = ". "
    """Between an answer and the next question."""
    caption: str = ""
    """Prompt that asks for a caption."""


HISTORY = HistoryPolicy(tokens=256)
"""For models whose talks nobody measured here: about ten turns. None of them was trained on talks,
and a longer prompt is slower, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One checkpoint and what there is to know about it."""

    name: str
    checkpoint: str | Path
    """Hub id, or a folder in the layout of transformers."""
    kind: Kind
    family: Family
    language: str
    """Kind of language model inside, as transformers names it: opt, t5, llama, bert."""
    parameters: int
    """Weights in all, rounded; 0 where not known before loading."""
    image_size: int
    """Pixels along each side of the encoder's input."""
    knows: str
    """One sentence: what the model was trained on, so what it can answer about."""
    suggestions: tuple[Suggestions, ...] = ()
    """What it can be asked to begin with, of kinds that it was trained for."""
    few_questions: bool = False
    """Whether it was taught questions of few patterns alone, see `blip2core.stickers.taught`."""
    licence: str
    revision: str = "main"
    """Branch, tag or commit on the Hub."""
    dtype: Literal["auto", "float32"] = "auto"
    """auto: bfloat16 where the device is fast at it, else what the family can stand."""
    template: PromptTemplate = PromptTemplate()
    history: HistoryPolicy = HISTORY
    """Which earlier turns a question is sent with, unless somebody chooses others."""
    end: str = ""
    """Text whose last token ends an answer, besides the end tokens the checkpoint names."""
    text_limit: int | None = None
    """Tokens of a text a matcher reads, start and end included; None: all its positions."""

    @property
    def is_embedded(self) -> bool:
        """Whether it comes with this project."""
        return isinstance(self.checkpoint, Path) and self.checkpoint.parent == CHECKPOINTS

    @property
    def gigabytes(self) -> float:
        """Memory of the weights in bfloat16, in units of 10^9 bytes."""
        return self.parameters * 2 / 1e9


STICKERS = "Images of the sticker world only: emoji animals, things and fruit on painted places."
PHOTOS = "Photographs and web images (COCO, Visual Genome, web image-text pairs), in English."
MIT = "MIT by its model card; the language model inside has terms of its own: see model card."
OPT = "MIT by its model card; OPT's own terms allow research only: see model card."
VICUNA = "Non-commercial (Vicuna weights and training data): see model card."
BSD = "BSD-3-Clause by its model card: see model card."

NEWLINES = PromptTemplate(separator="\n")
SHORT = PromptTemplate(question="Question: {question} Short answer:")
INSTRUCTION = PromptTemplate(
    question="{question}", separator="\n", caption="Write a short description for the image."
)


def _embedded(
    name: str, kind: Kind, language: str, parameters: int, *, turns: int = 0, end: str = ""
) -> ModelSpec:
    return ModelSpec(
        name=name,
        checkpoint=CHECKPOINTS / name,
        kind=kind,
        family="blip2",
        language=language,
        parameters=parameters,
        image_size=112,
        knows=STICKERS,
        suggestions=suggestions.STICKERS if kind == "generator" else (),
        few_questions=kind == "generator",
        licence="The licence of this project.",
        dtype="float32",
        template=NEWLINES,
        history=HistoryPolicy(turns=turns),
        end=end,
    )


def _opt(name: str, parameters: int, *, coco: bool = False) -> ModelSpec:
    return ModelSpec(
        name=name,
        checkpoint=f"Salesforce/{name}",
        kind="generator",
        family="blip2",
        language="opt",
        parameters=parameters,
        image_size=364 if coco else 224,
        knows=f"{PHOTOS} Finetuned to caption in the style of COCO." if coco else PHOTOS,
        suggestions=suggestions.BLIP2,
        licence=OPT,
        template=PromptTemplate(caption="a photo of" if coco else ""),
        end="\n",
    )


def _t5(name: str, parameters: int, *, coco: bool = False) -> ModelSpec:
    return ModelSpec(
        name=name,
        checkpoint=f"Salesforce/{name}",
        kind="generator",
        family="blip2",
        language="t5",
        parameters=parameters,
        image_size=364 if coco else 224,
        knows=f"{PHOTOS} Finetuned to caption in the style of COCO." if coco else PHOTOS,
        suggestions=suggestions.BLIP2,
        licence=MIT,
        template=PromptTemplate(question=SHORT.question, caption="a photo of" if coco else ""),
    )


def _instructblip(name: str, language: str, parameters: int, licence: str) -> ModelSpec:
    return ModelSpec(
        name=name,
        checkpoint=f"Salesforce/{name}",
        kind="generator",
        family="instructblip",
        language=language,
        parameters=parameters,
        image_size=224,
        knows=f"{PHOTOS} Follows instructions (13 public vision-language sets).",
        suggestions=suggestions.INSTRUCTBLIP,
        licence=licence,
        template=INSTRUCTION,
        # Its Q-Former reads 128 tokens of the prompt, too, and loses the beginning of more.
        history=HistoryPolicy(tokens=96),
    )


def _matcher(name: str, family: Family, parameters: int, *, size: int, limit: int) -> ModelSpec:
    return ModelSpec(
        name=name,
        checkpoint=f"Salesforce/{name}",
        kind="matcher",
        family=family,
        language="bert",
        parameters=parameters,
        image_size=size,
        knows=PHOTOS,
        licence=MIT if family == "blip2" else BSD,
        text_limit=limit,
    )


def _blip(name: str, parameters: int) -> ModelSpec:
    return ModelSpec(
        name=name,
        checkpoint=f"Salesforce/{name}",
        kind="generator",
        family="blip",
        language="bert",
        parameters=parameters,
        image_size=384,
        knows=f"{PHOTOS} Writes captions; was not trained to answer questions.",
        suggestions=suggestions.BLIP,
        licence=BSD,
        template=PromptTemplate(question="{question}", caption="a picture of"),
    )


def _table(specs: Iterable[ModelSpec]) -> dict[str, ModelSpec]:
    return {spec.name: spec for spec in specs}


# Parameters: counted on the meta device from each model's configuration.
SPECS: dict[str, ModelSpec] = _table(
    [
        _embedded("stickers-opt", "generator", "opt", 7_430_000, turns=3, end="\n"),
        _embedded("stickers-t5", "generator", "t5", 8_690_000, turns=1),
        _embedded("stickers-itm", "matcher", "bert", 5_480_000),
        _opt("blip2-opt-2.7b", 3_740_000_000),
        _opt("blip2-opt-6.7b", 7_750_000_000),
        _opt("blip2-opt-2.7b-coco", 3_750_000_000, coco=True),
        _opt("blip2-opt-6.7b-coco", 7_750_000_000, coco=True),
        _t5("blip2-flan-t5-xl", 3_940_000_000),
        _t5("blip2-flan-t5-xl-coco", 3_940_000_000, coco=True),
        _t5("blip2-flan-t5-xxl", 12_230_000_000),
        _instructblip("instructblip-flan-t5-xl", "t5", 4_020_000_000, MIT),
        _instructblip("instructblip-flan-t5-xxl", "t5", 12_310_000_000, MIT),
        _instructblip("instructblip-vicuna-7b", "llama", 7_910_000_000, VICUNA),
        _instructblip("instructblip-vicuna-13b", "llama", 14_190_000_000, VICUNA),
        _matcher("blip2-itm-vit-g", "blip2", 1_170_000_000, size=224, limit=32),
        _matcher("blip2-itm-vit-g-coco", "blip2", 1_170_000_000, size=364, limit=32),
        _blip("blip-image-captioning-base", 224_000_000),
        _blip("blip-image-captioning-large", 446_000_000),
        _matcher("blip-itm-base-coco", "blip", 224_000_000, size=384, limit=35),
        _matcher("blip-itm-large-coco", "blip", 446_000_000, size=384, limit=35),
    ]
)
"""Name -> spec: the embedded checkpoints, BLIP-2, InstructBLIP, and BLIP as an alternative."""

_OF_FAMILY: dict[Family, tuple[Suggestions, ...]] = {
    "blip2": suggestions.BLIP2,
    "instructblip": suggestions.INSTRUCTBLIP,
    "blip": suggestions.BLIP,
}
ARCHITECTURES: dict[str, tuple[Kind, Family]] = {
    "Blip2ForConditionalGeneration": ("generator", "blip2"),
    "InstructBlipForConditionalGeneration": ("generator", "instructblip"),
    "BlipForConditionalGeneration": ("generator", "blip"),
    "Blip2ForImageTextRetrieval": ("matcher", "blip2"),
    "BlipForImageTextRetrieval": ("matcher", "blip"),
}
"""transformers' class -> what it is here."""


def find_spec(name: str) -> ModelSpec:
    """Return the spec of a name, of a Hub id in the table, or of a folder in transformers' layout.

    UnknownModelError lists the names there are; ModelError tells what is wrong with a folder.
    """
    expected = "A model is given by its name, its Hub id or its folder"
    check_kind(name, (str, Path), expected, UnknownModelError)
    if name in SPECS:
        return SPECS[name]
    for spec in SPECS.values():
        if spec.checkpoint == name:
            return spec
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder_spec(folder)
    raise UnknownModelError(
        f"There is no model '{name}'. Give the path of a checkpoint folder, or one of: "
        f"{', '.join(SPECS)}."
    )


def matcher_name(spec: ModelSpec) -> str:
    """Return the name of the matcher that goes with a generator.

    It was trained on the same kind of images, and has the same encoder where there is such a one.
    """
    if spec.is_embedded:
        return "stickers-itm"
    if spec.family == "blip":
        return "blip-itm-base-coco"
    return "blip2-itm-vit-g-coco" if spec.image_size == 364 else "blip2-itm-vit-g"


def of_kind(spec: ModelSpec, kind: Kind) -> ModelSpec:
    """Return `spec`, once it is known to be of this kind.

    Raises ModelError, with the names of others, where its kind is another one.
    """
    if spec.kind != kind:
        fitting = ", ".join(name for name, other in SPECS.items() if other.kind == kind)
        raise ModelError(f"{spec.name} is a {spec.kind}, not a {kind}. {kind}s are: {fitting}.")
    return spec


def folder_spec(folder: Path) -> ModelSpec:
    """Return the spec of a checkpoint on disk, as far as its config.json says."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} holds no readable config.json: not a checkpoint.") from error
    architecture = (config.get("architectures") or ["no architecture"])[0]
    if architecture not in ARCHITECTURES:
        raise ModelError(
            f"{folder} holds {architecture}; supported are {', '.join(ARCHITECTURES)}."
        )
    kind, family = ARCHITECTURES[architecture]
    return ModelSpec(
        name=folder.resolve().name,
        checkpoint=folder,
        kind=kind,
        family=family,
        language="bert" if kind == "matcher" else _language(config),
        parameters=0,
        image_size=config.get("vision_config", {}).get("image_size", 224),
        knows="What it was trained on is not recorded here: see its model card.",
        suggestions=_OF_FAMILY[family] if kind == "generator" else (),
        licence="See its model card.",
        template=INSTRUCTION if family == "instructblip" else PromptTemplate(),
    )


def _language(config: dict[str, Any]) -> str:
    model_type: str = config.get("text_config", {}).get("model_type", "opt")
    return "bert" if model_type == "blip_text_model" else model_type
