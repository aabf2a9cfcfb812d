"""Single questions: accuracy for each kind, with the image and without it."""

import random
from collections.abc import Sequence
from dataclasses import replace

from blip2core.chat import prompt_for
from blip2core.evaluation.gallery import DECODE, Figures, Gallery, generate_texts, mean
from blip2core.models import Generator, ImageFeatures
from blip2core.records import Conversation
from blip2core.stickers.captions import parse
from blip2core.stickers.questions import KINDS, Question, ask, normal_answer
from blip2core.stickers.scene import Scene

Asked = list[tuple[int, Question]]
"""Index of a scene, and a question about it."""


def measure_vqa(generator: Generator, gallery: Gallery) -> Figures:
    """Return accuracy over `KINDS` in equal parts (the mean of their accuracies), of the worst
    kind, of each kind, and of "list", which is apart: right where the nouns are, in any order.

    `without_picture` has the same questions answered from the average of all images' features:
    what the questions alone give away.
    """
    asked = {kind: _questions(gallery.scenes, kind) for kind in (*KINDS, "list")}
    right = {
        kind: _accuracy(generator, gallery, gallery.features, questions)
        for kind, questions in asked.items()
        if questions
    }
    listed = right.pop("list")
    average = average_image(gallery.features)
    blind = {kind: _accuracy(generator, gallery, average, asked[kind]) for kind in right}
    return {
        "accuracy": mean(right.values()),
        "worst_kind": min(right.values()),
        "by_kind": right,
        "list": listed,
        "without_picture": {"accuracy": mean(blind.values()), "by_kind": blind},
    }


def is_right(said: str, question: Question, scene: Scene) -> bool:
    """Return whether an answer is right, articles and plurals aside."""
    if question.kind == "list":
        nouns = {claim.noun for claim in parse(said).claims}
        return nouns == {group.noun for group in scene.groups}
    return normal_answer(said) == normal_answer(question.answer)


def average_image(features: ImageFeatures) -> ImageFeatures:
    """Return the mean of B encoded images as one image, which carries no information about any."""
    queries = features.queries
    return replace(
        features,
        vision=features.vision.mean(dim=0, keepdim=True),
        queries=None if queries is None else queries.mean(dim=0, keepdim=True),
    )


def _questions(scenes: Sequence[Scene], kind: str) -> Asked:
    """Return one question for each scene that allows one of this kind."""
    drawn = [ask(scene, random.Random(f"vqa {kind} {scene.seed}"), kind) for scene in scenes]
    return [(index, question) for index, question in enumerate(drawn) if question is not None]


def _accuracy(
    generator: Generator, gallery: Gallery, features: ImageFeatures, asked: Asked
) -> float:
    """Return the share of right answers; `features` are of each scene, or of one image for all."""
    images = [index if len(features) > 1 else 0 for index, _ in asked]
    prompts = [
        prompt_for(generator, Conversation(), question.text, DECODE).text for _, question in asked
    ]
    said = generate_texts(generator, features, images, prompts)
    return mean(
        is_right(text, question, gallery.scenes[index])
        for text, (index, question) in zip(said, asked, strict=True)
    )
