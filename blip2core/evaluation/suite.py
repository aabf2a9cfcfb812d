"""`evaluate`: the figures of a model on one task, or on all it can do."""

from collections.abc import Callable, Sequence

from blip2core.errors import ConfigError, ModelError
from blip2core.evaluation.answers import measure_answers
from blip2core.evaluation.capfilt import measure_capfilt
from blip2core.evaluation.captions import measure_captions
from blip2core.evaluation.dialogue import measure_dialogue
from blip2core.evaluation.faithfulness import measure_faithfulness
from blip2core.evaluation.gallery import Figures, Gallery, build_gallery, draw_scenes
from blip2core.evaluation.map_verdicts import measure_verdicts
from blip2core.evaluation.matching import measure_matching
from blip2core.evaluation.pointing_game import measure_pointing
from blip2core.evaluation.questions import measure_questions
from blip2core.evaluation.retrieval import measure_retrieval
from blip2core.evaluation.vqa import measure_vqa
from blip2core.evaluation.web_gallery import build_web_gallery, draw_web_scenes
from blip2core.models import (
    Generator,
    Matcher,
    ModelSpec,
    find_spec,
    load_generator,
    load_matcher,
)
from blip2core.stickers.scene import Scene

GENERATOR_TASKS: dict[str, Callable[[Generator, Gallery], Figures]] = {
    "captions": measure_captions,
    "vqa": measure_vqa,
    "dialogue": measure_dialogue,
}
"""Tasks of a generator."""
MATCHER_TASKS: dict[str, Callable[[Matcher, Gallery], Figures]] = {
    "itm": measure_matching,
    "retrieval": measure_retrieval,
}
"""Tasks of a matcher."""
TASKS: tuple[str, ...] = (*GENERATOR_TASKS, *MATCHER_TASKS)
MATCHER_MAP_TASKS: dict[str, Callable[[Matcher, Gallery], Figures]] = {
    "pointing": measure_pointing,
    "faithfulness": measure_faithfulness,
    "verdicts": measure_verdicts,
}
"""Tasks that measure explanation methods of a matcher, not the model: done where named, not in
"all"."""
GENERATOR_MAP_TASKS: dict[str, Callable[[Generator, Gallery], Figures]] = {
    "answers": measure_answers
}
"""Tasks that measure explanation methods of a generator."""
CAPFILT = "capfilt"
"""Takes a generator, a matcher and images of its own, and minutes: not a part of "all"."""
QUESTIONS = "questions"
"""Is about the questions of the embedded generators, and runs no model."""

EMBEDDED_MATCHER = "stickers-itm"
"""The matcher for the embedded generators, whose image encoder it shares."""


def evaluate(
    model: str | ModelSpec, task: str, seed: int, scenes: int, heldout: bool = False
) -> dict[str, Figures]:
    """Return the figures of one task, or of "all" of `TASKS` that the model can do, by task.

    An embedded generator and the embedded matcher count as one model: both are measured under the
    generator's name.

    Args:
        model: Name, Hub id or folder; or a spec, which also says how the model is spoken to.
        task: One of `TASKS`, `MATCHER_MAP_TASKS` or `GENERATOR_MAP_TASKS`, "capfilt",
            "questions", or "all".
        seed: Chooses the scenes, see `draw_scenes`.
        scenes: Their number.
        heldout: Scenes that have a combination which training never showed.
    """
    spec = model if isinstance(model, ModelSpec) else find_spec(model)
    if task == CAPFILT:
        return {CAPFILT: _measure_capfilt(spec, draw_web_scenes(seed, scenes, held_out=heldout))}
    if task == QUESTIONS:
        return {QUESTIONS: measure_questions(seed, scenes)}
    tasks = _tasks(spec, task)
    drawn = draw_scenes(seed, scenes, held_out=heldout)
    generator = (
        load_generator(spec) if set(tasks) & {*GENERATOR_TASKS, *GENERATOR_MAP_TASKS} else None
    )
    matcher = None
    if set(tasks) & {*MATCHER_TASKS, *MATCHER_MAP_TASKS}:
        scorer = spec if spec.kind == "matcher" else find_spec(EMBEDDED_MATCHER)
        matcher = load_matcher(scorer, share_with=generator)
    return measure(drawn, tasks, generator, matcher)


def measure(
    scenes: Sequence[Scene],
    tasks: Sequence[str],
    generator: Generator | None = None,
    matcher: Matcher | None = None,
) -> dict[str, Figures]:
    """Return figures by task, for loaded models.

    The images are encoded once where both models have the same image encoder. Tasks without a model
    for them are left out.
    """
    figures: dict[str, Figures] = {}
    gallery = None
    if generator is not None:
        gallery = build_gallery(generator, scenes)
        writing = GENERATOR_TASKS | GENERATOR_MAP_TASKS
        figures |= {task: writing[task](generator, gallery) for task in tasks if task in writing}
    if matcher is not None:
        if gallery is None or gallery.features.encoder != matcher.vision.fingerprint:
            gallery = build_gallery(matcher, scenes)
        scoring = MATCHER_TASKS | MATCHER_MAP_TASKS
        figures |= {task: scoring[task](matcher, gallery) for task in tasks if task in scoring}
    return figures


def _measure_capfilt(spec: ModelSpec, scenes: Sequence[Scene]) -> Figures:
    """Measure captioner and embedded matcher on noisy web images, encoded once for both."""
    generator = load_generator(spec)
    matcher = load_matcher(EMBEDDED_MATCHER, share_with=generator)
    if not matcher.sharing.shared:
        raise ModelError(f"{spec.name} and {EMBEDDED_MATCHER} need one image encoder.")
    return measure_capfilt(generator, matcher, build_web_gallery(generator, scenes))


def _tasks(spec: ModelSpec, task: str) -> tuple[str, ...]:
    """Return the tasks to do.

    ConfigError for an unknown one, ModelError for one the model cannot do.
    """
    possible = tuple(GENERATOR_TASKS if spec.kind == "generator" else MATCHER_TASKS)
    if spec.kind == "generator" and spec.is_embedded:
        possible = TASKS
    if task == "all":
        return possible
    known = (*TASKS, *MATCHER_MAP_TASKS, *GENERATOR_MAP_TASKS)
    if task not in known:
        raise ConfigError(
            f"task ({task}) must be one of {', '.join(known)}, {CAPFILT}, {QUESTIONS}, all"
        )
    map_tasks = set(GENERATOR_MAP_TASKS if spec.kind == "generator" else MATCHER_MAP_TASKS)
    if spec.is_embedded and spec.kind == "generator":
        map_tasks |= set(MATCHER_MAP_TASKS)
    if task not in possible and task not in map_tasks:
        raise ModelError(
            f"{spec.name} is a {spec.kind}: it can do {', '.join(possible)}, not {task}."
        )
    return (task,)
