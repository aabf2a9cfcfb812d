"""Files of questions about images, and the files of answers that belong to them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from blip2core.file_names import safe_name, split_of
from blip2core.formats.annotated import name_or_id, rows_of
from blip2core.formats.questions import has_answer
from blip2core.formats.vqa import answer_rows, is_question, is_vqa, match_answers, question_key
from blip2core.records import Problem
from blip2core.texts import count_of

Row = Mapping[str, Any]
_Question = tuple[str, str | None, str | None]
"""What is asked, and the image by number and name."""
_ANY = object()
"""Key of the questions about whatever image."""
MOST_ASKED = 2
"""Different questions of one id that are kept of each file: two leave open which one is meant."""
NO_QUESTIONS = (
    "These are answers to questions that are not here: give the file of questions beside it."
)
NO_QUESTION = "the question is not here, so nothing was read of it."
NO_ANSWER = "no question_id, or no answer, so nothing was read of it."
WORD = re.compile(r"[^\W\d_]+|\d+")


@dataclass(kw_only=True)
class _File:
    """A document with questions, answers or both."""

    name: str
    document: Any
    questions: list[Row]
    """Those that an answer may belong to."""
    answers: list[Row]
    """Those in this file."""
    given: list[Row] = field(default_factory=list)
    """Those to its questions, of whatever file."""

    @cached_property
    def subset(self) -> str | None:
        """Return what the file says of its split."""
        is_object = isinstance(self.document, Mapping)
        return name_or_id(self.document.get("data_subtype")) if is_object else None

    @cached_property
    def words(self) -> frozenset[str]:
        """Return what its folders, its name and its split are called."""
        return frozenset(WORD.findall(f"{self.name} {self.subset or ''}".lower()))


class QuestionFiles:
    """The files of questions and of answers among the JSON files of a source.

    An answer belongs to the question of its `question_id`, unless their `image_id` differ, in a
    file that does not tell of another split. Where several files have other questions of that id,
    it belongs to those whose folders and name are most like its own; where this leaves several
    questions, to none: nothing is guessed. Each answer is a text of its own.
    """

    def __init__(self) -> None:
        self._files: list[_File] = []

    def takes(self, name: str, document: Any) -> bool:
        """Return whether a document is one of questions or answers, which are kept for `joined`."""
        questions, answers = _questions(document), answer_rows(document)
        if questions and isinstance(document, Mapping):
            answers = rows_of(document.get("annotations"))
        if not questions and not answers:
            return False
        file = _File(name=name, document=document, questions=questions, answers=answers)
        self._files.append(file)
        return True

    def joined(self) -> tuple[list[tuple[str, Any]], list[Problem]]:
        """Return the name of each file of questions and its document with the answers to them; and
        what is wrong with answers of which nothing is read.
        """
        asked = _Asked(self._files)
        problems = [problem for file in self._files for problem in _give(file, asked)]
        documents = [(file.name, _answered(file)) for file in self._files if file.questions]
        return documents, problems


class _Asked:
    """The different questions of several files by their ids."""

    def __init__(self, files: Iterable[_File]) -> None:
        self._files: dict[tuple[str, object], dict[str, set[_Question]]] = {}
        self._by_name = {file.name: file for file in files}
        for file in self._by_name.values():
            for row in file.questions:
                number, image = question_key(row)
                if number is not None:
                    asked = (str(row.get("question")), image, name_or_id(row.get("image")))
                    self._add((number, image), file.name, asked)
                    self._add((number, _ANY), file.name, asked)

    def _add(self, key: tuple[str, object], name: str, asked: _Question) -> None:
        several = self._files.setdefault(key, {}).setdefault(name, set())
        if len(several) < MOST_ASKED:
            several.add(asked)

    def find(self, answer: Row) -> list[tuple[_File, _Question]]:
        """Return the questions that an answer may belong to, and their files."""
        number, image = question_key(answer)
        keys = [_ANY] if image is None else [image, None]
        return [
            (self._by_name[name], asked)
            for key in keys
            for name, several in self._files.get((number or "", key), {}).items()
            for asked in several
        ]


def _give(file: _File, asked: _Asked) -> Iterator[Problem]:
    """Put the answers of a file to the files of their questions; yield how many have none, and
    why.
    """
    words = file.words
    lost = Counter[str]()
    for answer in file.answers:
        found = asked.find(answer)
        fitting = [(one, what) for one, what in found if not _is_other_split(file, one)]
        if len(_questions_of(fitting)) > 1:
            least = min(len(words ^ one.words) for one, _ in fitting)
            fitting = [(one, what) for one, what in fitting if len(words ^ one.words) == least]
        if len(_questions_of(fitting)) == 1:
            for one in {one.name: one for one, _ in fitting}.values():
                one.given.append(answer)
        else:
            lost[_why_not(answer, fitting or found)] += 1
    for reason, count in lost.items():
        is_all = reason == NO_QUESTION and count == len(file.answers)
        told = NO_QUESTIONS if is_all else f"{count_of(count, 'answer')}: {reason}"
        yield Problem(name=file.name, reason=told, about="source", count=count)


def _questions(document: Any) -> list[Row]:
    """Return the questions of a document; of a list those without answers of their own."""
    if is_vqa(document):
        return [row for row in rows_of(document["questions"]) if row]
    rows = rows_of(document)
    return [row for row in rows if is_question(row) and _is_open(row)]


def _is_open(row: Row) -> bool:
    return name_or_id(row.get("question_id")) is not None and not has_answer(row)


def _is_other_split(file: _File, other: _File) -> bool:
    if file.subset is not None and other.subset is not None:
        return file.subset != other.subset
    one, two = (set(filter(None, map(split_of, words))) for words in (file.words, other.words))
    return bool(one - two and two - one)


def _questions_of(found: Iterable[tuple[_File, _Question]]) -> set[_Question]:
    return {what for _, what in found}


def _why_not(answer: Row, found: list[tuple[_File, _Question]]) -> str:
    """Return why an answer belongs to no question: none of those found, or which is not clear."""
    if name_or_id(answer.get("question_id")) is None:
        return NO_ANSWER
    if not found:
        return NO_QUESTION
    names = list(dict.fromkeys(safe_name(one.name) for one, _ in found))
    if len(_questions_of(found)) == 1:
        return (
            f"the question of this id in {names[0]} is of another split, by the names of the files "
            "or their data_subtype; name alike what belongs together."
        )
    where = " and in ".join(names[:2])
    return (
        f"several questions have this id, in {where}; name alike the files that belong together, "
        "train_questions.json and train_annotations.json."
    )


def _answered(file: _File) -> Any:
    """Return a document with the answers that were given to its questions."""
    if isinstance(file.document, Mapping):
        return {**file.document, "annotations": file.given}
    rows = list(file.document)
    places = [place for place, row in enumerate(rows) if is_question(row) and _is_open(row)]
    matched = match_answers((rows[place] for place in places), file.given)
    for at, answers in matched.items():
        row = rows[places[at]]
        rows[places[at]] = {**answers[0], **row}
        rows += [{**answer, **row} for answer in answers[1:]]
    return rows
