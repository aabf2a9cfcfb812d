"""The dataset card: README.md, written from the counts of an export.

What people and web pages wrote stands in it only escaped: as text it can neither become markup nor
leave its place.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from blip2core.config import ExportConfig
from blip2core.exports.manifest import tool_version
from blip2core.exports.output import Output
from blip2core.exports.statistics import ExportStatistics
from blip2core.exports.subject import Subject
from blip2core.formats.format import Format
from blip2core.formats.rows import COLUMN_TYPES, OF_IMAGE, text_columns
from blip2core.texts import count_of

SPLIT_ORDER = ("train", "validation", "test")
SIZE_CATEGORIES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
)
LONGEST_FOREIGN_TEXT = 300
"""Characters of one foreign text in the card."""
STATED_LIMITS = (
    "The matcher scored what it can read; longer texts were scored by their beginning only.",
    "A score says how well a text fits for that model, not whether it is true.",
    "What stood inside the image files besides the image (EXIF: places, people, devices) was "
    "removed when they were imported.",
    "A licence is what the source stated; nobody has checked it. Without one, ask the owner.",
)


def dataset_card(
    subject: Subject,
    statistics: ExportStatistics,
    output: Output,
    layout: Format,
    config: ExportConfig,
) -> str:
    """Return the whole README.md of what was written so far."""
    pairs, images = statistics.pairs.total(), statistics.images.total()
    parts = [
        _front_matter(subject, statistics, layout, config),
        f"# {escape(subject.dataset)}",
        f"{count_of(pairs, 'accepted image-text pair')} of {count_of(images, 'image')}: "
        f"the snapshot {escape(subject.snapshot)}, written by {tool_version()}.",
        f"Content hash of the pairs: `{subject.content_sha256}`. Hashes of the files: `SHA256SUMS` "
        "(`sha256sum --check SHA256SUMS`). All settings and counts: `manifest.json`.",
        "## How to read it",
        f"{layout.what}\n\n```python\n{layout.example}\n```",
        "## What is in it",
        _table("split", "pairs", "images", rows=_split_rows(statistics)),
        _counts("source of the text", statistics.sources),
        "`web`: it stood beside the image. `synthetic`: a model wrote it. `edited`: a person "
        "changed one of these. `human`: a person wrote it.",
        "## How it was chosen",
        _table("rule of the snapshot", "value", rows=_flat(subject.policy)),
        _counts("accepted by", statistics.deciders),
        *(_table("threshold applied", "value", rows=_flat(rules)) for rules in subject.applied),
        escape(subject.agreement),
        "## What was not taken",
        _not_taken(subject, output),
        "## Models",
        _counts("wrote texts", statistics.captioners) or "No model wrote any of the texts.",
        _counts("scored texts", statistics.scorers) or "No text was scored.",
        "## Licences",
        _counts("licence of the image, as its source states it", statistics.licenses),
        "## Limits",
        "\n".join(f"- {sentence}" for sentence in (*output.notes, *STATED_LIMITS)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """Return foreign text as one line of Markdown that is shown as it is, without markup."""
    shown = "".join(" " if unicodedata.category(c) in _INVISIBLE else c for c in text)
    line = " ".join(shown.split())
    line = line if len(line) <= LONGEST_FOREIGN_TEXT else f"{line[:LONGEST_FOREIGN_TEXT]}…"
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", line)


_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Control and formatting characters: some reverse the direction of all that follows."""


def size_category(pairs: int) -> str:
    """Return the Hugging Face Hub's name for the size of a dataset."""
    return next((name for limit, name in SIZE_CATEGORIES if pairs < limit), "n>1M")


def _front_matter(
    subject: Subject, statistics: ExportStatistics, layout: Format, config: ExportConfig
) -> str:
    told: dict[str, Any] = {
        "pretty_name": subject.dataset[:LONGEST_FOREIGN_TEXT],
        "task_categories": ["image-to-text"],
        "tags": ["image-captioning"],
        "size_categories": [size_category(statistics.pairs.total())],
    }
    if layout.data_files is not None:
        files = [
            {"split": split, "path": layout.data_files.format(split=split)}
            for split in _splits(statistics)
        ]
        told["configs"] = [{"config_name": "default", "data_files": files, **layout.loader}]
    if layout.typed:
        told["dataset_info"] = {"features": _features(config)}
    return f"---\n{yaml.safe_dump(told, sort_keys=False, allow_unicode=True)}---"


def _features(config: ExportConfig) -> list[dict[str, Any]]:
    """Return the columns as `datasets` reads them from a card."""
    image = {"name": "image", "dtype": "string"}
    if config.captions == "lists":
        captions = {"name": "captions", "list": "string"}
        details = {"name": "details", "list": _typed(text_columns(config))}
        return [image, captions, details, *_typed(OF_IMAGE)]
    return [image, {"name": "text", "dtype": "string"}, *_typed((*text_columns(config), *OF_IMAGE))]


def _typed(names: Iterable[str]) -> list[dict[str, Any]]:
    return [{"name": name, "dtype": COLUMN_TYPES[name]} for name in names]


def _splits(statistics: ExportStatistics) -> list[str]:
    return [split for split in SPLIT_ORDER if split in statistics.pairs]


def _split_rows(statistics: ExportStatistics) -> Iterator[tuple[str, str, str]]:
    for split in _splits(statistics):
        yield split, str(statistics.pairs[split]), str(statistics.images[split])


def _not_taken(subject: Subject, output: Output) -> str:
    left_out = {f"left out of this format: {why}": n for why, n in output.left_out.items()}
    counts = Counter(subject.rejected) + Counter(left_out)
    return _counts("why", counts, of="texts") or "It is not recorded here."


def _counts(heading: str, counts: Counter[str], of: str = "pairs") -> str:
    """Return a table of names and numbers, the most frequent first; empty where there is none."""
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return _table(heading, of, rows=((escape(name), str(count)) for name, count in ordered))


def _table(*headings: str, rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(headings)} |", "|---" * len(headings) + "|", *lines])


def _flat(policy: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested rules -> (escaped name, escaped value)."""
    for name, value in sorted(policy.items()):
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield escape(f"{prefix}{name}"), escape(shown)
