"""A bar shows how far an import is, on a terminal and nowhere else."""

import io
import sys

import pytest

from blip2core.cli.reading_bar import ReadingBar
from blip2core.intake import Reading


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def half_read() -> Reading:
    return Reading(total_bytes=2_000_000, bytes=1_000_000, archives=4, archive=2, images=1_234)


def test_a_terminal_shows_share_and_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with ReadingBar(half_read()) as bar:
        bar._bar.mininterval = 0
        bar.show()
        bar.write_row({"name": "a"}, True)
    shown = sys.stderr.getvalue()
    assert " 50%|" in shown and "1.0 MB of 2.0 MB, archive 2 of 4, 1,234 images" in shown
    assert capsys.readouterr().out == '{"name": "a"}\n'


def test_elsewhere_nothing_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    with ReadingBar(half_read()) as bar:
        bar.show()
        bar.write_row({"name": "a"}, False, "a", "b")
    assert capsys.readouterr() == ("a\tb\n", "")
