import random
from typing import Any

import pytest
import torch

from blip2core.errors import DataError
from blip2core.records import Passage, Segment
from blip2core.training.data import Order
from blip2core.training.features import FeatureCache
from blip2core.training.losses import IGNORE_INDEX
from blip2core.training.passages import (
    Example,
    PassageTokenizer,
    Stage2Batches,
    collate,
)
from tests import tiny

CAPTION: Passage = (Segment(text="a red hat\n", target=True),)
TALK: Passage = (
    Segment(text="Q: what? A:", target=False),
    Segment(text=" hat\n", target=True),
    Segment(text="Q: colour? A:", target=False),
    Segment(text=" red\n", target=True),
)


def decoder(max_text: int = 64) -> tuple[PassageTokenizer, Any]:
    tokenizer = tiny.byte_tokenizer()
    return PassageTokenizer(tokenizer, encoder_decoder=False, max_text=max_text), tokenizer


def encoder_decoder(max_text: int = 64, share: float = 0.0) -> tuple[PassageTokenizer, Any]:
    tokenizer = tiny.byte_tokenizer(ends=True)
    cutter = PassageTokenizer(
        tokenizer, encoder_decoder=True, max_text=max_text, whole_caption_share=share
    )
    return cutter, tokenizer


def spoken(tokenizer: Any, example: Example) -> str:
    return tokenizer.decode([token for token in example.labels if token != IGNORE_INDEX])


def one(cutter: PassageTokenizer, passage: Passage, seed: int = 0) -> Example:
    return cutter.examples([passage], [random.Random(seed)])[0]


def test_decoder_reads_all_and_learns_the_targets() -> None:
    cutter, tokenizer = decoder()
    example = one(cutter, TALK)
    assert tokenizer.decode(example.ids) == "<s>Q: what? A: hat\nQ: colour? A: red\n"
    assert len(example.labels) == len(example.ids) == example.length
    assert spoken(tokenizer, example) == " hat\n red\n"
    pairs = zip(example.ids, example.labels, strict=True)
    assert all(label in (IGNORE_INDEX, token) for token, label in pairs)


def test_decoder_caption_has_no_loss_on_the_start_token() -> None:
    cutter, tokenizer = decoder()
    example = one(cutter, CAPTION)
    assert example.labels[0] == IGNORE_INDEX
    assert spoken(tokenizer, example) == "a red hat\n"


def test_decoder_end_is_added_and_learned_where_the_passage_leaves_it_out() -> None:
    cutter, tokenizer = decoder()
    example = one(cutter, (Segment(text="a hat", target=True),))
    assert tokenizer.decode(example.ids) == "<s>a hat\n"
    assert spoken(tokenizer, example) == "a hat\n"
    turns = (
        Segment(text="Q: what? A:", target=False),
        Segment(text=" hat", target=True),
        Segment(text="\nQ: who? A:", target=False),
        Segment(text=" me", target=True),
    )
    assert spoken(tokenizer, one(cutter, turns)) == " hat\n me\n"


def test_decoder_cuts_a_long_passage_at_its_end() -> None:
    cutter, tokenizer = decoder(max_text=6)
    example = one(cutter, CAPTION)
    assert tokenizer.decode(example.ids) == "<s>a red"
    assert len(example.labels) == 6


def test_encoder_reads_all_before_the_target_that_the_decoder_writes() -> None:
    cutter, tokenizer = encoder_decoder()
    seen = set()
    for seed in range(20):
        example = one(cutter, TALK, seed)
        seen.add((tokenizer.decode(example.ids), tokenizer.decode(example.labels)))
    assert seen == {
        ("Q: what? A:</s>", "hat</s>"),
        ("Q: what? A: hat\nQ: colour? A:</s>", "red</s>"),
    }


def test_encoder_decoder_cuts_a_caption_between_position_1_and_its_middle() -> None:
    cutter, tokenizer = encoder_decoder()
    lengths = set()
    for seed in range(60):
        example = one(cutter, CAPTION, seed)
        words = [tokenizer.decode(part[:-1]) for part in (example.ids, example.labels)]
        assert "".join(words) == "a red hat"
        lengths.add(len(words[0]))
    assert lengths == {1, 2, 3, 4}


def test_whole_captions_are_written_from_the_image_alone() -> None:
    cutter, tokenizer = encoder_decoder(share=1.0)
    example = one(cutter, CAPTION)
    assert tokenizer.decode(example.ids) == "</s>"
    assert tokenizer.decode(example.labels) == "a red hat</s>"


def test_encoder_loses_the_beginning_of_a_long_history() -> None:
    cutter, tokenizer = encoder_decoder(max_text=5)
    example = one(cutter, TALK)
    assert tokenizer.decode(example.ids).endswith("? A:</s>") and len(example.ids) == 5


def test_a_passage_without_target_is_refused() -> None:
    with pytest.raises(DataError, match="no target"):
        one(decoder()[0], (Segment(text="a", target=False),))


def test_collate_pads_on_the_right() -> None:
    examples = [Example(ids=[5, 6, 7], labels=[IGNORE_INDEX, 6, 7]), Example(ids=[8], labels=[8])]
    batch = collate(examples, torch.zeros(2, 1, 1), pad_id=1)
    assert batch.ids.tolist() == [[5, 6, 7], [8, 1, 1]]
    assert batch.mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch.labels.tolist() == [[IGNORE_INDEX, 6, 7], [8, IGNORE_INDEX, IGNORE_INDEX]]


def make_batches(pairs: Any, features: FeatureCache, window: int) -> Stage2Batches:
    order = Order(seed=0, length=len(pairs), batch=4)
    return Stage2Batches(pairs, features, decoder()[0], order, window=window)


@pytest.mark.parametrize("window", [1, 5])
def test_a_batch_depends_on_its_step_alone(pairs: Any, features: FeatureCache, window: int) -> None:
    running = make_batches(pairs, features, window)
    all_of_them = [running.batch(step) for step in range(8)]
    resumed = make_batches(pairs, features, window).batch(7)
    for name in ("vision", "ids", "mask", "labels"):
        assert torch.equal(getattr(all_of_them[7], name), getattr(resumed, name))


def test_a_window_holds_the_same_passages_with_less_padding(
    pairs: Any, features: FeatureCache
) -> None:
    plain, cut = make_batches(pairs, features, 1), make_batches(pairs, features, 5)

    def rows(batches: Stage2Batches) -> tuple[list[list[int]], int]:
        drawn = [batches.batch(step) for step in range(5)]
        texts = [
            ids[mask.bool()].tolist()
            for batch in drawn
            for ids, mask in zip(batch.ids, batch.mask, strict=True)
        ]
        return sorted(texts), sum(batch.ids.numel() for batch in drawn)

    (texts, size), (same, smaller) = rows(plain), rows(cut)
    assert texts == same
    assert smaller < size
