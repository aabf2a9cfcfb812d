"""Library misuse is an error that names the mistake: what was given, what is expected, how to get
it.
"""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

from blip2core import arguments, capfilt, chat, explain
from blip2core.config import (
    GREEDY,
    CaptionConfig,
    DecodeConfig,
    ExportConfig,
    FilterConfig,
    FinetuneConfig,
    QFormerSize,
)
from blip2core.errors import (
    Blip2Error,
    ConfigError,
    ImageError,
    ModelError,
    TextError,
    UnknownModelError,
)
from blip2core.evaluation import evaluate
from blip2core.explain.answers import trace_answer
from blip2core.exports import export_pairs
from blip2core.images import open_image
from blip2core.intake import check_image, read
from blip2core.models import Generator, ImageFeatures, Matcher, find_spec, load_generator
from blip2core.records import Conversation
from blip2core.training import finetune, stage1, stage2, unimodal

SAMPLE = Path(__file__).parents[1] / "data/samples/web/001.jpg"
RGB, GRAY = numpy.zeros((4, 5, 3), "uint8"), numpy.zeros((4, 5), "uint8")
HALF = "a \ud800 b"


def closed() -> Image.Image:
    image = Image.open(SAMPLE)
    image.close()
    return image


@pytest.fixture(scope="module")
def made(
    tiny_generator: Generator, tiny_matcher: Matcher, tiny_blip_matcher: Matcher
) -> SimpleNamespace:
    """Two models, one image, and its features by each of them and by another model."""
    image = Image.new("RGB", (30, 40), "red")
    return SimpleNamespace(
        generator=tiny_generator,
        matcher=tiny_matcher,
        image=image,
        features=tiny_generator.encode([image]),
        matched=tiny_matcher.encode([image]),
        two=tiny_matcher.encode([image, image]),
        other=tiny_blip_matcher.encode([image]),
    )


Call = Callable[[Any], object]
LIST = "encode takes a list of images; "
SOURCE = "open_image takes a path, the bytes of a file, an open file or an image; got "
READS = ": [open_image('cat.jpg')] reads one."
ARRAY = "Image.fromarray(array) makes an image of 8-bit values in the order (height, width, RGB)"
IMAGES: dict[str, tuple[Call, str]] = {
    "one image": (lambda m: m.generator.encode(m.image), LIST + "got one image: put it into"),
    "a name": (lambda m: m.generator.encode("cat.jpg"), LIST + "got a str" + READS),
    "names": (lambda m: m.matcher.encode(["a.jpg"]), LIST + "number 1 of it is a str" + READS),
    "a path": (
        lambda m: m.generator.encode([m.image, Path("a")]),
        LIST + "number 2 of it is a Posix",
    ),
    "bytes": (lambda m: m.generator.encode([b"GIF"]), LIST + "number 1 of it is a bytes" + READS),
    "a URL": (
        lambda m: m.generator.encode(["https://example.com/cat.jpg"]),
        "download the file first, nothing is fetched here; open_image(path) reads it.",
    ),
    "an array": (lambda m: m.generator.encode(RGB), "a NumPy array of shape (4, 5, 3): " + ARRAY),
    "a BGR array": (
        lambda m: m.generator.encode([RGB]),
        "OpenCV's are BGR, array[:, :, ::-1] turns",
    ),
    "a gray array": (lambda m: m.generator.encode([GRAY]), "NumPy array of shape (4, 5): " + ARRAY),
    "an empty list": (lambda m: m.generator.encode([]), LIST + "got an empty one."),
    "a dict": (
        lambda m: m.generator.encode({"a": m.image}),
        LIST + "got a dict of 1: list(images.values()) makes one.",
    ),
    "None": (lambda m: m.generator.encode(None), LIST + "got None."),
    "a list of None": (lambda m: m.generator.encode([None]), LIST + "number 1 of it is None."),
    "an int": (lambda m: m.generator.encode(7), LIST + "got an int."),
    "a closed image": (
        lambda m: m.generator.encode([closed()]),
        "Image 1 of encode is closed: use it",
    ),
    "16 bits": (
        lambda m: m.generator.encode([Image.new("I;16", (9, 9), 40_000)]),
        "Image 1 of encode has more than 8 bits (mode I;16): open_image(image) makes RGB of it.",
    ),
    "a tensor without a batch": (
        lambda m: m.generator.encode(torch.zeros(3, 28, 28)),
        "encode takes pixels of shape (B, 3, 28, 28); got a tensor of shape (3, 28, 28): vision",
    ),
    "a tensor of no image": (
        lambda m: m.generator.encode(torch.zeros(0, 3, 28, 28)),
        "(0, 3, 28, 28)",
    ),
    "a tensor of another size": (
        lambda m: m.matcher.encode(torch.zeros(1, 3, 30, 30)),
        "encode takes pixels of shape (B, 3, 28, 28); got a tensor of shape (1, 3, 30, 30)",
    ),
    "channels last": (
        lambda m: m.matcher.encode(torch.zeros(1, 28, 28, 3)),
        "got a tensor of shape",
    ),
    "whole numbers": (
        lambda m: m.generator.encode(torch.zeros(1, 3, 28, 28, dtype=torch.uint8)),
        "encode takes pixels as normalised floating point numbers; got uint8: vision.prepare",
    ),
    "open an array": (
        lambda m: open_image(RGB),
        SOURCE + "a NumPy array of shape (4, 5, 3): " + ARRAY,
    ),
    "open a tensor": (
        lambda m: open_image(torch.zeros(3, 4, 4)),
        "Image.fromarray(tensor.numpy())",
    ),
    "open None": (lambda m: open_image(None), SOURCE + "None."),
    "open an int": (lambda m: open_image(7), SOURCE + "an int."),
    "open a list": (lambda m: open_image(["a.jpg"]), SOURCE + "a list of 1."),
    "open a URL": (
        lambda m: open_image("https://example.com/cat.jpg"),
        SOURCE + "an address: download it first, nothing is fetched here.",
    ),
    "open a closed image": (
        lambda m: open_image(closed()),
        "The image is closed: use it before its",
    ),
    "open a text file": (
        lambda m: open_image(open(__file__, encoding="utf-8")),  # noqa: SIM115 - misuse
        "The file gives a str, not bytes: open it with mode 'rb'.",
    ),
    "check a path": (
        lambda m: check_image("cat.jpg"),
        "check_image takes the bytes of an image file,",
    ),
}
ONE = " must be one text, a str; got "
SURROGATE = (
    " has half of a character in it (\\ud800, a lone surrogate), which no model reads: "
    "blip2core.texts.clean_text takes it out."
)
IN_LIST = " takes a list of texts; got a str: put it into a list, [text]."
TEXTS: dict[str, tuple[Call, str]] = {
    "match a str": (lambda m: m.matcher.match(m.matched, "a dog"), "match" + IN_LIST),
    "match None": (
        lambda m: m.matcher.match(m.matched, None),
        "match takes a list of texts; got None.",
    ),
    "match [None]": (
        lambda m: m.matcher.match(m.matched, [None]),
        "Text 1 of match" + ONE + "None.",
    ),
    "match [int]": (
        lambda m: m.matcher.match(m.matched, ["a", 1]),
        "Text 2 of match" + ONE + "an int.",
    ),
    "match half": (lambda m: m.matcher.match(m.matched, [HALF]), "Text 1 of match" + SURROGATE),
    "match bytes": (
        lambda m: m.matcher.match(m.matched, b"a dog"),
        "match takes a list of texts; got a bytes",
    ),
    "match an array": (
        lambda m: m.matcher.match(m.matched, numpy.array(["a"])),
        "match takes a list of texts; got a NumPy array of shape (1,): list(texts) makes one of",
    ),
    "itc a str": (lambda m: m.matcher.itc(m.matched, "a dog"), "itc" + IN_LIST),
    "match nothing": (
        lambda m: m.matcher.match(m.matched, []),
        "match takes a list of texts; got an empty one.",
    ),
    "answer nothing": (
        lambda m: m.generator.answer(m.features, []),
        "answer takes a list of texts; got an empty one.",
    ),
    "itc nothing": (
        lambda m: m.matcher.itc(m.matched, []),
        "itc takes a list of texts; got an empty one.",
    ),
    "itm a str": (lambda m: m.matcher.itm(m.matched, "a dog"), "itm" + IN_LIST),
    "itm nothing": (
        lambda m: m.matcher.itm(m.matched, []),
        "itm takes a list of texts; got an empty one.",
    ),
    "embed a str": (lambda m: m.matcher.embed_texts("a dog"), "embed_texts" + IN_LIST),
    "embed nothing": (
        lambda m: m.matcher.embed_texts([]),
        "embed_texts takes a list of texts; got an empty",
    ),
    "rank a list": (
        lambda m: m.matcher.rank(["a"], m.two),
        "The text of rank" + ONE + "a list of 1.",
    ),
    "rank half": (lambda m: m.matcher.rank(HALF, m.two), "The text of rank" + SURROGATE),
    "tokens half": (lambda m: m.matcher.tokens([HALF]), "A text to match" + SURROGATE),
    "count None": (lambda m: m.matcher.count_tokens(None), "The text" + ONE + "None."),
    "truncated half": (lambda m: m.matcher.is_truncated(HALF), "The text" + SURROGATE),
    "count a prompt": (
        lambda m: m.generator.count_tokens(["a"]),
        "The prompt" + ONE + "a list of 1.",
    ),
    "caption a list": (lambda m: m.generator.caption(m.features, prompt=["a"]), "The prompt" + ONE),
    "caption an int": (
        lambda m: m.generator.caption(m.features, prompt=3),
        "The prompt" + ONE + "an int.",
    ),
    "caption half": (
        lambda m: m.generator.caption(m.features, prompt=HALF),
        "The prompt" + SURROGATE,
    ),
    "answer a str": (lambda m: m.generator.answer(m.features, "what?"), "answer" + IN_LIST),
    "answer [None]": (
        lambda m: m.generator.answer(m.features, [None]),
        "Text 1 of answer" + ONE + "None.",
    ),
    "answer half": (
        lambda m: m.generator.answer(m.features, [HALF]),
        "Text 1 of answer" + SURROGATE,
    ),
    "stream None": (
        lambda m: list(m.generator.stream(m.features, None)),
        "The prompt" + ONE + "None.",
    ),
    "stream half": (lambda m: list(m.generator.stream(m.features, HALF)), "The prompt" + SURROGATE),
    "stream captions": (
        lambda m: list(m.generator.stream_captions(m.features, prompt=["a"])),
        "The prompt" + ONE + "a list of 1.",
    ),
    "trace a list": (
        lambda m: explain.trace(m.matcher, m.matched, ["a"]),
        "The text of trace" + ONE,
    ),
    "trace half": (
        lambda m: explain.trace(m.matcher, m.matched, HALF),
        "The text of trace" + SURROGATE,
    ),
    "trace an answer": (
        lambda m: trace_answer(m.generator, m.features, None, [5]),
        "The prompt" + ONE,
    ),
    "ask a list": (
        lambda m: chat.prompt_for(m.generator, Conversation(), ["a"], GREEDY),
        "The question" + ONE + "a list of 1.",
    ),
    "ask half": (
        lambda m: chat.prompt_for(m.generator, Conversation(), HALF, GREEDY),
        "The question" + SURROGATE,
    ),
    "score a str": (
        lambda m: capfilt.score(m.matcher, m.matched, "a dog"),
        "score takes a list of Candidates for each image; got a str.",
    ),
    "score texts": (
        lambda m: capfilt.score(m.matcher, m.matched, [["a dog"]]),
        "score takes a list of Candidates for each image; got a str.",
    ),
    "decide texts": (
        lambda m: capfilt.decide(["a"], FilterConfig()),
        "decide takes the Scored texts that score() returns; got a str.",
    ),
}
ENCODED = " takes the features that encode([image]) returns; got "
FEATURES: dict[str, tuple[Call, str]] = {
    "match an image": (lambda m: m.matcher.match(m.image, ["a"]), "match" + ENCODED + "an image."),
    "match swapped": (
        lambda m: m.matcher.match(["a"], m.matched),
        "match" + ENCODED + "a list of 1.",
    ),
    "match two": (lambda m: m.matcher.match(m.two, ["a"]), "features of one image, not of 2"),
    "match another model's": (
        lambda m: m.matcher.match(m.other, ["a"]),
        "come from another image encoder",
    ),
    "itm an image": (lambda m: m.matcher.itm(m.image, ["a"]), "A matcher" + ENCODED + "an image."),
    "itc pixels": (
        lambda m: m.matcher.itc(torch.zeros(1, 3, 4, 4), ["a"]),
        "a tensor of shape (1, 3, 4, 4)",
    ),
    "rank an image": (lambda m: m.matcher.rank("a", m.image), "A matcher" + ENCODED + "an image."),
    "rank others": (
        lambda m: m.matcher.rank("a", m.two, embeddings=m.matcher.embed_images(m.matched)),
        "The embeddings are of 1 image, and the features of 2: give those of the same images.",
    ),
    "caption an image": (lambda m: m.generator.caption(m.image), "caption" + ENCODED + "an image."),
    "caption images": (
        lambda m: m.generator.caption([m.image]),
        "caption" + ENCODED + "a list of 1.",
    ),
    "caption a tensor": (
        lambda m: m.generator.caption(m.features.vision),
        "a tensor of shape (1, 5, 24).",
    ),
    "caption another model's": (
        lambda m: m.generator.caption(m.other),
        "from another image encoder",
    ),
    "answer an image": (
        lambda m: m.generator.answer(m.image, ["a"]),
        "answer" + ENCODED + "an image.",
    ),
    "stream an image": (
        lambda m: list(m.generator.stream(m.image, "a")),
        "stream" + ENCODED + "an image.",
    ),
    "stream two": (
        lambda m: list(m.generator.stream(m.features[[0, 0]], "a")),
        "A stream is about one image; got features of 2.",
    ),
    "join nothing": (
        lambda m: ImageFeatures.join([]),
        "join takes a list of ImageFeatures; got an empty",
    ),
    "join images": (lambda m: ImageFeatures.join([m.image]), "join" + ENCODED + "an image."),
    "join models": (
        lambda m: ImageFeatures.join([m.matched, m.other]),
        "cannot be joined in one batch",
    ),
    "trace an image": (
        lambda m: explain.trace(m.matcher, m.image, "a"),
        "trace" + ENCODED + "an image.",
    ),
    "trace a generator": (
        lambda m: explain.trace(m.generator, m.features, "a"),
        "trace takes a Matcher, such as load_matcher() returns; got a Generator.",
    ),
    "trace answers": (
        lambda m: trace_answer(m.matcher, m.matched, "a", [5]),
        "trace_answer takes a Generator, such as load_generator() returns; got a Matcher.",
    ),
    "trace answers of an image": (
        lambda m: trace_answer(m.generator, m.image, "a", [5]),
        "trace_answer" + ENCODED + "an image.",
    ),
    "score an image": (
        lambda m: capfilt.score(m.matcher, m.image, [[]]),
        "score" + ENCODED + "an image.",
    ),
}
SETTINGS: dict[str, tuple[Call, str]] = {
    "num": (
        lambda m: m.generator.caption(m.features, num="3"),
        "num must be a whole number; got a str.",
    ),
    "decode a dict": (
        lambda m: m.generator.caption(m.features, decode={"mode": "beam"}),
        "decode must be a DecodeConfig, such as DecodeConfig(mode='beam'); got a dict of 1.",
    ),
    "decode a str": (
        lambda m: m.generator.answer(m.features, ["a"], decode="beam"),
        "; got a str.",
    ),
    "shortlist": (
        lambda m: m.matcher.rank("a", m.two, shortlist=0),
        "shortlist (0) must be at least 1",
    ),
    "a number as text": (
        lambda m: DecodeConfig(max_new_tokens="5"),
        "max_new_tokens must be a whole number; got a str.",
    ),
    "a fraction": (lambda m: DecodeConfig(beams=2.5), "beams must be a whole number; got a float."),
    "yes": (
        lambda m: DecodeConfig(max_new_tokens=True),
        "max_new_tokens must be a whole number; got a bool.",
    ),
    "a seed": (lambda m: DecodeConfig(seed="7"), "seed must be a whole number or None; got a str."),
    "a threshold": (
        lambda m: FilterConfig(threshold="0.5"),
        "threshold must be a number or None; got a str.",
    ),
    "a switch": (
        lambda m: FilterConfig(drop_duplicates="no"),
        "drop_duplicates must be bool; got a str.",
    ),
    "a prompt": (lambda m: CaptionConfig(prompt=3), "prompt must be a text or None; got an int."),
    "settings in settings": (
        lambda m: CaptionConfig(decode="beam"),
        "decode must be DecodeConfig; got a str.",
    ),
    "a size": (lambda m: QFormerSize(hidden=None), "hidden must be a whole number; got None."),
    "a model": (
        lambda m: FinetuneConfig(model=m.generator, source="a.csv"),
        "model must be a text; got a Generator.",
    ),
    "an export": (
        lambda m: ExportConfig(shard_pairs="1"),
        "shard_pairs must be a whole number; got a str.",
    ),
    "scenes": (
        lambda m: evaluate("stickers-itm", "itm", 0, "10"),
        "scenes must be a whole number; got a str.",
    ),
    "a task": (
        lambda m: evaluate("stickers-itm", ["itm"], 0, 10),
        "task (['itm']) must be one of captions,",
    ),
    "turns": (
        lambda m: chat.prompt_for(m.generator, [("q", "a")], "a", GREEDY),
        "The turns must be a Conversation; got a list of 1.",
    ),
    "judge a name": (
        lambda m: list(capfilt.judge(["a.jpg"], capfilt.CapFilt(matcher=m.matcher))),
        "judge takes a Task for each image; got a str.",
    ),
    "models swapped": (
        lambda m: capfilt.CapFilt(matcher=m.generator),
        "got them the other way round.",
    ),
    "a subject": (
        lambda m: export_pairs([], Path("out"), format="coco", subject="web"),
        "subject must be a Subject, which names the pairs; got a str.",
    ),
    "a method": (
        lambda m: explain.METHODS["winner"](m.matched),
        "A method takes the Trace that trace() returns; got an ImageFeatures.",
    ),
    "stage 1": (
        lambda m: stage1.run({"steps": 5}, Path("o")),
        "config must be a Stage1Config; got a dict of 1.",
    ),
    "stage 2": (lambda m: stage2.run(None, Path("o")), "config must be a Stage2Config; got None."),
    "parts": (
        lambda m: unimodal.run("decoder", Path("o")),
        "config must be a UnimodalConfig; got a str.",
    ),
    "tuning": (
        lambda m: finetune.run(GREEDY, Path("o")),
        "config must be a FinetuneConfig; got a DecodeConfig.",
    ),
    "an output": (
        lambda m: finetune.run(FinetuneConfig(model="stickers-itm", source="a.csv"), None),
        "out must be the path of a folder; got None.",
    ),
}
MODELS: dict[str, tuple[Call, str]] = {
    "find None": (
        lambda m: find_spec(None),
        "A model is given by its name, its Hub id or its folder; got None.",
    ),
    "load an int": (
        lambda m: load_generator(7),
        "A model is given by its name, its Hub id or its folder; got an int.",
    ),
    "evaluate None": (lambda m: evaluate(None, "itm", 0, 10), "or its folder; got None."),
}
TABLE: list[tuple[str, type[Blip2Error], Call, str]] = [
    (name, error, *row)
    for error, calls in (
        (ImageError, IMAGES),
        (TextError, TEXTS),
        (ModelError, FEATURES),
        (ConfigError, SETTINGS),
        (UnknownModelError, MODELS),
    )
    for name, row in calls.items()
]


@pytest.mark.parametrize(
    ("error", "call", "sentence"),
    [row[1:] for row in TABLE],
    ids=[f"{row[1].__name__} {row[0]}" for row in TABLE],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of the file that is opened as a text
def test_misuse_is_named(
    error: type[Blip2Error], call: Call, sentence: str, made: SimpleNamespace
) -> None:
    with pytest.raises(error) as caught:
        call(made)
    said = str(caught.value)
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_what_is_right_is_taken(made: SimpleNamespace, tmp_path: Path) -> None:
    generator, matcher = made.generator, made.matcher
    with Image.open(SAMPLE) as image:
        assert len(generator.encode([image, made.image.convert("L")])) == 2
    assert len(generator.encode(one for one in (made.image,))) == 1
    assert len(generator.encode(generator.vision.prepare((made.image,)))) == 1
    assert len(matcher.match(made.matched, ("naïve", "\U0001f600", "a\u202eb"))) == 3
    assert DecodeConfig(temperature=1, max_new_tokens=numpy.int64(3), top_p=numpy.float32(0.5))
    assert find_spec("stickers-itm").name == "stickers-itm"
    assert [one.name for one in read([SAMPLE])] == ["001.jpg"]


def test_a_value_is_described() -> None:
    values = [None, "", 3, [1, 2], {}, (1,), RGB, torch.zeros(2), Image.new("L", (1, 1)), GREEDY]
    assert [arguments.described(value) for value in values] == [
        *("None", "a str", "an int", "a list of 2", "a dict of 0", "a tuple of 1"),
        *("a NumPy array of shape (4, 5, 3)", "a tensor of shape (2,)", "an image"),
        "a DecodeConfig",
    ]
