"""What people type becomes what a model was trained to read, in one place."""

import pytest

from blip2core.errors import TextError
from blip2core.models.prompt_words import asked, begun, tidy, tidy_lines
from blip2core.models.specs import INSTRUCTION, SHORT, PromptTemplate

PLAIN = PromptTemplate()
ASKED = "Question: What animal is there? Answer:"


@pytest.mark.parametrize(
    "typed",
    [
        "a photo of ",
        " a photo of",
        "a  photo   of",
        "a\tphoto of",
        "a photo\nof",
        "a photo of\r\n",
        "a photo\N{NO-BREAK SPACE}of",
        "a photo\N{IDEOGRAPHIC SPACE}of",
        "a photo\N{WORD JOINER} of",
        "\N{ZERO WIDTH NO-BREAK SPACE}a photo of",
        "a pho\N{SOFT HYPHEN}to of\N{ZERO WIDTH SPACE}",
        "a\x0bphoto\x00 of",
    ],
)
def test_white_space_and_what_nobody_sees_is_one_space_or_none(typed: str) -> None:
    assert tidy(typed) == "a photo of"
    assert begun(typed, PLAIN) == "a photo of"


@pytest.mark.parametrize(
    "text",
    ["A Photo OF", "a man's dog, 3.5 m", "\N{MAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}"],
)
def test_letters_signs_and_emoji_stay(text: str) -> None:
    assert tidy(text) == text == begun(text, PLAIN)


def test_accents_have_one_form() -> None:
    assert tidy("cafe\N{COMBINING ACUTE ACCENT}") == "caf\N{LATIN SMALL LETTER E WITH ACUTE}"


def test_lines_of_a_prompt_stay_apart() -> None:
    talk = "Question: Who?  Answer: a dog \nQuestion:\tWhere? Answer: \n"
    assert tidy_lines(talk) == "Question: Who? Answer: a dog\nQuestion: Where? Answer:"


@pytest.mark.parametrize(
    "typed",
    [
        "What animal is there?",
        " What  animal\nis there? ",
        "Question: What animal is there?",
        "question:What animal is there?",
        "What animal is there? Answer:",
        "Question: What animal is there? Answer: ",
        "QUESTION: What animal is there? SHORT ANSWER:",
    ],
)
@pytest.mark.parametrize("template", [PLAIN, SHORT])
def test_a_question_has_the_words_around_it_once(typed: str, template: PromptTemplate) -> None:
    if template is PLAIN:
        typed = typed.replace("SHORT ", "")
    wanted = template.question.replace("{question}", "What animal is there?")
    assert asked(typed, template) == wanted


@pytest.mark.parametrize("typed", ["", " \n", "Question: Answer:", "\N{ZERO WIDTH SPACE}"])
def test_no_question_is_refused(typed: str) -> None:
    with pytest.raises(TextError, match="empty"):
        asked(typed, PLAIN)


def test_a_template_without_words_of_its_own_takes_nothing_away() -> None:
    assert asked("Question: Who?  Answer:", INSTRUCTION) == "Question: Who? Answer:"
    assert begun("Who is it? ", INSTRUCTION) == "Who is it?"


def test_a_visitors_own_template_is_made_tidy_too() -> None:
    own = PromptTemplate(question="Q:  {question}\nA: ")
    assert asked("{question} Who?", own) == "Q: {question} Who?\nA:"


@pytest.mark.parametrize(
    "typed",
    [
        "What animal is there?",
        "Question: What animal is there?",
        "What animal is there? Answer:",
        "Question: What animal is there? Answer: ",
    ],
)
def test_a_beginning_that_asks_is_a_whole_question(typed: str) -> None:
    assert begun(typed, PLAIN) == ASKED


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "Question: Who? Answer: a dog",
        "Question: Who? Answer: a dog. Question: Where? Answer:",
        "question: who? answer:",
    ],
)
def test_a_whole_prompt_stays_as_it_is(typed: str) -> None:
    assert begun(typed, PLAIN) == typed


def test_the_last_question_of_a_talk_gets_what_it_lacks() -> None:
    talk = "Question: Who? Answer: a dog. Question: Where?"
    assert begun(talk, PLAIN) == f"{talk} Answer:"
