"""What tests share: tiny random models of every kind, and images. No network, no GPU."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported
# The models of the tests are too small to be shared among threads: beside any other work on the
# machine, threads that wait for each other made one test 12 times slower. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from blip2core.models import Generator, Matcher
from tests import tiny
from tests.chromium import browser  # noqa: F401 - a fixture
from tests.remote.fake_hub import hub  # noqa: F401 - a fixture

# Fuzzing: the same few examples each time, or many others with FUZZ_EXAMPLES=2000.
settings.register_profile(
    "few",
    max_examples=40,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile(
    "many",
    settings.get_profile("few"),
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "1000")),
    derandomize=False,
    print_blob=True,
)
settings.load_profile("many" if os.environ.get("FUZZ_EXAMPLES") else "few")


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """Streamlit leaves its script as `__main__`, which processes of multiprocessing would run."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(scope="session", autouse=True)
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of uploads that belongs to these tests alone."""
    folder = tmp_path_factory.mktemp("uploads")
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("GRADIO_TEMP_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def images() -> list[Image.Image]:
    """Three different images of noise, not square."""
    noise = numpy.random.default_rng(0)
    return [
        Image.fromarray(noise.integers(0, 256, (40, 50, 3), dtype=numpy.uint8)) for _ in range(3)
    ]


@pytest.fixture(scope="session")
def tiny_generator() -> Generator:
    """BLIP-2 with an OPT-like language model."""
    return tiny.generator(tiny.blip2())


@pytest.fixture(scope="session")
def tiny_t5_generator() -> Generator:
    """BLIP-2 with a T5-like language model."""
    return tiny.generator(tiny.blip2(tiny.T5))


@pytest.fixture(scope="session")
def tiny_instructblip() -> Generator:
    """InstructBLIP with a Llama-like language model, as the Vicuna checkpoints have."""
    return tiny.generator(tiny.instructblip(tiny.LLAMA), family="instructblip")


@pytest.fixture(scope="session")
def tiny_instructblip_t5() -> Generator:
    return tiny.generator(tiny.instructblip(tiny.T5), family="instructblip")


@pytest.fixture(scope="session")
def tiny_blip() -> Generator:
    """The first BLIP, which writes captions."""
    return tiny.generator(tiny.blip_captioner(), family="blip")


@pytest.fixture(scope="session")
def tiny_matcher() -> Matcher:
    """The stage-1 Q-Former of BLIP-2."""
    return tiny.matcher(tiny.retrieval())


@pytest.fixture(scope="session")
def tiny_blip_matcher() -> Matcher:
    """The first BLIP, which scores texts."""
    return tiny.matcher(tiny.blip_matcher(), family="blip")


@pytest.fixture(
    params=[
        "tiny_generator",
        "tiny_t5_generator",
        "tiny_instructblip",
        "tiny_instructblip_t5",
        "tiny_blip",
    ]
)
def any_generator(request: pytest.FixtureRequest) -> Generator:
    """Each kind of generator in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["tiny_matcher", "tiny_blip_matcher"])
def any_matcher(request: pytest.FixtureRequest) -> Matcher:
    """Each kind of matcher in turn."""
    return request.getfixturevalue(request.param)
