"""The losses of a batch, put together, against the same parts computed one by one."""

import dataclasses

import pytest
import torch
from torch import nn
from transformers import Blip2QFormerConfig

from blip2core.models.qformer import Stage1QFormer
from blip2core.training.data import Stage1Batch
from blip2core.training.distributed import World
from blip2core.training.losses import Negatives, itc_loss, itg_loss, same_text, similarity
from blip2core.training.objective import Stage1Objective, draw_hard_rows, wrong_texts

BATCH, VOCABULARY = 4, 40


def build() -> Stage1Objective:
    torch.manual_seed(0)
    config = Blip2QFormerConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        encoder_hidden_size=24,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        max_position_embeddings=16,
        use_qformer_text_input=True,
        initializer_range=0.1,
    )
    return Stage1Objective(
        Stage1QFormer(config, num_query_tokens=4, image_text_hidden_size=16, decoder_token_id=5)
    )


def make_batch(size: int = BATCH) -> Stage1Batch:
    torch.manual_seed(1)
    ids = torch.randint(6, VOCABULARY, (size, 7))
    mask = torch.ones_like(ids)
    ids[0, 4:] = mask[0, 4:] = 0
    return Stage1Batch(vision=torch.randn(size, 5, 24), ids=ids, mask=mask, matches=same_text(ids))


def numbers(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_contrast_and_writing_equal_separate_passes() -> None:
    objective, batch = build(), make_batch()
    losses = objective(batch, generator=numbers())
    model = objective.qformer
    similar = similarity(
        model.image_features(model.encode_image(batch.vision)),
        model.text_features(model.encode_text(batch.ids, batch.mask)),
        model.temperature,
    )
    expected = itc_loss(similar, batch.matches)
    torch.testing.assert_close(losses.itc, expected)
    logits = model.read_and_write(batch.vision, batch.ids, batch.mask).logits
    torch.testing.assert_close(losses.itg, itg_loss(logits, batch.ids, batch.mask))
    torch.testing.assert_close(losses.total, losses.itc + losses.itm + losses.itg)


def test_matching_pairs_are_right_wrong_image_wrong_text() -> None:
    objective, batch = build(), make_batch(2)  # with two pairs the negatives are certain
    model = objective.qformer
    swap = torch.tensor([1, 0])
    logits = torch.cat(
        [
            model.itm_logits(batch.vision, batch.ids, batch.mask),
            model.itm_logits(batch.vision[swap], batch.ids, batch.mask),
            model.itm_logits(batch.vision, batch.ids[swap], batch.mask[swap]),
        ]
    )
    expected = nn.functional.cross_entropy(logits, torch.tensor([1, 1, 0, 0, 0, 0]))
    losses = objective(batch)
    torch.testing.assert_close(losses.itm, expected)
    right = (logits.argmax(1) == torch.tensor([1, 1, 0, 0, 0, 0])).float().mean()
    torch.testing.assert_close(losses.itm_accuracy, right)


def test_every_parameter_learns() -> None:
    objective, batch = build(), make_batch()
    objective(batch, generator=numbers()).total.backward()
    for name, parameter in objective.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_the_generator_decides_the_negatives() -> None:
    objective, batch = build(), make_batch()
    first, again = (objective(batch, generator=numbers(1)).itm for _ in range(2))
    assert torch.equal(first, again)
    assert len({objective(batch, generator=numbers(seed)).itm.item() for seed in range(8)}) > 1


def test_the_temperature_stays_above_zero() -> None:
    objective = build()
    objective.qformer.temperature.data.fill_(-0.1)
    assert objective(make_batch()).itc.isfinite()
    assert objective.qformer.temperature > 0


def test_matching_can_be_left_out() -> None:
    objective, batch = build(), make_batch()
    losses = objective(batch, with_itm=False)
    assert losses.itm.item() == 0
    torch.testing.assert_close(losses.total, losses.itc + losses.itg)
    losses.total.backward()
    assert all(parameter.grad is not None for parameter in objective.parameters())


@pytest.mark.parametrize("same", [False, True])
def test_works_without_any_negative(same: bool) -> None:
    batch = make_batch(BATCH if same else 1)
    if same:
        batch = dataclasses.replace(batch, matches=torch.ones(BATCH, BATCH, dtype=torch.bool))
    objective = build()
    losses = objective(batch)
    losses.total.backward()
    assert losses.total.isfinite()
    expected = nn.functional.cross_entropy(
        objective.qformer.itm_logits(batch.vision, batch.ids, batch.mask),
        torch.ones(len(batch.ids), dtype=torch.long),
    )
    torch.testing.assert_close(losses.itm, expected)


def with_hard_texts(batch: Stage1Batch) -> Stage1Batch:
    """Longer ones than the own texts; row 1 has none."""
    hard = torch.randint(6, VOCABULARY, (len(batch.ids), 9))
    mask = torch.ones_like(hard)
    mask[1] = 0
    return dataclasses.replace(batch, hard_ids=hard, hard_mask=mask)


def test_hard_texts_take_the_place_of_drawn_ones() -> None:
    batch = with_hard_texts(make_batch(3))
    yes = torch.ones(3, dtype=torch.bool)
    negatives = Negatives(torch.tensor([1, 2, 0]), yes, torch.tensor([1, 2, 0]), yes)
    ids, mask = wrong_texts(batch, negatives, torch.tensor([True, False, False]), world=World())
    assert torch.equal(ids[0], batch.hard_ids[0])
    assert torch.equal(ids[1:, :7], batch.ids[[2, 0]])
    assert torch.equal(mask.sum(1), torch.tensor([9, 7, 4]))


def test_hard_rows_are_drawn_in_their_share() -> None:
    batch = with_hard_texts(make_batch(400))
    hard = draw_hard_rows(batch, 0.5, generator=numbers(), world=World())
    assert 0.4 < hard.float().mean() < 0.6
    assert not hard[1]
    assert not draw_hard_rows(batch, 0.0, generator=numbers(), world=World()).any()
    assert not draw_hard_rows(make_batch(4), 1.0, generator=numbers(), world=World()).any()


def test_a_hard_text_stands_in_where_nothing_can_be_drawn() -> None:
    objective, batch = build(), with_hard_texts(make_batch(2))
    objective.hard_text_share = 1.0
    batch = dataclasses.replace(batch, matches=torch.ones(2, 2, dtype=torch.bool))
    model = objective.qformer
    logits = torch.cat(
        [
            model.itm_logits(batch.vision, batch.ids, batch.mask),
            model.itm_logits(batch.vision[:1], batch.hard_ids[:1], batch.hard_mask[:1]),
        ]
    )
    expected = nn.functional.cross_entropy(logits, torch.tensor([1, 1, 0]))
    torch.testing.assert_close(objective(batch).itm, expected)


def test_bf16_autocast_stays_close() -> None:
    objective, batch = build(), make_batch(2)
    exact = objective(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = objective(batch)
    for one, other in zip(exact, rounded, strict=True):
        assert other.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.02)
