"""Model cards of the embedded checkpoints: what each is, how it was made, what was measured."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from blip2core.evaluation.gallery import Figures, draw_scenes
from blip2core.evaluation.report import look_up, table
from blip2core.evaluation.suite import GENERATOR_TASKS, MATCHER_TASKS, measure
from blip2core.models import ModelSpec, find_spec, load_generator, load_matcher

SEED = 1
"""The evaluation seed of the cards; nothing was chosen by it."""

WHAT: dict[str, str] = {
    "stickers-opt": "A small BLIP-2 with an OPT-like language model: captions, answers, dialogues.",
    "stickers-t5": "A small BLIP-2 with a T5-like language model: captions, answers, dialogues.",
    "stickers-itm": "The stage-1 Q-Former of a small BLIP-2: how well a text fits an image.",
}
_MODEL_CLASSES: dict[str, str] = {
    "stickers-opt": "Blip2ForConditionalGeneration",
    "stickers-t5": "Blip2ForConditionalGeneration",
    "stickers-itm": "Blip2ForImageTextRetrieval",
}

CARD = """---
license: bsd-3-clause
library_name: transformers
pipeline_tag: image-text-to-text
tags: [blip-2]
---

# {name}

{what} {parameters:.1f} million parameters.

**What it knows.** {knows} It has never seen a photograph: shown one, it will name stickers.

```python
from transformers import {kind}

model = {kind}.from_pretrained("data/checkpoints/{name}")
```

## How it was made

From nothing, by `make pretrain`: an image encoder (ViT, 6 layers, 192 wide) learned to read crowded
sticker scenes, a language model learned from text alone, and the Q-Former (4 layers, 192 wide, 16
query tokens) learned in BLIP-2's two stages: contrast, matching and text generation first, then
language modelling through the language model. Encoder and language model were frozen in both.
Between the stages the Q-Former was led to describe its cells
(`blip2core/training/stage2_initialisation.py`).
All scenes and texts are drawn from seeds; training, validation and test seeds do not meet.

These weights were made by the parts of that recipe on two CPU cores in several sittings, with
restarts of the learning rate, not in one uninterrupted run; `docs/LOG.md` tells the steps of each.

A tenth of the (noun, colour) and (noun, place) combinations is held out: no model was trained on a
scene with one of them. Only the tokenizers have met them, as text, so that they know every word.

## What was measured

{scenes} test scenes, greedy decoding; a figure below its floor is bold. The command is
`blip2 evaluate --model {name} --task all --seed {seed} --scenes {scenes}`, with `--heldout` for the
held-out combinations.

{table}{limits}{ablation}"""
LIMITS: dict[str, str] = {
    "stickers-itm": """
## What it does not tell

It learned from whole captions, and takes what a text leaves out for a mismatch. Share of true
texts kept at an ITM of 0.5, by how many of the groups in the image they name; the command is
`blip2 evaluate --task capfilt --seed 1 --scenes 800`.

| | of 1 | of 2 | of 3 | of 4 |
|---|---|---|---|---|
| all are named | .989 | .909 | .900 | .750 |
| one is named | .989 | .739 | .494 | .375 |
""",
}
"""Name -> what stands below the figures; `docs/capfilt.md` has more of it."""

FROM_STAGE1, WITHOUT_STAGE1 = "from stage 1", "without it"
ABLATION = """
## Does stage 1 help?

Two shorter runs of plain stage 2 (its language-modelling loss only, from a random projection), in
as many steps: one from the Q-Former of stage 1, one from a random Q-Former. {scenes} test scenes.

{table}"""
ABLATION_SCENES = 300
COMPARED = (
    "captions.noun_f1",
    "captions.group_f1",
    "captions.place_right",
    "vqa.accuracy",
    "vqa.worst_kind",
    "dialogue.turns_2_to_4",
)
"""Figures of `evaluate` that the ablation reports."""


def write_card(folder: Path, name: str, *, scenes: int, ablation: Path | None = None) -> None:
    """Measure the model `name` on `scenes` ordinary and as many held-out scenes; write its card.

    Args:
        folder: The checkpoint; its README.md is written.
        name: One of `WHAT`.
        scenes: Test scenes of each kind.
        ablation: Folder of the runs FROM_STAGE1 and WITHOUT_STAGE1, to be measured as well.
    """
    spec = find_spec(name)
    compared = ""
    if ablation is not None:
        compared = ABLATION.format(scenes=ABLATION_SCENES, table=_compared(spec, ablation))
    card = CARD.format(
        name=name,
        what=WHAT[name],
        parameters=spec.parameters / 1e6,
        knows=spec.knows,
        kind=_MODEL_CLASSES[name],
        seed=SEED,
        scenes=scenes,
        table=_measured(spec, scenes),
        limits=LIMITS.get(name, ""),
        ablation=compared,
    )
    (folder / "README.md").write_text(card, "utf-8")


def _measured(spec: ModelSpec, scenes: int) -> str:
    ordinary, held_out = (_figures(spec, scenes, held_out=held_out) for held_out in (False, True))
    return table(ordinary, held_out)


def _compared(spec: ModelSpec, runs: Path) -> str:
    names = (FROM_STAGE1, WITHOUT_STAGE1)
    found = [
        _figures(replace(spec, name=name, checkpoint=runs / name / "model"), ABLATION_SCENES)
        for name in names
    ]
    lines = [f"| figure | {' | '.join(names)} |", "|---|---|---|"]
    for path in COMPARED:
        values = " | ".join(f"{look_up(figures, path):.3f}" for figures in found)
        lines.append(f"| {path} | {values} |")
    return "\n".join(lines) + "\n"


def _figures(spec: ModelSpec, scenes: int, *, held_out: bool = False) -> Figures:
    drawn = draw_scenes(SEED, scenes, held_out=held_out)
    tasks: Sequence[str] = tuple(MATCHER_TASKS if spec.kind == "matcher" else GENERATOR_TASKS)
    if spec.kind == "matcher":
        return measure(drawn, tasks, matcher=load_matcher(spec))
    return measure(drawn, tasks, generator=load_generator(spec))
