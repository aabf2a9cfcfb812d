"""A new version of transformers or accelerate that changes what we rely on is told by name."""

import inspect
from collections.abc import Callable
from typing import Any

import accelerate
import pytest
import torch
import transformers
from transformers import BertConfig

from blip2core.models import transformers_internals as internals
from tests import tiny

TRANSFORMERS = f"transformers {transformers.__version__}"
ACCELERATE = f"accelerate {accelerate.__version__}"


@pytest.fixture
def model() -> Any:
    """A retrieval model whose Q-Former looks at the image in layers 0 and 2 of 4."""
    return tiny.retrieval(qformer_layers=4)[0]


def missing(value: Any, *names: str) -> list[str]:
    return [name for name in names if not hasattr(value, name)]


def lacks(function: Callable[..., Any], *names: str) -> list[str]:
    """The arguments that a function no longer has."""
    return [name for name in names if name not in inspect.signature(function).parameters]


def test_the_parts_of_a_qformer_layer_have_their_names(model: Any) -> None:
    first, second = model.qformer.encoder.layer[:2]
    assert type(first) is internals.Blip2QFormerLayer
    gone = missing(
        first,
        "attention",
        "crossattention",
        "has_cross_attention",
        "intermediate",
        "intermediate_query",
        "output",
        "output_query",
        "feed_forward_chunk",
        "feed_forward_chunk_query",
    )
    assert not gone, f"{TRANSFORMERS} changed Blip2QFormerLayer: it has no {gone}"
    looks = (first.has_cross_attention, second.has_cross_attention)
    assert looks == (True, False), f"{TRANSFORMERS} changed which layers have cross-attention"


def test_the_parts_of_cross_attention_have_their_names(model: Any) -> None:
    block = model.qformer.encoder.layer[0].crossattention
    assert type(block) is internals.Blip2QFormerAttention
    gone = missing(block, "attention", "output") + missing(
        block.attention,
        "query",
        "key",
        "value",
        "num_attention_heads",
        "attention_head_size",
        "attention_dropout",
        "scaling",
        "config",
    )
    assert not gone, f"{TRANSFORMERS} changed Blip2QFormerAttention: it has no {gone}"


def test_text_embeddings_take_queries(model: Any) -> None:
    gone = lacks(internals.Blip2TextEmbeddings.forward, "input_ids", "query_embeds")
    assert not gone, f"{TRANSFORMERS} changed Blip2TextEmbeddings: it takes no {gone}"
    gone = missing(model.embeddings, "word_embeddings", "position_embeddings")
    assert not gone, f"{TRANSFORMERS} changed Blip2TextEmbeddings: it has no {gone}"


def test_the_transform_of_berts_head_keeps_the_width() -> None:
    head = internals.BertPredictionHeadTransform(BertConfig(hidden_size=8))
    shape = head(torch.zeros(2, 3, 8)).shape
    assert shape == (2, 3, 8), (
        f"{TRANSFORMERS} changed BertPredictionHeadTransform: it gives {shape}"
    )


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_attention_is_the_formula(implementation: str, model: Any) -> None:
    model.qformer.set_attn_implementation(implementation)
    inner = model.qformer.encoder.layer[0].crossattention.attention
    found = internals.attention_implementation(inner)
    assert found == implementation, f"{TRANSFORMERS} changed where the implementation is kept"
    torch.manual_seed(0)
    queries, keys, values = (torch.randn(2, 2, n, 8) for n in (3, 5, 5))  # (B, H, n, D / H)
    expected = (queries @ keys.mT / 8**0.5).softmax(dim=-1) @ values
    torch.testing.assert_close(
        internals.attend(inner, queries, keys, values),
        expected.transpose(1, 2),
        msg=lambda text: f"{TRANSFORMERS} changed the attention functions: {text}",
    )


def test_the_set_implementation_is_the_one_that_runs(model: Any) -> None:
    """A name that nobody registered is refused: the setting is not passed over."""
    inner = model.qformer.encoder.layer[0].crossattention.attention
    inner.config._attn_implementation = "no such attention"
    with pytest.raises((KeyError, ValueError)):
        internals.attend(inner, *(torch.randn(1, 2, 3, 8) for _ in range(3)))


def test_a_module_can_be_set_to_eager_attention(model: Any) -> None:
    model.qformer.set_attn_implementation("sdpa")
    block = model.qformer.encoder.layer[0].crossattention
    for module in block.modules():
        internals.use_eager_attention(module)
    vision = torch.randn(1, 5, tiny.VISION["hidden_size"])
    _, weights = block.attention(torch.randn(1, 4, 16), encoder_hidden_states=vision)
    shape = getattr(weights, "shape", None)
    assert shape == (1, 2, 4, 5), (
        f"{TRANSFORMERS} changed eager attention: its probabilities are {shape}"
    )


def test_a_model_of_no_hub_has_no_commit(model: Any) -> None:
    assert internals.commit_of(model) is None
    model.config._commit_hash = "c" * 40
    assert internals.commit_of(model) == "c" * 40


def test_the_commit_is_read_from_where_transformers_writes_it() -> None:
    source = inspect.getsource(transformers.configuration_utils)
    assert "_commit_hash" in source, f"{TRANSFORMERS} changed where it keeps a model's commit"


def test_the_choice_of_an_accelerator_can_be_made_again() -> None:
    gone = lacks(internals.AcceleratorState._reset_state, "reset_partial_state")
    assert not gone, f"{ACCELERATE} changed AcceleratorState._reset_state: it takes no {gone}"
    for precision in ("bf16", "no"):
        internals.forget_accelerator_choices()
        found = accelerate.Accelerator(cpu=True, mixed_precision=precision).mixed_precision
        assert found == precision, f"{ACCELERATE} changed _reset_state: the first choice is kept"
    internals.forget_accelerator_choices()
