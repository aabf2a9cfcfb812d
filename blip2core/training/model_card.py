"""Model cards of the embedded checkpoints: what each is, how it was made, what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from blip2core.doubt import find_calibration
from blip2core.evaluation.dialogue import TALKS
from blip2core.evaluation.gallery import Figures, draw_scenes
from blip2core.evaluation.partial_texts import measure_partial_texts
from blip2core.evaluation.report import look_up, look_up_all, table, turns_table
from blip2core.evaluation.suite import EMBEDDED_MATCHER, GENERATOR_TASKS, MATCHER_TASKS, measure
from blip2core.evaluation.web_gallery import build_web_gallery, draw_web_scenes
from blip2core.models import ModelSpec, find_spec, load_generator, load_matcher
from blip2core.texts import count_of

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

{table}{turns}{doubt}{limits}{ablation}"""
TURNS = """
## Talks of thirty turns

Accuracy of each turn of talks about one image, over {talks} test scenes. Each question is sent with
the model's own earlier answers, right or wrong: those of the latest {history}, its own policy.

{table}"""
DOUBT = """
## What it does not know

It describes any image with confidence. Whether it knows such images shows in how well its own
captions fit (`blip2core/doubt.py`; the mean cosine of three sampled captions by {matcher}): below
{threshold:.3f} the image is in doubt, which {doubted:.1%} of known scenes are (of
the half of {known} that it was not chosen by). That is a doubt, not a verdict; of scenes with a
combination that training never showed, more are doubted.

| images it never saw | number | area under ROC | doubted |
|---|---|---|---|
{rows}
"""
PARTIAL = """
## What it does not tell

It learned from whole captions, and takes what a text leaves out for a mismatch. Share of true
texts kept at an ITM of 0.5, by how many of the groups in the image they name; the command is
`blip2 evaluate --task capfilt --seed {seed} --scenes {scenes}`.

| | of 1 | of 2 | of 3 | of 4 |
|---|---|---|---|---|
| all are named | {whole} |
| one is named | {one} |
"""
PARTIAL_SCENES = 800
"""Most scenes for it: one in eleven has four groups."""

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
    figures = [_figures(spec, scenes, held_out=held_out) for held_out in (False, True)]
    card = CARD.format(
        name=name,
        what=WHAT[name],
        parameters=spec.parameters / 1e6,
        knows=spec.knows,
        kind=_MODEL_CLASSES[name],
        seed=SEED,
        scenes=scenes,
        table=table(*figures),
        turns=turns_section(spec, *figures),
        doubt=doubt_section(spec),
        limits=partial_section(scenes) if name == EMBEDDED_MATCHER else "",
        ablation=compared,
    )
    (folder / "README.md").write_text(card, "utf-8")


def turns_section(spec: ModelSpec, ordinary: Figures, held_out: Figures) -> str:
    """Return the part of a card about long talks; empty where none were measured."""
    measured = turns_table(ordinary, held_out)
    if not measured:
        return ""
    turns = count_of(spec.history.turns or 0, "turn")
    return TURNS.format(talks=TALKS, history=turns, table=measured)


def partial_section(scenes: int) -> str:
    """Return the part of the matcher's card about true texts that say less than there is to say."""
    scenes = min(scenes, PARTIAL_SCENES)
    captioner = load_generator("stickers-opt")
    matcher = load_matcher(EMBEDDED_MATCHER, share_with=captioner)
    web = build_web_gallery(captioner, draw_web_scenes(SEED, scenes))
    kept = look_up_all(measure_partial_texts(captioner, matcher, web), "kept")
    whole = _row_of_shares(kept, [f"{groups} of {groups}" for groups in range(1, 5)])
    one = _row_of_shares(kept, [f"1 of {groups}" for groups in range(1, 5)])
    return PARTIAL.format(seed=SEED, scenes=scenes, whole=whole, one=one)


def _row_of_shares(shares: Mapping[str, float], names: Sequence[str]) -> str:
    return " | ".join(f"{shares[name]:.3f}" if name in shares else "-" for name in names)


def doubt_section(spec: ModelSpec) -> str:
    """Return the part of a card about what a model does not know; empty without calibration."""
    calibration = find_calibration(spec)
    if calibration is None:
        return ""
    rows = [
        f"| {one.name} | {one.images} | {one.area:.3f} ({one.low:.3f} to {one.high:.3f}) | "
        f"{one.doubted:.3f} |"
        for one in calibration.strangers
    ]
    return DOUBT.format(
        matcher=calibration.matcher,
        threshold=calibration.threshold,
        doubted=calibration.doubted,
        known=calibration.known,
        rows="\n".join(rows),
    )


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
