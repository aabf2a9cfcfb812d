import copy

import pytest
import torch
from torch import Tensor
from transformers import (
    BertConfig,
    BertForMaskedLM,
    Blip2QFormerConfig,
    Blip2VisionConfig,
    Blip2VisionModel,
)

from blip2core.errors import ModelError
from blip2core.models.qformer import Stage1QFormer, attention_for

DECODER, VOCABULARY, QUERIES = 5, 40, 6


def config(**changes: object) -> Blip2QFormerConfig:
    return Blip2QFormerConfig(
        **{
            "vocab_size": VOCABULARY,
            "hidden_size": 32,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "intermediate_size": 48,
            "encoder_hidden_size": 24,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "max_position_embeddings": 16,
            "use_qformer_text_input": True,
            "initializer_range": 0.2,  # large, so that differences show
            **changes,
        }
    )


def build(**changes: object) -> Stage1QFormer:
    torch.manual_seed(0)
    return Stage1QFormer(
        config(),
        **{
            "num_query_tokens": QUERIES,
            "image_text_hidden_size": 16,
            "decoder_token_id": DECODER,
            **changes,
        },
    ).eval()


def encoder() -> Blip2VisionModel:
    torch.manual_seed(1)
    return Blip2VisionModel(
        Blip2VisionConfig(
            hidden_size=24,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            image_size=28,
            patch_size=14,
            initializer_range=0.2,
        )
    ).eval()


@pytest.fixture
def texts() -> tuple[Tensor, Tensor]:
    torch.manual_seed(2)
    ids = torch.randint(6, VOCABULARY, (3, 7))
    mask = torch.ones_like(ids)
    ids[1, 4:] = mask[1, 4:] = 0
    return ids, mask


@pytest.fixture
def vision() -> Tensor:
    torch.manual_seed(3)
    return torch.randn(3, 5, 24)


def test_queries_and_words_start_small_and_different() -> None:
    torch.manual_seed(0)
    model = Stage1QFormer(
        config(initializer_range=0.02, vocab_size=4000),
        num_query_tokens=32,
        image_text_hidden_size=16,
        decoder_token_id=DECODER,
    )
    assert model.query_tokens.std().item() == pytest.approx(0.02, rel=0.1)
    assert model.embeddings.word_embeddings.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert not torch.equal(model.query_tokens[0, 0], model.query_tokens[0, 1])
    assert model.temperature.item() == pytest.approx(0.07)
    layer = model.qformer.encoder.layer[0]
    assert torch.equal(layer.intermediate_query.dense.weight, layer.intermediate.dense.weight)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_each_pass_equals_transformers(
    attention: str, texts: tuple[Tensor, Tensor], vision: Tensor
) -> None:
    model = build(attention=attention)
    queries = model.query_tokens.expand(3, -1, -1)
    ids, mask = texts
    torch.testing.assert_close(
        model.encode_image(vision),
        model.qformer(query_embeds=queries, encoder_hidden_states=vision).last_hidden_state,
    )
    torch.testing.assert_close(
        model.encode_text(ids, mask),
        model.qformer(
            query_embeds=model.embeddings(ids), query_length=0, attention_mask=mask
        ).last_hidden_state,
    )
    both = model.qformer(
        query_embeds=model.embeddings(ids, query_embeds=queries),
        query_length=QUERIES,
        attention_mask=torch.cat([torch.ones(3, QUERIES), mask], dim=1),
        encoder_hidden_states=vision,
    ).last_hidden_state
    torch.testing.assert_close(
        model.itm_logits(vision, ids, mask), model.itm_head(both[:, :QUERIES]).mean(1)
    )


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_one_pass_gives_what_two_give(
    attention: str, texts: tuple[Tensor, Tensor], vision: Tensor
) -> None:
    model = build(attention=attention)
    ids, mask = texts
    one = model.read_and_write(vision, ids, mask)
    torch.testing.assert_close(one.queries, model.encode_image(vision))

    # the text alone, prefix by prefix, is what a causal pass must give at the prefix's end
    for length in range(1, ids.shape[1] + 1):
        prefix = model.read_and_write(vision, ids[:, :length], mask[:, :length])
        real = mask[:, length - 1].bool()
        torch.testing.assert_close(prefix.logits[real, -1], one.logits[real, length - 1])


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_writing_mask_does_not_leak(
    attention: str, texts: tuple[Tensor, Tensor], vision: Tensor
) -> None:
    model = build(attention=attention)
    ids, mask = texts
    before = model.read_and_write(vision, ids, mask)
    for changed in range(ids.shape[1]):
        other = ids.clone()
        other[:, changed] = (other[:, changed] + 1) % VOCABULARY
        after = model.read_and_write(vision, other, mask)
        assert torch.equal(before.queries, after.queries)
        assert torch.equal(before.logits[:, :changed], after.logits[:, :changed])
        # position 0 is [DEC] whatever was there, and padding is seen by nobody else
        seen = changed > 0 and not torch.equal(
            before.logits[0, changed:], after.logits[0, changed:]
        )
        assert seen == (changed > 0)
        if changed >= 4:
            assert torch.equal(before.logits[1, :4], after.logits[1, :4])


def test_padding_changes_nothing(texts: tuple[Tensor, Tensor], vision: Tensor) -> None:
    model = build()
    ids, mask = texts
    short, short_mask = ids[1:2, :4], mask[1:2, :4]
    torch.testing.assert_close(
        model.encode_text(ids, mask)[1:2, 0], model.encode_text(short, short_mask)[:, 0]
    )
    torch.testing.assert_close(
        model.itm_logits(vision, ids, mask)[1:2],
        model.itm_logits(vision[1:2], short, short_mask),
    )


def test_scores_equal_transformers_retrieval(texts: tuple[Tensor, Tensor]) -> None:
    model, eyes = build(), encoder()
    retrieval = model.to_retrieval(eyes)
    pixels = torch.randn(3, 3, 28, 28)
    vision = eyes(pixels).last_hidden_state
    torch.testing.assert_close(
        retrieval(pixels, *texts, use_image_text_matching_head=True).logits_per_image,
        model.itm_logits(vision, *texts),
    )
    images = model.image_features(model.encode_image(vision))
    words = model.text_features(model.encode_text(*texts))
    torch.testing.assert_close(
        retrieval(pixels, *texts).logits_per_image, (images @ words.T).amax(1)
    )


def test_retrieval_model_round_trip_is_lossless(tmp_path) -> None:
    model = build(temperature=0.03)
    model.itg_bias.data.normal_()
    model.to_retrieval(encoder()).save_pretrained(tmp_path)
    loaded = type(model.to_retrieval(encoder())).from_pretrained(tmp_path)
    again = Stage1QFormer.from_retrieval(
        loaded, decoder_token_id=DECODER, stage1_state=model.stage1_state()
    )
    assert loaded.config.image_token_index is None
    assert again.state_dict().keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


def test_start_from_bert_copies_text_path_to_queries() -> None:
    model = build()
    source = model.config
    bert = BertForMaskedLM(
        BertConfig(
            vocab_size=VOCABULARY - 1,
            hidden_size=source.hidden_size,
            num_hidden_layers=source.num_hidden_layers,
            num_attention_heads=source.num_attention_heads,
            intermediate_size=source.intermediate_size,
            max_position_embeddings=source.max_position_embeddings,
            initializer_range=0.2,
        )
    ).eval()
    last = model.embeddings.word_embeddings.weight[-1].clone()
    model.start_from_bert(bert)
    ids, mask = torch.randint(1, VOCABULARY - 1, (2, 6)), torch.ones(2, 6)
    hidden = model.encode_text(ids, mask)
    torch.testing.assert_close(hidden, bert.bert(ids, mask).last_hidden_state)
    torch.testing.assert_close(model.itg_head(hidden)[..., :-1], bert(ids, mask).logits)
    assert torch.equal(model.embeddings.word_embeddings.weight[-1], last)
    for layer in model.qformer.encoder.layer:
        assert torch.equal(layer.output_query.dense.weight, layer.output.dense.weight)


def test_temperature_is_brought_back_into_its_range() -> None:
    for given, bounded in ((-0.3, 0.01), (0.2, 0.2), (3.0, 0.5)):
        model = build(temperature=given)
        model.bound_temperature()
        assert model.temperature.item() == pytest.approx(bounded)


def test_unfit_settings_are_refused() -> None:
    with pytest.raises(ModelError, match="use_qformer_text_input"):
        Stage1QFormer(
            config(use_qformer_text_input=False),
            num_query_tokens=2,
            image_text_hidden_size=4,
            decoder_token_id=DECODER,
        )
    with pytest.raises(ModelError, match="decoder_token_id"):
        build(decoder_token_id=VOCABULARY)


def test_config_of_the_caller_is_untouched() -> None:
    given = config()
    before = copy.deepcopy(given.to_dict())
    Stage1QFormer(given, num_query_tokens=2, image_text_hidden_size=4, decoder_token_id=DECODER)
    assert given.to_dict() == before


def test_attention_fits_the_device() -> None:
    assert attention_for("cpu") == "eager"
    assert attention_for("cuda:1") == "sdpa"
