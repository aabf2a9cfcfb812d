"""The filter's own writing head: likeliest words, or drawn ones, and only where it has one."""

from pathlib import Path

import pytest
import torch

from blip2core.errors import ModelError
from blip2core.evaluation.stage1_captioner import Stage1Captioner
from blip2core.models import Matcher, load_matcher
from blip2core.models.qformer import Stage1QFormer
from blip2core.models.stage1_files import write_stage1
from tests import tiny


@pytest.fixture
def matcher(tmp_path: Path) -> Matcher:
    model, processor = tiny.retrieval()
    qformer = Stage1QFormer.from_retrieval(model, decoder_token_id=5)
    write_stage1(tmp_path, tiny.randomise(qformer, seed=1), model.vision_model, processor)
    return load_matcher(str(tmp_path), device="cpu", dtype="float32")


def test_the_likeliest_words(matcher, images):
    features = matcher.encode(images)
    found = Stage1Captioner(matcher).write(features)
    qformer = tiny.read_stage1(matcher.spec.checkpoint).eval()
    vision = matcher.model.vision_model.post_layernorm(features.vision)
    tokenizer = matcher.processor.tokenizer
    for row, text in enumerate(found):
        ids = [5]
        while len(ids) < matcher.text_limit:
            made = torch.tensor([ids])
            with torch.no_grad():
                read = qformer.read_and_write(vision[row : row + 1], made, torch.ones_like(made))
            ids.append(int(read.logits[0, -1].argmax()))
            if ids[-1] == tokenizer.sep_token_id:
                break
        assert text == tokenizer.decode(ids[1:], skip_special_tokens=True).strip()


def test_drawn_words_come_from_the_seed_of_each_image(matcher, images):
    writer = Stage1Captioner(matcher)
    features = matcher.encode(images)
    together = writer.write(features, seeds=[1, 2, 3])
    assert writer.write(features[1], seeds=[2]) == [together[1]]
    assert writer.write(features, seeds=[4, 5, 6]) != together


def test_what_has_no_writing_head_is_refused(tiny_matcher, tmp_path):
    with pytest.raises(ModelError, match="not a local folder"):
        Stage1Captioner(tiny_matcher)
    model, processor = tiny.retrieval()
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"no stage1\.safetensors"):
        Stage1Captioner(load_matcher(str(tmp_path), device="cpu", dtype="float32"))
