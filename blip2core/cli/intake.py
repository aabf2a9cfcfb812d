"""Commands on images from outside: intake."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from blip2core.cli.options import (
    AsJson,
    IdColumn,
    ImageColumn,
    MetadataTexts,
    ReadRoot,
    TextColumns,
)
from blip2core.cli.output import write_row
from blip2core.cli.transfers import storages
from blip2core.records import Problem, Unused, WebImage
from blip2core.texts import count_of

if TYPE_CHECKING:
    from blip2core.intake import CheckedImage, Columns, Preview

intake_commands = typer.Typer()


@intake_commands.command()
def intake(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Folders, images, zip and tar archives, tables (CSV, TSV, JSONL, Parquet, Arrow), "
            "annotation files (JSON); also at s3://, gs:// and hf://datasets/OWNER/NAME.",
        ),
    ],
    download: Annotated[
        bool, typer.Option("--download", help="Fetch addresses from the public Internet.")
    ] = False,
    root: ReadRoot = None,
    text_columns: TextColumns = None,
    image_column: ImageColumn = None,
    id_column: IdColumn = None,
    metadata_texts: MetadataTexts = True,
    only_preview: Annotated[
        bool,
        typer.Option(
            "--preview",
            help="Only the tables: what each column is taken for, and the first rows. At once, "
            "however large they are.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what an import would bring: images, texts, problems, duplicates, and what became of all
    that was read. Nothing is kept.
    """
    from blip2core.cli.reading_bar import ReadingBar
    from blip2core.intake import Columns, Downloads, Reading, read, safe_name

    one = sources[0] if len(sources) == 1 else sources
    columns = Columns(path=image_column, texts=tuple(text_columns or ()), id=id_column)
    if only_preview:
        _write_previews(one, columns, as_json)
        return
    seen, reading = _Seen(), Reading()
    found = read(
        one,
        columns=columns,
        download=Downloads() if download else None,
        root=root,
        metadata_texts=metadata_texts,
        storages=storages(),
        reading=reading,
    )
    with ReadingBar(reading) as bar:
        for each in found:
            bar.show()
            row, words = _told(each, seen)
            bar.write_row(row, as_json, safe_name(each.name), *words)
    _write_sums(seen, as_json)


def _write_sums(seen: "_Seen", as_json: bool) -> None:
    """Print the groups of images that are alike, then what became of all that was read."""
    from blip2core.intake import safe_name

    alike = 0
    for kind, places in _alike(seen.checked):
        alike += 1
        group = [seen.names[place] for place in places]
        write_row({"alike": group, "kind": kind}, as_json, kind, *map(safe_name, group))
    counts = {"pictures": len(seen.names), "problems": seen.problems, "groups_alike": alike}
    told = f"{count_of(seen.problems, 'problem')}, {count_of(alike, 'group')} alike"
    sums = seen.sums.as_json()
    del sums["images_alike"]  # which is about a dataset
    write_row(counts | sums, as_json, "; ".join((*seen.sums.sentences(), told)))


def _told(found: WebImage | Problem | Unused, seen: "_Seen") -> tuple[dict[str, object], list[str]]:
    """Count what was found, and return it as a row and in words."""
    from blip2core.intake import safe_name

    if isinstance(found, Unused):
        seen.sums.add_unused(found)
        row: dict[str, object] = {"name": found.name, "unused": found.kind, "count": found.count}
        advice = found.in_words()
        return row | {"advice": advice}, [f"not used: {advice}"]
    if isinstance(found, Problem):
        return _told_problem(found, seen)
    checked = seen.check(found)
    if isinstance(checked, Problem):
        return _told_problem(checked, seen)
    size = f"{checked.width} x {checked.height} {checked.format}"
    texts = " | ".join(safe_name(text) for text in found.texts)
    row = _row(found.name, checked) | {"texts": found.texts, "url": found.url}
    return row, [size, texts, checked.changed]


def _told_problem(problem: Problem, seen: "_Seen") -> tuple[dict[str, object], list[str]]:
    seen.add_problem(problem)
    row = {"name": problem.name, "problem": problem.reason, "about": problem.about}
    kind = "note" if problem.about == "note" else "problem"
    return row | {"texts": problem.texts}, [f"{kind}: {problem.reason}"]


def _write_previews(sources: str | list[str], columns: "Columns", as_json: bool) -> None:
    """Print what an import would make of the tables in the sources."""
    from blip2core.intake import preview

    tables = preview(sources, columns=columns)
    for table in tables:
        _write_preview(table, as_json)
    if not tables:
        write_row({"tables": 0}, as_json, "There is no table in it.")


def _write_preview(found: "Preview", as_json: bool) -> None:
    """Print a line of a table, then one of each of its columns or first images."""
    from blip2core.intake import safe_name

    table = safe_name(found.table)
    about = {"table": found.table, "format": found.format}
    others = f"and {count_of(len(found.others), 'table')} like it" if found.others else ""
    head = about | {"others": found.others, "problem": found.problem, "notes": found.notes}
    problem = f"problem: {found.problem}" if found.problem else ""
    write_row(head, as_json, table, found.format, others, problem)
    for note in () if as_json else found.notes:
        write_row({}, as_json, table, f"note: {note}")
    for name in found.header:
        role = found.role(name)
        first = [row[name].text for row in found.rows]
        row = about | {"column": name, "role": role, "first": first}
        is_left = role == "not used" and name in found.wordy
        option = f"looks like texts: --text-column {quote(name)}" if is_left else ""
        write_row(row, as_json, table, role, safe_name(name), " | ".join(first[:3]), option)
    for image in found.images:
        row = about | {"image": image.name.text, "texts": image.texts}
        write_row(row, as_json, table, image.name.text, " | ".join(image.texts))


class _Seen:
    """The images that were read so far, without their bytes, and what became of all that was."""

    def __init__(self) -> None:
        from blip2core.intake import Sums

        self.names: list[str] = []
        self.checked: list[CheckedImage] = []
        self.sums = Sums()
        self.problems = 0
        self._images: set[str] = set()
        self._texts: set[tuple[str, str]] = set()

    def check(self, found: WebImage) -> "CheckedImage | Problem":
        """Return the facts of an image, or why it cannot be used."""
        from blip2core.errors import ImageError
        from blip2core.intake import check_image

        try:
            facts = replace(check_image(found.data), data=b"")
        except ImageError as error:
            return found.problem(str(error))
        texts = {(facts.sha256, text) for text in found.texts} - self._texts
        is_new = facts.sha256 not in self._images
        self.sums.add_image(found, is_new=is_new, texts_new=len(texts))
        self._images.add(facts.sha256)
        self._texts |= texts
        self.names.append(found.name)
        self.checked.append(facts)
        return facts

    def add_problem(self, problem: Problem) -> None:
        """Count what could not be used; a note is about nothing that was lost."""
        self.problems += problem.about != "note"
        self.sums.add_problem(problem)


def _row(name: str, facts: "CheckedImage") -> dict[str, object]:
    fields = ("sha256", "width", "height", "format", "bytes", "changed")
    return {"name": name} | {field: getattr(facts, field) for field in fields}


def _alike(checked: "Sequence[CheckedImage]") -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield groups of images that are the same or look alike, and which of these it is."""
    from blip2core.intake import clusters, near_pairs

    for group in clusters(near_pairs([facts.phash for facts in checked])):
        files = {checked[place].sha256 for place in group}
        pixels = {checked[place].pixel_sha256 for place in group}
        same = "same file" if len(files) == 1 else "same pixels"
        yield same if len(pixels) == 1 else "alike", group
