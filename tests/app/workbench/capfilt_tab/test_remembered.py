"""Pairs that a page finds again when it is loaded anew: its own, and within bounds."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest

from app.chat.session import ChatSession
from app.inference.capfilt_tasks import CapFiltSession, InputImage
from app.services import Services
from app.workbench.capfilt_tab import remembered
from app.workbench.capfilt_tab.remembered import RememberedPairs
from app.workbench.capfilt_tab.screen import CapFiltUpdate
from app.workbench.capfilt_tab.tab import continue_capfilt, on_capfilt, show_again
from app.workbench.events import SKIP
from tests.app.workbench.conftest import ORDERED, files, final, listed, on_screen
from tests.capfilt.conftest import Seen


def of_size(size: int) -> CapFiltSession:
    pairs = CapFiltSession()
    pairs.given = (InputImage(name="a.png", data=b"x" * size, key="a"),)
    return pairs


def test_pairs_are_found_by_who_made_them_with_their_secret_alone() -> None:
    store, pairs, others = RememberedPairs(), of_size(1), of_size(1)
    store.remember("ada", pairs)
    store.remember("", others)
    assert store.recall("ada", pairs.token) is pairs
    assert store.recall("", others.token) is others
    for visitor, token in (("bob", pairs.token), ("", pairs.token), ("ada", ""), ("ada", "made")):
        assert store.recall(visitor, token) is None


def test_visits_without_images_push_out_nobody_elses() -> None:
    store, pairs = RememberedPairs(), of_size(1)
    store.remember("", pairs)
    for _ in range(remembered.MOST_SESSIONS + 1):
        store.remember("", CapFiltSession())
    assert store.recall("", pairs.token) is pairs
    pairs.given = ()
    store.remember("", pairs)
    assert store.recall("", pairs.token) is None, "its images were taken away"


def test_each_visitor_has_a_secret_of_their_own() -> None:
    first = CapFiltSession()
    tokens = {first.token, *(copy.deepcopy(first).token for _ in range(3))}
    assert len(tokens) == 4 and all(len(token) == 32 for token in tokens)


@pytest.mark.parametrize(
    ("bound", "size"), [("MOST_SESSIONS", lambda _: 1), ("MOST_BYTES", lambda of: of)]
)
def test_the_longest_unused_are_forgotten_first(
    monkeypatch: pytest.MonkeyPatch, bound: str, size: Callable[[int], int]
) -> None:
    monkeypatch.setattr(remembered, bound, 2 if bound == "MOST_SESSIONS" else 20)
    store, sessions = RememberedPairs(), [of_size(size(10)) for _ in range(3)]
    for pairs in sessions[:2]:
        store.remember("", pairs)
    store.recall("", sessions[0].token)
    store.remember("", sessions[2])
    found = [store.recall("", pairs.token) is pairs for pairs in sessions]
    assert found == [True, False, True]
    store.remember("", of_size(size(21)))
    assert (store.recall("", sessions[2].token) is None) is (bound == "MOST_BYTES")


def test_a_page_loaded_anew_shows_what_was_decided(
    services: Services, pairs: CapFiltSession
) -> None:
    pairs.set_verdict(pairs.cards[0], 0, "accepted")
    shown, more = show_again(services, pairs)
    assert shown.pairs is pairs and more.token == pairs.token
    assert shown.cards.count('aria-pressed="true"') == 1 and more.threshold == 0.5
    assert 'data-words="a dog"' in more.given and "pairs.csv" in shown.downloads
    assert shown.slices == SKIP, "there is nothing left to do"
    empty, more = show_again(services, CapFiltSession())
    assert empty.cards == SKIP and more.given == ""


def test_a_page_that_arrives_begins_nothing(
    services: Services, pairs: CapFiltSession, seen: Seen
) -> None:
    for arrived in (CapFiltSession(), pairs):
        assert list(continue_capfilt(services, arrived, 0)) == [CapFiltUpdate()]
    assert seen.images == 0


def test_work_under_way_goes_on_for_the_new_page_alone(services: Services, tmp_path: Path) -> None:
    pairs = CapFiltSession()
    listed(pairs, files(tmp_path, "a.png", "b.png"))
    on_capfilt(ChatSession(), pairs, 0, on_screen(pairs), *ORDERED)
    old_page = continue_capfilt(services, pairs, 1)
    next(old_page)
    assert pairs.batch.items[0].state == "working"
    shown, _ = show_again(services, pairs)
    assert shown.slices == 1 and shown.stop["visible"]
    final(continue_capfilt(services, pairs, 1))
    names = [card.name for card in pairs.cards]
    list(old_page)
    assert names == [card.name for card in pairs.cards] == ["a.png", "b.png"]
    assert not pairs.batch.is_running
