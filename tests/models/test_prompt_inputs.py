"""Prompts become what each kind of language model reads; the words come after the image."""

import pytest
import torch

from blip2core.errors import TextError
from tests import tiny


def test_an_encoder_decoder_needs_no_room_for_new_tokens(tiny_t5_generator):
    reader = tiny_t5_generator.reader
    assert reader.context_limit == 512 - tiny.QUERIES
    assert len(reader.fitting_ids("a" * 507, 500)) == 508  # the end token included
    with pytest.raises(TextError, match="509 tokens.*room for 508"):
        reader.fitting_ids("a" * 508, 500)


def test_context_of_the_other_kinds(tiny_generator, tiny_instructblip, tiny_blip):
    for generator in (tiny_generator, tiny_instructblip):
        assert generator.reader.context_limit == 128 - tiny.QUERIES
    assert tiny_blip.reader.context_limit == 48


def test_room_of_a_prompt(tiny_generator, tiny_t5_generator, tiny_blip):
    assert tiny_generator.image_tokens == tiny.QUERIES and tiny_blip.image_tokens == 0
    assert tiny_generator.prompt_room(40) == 128 - tiny.QUERIES - 40
    assert tiny_t5_generator.prompt_room(40) == 512 - tiny.QUERIES, "its answer lies elsewhere"


def test_start_tokens(tiny_generator, tiny_t5_generator, tiny_blip):
    assert tiny_generator.reader.token_ids("") == [tiny.BOS]
    assert tiny_t5_generator.reader.token_ids("") == [tiny.EOS]
    assert tiny_blip.reader.token_ids("ab") == [5, 6, 47], "[DEC] in place of [CLS], no [SEP]"


def test_padding_never_comes_between_queries_and_the_words_of_t5(
    tiny_generator, tiny_t5_generator, images
):
    texts = ["a", "abc"]
    features = tiny_generator.encode(images[:2])
    mask = tiny_generator.reader.prompt(features, texts, 5).inputs["attention_mask"]
    assert mask[0].tolist() == [1, 1, 1, 1, 0, 0, 1, 1]
    features = tiny_t5_generator.encode(images[:2])
    prompt = tiny_t5_generator.reader.prompt(features, texts, 5)
    assert prompt.inputs["attention_mask"][0].tolist() == [1, 1, 1, 1, 1, 1, 0, 0]
    assert prompt.inputs["encoder_outputs"].last_hidden_state.shape == (2, 8, 32)


def test_queries_equal_transformers(tiny_generator, images):
    pixels = tiny_generator.processor.image_processor(images, return_tensors="pt")
    expected = tiny_generator.model.get_image_features(pixels["pixel_values"]).pooler_output
    assert torch.allclose(tiny_generator.encode(images).queries, expected, atol=1e-5)


def test_the_instruction_changes_what_instructblip_reads(tiny_instructblip, images):
    vision = tiny_instructblip.encode(images[:2]).vision
    reader = tiny_instructblip.reader
    assert reader.fingerprint is None and tiny_instructblip.encode(images).queries is None
    one, other = reader.queries(vision[[0, 0]], ["what is it?", "how many?"])
    assert not torch.allclose(one, other, atol=1e-3)


def test_long_instructions_lose_their_beginning(tiny_instructblip):
    ids, mask = tiny_instructblip.reader.instruction_ids(["a" * 60 + "bcd", "e"])
    assert ids.shape == (2, 48) and ids[0, 0] == 2 and ids[0, -1] == 3
    assert ids[0, -2] == tiny_instructblip.processor.qformer_tokenizer("ad").input_ids[-2]
    assert mask[1].sum() == 3
