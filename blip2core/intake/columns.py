"""The roles of a table's columns: which holds the image, a text, the address, the licence."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from types import NoneType

from blip2core.arguments import check_kind
from blip2core.errors import IntakeError
from blip2core.file_names import safe_name
from blip2core.formats.conversations import TURNS

PATH_COLUMNS = (
    *(
        "file_name",
        "filename",
        "file",
        "image_name",
        "image_path",
        "file_path",
        "filepath",
        "path",
        "image_file",
    ),
    *("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp"),
)
URL_COLUMNS = ("url", "image_url", "img_url", "image_link", "src")
PAGE_COLUMNS = ("page_url", "page", "source_page", "page_link", "referrer", "website")
LICENSE_COLUMNS = ("license", "licence", "rights")
ID_COLUMNS = ("id", "uid", "key", "image_id", "caption_id", "ann_id", "annotation_id", "sample_id")
TEXT = re.compile(
    r"(web_?|(?!id_|is_|no_)[a-z]{2}_)?"
    r"(text|caption|prompt|title|alt|alt_?text|description|sentence|raw)s?"
    r"(_?\d+|_(?!id)[a-z]{2})?"
    r"|txt"
)
"""A name of a column of texts: caption, TEXT, alt_text, sentences, text 2, en_text, Caption EN."""
LONG_TEXT = re.compile(r"[a-z0-9_]+_(text|caption|prompt)s?")
"""A name that says more before it: long_caption, blip_caption."""
NO_TEXT = re.compile(
    r"(.+_)?(id|is|has|no|num|n|len|length|count|score|similarity|sim|probability|prob|hash|lang|"
    r"language|negative|system)_.+"
)
"""Of these, names of what is no text about the image: has_text, num_caption, negative_prompt."""
QUESTION = "question"
"""A column of questions, each of which is one text with the answer beside it."""
ANSWERS = (
    *("multiple_choice_answer", "answer", "answers", "direct_answers"),
    *("choices", "correct_choice_idx"),
)
"""Columns of answers, as VQAv2, A-OKVQA and LAVIS have them."""
URL = re.compile(r"(https?|ftp|file|data|s3|gs):", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Names of columns as the table spells them; None for what it does not have."""

    path: str | None = None
    """Path of the image relative to the table, or the image itself in Parquet."""
    url: str | None = None
    texts: tuple[str, ...] = ()
    page_url: str | None = None
    license: str | None = None
    id: str | None = None
    """Kept as data of the texts, as columns of numbers are."""
    complete: bool = False
    """These are all: no other column is guessed by its name, and no texts may mean none."""

    def __post_init__(self) -> None:
        """Raise IntakeError where a name is none."""
        for field in ("path", "url", "page_url", "license", "id"):
            expected = f"{field} of Columns is the name of a column, or None"
            check_kind(getattr(self, field), (str, NoneType), expected, IntakeError)
        expected = 'texts of Columns are the names of columns in a tuple, ("deutsch", "english")'
        if isinstance(self.texts, str):
            raise IntakeError(f"{expected}; got a str: put it into a tuple, (name,).")
        check_kind(self.texts, Sequence, expected, IntakeError)
        for name in self.texts:
            check_kind(name, str, f"{expected}; not so for one of them", IntakeError)

    def named(self) -> tuple[str, ...]:
        """Return all columns that are read."""
        single = (self.path, self.url, self.page_url, self.license, self.id)
        return (*(name for name in single if name), *self.texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableKind:
    """What tables have in common for which one choice of columns holds, wherever they lie: the
    same columns in any order, of which the same is guessed.
    """

    header: tuple[str, ...]
    guessed: Columns

    def __post_init__(self) -> None:
        """Sort the names: equal kinds are spelled the same, also in the keys of archives."""
        texts = tuple(sorted(self.guessed.texts))
        object.__setattr__(self, "header", tuple(sorted(self.header)))
        object.__setattr__(self, "guessed", replace(self.guessed, texts=texts))


SaidColumns = Columns | Mapping[str, Columns] | Mapping[TableKind, Columns]
"""What is said of columns: the same for all tables, or by the name or the kind of each."""


def check_columns(columns: object) -> None:
    """Raise IntakeError where `columns` of `read` are nothing that it takes."""
    expected = (
        'columns of read are Columns(path="foto", texts=("deutsch",)), or a dict of these by the '
        "names of tables"
    )
    check_kind(columns, (Columns, Mapping, NoneType), expected, IntakeError)
    for name, one in columns.items() if isinstance(columns, Mapping) else ():
        said = safe_name(str(name))
        check_kind(name, (str, TableKind), f"{expected}; not so {said}", IntakeError)
        check_kind(one, Columns, f"{expected}; not so for {said}", IntakeError)


def find_columns(header: Sequence[str], wanted: Columns | None = None) -> Columns:
    """Return what each column of `header` is: as `wanted` says, else by its usual names.

    IntakeError where no column tells of images, or a wanted one is missing.
    """
    columns = with_wanted(guess_columns(header), wanted)
    there = set(header)
    missing = [name for name in columns.named() if name not in there]
    has = ", ".join(safe_name(name, limit=40) for name in header[:20]) or "none"
    if missing:
        raise IntakeError(f"There is no column {', '.join(missing)}; there are: {has}.")
    if not columns.path and not columns.url:
        raise IntakeError(
            "No column tells where the images are (file_name, path, image, url ...); "
            f"there are: {has}. Rename one, or name it."
        )
    return columns


def guess_columns(header: Sequence[str]) -> Columns:
    """Return what each column is by its usual names; the first of several that fit, but of texts
    all.
    """
    plain = {plain_name(name): name for name in reversed(header)}

    def first(names: Iterable[str]) -> str | None:
        return next((plain[name] for name in names if name in plain), None)

    # Flickr30k's captions; elsewhere a comment is about a text rather than the image.
    others = {*TURNS, *(["comment"] if "comment_number" in plain else [])}
    others |= {QUESTION} if not plain.keys().isdisjoint(ANSWERS) else set()
    texts = tuple(name for name in dict.fromkeys(header) if _is_text(plain_name(name), others))
    return Columns(
        path=first(PATH_COLUMNS),
        url=first(URL_COLUMNS),
        texts=texts,
        page_url=first(PAGE_COLUMNS),
        license=first(LICENSE_COLUMNS),
        id=first(ID_COLUMNS),
    )


@lru_cache
def plain_name(name: str) -> str:
    """Return the name of a column as it is compared with usual ones: alt_text of "Alt Text"."""
    return re.sub(r"[\s\-.]+", "_", name.strip().lower())


def _is_text(name: str, others: Iterable[str]) -> bool:
    is_long = LONG_TEXT.fullmatch(name) and not NO_TEXT.fullmatch(name)
    return bool(TEXT.fullmatch(name) or is_long) or name in others


def answers_beside(columns: Columns, header: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of answers to a column of questions, where there is one among the texts;
    but those that are texts themselves, or have another use.
    """
    if not any(plain_name(name) == QUESTION for name in columns.texts):
        return ()
    used = columns.named()
    return tuple(name for name in header if plain_name(name) in ANSWERS and name not in used)


def columns_of(row: Mapping[str, object], wanted: Columns | None = None) -> Columns:
    """Return what each field of a row is, where every row has fields of its own.

    Raises IntakeError where none tells of an image.
    """
    columns = with_wanted(guess_columns(list(row)), wanted)
    present = replace(
        columns,
        url=columns.url if columns.url in row else None,
        texts=tuple(name for name in columns.texts if name in row),
        page_url=columns.page_url if columns.page_url in row else None,
        license=columns.license if columns.license in row else None,
        id=columns.id if columns.id in row else None,
    )
    if present.url and columns.path not in row:
        present = replace(present, path=None)
    return find_columns(list(row), present)


def with_wanted(guessed: Columns, wanted: Columns | None) -> Columns:
    """Return the guess with what was said in its place."""
    if wanted is None:
        return guessed
    if wanted.complete:
        return wanted
    if wanted.path or wanted.url:  # else a guessed address would stand beside a wanted path
        guessed = replace(guessed, path=None, url=None)
    said = {name: value for name, value in asdict(wanted).items() if value}
    return replace(guessed, **said)
