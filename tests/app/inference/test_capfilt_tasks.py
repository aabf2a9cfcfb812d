"""A visitor's request in the form that the captioner takes."""

from app.inference.capfilt_tasks import caption_config
from app.inference.captions import CaptionRequest
from blip2core.config import DecodeConfig

SAMPLE = DecodeConfig(mode="sample", seed=3)


def test_the_captioner_is_given_the_words_that_captions_begin_with() -> None:
    config = caption_config(CaptionRequest(num=2, decode=SAMPLE, prompt="a photo of"))
    assert (config.num, config.decode, config.prompt) == (2, SAMPLE, "a photo of")
    assert caption_config(CaptionRequest(num=2, decode=SAMPLE)).prompt is None
