"""From a folder or a name to a working model, or to an error that says what to do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from blip2core.config import DecodeConfig
from blip2core.errors import DeviceError, ModelError, ModelUnavailableError, UnknownModelError
from blip2core.models import SPECS, load_generator, load_matcher, vision
from blip2core.models.loading import choose_device, choose_dtype, fast_bfloat16
from tests import tiny

SHORT = DecodeConfig(max_new_tokens=6)
TEXTS = ["a cat", "b"]


def saved(loaded: tuple[Any, Any], folder: Path) -> str:
    model, processor = loaded
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(
    ("build", "family", "language"),
    [
        (tiny.blip2, "blip2", "opt"),
        (lambda: tiny.blip2(tiny.T5), "blip2", "t5"),
        (tiny.instructblip, "instructblip", "opt"),
        (tiny.blip_captioner, "blip", "bert"),
    ],
    ids=["opt", "t5", "instructblip", "blip"],
)
def test_a_generator_from_a_folder(build, family, language, images, tmp_path):
    loaded = load_generator(saved(build(), tmp_path), device="cpu", dtype="float32")
    assert (loaded.spec.family, loaded.spec.language) == (family, language)
    assert loaded.device.type == "cpu"
    assert loaded.dtype == torch.float32 and not loaded.model.training
    assert not any(weight.requires_grad for weight in loaded.model.parameters())
    original = tiny.generator(build(), family=family)
    features = loaded.encode(images)
    expected = original.answer(original.encode(images), ["ab"] * 3, decode=SHORT)
    assert loaded.answer(features, ["ab"] * 3, decode=SHORT) == expected


@pytest.mark.parametrize(
    ("build", "family"), [(tiny.retrieval, "blip2"), (tiny.blip_matcher, "blip")]
)
def test_a_matcher_from_a_folder(build, family, images, tmp_path):
    loaded = load_matcher(saved(build(), tmp_path), device="cpu", dtype="float32")
    original = tiny.matcher(build(), family=family)
    expected = original.match(original.encode(images[:1]), TEXTS)
    for one, other in zip(loaded.match(loaded.encode(images[:1]), TEXTS), expected, strict=True):
        # Sums may be taken in another order, as the weights lie elsewhere in memory.
        assert (one.itm, one.itc) == pytest.approx((other.itm, other.itc), abs=1e-6)
        assert replace(one, itm=0, itc=0) == replace(other, itm=0, itc=0)
    assert not loaded.sharing.shared


def test_a_matcher_shares_the_encoder_of_a_generator(images, tmp_path):
    captioner, filter_ = tiny.blip2(), tiny.retrieval()
    filter_[0].vision_model.load_state_dict(captioner[0].vision_model.state_dict())
    generator = load_generator(saved(captioner, tmp_path / "a"), dtype="float32")
    matcher = load_matcher(saved(filter_, tmp_path / "b"), share_with=generator)
    assert matcher.sharing.shared
    assert matcher.model.vision_model.encoder is generator.model.vision_model.encoder
    assert len(matcher.match(generator.encode(images[:1]), ["a"])) == 1
    assert generator.vision.calls == matcher.vision.calls == 1


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("build", [tiny.blip2, tiny.instructblip], ids=["blip2", "instructblip"])
def test_half_precision_gives_text(build, dtype, images, tmp_path):
    generator = load_generator(saved(build(), tmp_path), dtype=dtype)
    assert generator.dtype == getattr(torch, dtype)
    (texts,) = generator.caption(
        generator.encode(images[:1]),
        num=2,
        decode=DecodeConfig(mode="sample", seed=1, max_new_tokens=5),
        logprobs=True,
    )
    assert all(text.tokens and len(text.logprobs) == len(text.tokens) for text in texts)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_gives_scores(dtype, images, tmp_path):
    path = saved(tiny.retrieval(), tmp_path)
    exact, half = (load_matcher(path, dtype=dtype) for dtype in ("float32", dtype))
    one, other = (m.match(m.encode(images[:1]), ["a cat"])[0] for m in (exact, half))
    assert other.itm == pytest.approx(one.itm, abs=0.05)
    assert other.itc == pytest.approx(one.itc, abs=0.05)


def test_unknown_names_and_wrong_kinds():
    with pytest.raises(UnknownModelError, match="stickers-opt"):
        load_generator("stickers")
    with pytest.raises(ModelError, match="matcher, not a generator.*stickers-opt"):
        load_generator("blip2-itm-vit-g")
    with pytest.raises(ModelError, match="generator, not a matcher.*stickers-itm"):
        load_matcher("blip2-opt-2.7b")


@pytest.mark.parametrize("name", ["blip2-opt-2.7b", "instructblip-vicuna-7b"])
def test_not_downloaded_and_offline(name):
    with pytest.raises(ModelUnavailableError) as caught:
        load_generator(name)
    message = str(caught.value)
    assert "HF_HUB_OFFLINE forbids" in message and f"hf download Salesforce/{name}" in message
    assert "stickers-opt" in message


def test_no_network_is_found_out_at_once(monkeypatch):
    """transformers by itself would try each file again and again."""

    def unreachable(*_: Any, **__: Any) -> None:
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr("blip2core.models.loading.model_info", unreachable)
    with pytest.raises(ModelUnavailableError, match="download failed .Name or service not known"):
        load_matcher("blip2-itm-vit-g")


def test_an_embedded_checkpoint_that_is_missing(tmp_path):
    gone = replace(SPECS["stickers-opt"], checkpoint=SPECS["stickers-opt"].checkpoint / ".." / "x")
    with pytest.raises(ModelUnavailableError, match="config.json is missing"):
        load_generator(gone)
    embedded = replace(gone, checkpoint=SPECS["stickers-opt"].checkpoint.with_name("absent"))
    with pytest.raises(ModelUnavailableError, match="make pretrain"):
        load_generator(embedded)


def test_a_broken_folder(tmp_path):
    folder = Path(saved(tiny.blip2(), tmp_path))
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        load_generator(str(folder))


def test_a_folder_that_lacks_weights(tmp_path):
    model, processor = tiny.blip2()
    path = saved((model, processor), tmp_path)
    weights = model.state_dict()
    del weights["qformer.layernorm.weight"]
    model.save_pretrained(tmp_path, state_dict=weights)
    with pytest.raises(ModelError, match="lacks weights, such as qformer.layernorm.weight"):
        load_generator(path)


def test_a_file_of_weights_that_is_none(tmp_path):
    path = saved(tiny.blip2(), tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(ModelError, match="cannot be read"):
        load_generator(path)


def test_devices_and_number_types(monkeypatch):
    opt, t5, stickers = (
        SPECS[name] for name in ("blip2-opt-2.7b", "blip2-flan-t5-xl", "stickers-opt")
    )
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert choose_device("cpu") == cpu and choose_device().type in ("cpu", "cuda")
    for wrong in ("gpu", "cuda:99"):
        with pytest.raises(ModelError, match=f"no device '{wrong}'"):
            choose_device(wrong)
    assert choose_dtype(opt, cpu, "float16") is choose_dtype(opt, cpu, torch.float16)
    for wrong in ("float33", "int64", "nn"):
        with pytest.raises(ModelError, match=wrong):
            choose_dtype(opt, cpu, wrong)
    for fast, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr("blip2core.models.loading.fast_bfloat16", lambda fast=fast: fast)
        assert choose_dtype(opt, cpu, "auto") is expected
        assert choose_dtype(stickers, cpu, "auto") is torch.float32
    for able, expected in ((True, torch.bfloat16), (False, torch.float16)):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, able=able, **__: able)
        assert choose_dtype(opt, cuda, "auto") is expected
        assert choose_dtype(t5, cuda, "auto") is (torch.bfloat16 if able else torch.float32)
    with pytest.raises(ModelError, match="overflows in float16"):
        choose_dtype(t5, cuda, "float16")
    assert isinstance(fast_bfloat16(), bool)


@pytest.mark.parametrize("load", [load_generator, load_matcher])
def test_a_device_without_memory_is_named(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> str:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(vision, "fingerprint", fail)
    with pytest.raises(DeviceError, match="no memory left"):
        load(device="cpu")
