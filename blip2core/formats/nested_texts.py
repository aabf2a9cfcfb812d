"""Texts that lie within lists and objects of a cell, as the field's datasets have them."""

import ast
import json
import re
from collections.abc import Iterator, Mapping

TEXT_KEYS = ("raw", "text", "caption", "sentence")
"""Where the text of an object is: {"raw": "A dog.", "tokens": [...]}, as COCO has it."""
LANGUAGE = re.compile(r"[a-z]{2}([-_][A-Za-z]{2,4})?")
"""Key of a text in an object of translations: {"en": "A dog.", "pt-BR": "Um cachorro."}."""
DEEPEST = 6
"""Lists and objects within one another that are looked into."""

LIST = re.compile(r"""\s*\[\s*["'].*["']\s*\]\s*""", re.DOTALL)
LONGEST_LIST = 100_000
"""Characters of a list in a cell of text."""


def listed_texts(value: object) -> object:
    """Return the list that a cell of text spells, as JSON or as Python: ["A dog.", "Two dogs."];
    any other value as it is.
    """
    if not isinstance(value, str) or len(value) > LONGEST_LIST or not LIST.fullmatch(value):
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(found, list) and all(isinstance(one, str) for one in found):
            return found
    return value


def nested_texts(value: object, depth: int = DEEPEST) -> Iterator[str]:
    """Yield the texts of a cell in order: of one text, of lists, of objects by `TEXT_KEYS` or
    by languages.
    """
    if isinstance(value, str):
        yield value
    elif not depth:
        return
    elif isinstance(value, list | tuple):
        for one in value:
            yield from nested_texts(one, depth - 1)
    elif isinstance(value, Mapping):
        key = next((key for key in TEXT_KEYS if value.get(key)), None)
        if key is not None:
            yield from nested_texts(value[key], depth - 1)
        elif all(isinstance(name, str) and LANGUAGE.fullmatch(name) for name in value):
            yield from nested_texts(list(value.values()), depth - 1)
