"""Comments of GIF files that are longer than a text about an image are left out, and told."""

import pytest
from PIL import Image

from blip2core.formats.image_metadata import image_metadata
from blip2core.gif_comments import LONGEST, without_long_comments
from blip2core.image_files import open_file
from blip2core.intake import check_image
from tests.intake.making import encoded

FRAMES = [Image.new("P", (9, 7), shade) for shade in range(3)]


def gif(frames: int = 1) -> bytes:
    more = {"save_all": True, "append_images": FRAMES[1:frames], "duration": 100}
    return encoded(FRAMES[0], "GIF", **(more if frames > 1 else {}))


def comment(content: bytes, piece: int = 255) -> bytes:
    pieces = (content[at : at + piece] for at in range(0, len(content), piece))
    return b"!\xfe" + b"".join(bytes([len(one)]) + one for one in pieces) + b"\0"


def with_comments(data: bytes, *comments: bytes) -> bytes:
    """The same file with comments before its first frame."""
    start = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    return data[:start] + b"".join(comments) + data[start:]


def test_a_comment_is_kept() -> None:
    data = with_comments(gif(), comment(b"a cat"), comment(b"x" * 60_000))
    assert without_long_comments(data) == data


@pytest.mark.parametrize("piece", [1, 255])
@pytest.mark.parametrize("frames", [1, 3])
def test_a_long_one_is_left_out(piece: int, frames: int) -> None:
    """Those before it stay, and so does the image with all its frames."""
    plain = gif(frames)
    long, short = comment(b"y" * LONGEST, piece), comment(b"a cat")
    data = with_comments(plain, short, long)
    assert without_long_comments(data) == with_comments(plain, short)
    assert without_long_comments(plain[:-1] + long + b";") == plain
    assert check_image(data).pixel_sha256 == check_image(plain).pixel_sha256
    found = image_metadata(data)
    assert [text for text, _ in found.texts] == ["a cat"] and found.unread == ("GIF comment",)


def test_very_many_short_ones_are_a_long_one() -> None:
    data = with_comments(gif(), *[comment(b"a")] * LONGEST)
    with open_file(data) as image:
        assert len(image.info["comment"]) < LONGEST


@pytest.mark.parametrize("end", range(0, 60, 7))
def test_a_file_that_is_cut_off_stays_as_it_is(end: int) -> None:
    data = with_comments(gif(), comment(b"a cat"))[:end]
    assert without_long_comments(data) == data


def test_other_files_stay_as_they_are() -> None:
    data = b"!\xfe" + bytes(LONGEST)
    assert without_long_comments(data) is data
