"""Each loss against its formula written out by hand."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from blip2core.training.losses import (
    Similarity,
    best_cosine,
    contrast,
    itc_loss,
    itg_loss,
    itm_accuracy,
    itm_loss,
    same_text,
    sample_hard_negatives,
    similarity,
    world_matches,
)


def features(batch: int = 4, queries: int = 3) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return (
        normalize(torch.randn(batch, queries, 8), dim=-1),
        normalize(torch.randn(batch, 8), dim=-1),
    )


def test_best_cosine_is_that_of_the_best_query() -> None:
    images, texts = features()
    for image in range(4):
        for text in range(4):
            best = max(float(query @ texts[text]) for query in images[image])
            assert best_cosine(images, texts)[image, text].item() == pytest.approx(best, abs=1e-6)


def test_itc_without_repeats_is_smoothed_cross_entropy() -> None:
    images, texts = features()
    temperature = torch.tensor(0.07)
    logits = torch.stack([(query @ texts.T) for query in images.unbind(1)]).amax(0) / temperature
    cross_entropy = nn.CrossEntropyLoss(label_smoothing=0.1)
    rows = torch.arange(4)
    expected = (cross_entropy(logits, rows) + cross_entropy(logits.T, rows)) / 2
    eye = torch.eye(4, dtype=torch.bool)
    torch.testing.assert_close(itc_loss(similarity(images, texts, temperature), eye), expected)


def test_itc_target_is_spread_over_all_that_match() -> None:
    logits = torch.tensor([[2.0, 1.0, -1.0]])
    positives = torch.tensor([[True, True, False]])
    down = math.log(math.exp(2) + math.exp(1) + math.exp(-1))
    third = 0.1 / 3
    expected = -((0.45 + third) * (2 - down) + (0.45 + third) * (1 - down) + third * (-1 - down))
    assert contrast(logits, positives).item() == pytest.approx(expected, rel=1e-6)
    alone = contrast(logits, torch.tensor([[True, False, False]])).item()
    both = torch.tensor([[True, True, False], [True, False, False]])  # each row by its own number
    together = contrast(logits.expand(2, 3), both).item()
    assert together == pytest.approx((expected + alone) / 2, rel=1e-6)


def test_temperature_divides_and_learns() -> None:
    images, texts = features()
    temperature = nn.Parameter(torch.tensor(0.07))
    itc_loss(similarity(images, texts, temperature), torch.eye(4, dtype=torch.bool)).backward()
    assert temperature.grad is not None and temperature.grad.item() != 0


def test_itc_in_bf16_autocast_keeps_fp32_cosines() -> None:
    images, texts = features()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = best_cosine(images, texts)
    assert torch.equal(inside, best_cosine(images, texts))


def test_matches_default_to_the_same_text_and_hold_the_diagonal() -> None:
    ids = torch.tensor([[1, 2, 0], [1, 3, 0], [1, 2, 0]])
    same = same_text(ids)
    assert same.tolist() == [[True, False, True], [False, True, False], [True, False, True]]
    nothing = torch.zeros(3, 3, dtype=torch.bool)
    assert torch.equal(world_matches(nothing, ids), torch.eye(3, dtype=torch.bool))


def test_negatives_follow_the_softmax_and_avoid_matches() -> None:
    torch.manual_seed(0)
    logits = torch.tensor([[9.0, 1.0, 0.0, 2.0]] * 4)
    matches = torch.eye(4, dtype=torch.bool)
    matches[0, 3] = True
    similar = Similarity(logits, logits)
    drawn = torch.stack([sample_hard_negatives(similar, matches).texts for _ in range(1000)])
    share = (drawn[:, 0, None] == torch.arange(4)).float().mean(0)
    expected = torch.tensor([-math.inf, 1.0, 0.0, -math.inf]).softmax(0)
    torch.testing.assert_close(share, expected, atol=0.06, rtol=0)
    # row 3 may take text 0, whose similarity is far above the rest
    assert (drawn[:, 3] == 0).float().mean() > 0.98


def test_negative_images_are_drawn_along_the_other_axis() -> None:
    matches = torch.eye(3, dtype=torch.bool)
    matches[2, 0] = True  # text 0 is true of image 2, so only image 1 is left for it
    similar = Similarity(torch.zeros(3, 3), torch.zeros(3, 3))
    for seed in range(20):
        drawn = sample_hard_negatives(
            similar, matches, generator=torch.Generator().manual_seed(seed)
        )
        assert drawn.images[0] == 1
        assert drawn.texts[2] == 1
        assert (drawn.images != torch.arange(3)).all()


def test_a_generator_repeats_its_draw() -> None:
    similar = Similarity(torch.zeros(8, 8), torch.zeros(8, 8))
    first, second = (
        sample_hard_negatives(
            similar,
            torch.eye(8, dtype=torch.bool),
            generator=torch.Generator().manual_seed(1),
        )
        for _ in range(2)
    )
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.texts, second.texts)


def test_itm_is_cross_entropy_over_one_right_and_two_wrong() -> None:
    torch.manual_seed(0)
    logits = torch.randn(6, 2)
    yes = torch.tensor([True, True])
    expected = nn.functional.cross_entropy(logits, torch.tensor([1, 1, 0, 0, 0, 0]))
    torch.testing.assert_close(itm_loss(logits, yes, yes), expected)
    guess = torch.tensor([[2 / 3, 1 / 3]]).log().expand(6, 2)
    assert itm_loss(guess, yes, yes).item() == pytest.approx(0.6365, abs=1e-4)


def test_itm_leaves_out_negatives_that_do_not_exist() -> None:
    torch.manual_seed(0)
    logits = torch.randn(6, 2)
    loss = itm_loss(logits, torch.tensor([True, False]), torch.tensor([False, True]))
    kept = torch.tensor([0, 1, 2, 5])
    expected = nn.functional.cross_entropy(logits[kept], torch.tensor([1, 1, 0, 0]))
    torch.testing.assert_close(loss, expected)


def test_itm_accuracy_counts_rows_that_exist() -> None:
    yes, no = [0.0, 1.0], [1.0, 0.0]
    logits = torch.tensor([yes, yes, no, yes, yes, no])
    has_image, has_text = torch.tensor([True, False]), torch.tensor([True, True])
    # right: both pairs, the first wrong image, the second wrong text; the first wrong text is not
    accuracy = itm_accuracy(logits, has_image, has_text)
    assert accuracy.item() == pytest.approx(4 / 5)


def test_batch_of_one_has_no_negative() -> None:
    images, texts = features(batch=1)
    eye = torch.ones(1, 1, dtype=torch.bool)
    assert itc_loss(similarity(images, texts, torch.tensor(0.07)), eye).item() == pytest.approx(
        0, abs=1e-6
    )
    alone = Similarity(torch.zeros(1, 1), torch.zeros(1, 1))
    negatives = sample_hard_negatives(alone, eye)
    assert not negatives.has_image.any() and not negatives.has_text.any()
    logits = torch.tensor([[0.0, 1.0], [5.0, 5.0], [5.0, 5.0]])
    expected = math.log(1 + math.exp(-1))
    loss = itm_loss(logits, negatives.has_image, negatives.has_text)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_itg_predicts_the_next_token_and_skips_padding() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 4, 10)
    ids = torch.tensor([[2, 7, 8, 3], [2, 9, 3, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    total = 0.0
    targets = [(0, 0, 7), (0, 1, 8), (0, 2, 3), (1, 0, 9), (1, 1, 3)]
    for row, position, token in targets:
        log_probabilities = logits[row, position].log_softmax(0)
        total -= 0.9 * log_probabilities[token].item() + 0.1 * log_probabilities.mean().item()
    assert itg_loss(logits, ids, mask).item() == pytest.approx(total / 5, rel=1e-5)


def test_itg_of_empty_texts_is_zero() -> None:
    ids, mask = torch.tensor([[2, 0]]), torch.tensor([[1, 0]])
    assert itg_loss(torch.randn(1, 2, 10), ids, mask).item() == 0
