"""An answer read once more: slots and patches of each token, for every kind of language model."""

import pytest
import torch
from PIL import Image

from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError, ModelError
from blip2core.explain.answers import trace_answer
from blip2core.models import Generator
from tests import tiny

PROMPT = "Question: Who? Answer:"
SHORT = DecodeConfig(max_new_tokens=5, min_new_tokens=5)


@pytest.fixture(
    params=["tiny_generator", "tiny_t5_generator", "tiny_instructblip", "tiny_instructblip_t5"]
)
def writer(request: pytest.FixtureRequest) -> Generator:
    return request.getfixturevalue(request.param)


def test_each_token_has_a_map(writer: Generator, images: list[Image.Image]) -> None:
    features = writer.encode(images[:1])
    said = writer.answer(features, [PROMPT], decode=SHORT)[0]
    calls = writer.vision.calls
    seen = trace_answer(writer, features, PROMPT, said.tokens)
    assert writer.vision.calls == calls
    assert seen.slots.shape == (5, tiny.QUERIES)
    torch.testing.assert_close(seen.slots.sum(dim=1), torch.ones(5))
    assert (seen.image_share > 0).all() and (seen.image_share < 1).all()
    assert seen.looks.shape == (tiny.QUERIES, 4)
    assert seen.token_map(4).values.shape == (2, 2)
    assert "".join(seen.pieces) == writer.tokenizer.decode(list(said.tokens))
    assert not torch.allclose(seen.slots[0], seen.slots[3])


def test_decoder_rows_are_those_that_wrote_the_tokens(
    tiny_generator: Generator, images: list[Image.Image]
) -> None:
    features = tiny_generator.encode(images[:1])
    tokens = (20, 30, 40)
    seen = trace_answer(tiny_generator, features, PROMPT, tokens)
    model, processor = tiny.blip2()  # the same weights again
    model.language_model.set_attn_implementation("eager")
    ids = torch.tensor([[*processor.tokenizer(PROMPT).input_ids, *tokens]])
    words = model.language_model.get_input_embeddings()(ids)
    output = model.language_model(
        inputs_embeds=torch.cat([features.queries, words], dim=1), output_attentions=True
    )
    first = tiny.QUERIES + ids.shape[1] - len(tokens) - 1  # where the last word of the prompt is
    mean = torch.stack(output.attentions).mean(dim=(0, 1, 2))[first : first + 3, : tiny.QUERIES]
    torch.testing.assert_close(seen.image_share, mean.sum(dim=1))
    torch.testing.assert_close(seen.slots, mean / mean.sum(dim=1, keepdim=True))


def test_encoder_decoder_rows_are_those_of_the_decoder(
    tiny_t5_generator: Generator, images: list[Image.Image]
) -> None:
    features = tiny_t5_generator.encode(images[:1])
    tokens = (20, 30, 40)
    seen = trace_answer(tiny_t5_generator, features, PROMPT, tokens)
    model, processor = tiny.blip2(tiny.T5)
    model.language_model.set_attn_implementation("eager")
    model.language_model.decoder.set_attn_implementation("eager")  # transformers 5.17 leaves it
    ids = torch.tensor([processor.tokenizer(PROMPT).input_ids])
    words = model.language_model.get_input_embeddings()(ids)
    output = model.language_model(
        inputs_embeds=torch.cat([features.queries, words], dim=1),
        decoder_input_ids=torch.tensor([[tiny.PAD, 20, 30]]),
        output_attentions=True,
    )
    mean = torch.stack(output.cross_attentions).mean(dim=(0, 1, 2))[:, : tiny.QUERIES]
    torch.testing.assert_close(seen.image_share, mean.sum(dim=1))


def test_slots_are_placed_by_the_last_look_of_their_query(images: list[Image.Image]) -> None:
    """The Q-Former has six layers: it looks at the image in 0, 2 and 4."""
    generator = tiny.generator(tiny.blip2(qformer_layers=6))
    features = generator.encode(images[:1])
    looks = trace_answer(generator, features, PROMPT, [20]).looks
    model, _ = tiny.blip2(qformer_layers=6)  # the same weights again
    model.qformer.set_attn_implementation("eager")
    seen = []
    for layer in (0, 2, 4):
        model.qformer.encoder.layer[layer].crossattention.attention.register_forward_hook(
            lambda module, inputs, output: seen.append(output[-1][0].mean(dim=0)[:, 1:])
        )
    model.qformer(
        query_embeds=model.query_tokens,
        encoder_hidden_states=model.vision_model.post_layernorm(features.vision),
    )
    torch.testing.assert_close(looks, seen[2])
    assert not torch.allclose(looks, seen[0], atol=1e-3)


def test_the_generator_is_left_as_it_was(
    tiny_generator: Generator, images: list[Image.Image]
) -> None:
    features = tiny_generator.encode(images[:1])
    before = tiny_generator.answer(features, [PROMPT], decode=SHORT)
    trace_answer(tiny_generator, features, PROMPT, before[0].tokens)
    assert tiny_generator.language_model.config._attn_implementation == "sdpa"
    assert not any(part._forward_hooks for part in tiny_generator.model.modules())
    assert tiny_generator.answer(features, [PROMPT], decode=SHORT) == before


def test_mistakes_are_told(
    tiny_generator: Generator, tiny_blip: Generator, images: list[Image.Image]
) -> None:
    features = tiny_generator.encode(images[:1])
    with pytest.raises(ModelError, match="no Q-Former"):
        trace_answer(tiny_blip, tiny_blip.encode(images[:1]), "", [5])
    with pytest.raises(ModelError, match="features of one image"):
        trace_answer(tiny_generator, tiny_generator.encode(images), PROMPT, [5])
    with pytest.raises(ConfigError, match="answer is empty"):
        trace_answer(tiny_generator, features, PROMPT, [])
    with pytest.raises(ConfigError, match=r"token \(1\) must be from 0 to 0"):
        trace_answer(tiny_generator, features, PROMPT, [20]).token_map(1)
