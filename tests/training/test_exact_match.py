from typing import Any

import pytest
import torch
from PIL import Image

from blip2core.training import exact_match
from blip2core.training.exact_match import exact_answers, greedy
from blip2core.training.features import FeatureCache
from tests import tiny


@pytest.mark.parametrize("language", [tiny.OPT, tiny.T5])
def test_greedy_says_what_generate_says(language: dict[str, Any]) -> None:
    model, processor = tiny.blip2(language)
    images = [Image.new("RGB", (28, 28), colour) for colour in ("red", "navy")]
    prompts = ["what is this?", "how many?"]
    expected = []
    for image, prompt in zip(images, prompts, strict=True):
        inputs = processor(images=image, text=prompt, return_tensors="pt")
        tokens = model.generate(**inputs, max_new_tokens=32, do_sample=False)
        if model.config.use_decoder_only_language_model:
            tokens = tokens[:, inputs.input_ids.shape[1] :]
        expected += processor.tokenizer.batch_decode(tokens, skip_special_tokens=True)
    pixels = processor.image_processor(images, return_tensors="pt").pixel_values
    with torch.no_grad():
        vision = model.vision_model(pixel_values=pixels).last_hidden_state
    assert greedy(model, processor, vision, prompts) == expected
    assert len(set(expected)) == 2


def test_share_of_right_answers(
    pairs: Any, features: FeatureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def say_red(model: Any, processor: Any, vision: Any, prompts: list[str]) -> list[str]:
        asked.extend(prompts)
        return [" Red"] * len(prompts)

    monkeypatch.setattr(exact_match, "greedy", say_red)
    figures = exact_answers(None, None, pairs, features)
    assert set(asked) == {"Question: what colour? Answer:"}
    answers = [
        passage[1].text
        for index in range(len(pairs))
        if len(passage := pairs.passage(index, exact_match.random.Random(f"answer {index}"))) == 2
    ]
    assert figures == {"exact answers": answers.count(" red\n") / len(answers)}
    assert 0 < figures["exact answers"] < 1


def test_without_questions_there_is_no_figure(pairs: Any, features: FeatureCache) -> None:
    pairs.passage = lambda index, rng: ()
    assert exact_answers(None, None, pairs, features) == {}
