"""How trouble is told: in words for the reader, with secrets left in the log."""

import gradio as gr
import pytest

from app.inference.failures import error_message
from app.workbench.events import paced
from app.workbench.messages import alert_html
from blip2core.errors import TextError


def test_our_errors_are_told_as_they_are() -> None:
    assert error_message(TextError("The question is empty."), "No answer") == (
        "No answer: The question is empty."
    )


def test_others_get_a_reference(caplog: pytest.LogCaptureFixture) -> None:
    told = error_message(OSError("/home/someone/secret"), "No answer")
    assert "secret" not in told
    reference = told.partition("(reference ")[2][:4]
    assert reference in caplog.text and "secret" in caplog.text


@pytest.mark.parametrize("title", ["ZeroGPU quota exceeded", "ZeroGPU worker error"])
def test_a_gpu_that_is_not_lent_is_told_with_a_way_on(title: str) -> None:
    told = error_message(gr.Error("You have exceeded your quota", title=title), "No answer")
    assert "Try again later" in told and "spaces-zerogpu" in told


def test_notice_is_text() -> None:
    assert alert_html("<b>") == '<p role="alert">&lt;b&gt;</p>'
    assert alert_html("") == ""


def test_the_last_of_fast_values_always_comes() -> None:
    numbers = (number for number in range(1000))
    assert [*paced(numbers, seconds=60)] == [0, 999]
