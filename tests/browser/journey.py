"""What a visitor does on the page, and what they can see."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, expect

SECONDS = 1000
PATIENCE = 60 * SECONDS
"""How long to wait for what must come, in milliseconds; machines may be busy."""


class Journey:
    """One visitor on the page. Looks things up as a reader would: by label, text and role."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.question = page.get_by_label("Your question")
        self.caption = page.get_by_label("Caption")
        self.notice = page.get_by_role("alert")
        self.toast = page.get_by_test_id("toast-body")
        self.shown = page.locator("#image img")
        self.answers = page.get_by_test_id("bot")
        self.stop = page.get_by_role("button", name="Stop")
        self.asked: list[str] = []
        """What the page asked the server for, and how that ended."""
        page.on("response", lambda answer: self._note(answer.status, answer.url))
        page.on("requestfailed", lambda asked: self._note(asked.failure, asked.url))

    def _note(self, outcome: object, url: str) -> None:
        if "/gradio_api/" in url:
            self.asked.append(f"{outcome} {url}")

    def describe(self) -> str:
        """What is on the page, and what it has asked for lately."""
        try:
            seen = self.page.locator("body").inner_text(timeout=5 * SECONDS)
        except Error as error:  # the page is gone
            seen = str(error)
        return "\n".join([seen, *self.asked[-20:]])

    def upload(self, file: Path) -> None:
        self.page.locator("#image input[type=file]").set_input_files(file)

    def ask(self, question: str) -> Locator:
        """Send a question; the bubble of its answer."""
        number = self.answers.count()
        self.question.fill(question)
        self.question.press("Enter")
        expect(self.answers).not_to_have_count(number)
        return self.answers.last

    def take_example(self, number: int) -> None:
        """Choose an example and wait until it is there: a question before that has no image."""
        self.press(f"Example {number}")
        expect(self.caption).not_to_have_value("")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def unfold(self, name: str) -> None:
        """Open a part of the page that is folded.

        On a busy machine Gradio was seen to lose a press in the instant in which it draws the
        conversation anew; who presses sees that, and presses again.
        """
        heading = self.page.locator("button.label-wrap", has_text=name)
        for attempt in range(5):
            heading.click()
            with suppress(AssertionError) if attempt < 4 else nullcontext():
                expect(heading).to_have_class(re.compile(r"\bopen\b"), timeout=5 * SECONDS)
                return

    def read_prompt(self) -> str:
        """What the page says the model read for the latest question."""
        prompt = self.page.get_by_label("Prompt of the latest question")
        if not prompt.is_visible():
            self.unfold("What the model reads")
        expect(prompt).not_to_have_value("")
        return prompt.input_value()


def refusals(page: Page) -> list[str]:
    """What the page's content security policy has kept from it; grows while the page is open."""
    found: list[str] = []

    def look(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            found.append(message.text)

    page.on("console", look)
    return found


@contextmanager
def visit(browser: Browser, address: str, **context: Any) -> Iterator[Journey]:
    """A new visitor: no cookies, no storage."""
    expect.set_options(timeout=PATIENCE)
    with browser.new_context(**context) as visitor:
        visitor.set_default_timeout(PATIENCE)
        page = visitor.new_page()
        refused = refusals(page)
        # The page asks this when it is drawn and listens; what is done before that may be lost.
        with page.expect_response(lambda answer: "/gradio_api/run/predict" in answer.url):
            page.goto(address)
        journey = Journey(page)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        yield journey
        assert refused == []
