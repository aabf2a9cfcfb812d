"""How often sampled captions and answers hold words of the prompt, such as "question:".

    python -m benchmarks.prompt_leaks

Each of the 24 sample images is captioned, and asked one question in a talk of two, by sampling from
all words at several temperatures. Prints how many texts hold such words, and the first of them.
"""

import json
import re
import sys
from pathlib import Path

from blip2core.chat import prompt_for
from blip2core.config import DecodeConfig
from blip2core.images import open_image
from blip2core.models.loading import load_generator
from blip2core.records import Conversation

SAMPLES = Path(__file__).parents[1] / "data/samples"
MODELS = ("stickers-opt", "stickers-t5")
TEMPERATURES = (1.0, 2.0)
SEEDS = 5
LEAK = re.compile(r"question|answer", re.IGNORECASE)


def main() -> None:
    rows = [json.loads(line) for line in (SAMPLES / "manifest.jsonl").read_text().splitlines()]
    images = [open_image(SAMPLES / row["file"]) for row in rows]
    for model in MODELS:
        generator = load_generator(model, device="cpu")
        features = generator.encode(images)
        talks = [Conversation().add(*row["dialogue"][0]) for row in rows]
        asked = [row["dialogue"][1][0] for row in rows]
        for temperature in TEMPERATURES:
            captions, begun, answers = [], [], []
            for seed in range(SEEDS):
                decode = DecodeConfig(mode="sample", temperature=temperature, top_p=1.0, seed=seed)
                seeds = [seed * len(rows) + at for at in range(len(rows))]
                prompts = [
                    prompt_for(generator, talk, question, decode).text
                    for talk, question in zip(talks, asked, strict=True)
                ]
                captions += _texts(generator.caption(features, decode=decode, seeds=seeds))
                begun += _texts(
                    generator.caption(features, prompt="a photo of", decode=decode, seeds=seeds)
                )
                answers += [one.text for one in generator.answer(features, prompts, decode=decode)]
            for kind, texts in (("caption", captions), ("begun", begun), ("answer", answers)):
                leaks = [text for text in texts if LEAK.search(text)]
                marked = sum(":" in text for text in leaks)
                empty = sum(not text for text in texts)
                print(
                    f"{model} | {kind} | temperature {temperature} | leaks {len(leaks)} | "
                    f"with a colon {marked} | empty {empty} | of {len(texts)} | {leaks[:2]}"
                )
                sys.stdout.flush()


def _texts(written: list) -> list[str]:
    return [texts[0].text for texts in written]


if __name__ == "__main__":
    main()
