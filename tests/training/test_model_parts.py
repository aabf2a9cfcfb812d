import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, PreTrainedTokenizerFast

from blip2core.config import QFormerSize, Stage2Config
from blip2core.errors import ModelError, ModelUnavailableError
from blip2core.training.data import FilePairs
from blip2core.training.model_parts import build_blip2, load_qformer, load_vision, open_pair_source
from blip2core.training.sticker_pairs import StickerPairs
from tests import tiny


def config_of(start: Any, **changes: Any) -> Stage2Config:
    settings = {
        "stage1": str(start.stage1),
        "vision": str(start.vision),
        "language_model": str(start.opt),
    }
    return Stage2Config(**(settings | changes))


def test_the_encoder_is_found_alone_and_inside_a_checkpoint(
    start: Any, encoder: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for folder in (start.vision, start.stage1):
        with caplog.at_level(logging.WARNING):
            found, processor = load_vision(str(folder), attention="eager")
        assert not caplog.records
        expected = encoder.state_dict()
        assert all(torch.equal(expected[name], at) for name, at in found.state_dict().items())
        assert not found.training and not any(p.requires_grad for p in found.parameters())
        assert processor.size == {"height": 28, "width": 28}


def test_another_model_is_no_encoder(tmp_path: Path) -> None:
    GPT2Config().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="is a gpt2 model"):
        load_vision(str(tmp_path), attention="eager")


def test_what_is_not_here_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="is not here"):
        load_vision(str(tmp_path / "none"), attention="eager")


def test_the_stage1_qformer_comes_without_its_text_path(start: Any) -> None:
    queries, qformer = load_qformer(str(start.stage1), vision_width=24)
    retrieval, _ = tiny.retrieval()
    assert torch.equal(queries, retrieval.query_tokens)
    vision = torch.randn(2, 5, 24)
    with torch.no_grad():
        ours = qformer(query_embeds=queries.expand(2, -1, -1), encoder_hidden_states=vision)
        theirs = retrieval.qformer(
            query_embeds=queries.expand(2, -1, -1), encoder_hidden_states=vision
        )
    assert torch.equal(ours.last_hidden_state, theirs.last_hidden_state)
    assert not any(".intermediate." in name for name in qformer.state_dict())
    with pytest.raises(ModelError, match="width 24, this one has width 32"):
        load_qformer(str(start.stage1), vision_width=32)


def test_blip2_is_whole_and_only_its_middle_is_trained(start: Any) -> None:
    model, processor = build_blip2(config_of(start), attention="eager")
    assert not any(parameter.is_meta for parameter in model.parameters())
    trained = {name.split(".")[0] for name, at in model.named_parameters() if at.requires_grad}
    assert trained == {"query_tokens", "qformer", "language_projection"}
    assert model.config.image_token_index == tiny.IMAGE
    assert processor.num_query_tokens == model.config.num_query_tokens == tiny.QUERIES
    newline = processor.tokenizer("\n", add_special_tokens=False).input_ids[0]
    assert model.generation_config.eos_token_id == newline


def test_without_stage1_the_queries_are_random_and_differ(start: Any) -> None:
    size = QFormerSize(hidden=16, layers=2, heads=2, feed_forward=24, queries=5)
    model, _ = build_blip2(config_of(start, stage1=None, qformer=size), attention="eager")
    assert model.query_tokens.shape == (1, 5, 16)
    assert model.query_tokens.std().item() == pytest.approx(0.02, rel=0.3)


def test_a_language_model_without_image_token_gets_one(start: Any, tmp_path: Path) -> None:
    blip2, _ = tiny.blip2(tiny.OPT | {"vocab_size": 261})
    tokenizer = tiny.byte_tokenizer()
    tokenizer.add_tokens(["<extra>"])
    blip2.language_model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model, _ = build_blip2(config_of(start, language_model=str(tmp_path)), attention="eager")
    embeddings = model.language_model.get_input_embeddings().weight
    assert embeddings.shape[0] == model.config.text_config.vocab_size == 262
    assert not embeddings.requires_grad


def test_a_tokenizer_with_an_image_token_of_its_own_is_refused(start: Any, tmp_path: Path) -> None:
    shutil.copytree(start.opt, tmp_path, dirs_exist_ok=True)
    PreTrainedTokenizerFast(
        tokenizer_object=tiny.byte_tokenizer().backend_tokenizer,
        pad_token="<pad>",
        extra_special_tokens={"image_token": "<image>"},
    ).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="image_token of its own"):
        build_blip2(config_of(start, language_model=str(tmp_path)), attention="eager")


def test_sources_by_name(tmp_path: Path) -> None:
    assert isinstance(open_pair_source("stickers", scenes=3), StickerPairs)
    (tmp_path / "a.png").touch()
    file = tmp_path / "a.csv"
    file.write_text("image,text\na.png,a\n")
    assert isinstance(open_pair_source(str(file), scenes=3), FilePairs)
