"""From accepted pairs to the files that training reads, in a format of `blip2core.formats`.

Everything is written to `NAME.partial`, synced, and renamed once the manifest is there, so a folder
that has its name is complete. The same pairs and options give the same bytes.
"""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from blip2core.arguments import check_kind, checked_folder
from blip2core.config import ExportConfig
from blip2core.errors import ConfigError, ExportError
from blip2core.exports.card import dataset_card
from blip2core.exports.embedding import Embedding
from blip2core.exports.manifest import Manifest, tool_version
from blip2core.exports.output import Output, new_folder
from blip2core.exports.statistics import ExportStatistics
from blip2core.exports.subject import Subject
from blip2core.formats import FORMATS, Format
from blip2core.records import ExportPair

__all__ = ["FORMATS", "Format", "Manifest", "Subject", "export_pairs", "find_format"]


def find_format(name: str) -> Format:
    """Return the format of a name. Raises ConfigError, with the names there are, for any other."""
    if name not in FORMATS:
        raise ConfigError(f"There is no format '{name}': use one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def export_pairs(
    pairs: Iterable[ExportPair],
    out: Path,
    *,
    format: str,
    subject: Subject,
    config: ExportConfig | None = None,
) -> Manifest:
    """Write pairs to the new folder `out`; they are read once, and one image at a time is held.

    Args:
        pairs: They come image by image, in the order of the images' hashes.
        out: Must not exist; until all is written it is `out.partial`.
        format: One of `FORMATS`.
        subject: What the card and the manifest say of the pairs.
        config: Choices of the format.

    Raises:
        ConfigError: There is no such format, or it does not have what `config` asks for.
        ExportError: `out` is taken or cannot be written, an image is gone, or nothing is there.
    """
    check_kind(subject, Subject, "subject must be a Subject, which names the pairs", ConfigError)
    out = checked_folder(out, "out")
    config = config or ExportConfig()
    layout = find_format(format)
    if config.captions == "lists" and not layout.lists:
        able = ", ".join(name for name, other in FORMATS.items() if other.lists)
        raise ConfigError(f"{format} has no lists of captions; {able} have. Use captions = rows.")
    statistics, embedding = ExportStatistics(), Embedding()
    pairs = embedding.watch(pairs) if config.embed_texts else pairs
    with new_folder(out) as output:
        assert layout.write is not None  # `find_format` knows those that can be written
        layout.write(statistics.watch(pairs), output, config)
        output.notes += embedding.notes()
        if not statistics.pairs:
            raise ExportError(f"{subject.snapshot} has no pairs: accept some texts first.")
        if statistics.pairs.total() == output.left_out.total():
            [(reason, count)] = output.left_out.most_common(1)
            raise ExportError(f"{format} can hold none of the pairs ({count:,} times: {reason}).")
        with output.open("README.md") as file:
            file.write(dataset_card(subject, statistics, output, layout, config).encode())
        manifest = _manifest(subject, statistics, output, format, config)
        output.write_manifest(manifest.content)
    return manifest


def _manifest(
    subject: Subject,
    statistics: ExportStatistics,
    output: Output,
    format: str,
    config: ExportConfig,
) -> Manifest:
    """Return the manifest of what was written; no other file follows."""
    data = {
        "tool": tool_version(),
        "format": format,
        "options": asdict(config),
        "dataset": subject.dataset,
        "snapshot": subject.snapshot,
        "content_sha256": subject.content_sha256,
        "policy": dict(subject.policy),
        "applied": [dict(rules) for rules in subject.applied],
        "rejected": dict(subject.rejected),
        "agreement": subject.agreement,
        "counts": statistics.as_dict(),
        "left_out": dict(output.left_out),
        "notes": output.notes,
        "files": output.files,
        "sha256sums": output.close_sums(),
    }
    return Manifest(
        data=data,
        pairs=statistics.pairs.total() - output.left_out.total(),
        images=statistics.images.total(),
        files=output.files,
    )
