"""Exact-match accuracy of the model in training: greedy answers, from cached features."""

import copy
import random
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from blip2core.records import Passage
from blip2core.training.data import PairSource
from blip2core.training.features import FeatureCache

_BATCH = 64
_LONGEST_ANSWER = 32
"""Tokens."""


def exact_answers(
    model: Any, processor: Any, source: PairSource, features: FeatureCache
) -> dict[str, float]:
    """Return the share of right answers over all images of `source`, one question for each.

    The history of a question holds the right earlier answers. Images whose passage has no prompt
    are left out; without any prompt the result is empty.

    Args:
        model: A `Blip2ForConditionalGeneration`; its image encoder is not used.
        processor: Its processor, for the tokenizer.
        source: The images that `features` holds, in the same order.
    """
    asked = []
    for index in range(len(source)):
        rng = random.Random(f"answer {index}")
        if (turn := _choose_turn(source.passage(index, rng), rng)) is not None:
            asked.append((index, *turn))
    if not asked:
        return {}
    right = 0
    for start in range(0, len(asked), _BATCH):
        part = asked[start : start + _BATCH]
        vision = features.read([index for index, _, _ in part])
        said = greedy(model, processor, vision, [prompt for _, prompt, _ in part])
        right += sum(_same(text, answer) for text, (_, _, answer) in zip(said, part, strict=True))
    return {"exact answers": right / len(asked)}


@torch.inference_mode()
def greedy(model: Any, processor: Any, vision: Tensor, prompts: Sequence[str]) -> list[str]:
    """Decode B prompts greedily with (B, P, V) image features; return B texts."""
    device = model.query_tokens.device
    queries = model.qformer(
        query_embeds=model.query_tokens.expand(len(vision), -1, -1),
        encoder_hidden_states=vision.to(device),
    ).last_hidden_state
    soft = model.language_projection(queries)  # (B, Q, D)
    embed = model.get_input_embeddings()
    rows = []
    for words, text in zip(soft, prompts, strict=True):
        ids = torch.tensor(processor.tokenizer(text).input_ids, device=device)
        embedded = embed(ids)
        rows.append(torch.cat([words.to(embedded.dtype), embedded]))
    settings = copy.deepcopy(model.generation_config)
    settings.update(do_sample=False, max_new_tokens=_LONGEST_ANSWER)
    tokens = model.language_model.generate(
        inputs_embeds=pad_sequence(rows, batch_first=True, padding_side="left"),
        attention_mask=pad_sequence(
            [torch.ones(len(row), dtype=torch.long, device=device) for row in rows],
            batch_first=True,
            padding_side="left",
        ),
        generation_config=settings,
    )
    texts: list[str] = processor.tokenizer.batch_decode(tokens, skip_special_tokens=True)
    return texts


def _choose_turn(passage: Passage, rng: random.Random) -> tuple[str, str] | None:
    """Draw a prompt, all earlier turns included, and its answer; None where nothing is prompted."""
    answers = [number for number in range(1, len(passage)) if passage[number].target]
    if not answers:
        return None
    chosen = rng.choice(answers)
    prompt = "".join(segment.text for segment in passage[:chosen])
    return prompt, passage[chosen].text


def _same(text: str, answer: str) -> bool:
    return text.strip().lower() == answer.strip().lower()
