"""Which texts belong to which image, by their names alone, in whatever order they stand.

Two rules are in use. The plain one compares names up to the last dot: 22.05.txt belongs to
22.05.jpg. That of webdataset compares them up to the first dot of the file name: a.txt belongs to
a.left.jpg and a.right.jpg, and a.seg.png is a map of a.jpg and no image of its own. Images that
share a name up to the first dot are taken by the rule that pairs more of their texts. Where no
image has a name as it is written, case and Unicode form are not regarded.
"""

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from posixpath import dirname

from blip2core.file_names import base_name, stem, suffix
from blip2core.intake.file_lookup import caseless
from blip2core.records import Problem, Told, Unused

LINE_SUFFIXES = (".txt", ".caption")
"""Ends of side files that are texts as they stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """The side files of an archive, each with the images it belongs to."""

    sides: Mapping[str, tuple[str, ...]]
    """Side files by image, in the order in which they were named."""
    maps: frozenset[str] = frozenset()
    """Images that belong to another one of their sample and are not imported."""
    keys: frozenset[str] = frozenset()
    """Names of all images up to the first dot of the file name."""
    notes: tuple[Told, ...] = ()
    """What a person has to know of how the names were read."""


@dataclass(slots=True)
class _Sample:
    """Images and side files that share their folder and their name up to its first dot."""

    images: list[str] = field(default_factory=list)
    sides: list[str] = field(default_factory=list)


def key(name: str) -> str:
    """Return the name up to the first dot of the file name: a.b/c.seg.png -> a.b/c."""
    return f"{dirname(name)}/{base_name(name).partition('.')[0]}"


def field_end(name: str) -> str:
    """Return what follows the key of a member: c.seg.png -> .seg.png."""
    return base_name(name)[len(base_name(key(name))) :]


def pair(
    images: Iterable[str],
    sides: Iterable[str],
    *,
    webdataset: bool,
    named: Container[str] = (),
) -> Pairing:
    """Return which of `sides` belong to which of `images`.

    `webdataset`: whether the archive may hold samples of webdataset, so that images can be maps.
    `named`: those that a table names, which are none.
    """
    samples: defaultdict[str, _Sample] = defaultdict(_Sample)
    for name in images:
        samples[caseless(key(name))].images.append(name)
    for name in sides:
        samples[caseless(key(name))].sides.append(name)
    found: defaultdict[str, list[str]] = defaultdict(list)
    maps: list[str] = []
    loose: list[tuple[str, str]] = []
    for sample in samples.values():
        plain = _plain_pairs(sample)
        by_key = not _has_dotted_pairs(plain)
        left_out = _maps(sample) if webdataset and by_key else []
        maps += (name for name in left_out if name not in named)
        for side in sample.sides:
            owners = plain[side]
            if by_key and not owners:
                owners = _key_owners(sample, side, left_out, webdataset=webdataset)
            loose += [(side, owners[0])] if owners and not plain[side] else []
            for image in owners:
                found[image].append(side)
    return Pairing(
        sides={image: tuple(several) for image, several in found.items()},
        maps=frozenset(maps),
        keys=frozenset(key(name) for sample in samples.values() for name in sample.images),
        notes=(*_map_note(maps), *(() if webdataset else _key_note(loose))),
    )


def _plain_pairs(sample: _Sample) -> dict[str, list[str]]:
    """Return the images of each side file: a.txt and a.jpg.txt both belong to a.jpg."""
    by_name: defaultdict[str, list[str]] = defaultdict(list)
    by_form: defaultdict[str, list[str]] = defaultdict(list)
    for name in sample.images:
        for one in {name, stem(name)}:
            by_name[one].append(name)
            by_form[caseless(one)].append(name)
    found = {side: by_name.get(stem(side), []) for side in sample.sides}
    for side in (side for side, owners in found.items() if not owners):
        alike = by_form.get(caseless(stem(side)), [])
        if len({stem(name) for name in alike}) == 1:
            found[side] = alike
    return found


def _has_dotted_pairs(plain: Mapping[str, Collection[str]]) -> bool:
    """Return whether an image such as a.b.jpg has a text of its own, so that its name is whole."""
    return any(
        "." in base_name(stem(image))
        for side, owners in plain.items()
        if suffix(side) in LINE_SUFFIXES
        for image in owners
    )


def _maps(sample: _Sample) -> list[str]:
    """Return the images such as a.seg.png where there is an a.jpg."""
    others = [name for name in sample.images if "." in base_name(stem(name))]
    return others if len(others) < len(sample.images) else []


def _key_owners(sample: _Sample, side: str, maps: list[str], *, webdataset: bool) -> list[str]:
    """Return the images that share no more than the key of their sample with a side file."""
    is_text = suffix(side) in LINE_SUFFIXES
    is_field = base_name(stem(side)).partition(".")[1] == ""  # a.txt, not a.en.txt
    if not (is_text or (is_field and webdataset)):
        return []
    others = [name for name in sample.images if name not in maps]
    others = [name for name in others if key(name) == key(side)] or others
    if len({key(name) for name in others}) > 1:
        return []
    return others if is_field or (webdataset and len(others) == 1) else []


def _map_note(maps: list[str]) -> Iterable[Unused]:
    if maps:
        advice = (
            f"{_and_more(len(maps))} not imported: taken for a map of the image with the same "
            "name up to the first dot, as in webdataset. Rename it where it is no map."
        )
        yield Unused(kind="file", name=maps[0], advice=advice, count=len(maps))


def _key_note(loose: list[tuple[str, str]]) -> Iterable[Problem]:
    if loose:
        reason = (
            f"{_and_more(len(loose))} taken as a text of the images with the same name up to the "
            "first dot, as in webdataset, since no image has its whole name."
        )
        yield Problem(name=loose[0][0], reason=reason, about="note")


def _and_more(count: int) -> str:
    return "This file was" if count == 1 else f"This file and {count - 1:,} more were"
