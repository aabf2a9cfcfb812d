"""What hypothesis draws for an import: names, limits, and damage to archives."""

from hypothesis import strategies as st

from blip2core.errors import IntakeError
from blip2core.intake import Limits, NamedFile, read
from blip2core.records import Problem, Told, Unused, WebImage
from tests.intake.making import png

PNGS = [png(shade) for shade in range(4)]
PARTS = st.sampled_from(["a", "b", "x.y", "..", ".", "", " ", "C:", "c:", "~", "é", "e\u0301"])
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
NAMES = st.lists(PARTS | WORDS, min_size=1, max_size=5).flatmap(
    lambda parts: st.sampled_from(["/", "\\"]).map(lambda slash: slash.join(parts))
)
"""Names, many of which lead somewhere else."""
LIMITS = st.builds(
    Limits,
    image_bytes=st.sampled_from([10, 80, 10_000]),
    text_characters=st.sampled_from([1, 5, 100]),
    texts=st.integers(1, 4),
    rows=st.integers(1, 6),
    table_bytes=st.sampled_from([30, 10_000]),
    members=st.integers(1, 8),
    depth=st.integers(1, 4),
    unpacked_ratio=st.integers(1, 3),
    unpacked_floor=st.sampled_from([100, 100_000]),
)
DAMAGE = st.tuples(
    st.sampled_from(["flip", "cut", "drop", "insert", "zero", "ones"]),
    st.floats(0, 1),
    st.integers(1, 40),
    st.binary(min_size=1, max_size=8),
)


def damaged(data: bytes, damages: list[tuple[str, float, int, bytes]]) -> bytes:
    """The bytes after each damage in turn: what happens, where, how long, and with which bytes."""
    spoiled = bytearray(data)
    for kind, place, length, junk in damages:
        at = int(place * len(spoiled))
        if kind == "flip" and at < len(spoiled):
            spoiled[at] ^= junk[0] or 1
        elif kind == "cut":
            del spoiled[at:]
        elif kind == "drop":
            del spoiled[at : at + length]
        elif kind == "insert":
            spoiled[at:at] = junk
        elif kind in ("zero", "ones"):
            fill = b"\0" if kind == "zero" else b"\xff"
            spoiled[at : at + length] = fill * len(spoiled[at : at + length])
    return bytes(spoiled)


def read_hostile(name: str, data: bytes, limits: Limits) -> list[WebImage | Told] | None:
    """What is read, each of it within the limits; None where the file is refused as a whole."""
    try:
        found = list(read(NamedFile(name, data), limits=limits))
    except IntakeError as error:
        assert is_one_line(str(error))  # noqa: PT017 - most are no errors
        return None
    for one in found:
        if isinstance(one, Unused):
            assert is_one_line(one.advice)
        elif isinstance(one, Problem):
            assert is_one_line(one.reason)
        else:
            check_limits(one, limits)
    return found


def check_limits(found: WebImage, limits: Limits) -> None:
    assert len(found.data) <= limits.image_bytes
    # An image has the texts beside it, and those of a row: each within the limit.
    assert len(found.texts) <= 2 * limits.texts
    assert all(0 < len(text) <= limits.text_characters for text in found.texts)


def is_one_line(text: str) -> bool:
    return len(text.splitlines()) == 1 and len(text) < 2_000


def leads_elsewhere(name: str) -> bool:
    """Whether a name, as a path, would be of no file below the folder that it starts in."""
    parts = name.replace("\\", "/").split("/")
    drive = parts[0][1:2] == ":" and parts[0][0].isascii() and parts[0][0].isalpha()
    return ".." in parts or parts[0] == "" or drive
