"""The table of models is complete, and its figures are those of the architectures."""

import json
from typing import Any

import pytest
import torch
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2ForImageTextRetrieval,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    InstructBlipConfig,
    InstructBlipForConditionalGeneration,
)

from blip2core.errors import ModelError, UnknownModelError
from blip2core.models.specs import CHECKPOINTS, SPECS, PromptTemplate, find_spec

OPT = dict(
    model_type="opt",
    vocab_size=50304,
    num_hidden_layers=32,
    num_attention_heads=32,
    max_position_embeddings=2048,
)
OPT_2_7B = OPT | dict(hidden_size=2560, word_embed_proj_dim=2560, ffn_dim=10240)
OPT_6_7B = OPT | dict(hidden_size=4096, word_embed_proj_dim=4096, ffn_dim=16384)
T5 = dict(model_type="t5", vocab_size=32128, d_kv=64, num_layers=24)
T5 |= dict(feed_forward_proj="gated-gelu")
T5_XL = T5 | dict(d_model=2048, d_ff=5120, num_heads=32)
T5_XXL = T5 | dict(d_model=4096, d_ff=10240, num_heads=64)
LLAMA = dict(model_type="llama", vocab_size=32001)
VICUNA_7B = LLAMA | dict(
    hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32
)
VICUNA_13B = LLAMA | dict(
    hidden_size=5120, intermediate_size=13824, num_hidden_layers=40, num_attention_heads=40
)
LARGE_IMAGE = dict(image_size=364)
BERT = dict(vocab_size=30523)


def blip2(text: dict[str, Any], vision: dict[str, Any] | None = None) -> Any:
    config = Blip2Config(text_config=text, vision_config=vision or {})
    return Blip2ForConditionalGeneration(config)


def instructblip(text: dict[str, Any]) -> Any:
    return InstructBlipForConditionalGeneration(
        InstructBlipConfig(text_config=text, qformer_config=BERT)
    )


def retrieval(vision: dict[str, Any] | None = None) -> Any:
    config = Blip2Config(
        qformer_config=BERT | {"use_qformer_text_input": True}, vision_config=vision or {}
    )
    return Blip2ForImageTextRetrieval(config)


def blip(model_class: Any, width: int, layers: int) -> Any:
    vision = dict(
        image_size=384,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
    )
    text = dict(
        vocab_size=30524,
        hidden_size=768,
        encoder_hidden_size=width,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
    )
    config = BlipConfig(vision_config=vision, text_config=text, image_text_hidden_size=256)
    return model_class(config)


ARCHITECTURES = {
    "blip2-opt-2.7b": lambda: blip2(OPT_2_7B),
    "blip2-opt-6.7b": lambda: blip2(OPT_6_7B),
    "blip2-opt-2.7b-coco": lambda: blip2(OPT_2_7B, LARGE_IMAGE),
    "blip2-opt-6.7b-coco": lambda: blip2(OPT_6_7B, LARGE_IMAGE),
    "blip2-flan-t5-xl": lambda: blip2(T5_XL),
    "blip2-flan-t5-xl-coco": lambda: blip2(T5_XL, LARGE_IMAGE),
    "blip2-flan-t5-xxl": lambda: blip2(T5_XXL),
    "instructblip-flan-t5-xl": lambda: instructblip(T5_XL),
    "instructblip-flan-t5-xxl": lambda: instructblip(T5_XXL),
    "instructblip-vicuna-7b": lambda: instructblip(VICUNA_7B),
    "instructblip-vicuna-13b": lambda: instructblip(VICUNA_13B),
    "blip2-itm-vit-g": retrieval,
    "blip2-itm-vit-g-coco": lambda: retrieval(LARGE_IMAGE),
    "blip-image-captioning-base": lambda: blip(BlipForConditionalGeneration, 768, 12),
    "blip-image-captioning-large": lambda: blip(BlipForConditionalGeneration, 1024, 24),
    "blip-itm-base-coco": lambda: blip(BlipForImageTextRetrieval, 768, 12),
    "blip-itm-large-coco": lambda: blip(BlipForImageTextRetrieval, 1024, 24),
}


def test_every_official_model_has_its_architecture_here():
    official = {name for name, spec in SPECS.items() if not spec.is_embedded}
    assert official == ARCHITECTURES.keys()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_parameter_counts(name):
    """Built without memory for the weights. Images have the size the spec says."""
    spec = SPECS[name]
    with torch.device("meta"):
        model = ARCHITECTURES[name]()
    count = sum(parameter.numel() for parameter in model.parameters())
    if "t5" in name:  # transformers ties the output layer, the checkpoints hold one of their own
        count += model.config.text_config.vocab_size * model.config.text_config.d_model
    assert count == pytest.approx(spec.parameters, rel=0.005)
    assert model.config.vision_config.image_size == spec.image_size


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_says_what_a_user_must_know(name):
    spec = SPECS[name]
    assert spec.name == name and spec.revision
    assert spec.knows.endswith(".") and spec.licence.endswith(".")
    assert "{question}" in spec.template.question
    if spec.kind == "matcher" and not spec.is_embedded:
        assert spec.text_limit in (32, 35)
    assert spec.gigabytes == pytest.approx(spec.parameters * 2e-9)


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.is_embedded])
def test_embedded_models_are_what_their_folders_hold(name):
    spec = SPECS[name]
    assert spec.dtype == "float32" and spec.template.separator == "\n"
    file = CHECKPOINTS / name / "config.json"
    if not file.is_file():
        pytest.skip("this checkpoint has not been made yet")
    config = json.loads(file.read_text())
    assert config["vision_config"]["image_size"] == spec.image_size
    # transformers' retrieval class would cut the first words off each text, the others need it.
    assert (config.get("image_token_index") is None) == (spec.kind == "matcher")


def test_find_by_name_hub_id_and_folder(tmp_path):
    assert find_spec("blip2-opt-2.7b") is SPECS["blip2-opt-2.7b"]
    assert find_spec("Salesforce/blip2-opt-2.7b") is SPECS["blip2-opt-2.7b"]
    config = {
        "architectures": ["InstructBlipForConditionalGeneration"],
        "vision_config": {"image_size": 28},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    spec = find_spec(str(tmp_path))
    assert (spec.kind, spec.family, spec.image_size) == ("generator", "instructblip", 28)
    assert spec.template.question == "{question}" and spec.checkpoint == tmp_path


def test_an_unknown_name_lists_the_valid_ones():
    with pytest.raises(UnknownModelError) as caught:
        find_spec("blip3")
    assert "blip3" in str(caught.value)
    assert all(name in str(caught.value) for name in SPECS)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no readable config"), ("{", "no readable config"), ("{}", "no architecture")],
)
def test_folders_that_hold_no_model(content, message, tmp_path):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match=message):
        find_spec(str(tmp_path))


def test_an_unsupported_architecture_is_named(tmp_path):
    (tmp_path / "config.json").write_text('{"architectures": ["CLIPModel"]}')
    with pytest.raises(ModelError, match="CLIPModel.*Blip2ForConditionalGeneration"):
        find_spec(str(tmp_path))


def test_the_plain_template():
    template = PromptTemplate()
    assert template.question.format(question="what?") == "Question: what? Answer:"


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_what_is_suggested_is_what_a_model_does(spec: Any) -> None:
    words = [one for group in spec.suggestions for one in group.words]
    answers = spec.kind == "generator" and spec.family != "blip"
    assert bool(words) == (spec.kind == "generator")
    assert any(one.endswith("?") for one in words) == answers
    assert ("animal" in " ".join(words)) == (answers and spec.is_embedded)
    assert all(group.kind for group in spec.suggestions) == (not spec.is_embedded or not words)
    assert len(set(words)) == len(words), "a press is known by its words"
