"""What people type as a prompt or a question, in the form that a model was trained to read.

Tokenizers take a space at the end, two in a row, a tab or an invisible character for a token of its
own, after which a model has learned nothing: it goes on with other words, or with none. So does one
that is asked without the words that its training put around a question. Letters stay as they are:
the tokenizers that do not know capitals make them small themselves.
"""

import re

from blip2core.errors import TextError
from blip2core.models.specs import PromptTemplate
from blip2core.texts import clean_text

_INVISIBLE = re.compile(r"[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
"""Soft hyphens, zero-width spaces, word joiners and marks of direction, which copies from web pages
carry. Not the two joiners that shape letters and emoji."""


def tidy(text: str) -> str:
    """Return the words of a text with one space between them, none around, nothing invisible."""
    return " ".join(_INVISIBLE.sub("", clean_text(text)).split())


def tidy_lines(text: str) -> str:
    """Return `tidy` of each line of a whole prompt, whose lines may be turns of a talk; without
    empty ones at its end.
    """
    return "\n".join(map(tidy, text.split("\n"))).rstrip("\n")


def asked(question: str, template: PromptTemplate) -> str:
    """Return a question in the words that a template puts around it, once, however typed.

    Raises TextError where nothing is asked.
    """
    line = tidy(question)
    head, tail = around(template)
    if line.casefold().startswith(head.casefold()):
        line = line[len(head) :].lstrip()
    for ending in (tail, tail.rpartition(" ")[2]):
        if ending and line.casefold().endswith(ending.casefold()):
            line = line[: -len(ending)].rstrip()
    if not line:
        raise TextError("The question is empty.")
    # Not str.format: a template may come from a visitor, and braces in it mean nothing else.
    return tidy_lines(template.question.replace("{question}", line))


def begun(prompt: str, template: PromptTemplate) -> str:
    """Return the beginning of a caption. Where it asks, it becomes a whole question: it ends with a
    question mark, or has some of the words that the template puts around one.
    """
    line = tidy(prompt)
    head, tail = around(template)
    if not (head and tail and line):
        return line
    folded, answer = line.casefold(), tail.rpartition(" ")[2].casefold()
    _, has_head, latest = folded.rpartition(head.casefold())
    if has_head:
        return line if answer in latest else f"{line} {tail}"
    return asked(line, template) if folded.endswith(("?", answer)) else line


def around(template: PromptTemplate) -> tuple[str, str]:
    """Return the words before and after a question; empty where there are none."""
    head, _, tail = template.question.partition("{question}")
    return tidy(head), tidy(tail)
