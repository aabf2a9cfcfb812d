"""Texts that lie within lists and objects of a cell, as the field's datasets have them."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial

from blip2core.formats.printed_lists import printed

TEXT_KEYS = ("raw", "text", "caption", "sentence")
"""Where the text of an object is: {"raw": "A dog.", "tokens": [...]}, as COCO has it."""
LANGUAGE = re.compile(r"[a-z]{2}([-_][A-Za-z]{2,4})?")
"""Key of a text in an object of translations: {"en": "A dog.", "pt-BR": "Um cachorro."}."""
DEEPEST = 6
"""Lists and objects within one another that are looked into."""
LONGEST_JSON, LONGEST_PYTHON = 1_000_000, 100_000
"""Characters of a cell that spells a list, as JSON or as Python writes it."""


def spelled(cell: object) -> object:
    """Return the list or object that a cell of text spells, as JSON or as Python, NumPy or pandas
    print it; any other value as it is.
    """
    if not isinstance(cell, str) or len(cell) > LONGEST_JSON:
        return cell
    text = cell.strip()
    if (text[:1], text[-1:]) not in (("[", "]"), ("{", "}")):
        return cell
    for read in (_JSON, printed) if len(text) <= LONGEST_PYTHON else (_JSON,):
        try:
            found = read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        return found if isinstance(found, list | dict) else cell
    return cell


_JSON = partial(json.loads, strict=False)
"""Reads line breaks within a text too, which a cell of a table may have."""


def listed_texts(value: object) -> object:
    """Return the texts that a cell spells: a list of texts, or of objects with a text, or one such
    object; ["A dog.", null] is one text, [] and {} are none. Any other value as it is.
    """
    found = spelled(value)
    if isinstance(found, list):
        return (
            found
            if all(isinstance(one, str) or is_none(one) or _holds_text(one) for one in found)
            else value
        )
    return found if isinstance(found, Mapping) and (not found or _holds_text(found)) else value


def is_none(value: object) -> bool:
    """Return whether nothing stands there; NaN is how tables of numbers say so."""
    return value is None or (isinstance(value, float) and value != value)


def _holds_text(value: object) -> bool:
    return isinstance(value, list | Mapping) and any(nested_texts(value))


def nested_texts(value: object) -> Iterator[str]:
    """Yield the texts of a cell in order: of one text, of lists, of objects by `TEXT_KEYS` or
    by languages.
    """
    return (part for part in nested_parts(value) if part is not None)


def nested_parts(value: object, depth: int = DEEPEST) -> Iterator[str | None]:
    """Yield the texts of a cell as `nested_texts`, and None for each part that is no text, such as
    a number or an object of something else; what is empty is no part.
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple) and depth:
        for one in value:
            yield from nested_parts(one, depth - 1)
    elif isinstance(value, Mapping) and depth:
        said = [value[key] for key in TEXT_KEYS if key in value]
        if not said and all(isinstance(name, str) and LANGUAGE.fullmatch(name) for name in value):
            said = list(value.values())
        ids = (int, float)  # beside a text, such as the number of the sentence
        texts = [one for one in said if not isinstance(one, ids)] or said
        if texts or not value:
            yield from nested_parts(texts, depth - 1)
        else:
            yield None
    elif not is_none(value):
        yield None
