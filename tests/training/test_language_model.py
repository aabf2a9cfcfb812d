"""The text-only pre-training of the small language models: what they read and must say."""

import random

import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from blip2core.models.specs import find_spec
from blip2core.records import Segment
from blip2core.stickers.language import page, vocabulary_texts
from blip2core.stickers.scene import GRID, draw_scene
from blip2core.training.language_model import (
    MAX_PASSAGE_TOKENS,
    QUESTION_WEIGHT,
    WordFuser,
    build_decoder,
    build_encoder_decoder,
    collate_passages,
    decoder_logits,
    encoder_decoder_batch,
    encoder_decoder_logits,
    fuse,
    newline_id,
    weighted_loss,
)
from blip2core.training.losses import IGNORE_INDEX
from blip2core.training.tokenizers import train_causal_tokenizer

TALK = (
    Segment(text="Question: is there a dog? Answer:", target=False),
    Segment(text=" yes\n", target=True),
)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_causal_tokenizer(vocabulary_texts(300), vocabulary=700)


def test_a_fused_cell_is_the_sum_of_its_words(tokenizer: PreTrainedTokenizerFast) -> None:
    scene = draw_scene(3)
    embeddings = torch.nn.Embedding(len(tokenizer), 8)
    fuser = WordFuser(tokenizer)
    fused = fuse(embeddings, fuser.word_ids([scene]))
    assert fused.shape == (1, GRID * GRID, 8)
    ids = [at for at in fuser.word_ids([scene])[0, 5].tolist() if at >= 0]
    expected = embeddings(torch.tensor(ids)).sum(0) / len(ids) ** 0.5
    assert torch.allclose(fused[0, 5], expected, atol=1e-6)


def test_a_cell_holds_words_alone() -> None:
    """The tokenizer of a checkpoint begins each text with a token that means nothing there."""
    tokenizer = AutoTokenizer.from_pretrained(find_spec("stickers-opt").checkpoint)
    (bos,) = set(tokenizer(" whale")["input_ids"]) - set(
        tokenizer(" whale", add_special_tokens=False)["input_ids"]
    )
    ids = WordFuser(tokenizer).word_ids([draw_scene(at) for at in range(8)])
    assert (ids >= 0).any() and not (ids == bos).any()


def test_noise_comes_from_the_generator_only(tokenizer: PreTrainedTokenizerFast) -> None:
    embeddings = torch.nn.Embedding(len(tokenizer), 8)
    ids = WordFuser(tokenizer).word_ids([draw_scene(at) for at in range(8)])
    first, second = (fuse(embeddings, ids, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, fuse(embeddings, ids))


def test_answers_weigh_one_and_questions_little(tokenizer: PreTrainedTokenizerFast) -> None:
    batch = collate_passages([TALK], tokenizer)
    answer = tokenizer(" yes\n", add_special_tokens=False)["input_ids"]
    assert batch.ids[0, 0] == tokenizer.bos_token_id
    assert batch.ids[0, -len(answer) :].tolist() == answer
    assert batch.weights[0, 0] == 0
    assert batch.weights[0, -len(answer) :].tolist() == [1.0] * len(answer)
    assert batch.weights[0, 1 : -len(answer)].unique().item() == pytest.approx(QUESTION_WEIGHT)
    assert answer[-1] == newline_id(tokenizer)


def test_rows_are_cut(tokenizer: PreTrainedTokenizerFast) -> None:
    rng = random.Random(0)
    batch = collate_passages([page(draw_scene(1), rng, probes=0.2, words=200)], tokenizer)
    assert batch.ids.shape == (1, MAX_PASSAGE_TOKENS)


def test_the_decoder_predicts_each_token_from_those_before(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    torch.manual_seed(0)
    model = build_decoder(tokenizer, 64, 2).eval()
    batch = collate_passages([TALK], tokenizer)
    prefix = torch.randn(1, 4, 64)
    logits = decoder_logits(model, prefix, batch)
    assert logits.shape[:2] == (1, batch.ids.shape[1] - 1)
    changed = batch.ids.clone()
    changed[0, -1] = 7
    other = decoder_logits(
        model, prefix, type(batch)(ids=changed, mask=batch.mask, weights=batch.weights)
    )
    assert torch.allclose(logits, other, atol=1e-5)
    assert not torch.allclose(logits, decoder_logits(model, -prefix, batch), atol=1e-3)


def test_weighted_loss_is_the_weighted_mean() -> None:
    logits = torch.randn(1, 3, 5)
    targets = torch.tensor([[1, 2, 3]])
    weights = torch.tensor([[1.0, 0.5, 0.0]])
    losses = -logits.log_softmax(-1)[0, range(3), [1, 2, 3]]
    expected = (losses[0] + 0.5 * losses[1]) / 1.5
    assert weighted_loss(logits, targets, weights).item() == pytest.approx(
        expected.item(), rel=1e-5
    )


def test_an_encoder_decoder_gets_one_answer(tokenizer: PreTrainedTokenizerFast) -> None:
    torch.manual_seed(0)
    model = build_encoder_decoder(tokenizer, 64, 1).eval()
    batch, labels = encoder_decoder_batch([TALK, TALK[1:]], tokenizer, random.Random(0))
    assert tokenizer.decode(labels[0][labels[0] != IGNORE_INDEX]) == "yes</s>"
    assert tokenizer.decode(batch.ids[1], skip_special_tokens=True) == ""
    prefix = torch.randn(2, 4, 64)
    logits = encoder_decoder_logits(model, prefix, batch, labels)
    assert logits.shape[:2] == labels.shape
    assert not torch.allclose(logits, encoder_decoder_logits(model, prefix * 2, batch, labels))


def test_recall_is_there_from_the_start(tokenizer: PreTrainedTokenizerFast) -> None:
    """A word attends to its own earlier occurrence more than to any other word."""
    torch.manual_seed(0)
    model = build_decoder(tokenizer, 64, 1).eval()
    ids = torch.randperm(len(tokenizer) - 300)[:12] + 300
    ids[-1] = ids[2]
    attention = model(ids[None], output_attentions=True).attentions[0][0].mean(0)[-1]
    assert attention[:-1].argmax() == 2
