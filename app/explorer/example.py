"""Writes data/samples/example-inside.json, what the page shows before any model has loaded.

python -m app.explorer.example
"""

import json

from app.insight import Asked, look_inside
from app.models import Models
from app.tabs.inside import EXAMPLE
from blip2core.images import open_image

PICTURE = "sea-1.png"
TEXT = "a yellow car and an octopus on the sea"
QUESTION = "What is to the left of the octopus?"


def main() -> None:
    """The same work as a visitor's look, with the embedded models."""
    pair = Models("cpu").get("stickers-opt")
    picture = open_image(EXAMPLE.with_name(PICTURE))
    features = pair.generator.encode([picture])
    prompt = pair.generator.spec.template.question.format(question=QUESTION)
    answer = pair.generator.answer(features, [prompt])[0].text
    asked = Asked(question=QUESTION, prompt=prompt, answer=answer)
    *_, last = look_inside(pair, features, picture, PICTURE, TEXT, asked, stop=None)
    _, stack = last.result
    EXAMPLE.write_text(json.dumps(stack, ensure_ascii=False) + "\n", "utf-8")
    print(f"{EXAMPLE}: {EXAMPLE.stat().st_size // 1024} KB; {QUESTION} {answer}")


if __name__ == "__main__":
    main()
