"""What becomes of captions and answers where prompts are typed untidily.

    python -m benchmarks.typed_prompts

Each form of a prompt is given for the 24 sample images. Prints, of all texts, how many are wrong by
the truth of the image, and how many differ from the text after the tidy form, the first of a table.
"""

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from blip2core.chat import prompt_for
from blip2core.config import GREEDY
from blip2core.evaluation.captions import is_true
from blip2core.evaluation.vqa import is_right
from blip2core.images import open_image
from blip2core.models.loading import load_generator
from blip2core.records import Conversation
from blip2core.stickers.questions import Question, ask
from blip2core.stickers.scene import Scene, draw_scene

SAMPLES = Path(__file__).parents[1] / "data/samples"
MODELS = ("stickers-opt", "stickers-t5")
KINDS = ("what", "how many", "where", "what colour")

BEGINNINGS = {
    "tidy": "a photo of",
    "space after": "a photo of ",
    "space before": " a photo of",
    "doubled spaces": "a  photo  of",
    "tab": "a\tphoto of",
    "line break": "a photo\nof",
    "line break after": "a photo of\n",
    "no-break space": "a photo\N{NO-BREAK SPACE}of",
    "invisible character": "a photo\N{WORD JOINER} of",
    "capitals": "A PHOTO OF",
}
"""How a caption shall begin."""

Form = Callable[[str], str]
QUESTIONS: dict[str, Form] = {
    "tidy": lambda question: question,
    "space after": lambda question: f"{question} ",
    "doubled spaces": lambda question: question.replace(" ", "  "),
    "tab": lambda question: question.replace(" ", "\t", 1),
    "no-break space": lambda question: question.replace(" ", "\N{NO-BREAK SPACE}", 1),
    "invisible character": lambda question: question.replace(" ", "\N{WORD JOINER} ", 1),
    "capitals": str.upper,
    "Question: before": lambda question: f"Question: {question}",
    "Answer: after": lambda question: f"{question} Answer:",
    "Question: and Answer:": lambda question: f"Question: {question} Answer:",
    "question: and answer:": lambda question: f"question: {question} answer: ",
}
"""What is typed as a question."""
ASKING_BEGINNINGS: dict[str, Form] = {
    "tidy": lambda question: f"Question: {question} Answer:",
    "space after": lambda question: f"Question: {question} Answer: ",
    "no Answer:": lambda question: f"Question: {question}",
    "no Question:": lambda question: f"{question} Answer:",
    "neither": lambda question: question,
    "capitals": lambda question: f"QUESTION: {question} ANSWER:".upper(),
    "no question mark": lambda question: f"Question: {question.rstrip('?')} Answer:",
}
"""A question where a caption's beginning is asked for."""


def main() -> None:
    rows = [json.loads(line) for line in (SAMPLES / "manifest.jsonl").read_text().splitlines()]
    scenes = [draw_scene(row["seed"]) for row in rows]
    images = [open_image(SAMPLES / row["file"]) for row in rows]
    for model in MODELS:
        generator = load_generator(model, device="cpu")
        features = generator.encode(images)
        report = Report(model)

        for name, form in BEGINNINGS.items():
            texts = [texts[0].text for texts in generator.caption(features, prompt=form)]
            right = [is_true(f"a photo of {t}", s) for t, s in zip(texts, scenes, strict=True)]
            report.row("caption", name, texts, right)
        asked = [(at, question) for at, scene in enumerate(scenes) for question in about(scene)]
        images_of = [at for at, _ in asked]
        for table, forms in (("question", QUESTIONS), ("--prompt", ASKING_BEGINNINGS)):
            for name, change in forms.items():
                typed = [change(question.text) for _, question in asked]
                if table == "question":
                    prompts = [
                        prompt_for(generator, Conversation(), text, GREEDY).text for text in typed
                    ]
                else:  # one prompt for each image is what `caption` does not take
                    prompts = [generator.caption_prompt(text) for text in typed]
                said = generator.answer(features[images_of], prompts)
                texts = [one.text for one in said]
                right = [
                    is_right(text, question, scenes[at])
                    for text, (at, question) in zip(texts, asked, strict=True)
                ]
                report.row(table, name, texts, right)


def about(scene: Scene) -> list[Question]:
    """Return a question of each kind that the scene allows."""
    drawn = (ask(scene, random.Random(f"{kind} {scene.seed}"), kind) for kind in KINDS)
    return [question for question in drawn if question]


class Report:
    """Prints a line for each form, compared with the first of its table."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._tidy: dict[str, Sequence[str]] = {}

    def row(self, table: str, name: str, texts: Sequence[str], right: Sequence[bool]) -> None:
        tidy = self._tidy.setdefault(table, texts)
        other = sum(text != before for text, before in zip(texts, tidy, strict=True))
        wrong = right.count(False)
        print(f"{self._model} | {table} | {name} | wrong {wrong} | other {other} | of {len(texts)}")


if __name__ == "__main__":
    main()
