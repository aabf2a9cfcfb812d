"""What became of all that an import read: every image and every text is in one of the sums."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, cast

from blip2core.records import Problem, Unused, WebImage
from blip2core.texts import count_of

EXAMPLES = 3
"""Examples that are kept of each kind of what was not used."""


@dataclass(slots=True, kw_only=True)
class Sums:
    """Counts that grow while an import reads."""

    images_new: int = 0
    images_known: int = 0
    """Those that are in the dataset already, from before or from this import."""
    images_refused: int = 0
    images_alike: int = 0
    """Of the new ones, those that look like an image that the dataset had before them."""
    texts_new: int = 0
    texts_known: int = 0
    """Those that their image has already, from before or from this import."""
    texts_refused: int = 0
    texts_without_image: int = 0
    """Those whose image was refused, or is nowhere."""
    sources_refused: int = 0
    """Files and rows of which nothing was read; their images and texts are not counted."""
    unused: dict[str, int] = field(default_factory=dict)
    """column, file or row -> how many were seen that may be meant to be used."""
    examples: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    """The same kinds -> name, advice and option of the first of them, as `Unused` has them."""

    @property
    def images_read(self) -> int:
        """Return how many images were read."""
        return self.images_new + self.images_known + self.images_refused

    @property
    def texts_read(self) -> int:
        """Return how many texts were read, of the columns and members that are used."""
        stored = self.texts_new + self.texts_known
        return stored + self.texts_refused + self.texts_without_image

    def add_image(
        self, image: WebImage, *, is_new: bool, texts_new: int, is_alike: bool = False
    ) -> None:
        """Count an image that was taken, of whose texts so many are new."""
        if is_new:
            self.images_new += 1
            self.images_alike += is_alike
        else:
            self.images_known += 1
        self.texts_new += texts_new
        self.texts_known += len(image.texts) - texts_new + image.duplicates

    def add_problem(self, problem: Problem) -> None:
        """Count what could not be used."""
        if problem.about == "text":
            self.texts_refused += problem.texts
            return
        if problem.about == "image":
            self.images_refused += problem.count
        elif problem.about == "source":
            self.sources_refused += problem.count
        self.texts_without_image += problem.texts

    def add_unused(self, unused: Unused) -> None:
        """Count what was seen and not used."""
        self.unused[unused.kind] = self.unused.get(unused.kind, 0) + unused.count
        examples = self.examples.setdefault(unused.kind, [])
        if len(examples) < EXAMPLES:
            told = {"name": unused.name, "advice": unused.advice}
            examples.append(told | ({"option": unused.option} if unused.option else {}))

    def add_again(self, earlier: Sums) -> None:
        """Count what an earlier import took of the same, as if all of it were read again."""
        self.images_known += earlier.images_new + earlier.images_known
        self.texts_known += earlier.texts_new + earlier.texts_known
        self.images_refused += earlier.images_refused
        self.texts_refused += earlier.texts_refused
        self.texts_without_image += earlier.texts_without_image
        self.sources_refused += earlier.sources_refused
        for kind, count in earlier.unused.items():
            self.unused[kind] = self.unused.get(kind, 0) + count
            examples = self.examples.setdefault(kind, [])
            examples += earlier.examples.get(kind, [])[: EXAMPLES - len(examples)]

    def as_json(self) -> dict[str, Any]:
        """Return the sums with what was read in all."""
        read = {"images_read": self.images_read, "texts_read": self.texts_read}
        return read | asdict(self)

    def unused_examples(self) -> list[Unused]:
        """Return the examples of what was not used, of every kind."""
        return [
            Unused(
                kind=cast(Any, kind),
                name=told["name"],
                advice=told["advice"],
                option=told.get("option", ""),
            )
            for kind, several in self.examples.items()
            for told in several
        ]

    def alike(self) -> str:
        """Return how many new images look like another, in words; empty where none does."""
        looks = "looks" if self.images_alike == 1 else "look"
        new = count_of(self.images_alike, "new image")
        return f"{new} {looks} like one that was there before" if self.images_alike else ""

    def sentences(self) -> list[str]:
        """Return the sums in words: images, texts, and what was not used."""
        images = f"{count_of(self.images_read, 'image')} read: {self.images_new:,} new"
        texts = f"{count_of(self.texts_read, 'text')} read: {self.texts_new:,} new"
        parts = [
            images + _more((self.images_known, "there already"), (self.images_refused, "refused")),
            texts
            + _more(
                (self.texts_known, "there already"),
                (self.texts_without_image, "without an image"),
                (self.texts_refused, "refused"),
            ),
        ]
        parts += filter(None, [self.alike()])
        if self.sources_refused:
            which = "file or row" if self.sources_refused == 1 else "files or rows"
            parts.append(f"{self.sources_refused:,} {which} of which nothing was read")
        parts += [f"{count_of(count, kind)} not used" for kind, count in self.unused.items()]
        return parts


def sums_of(stored: dict[str, Any]) -> Sums:
    """Return the sums that `as_json` returned."""
    own = {key: value for key, value in stored.items() if key not in ("images_read", "texts_read")}
    return Sums(**own)


def _more(*counts: tuple[int, str]) -> str:
    return "".join(f", {count:,} {words}" for count, words in counts if count)
