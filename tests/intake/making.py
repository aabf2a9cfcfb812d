"""Small images and archives, and what was read of them."""

import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping

from PIL import Image

from blip2core.records import Problem, Told, WebImage


def png(shade: int = 0, size: tuple[int, int] = (4, 3)) -> bytes:
    """An image of one shade; another shade, other bytes."""
    return encoded(Image.new("RGB", size, (shade, shade, 0)), "PNG")


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def zipped(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def tarred(members: Iterable[tuple[str | tarfile.TarInfo, bytes]], mode: str = "w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, data in members:
            member = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if member.type == tarfile.REGTYPE:
                member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def images(found: Iterable[WebImage | Told]) -> list[WebImage]:
    """All of them; none of `found` is a problem."""
    read = list(found)
    assert [one for one in read if isinstance(one, Problem)] == []
    return [one for one in read if isinstance(one, WebImage)]


def texts(found: Iterable[WebImage | Told]) -> dict[str, tuple[str, ...]]:
    return {one.name: one.texts for one in images(found)}


def reasons(found: Iterable[WebImage | Told]) -> dict[str, str]:
    """Names of the problems and what they say; images are passed by."""
    return {one.name: one.reason for one in found if isinstance(one, Problem)}
