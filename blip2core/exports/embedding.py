"""Which texts are written into the copies of the images, and what the card says of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from blip2core.formats.rows import by_image
from blip2core.formats.text_embedding import HOLDING, holdable
from blip2core.records import ExportPair
from blip2core.texts import count_of


class Embedding:
    """Gives each pair the texts of its image, and counts what images cannot hold."""

    def __init__(self) -> None:
        self._written = 0
        self._formats: Counter[str] = Counter()
        """Images of formats that hold no texts."""
        self._texts = 0
        """Texts that their image cannot hold."""

    def watch(self, pairs: Iterable[ExportPair]) -> Iterator[ExportPair]:
        """Yield the pairs; each copy of an image gets all texts of the image, in their order."""
        for group in by_image(pairs):
            texts = tuple(dict.fromkeys(pair.text for pair in group))
            embedded = holdable(texts) if group[0].format in HOLDING else ()
            if group[0].format in HOLDING:
                self._written += bool(embedded)
                self._texts += len(texts) - len(embedded)
            else:
                self._formats[group[0].format] += 1
            for pair in group:
                yield replace(pair, embedded=embedded)

    def notes(self) -> list[str]:
        """Return what was written into images, and what was not, in sentences; none where nothing
        was watched.
        """
        notes: list[str] = []
        if self._written:
            notes.append(
                f"{count_of(self._written, 'image')} with texts inside: the first as EXIF "
                "ImageDescription and XMP dc:description, in PNG as Description, and all of them "
                "in the XMP list blip2:texts. The pixels are those of the stored image; the bytes, "
                "and so their SHA-256, are not: `image_sha256` and the file names tell the stored "
                "one."
            )
        for format, count in sorted(self._formats.items()):
            notes.append(
                f"{count_of(count, f'{format} image')} without texts inside, as that format holds "
                "none: copied as they are."
            )
        if self._texts:
            is_not = "is not in its" if self._texts == 1 else "are not in their"
            notes.append(
                f"{count_of(self._texts, 'text')} {is_not} image: too long, or with a character "
                "that XML does not hold."
            )
        return notes
