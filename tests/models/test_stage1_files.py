from pathlib import Path

import pytest
import torch
from transformers import Blip2ForImageTextRetrieval

from blip2core.errors import ModelError
from blip2core.models.qformer import Stage1QFormer
from blip2core.models.stage1_files import write_stage1
from tests import tiny


def test_written_and_read_is_the_same(tmp_path: Path) -> None:
    model, processor = tiny.retrieval()
    qformer = Stage1QFormer.from_retrieval(model, decoder_token_id=5)
    tiny.randomise(qformer, seed=1)
    write_stage1(tmp_path, qformer, model.vision_model, processor)

    again = tiny.read_stage1(tmp_path)
    assert again.decoder_token_id == 5
    assert again.state_dict().keys() == qformer.state_dict().keys()
    for name, value in qformer.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name

    plain = Blip2ForImageTextRetrieval.from_pretrained(tmp_path)
    for name, value in model.vision_model.state_dict().items():
        assert torch.equal(plain.vision_model.state_dict()[name], value), name


def test_a_folder_without_the_extra_file_says_what_it_lacks(tmp_path: Path) -> None:
    model, _ = tiny.retrieval()
    model.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"no stage1\.safetensors"):
        tiny.read_stage1(tmp_path)
