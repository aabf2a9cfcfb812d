"""What a visitor does with pairs: threshold, verdicts, edits, a look inside."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.chat.session import ChatSession
from app.inference.capfilt_tasks import CapFiltSession
from app.services import Services
from app.workbench.capfilt_tab import actions
from app.workbench.capfilt_tab.actions import (
    on_accept_kept,
    on_decide,
    on_edit_text,
    on_threshold,
    on_undo_accept,
    on_why,
)
from app.workbench.capfilt_tab.tab import on_samples
from app.workbench.events import SKIP
from tests.app.workbench.conftest import HOSTILE, ORDERED, event
from tests.capfilt.conftest import Seen


def test_threshold_decides_again_without_a_model(pairs: CapFiltSession, seen: Seen) -> None:
    highest = max(text.scored.itm for card in pairs.cards for text in card.texts)
    texts = sum(len(card.texts) for card in pairs.cards)
    shown = on_threshold(pairs, 0).cards
    assert shown.count('class="kept ') == texts
    shown = on_threshold(pairs, min(1.0, highest + 0.001)).cards
    assert shown.count('class="dropped ') == texts and "is below" in shown
    for wrong in ("much", -0.01, 1.01):
        on_threshold(pairs, wrong)
        assert pairs.rules.threshold == min(1.0, highest + 0.001)
    on_threshold(pairs, 1)
    assert pairs.rules.threshold == 1
    assert seen.images == 0


def test_verdicts_are_given_taken_back_and_given_to_all_kept(pairs: CapFiltSession) -> None:
    def verdicts() -> list[str]:
        return [text.verdict for card in pairs.cards for text in card.texts]

    on_decide(pairs, event(pairs, card=0, text=0, verdict="rejected"))
    assert verdicts()[0] == "rejected"
    on_threshold(pairs, 0)
    on_accept_kept(pairs)
    assert set(verdicts()[1:]) == {"accepted"} and verdicts()[0] == "rejected"
    on_decide(pairs, event(pairs, card=0, text=0, verdict="rejected"))
    assert verdicts()[0] == "rejected", "another page had said so already"
    on_decide(pairs, event(pairs, card=0, text=0, verdict=""))
    assert verdicts()[0] == ""


@pytest.mark.parametrize("sent", [{"card": 9}, {"card": 0, "text": 99}, {"card": "x"}, {}])
def test_what_a_browser_makes_up_changes_nothing(
    services: Services, pairs: CapFiltSession, sent: dict[str, Any]
) -> None:
    before, known = pairs.cards, {"run": pairs.name}
    assert (
        "not here any more"
        in on_decide(pairs, SimpleNamespace(_data={"verdict": "accepted", **known, **sent})).message
    )
    assert (
        "not here any more" in on_edit_text(services, pairs, known | sent | {"words": "a"}).message
    )
    on_decide(pairs, event(pairs, card=0, text=0, verdict="stolen"))
    assert pairs.cards == before


def test_edited_text_is_scored_before_it_can_be_accepted(
    services: Services, pairs: CapFiltSession, seen: Seen
) -> None:
    for words in (" a big\x00 dog ", "a small dog"):
        on_edit_text(services, pairs, {"run": pairs.name, "card": 0, "text": 0, "words": words})
    added = pairs.cards[0].texts[-2:]
    assert [text.words for text in added] == ["a big dog", "a small dog"]
    assert all(0 <= text.scored.itm <= 1 and not text.verdict for text in added)
    assert added[0].parent == 0 and seen.images == 1, "encoded once for both"
    on_edit_text(services, pairs, {"run": pairs.name, "card": 0, "text": 0, "words": "  "})
    assert len(pairs.cards[0].texts) == added[-1].number + 1


def test_why_brings_image_and_text(pairs: CapFiltSession) -> None:
    session = ChatSession()
    panel, update = on_why(session, pairs, event(pairs, card=1, text=0))
    assert session.image.name == "b.png" and panel.image is session.image.shown
    assert session.inspected_text == update.inspected_text == HOSTILE
    assert update.tabs.selected == "inside"


def test_why_of_a_text_that_is_gone_is_said(pairs: CapFiltSession) -> None:
    session = ChatSession()
    _, update = on_why(session, pairs, event(pairs, card=1, text=99))
    assert "not here any more" in update.why_message and session.image is None
    assert update.tabs == SKIP and update.inspected_text == SKIP


def test_why_waits_where_a_conversation_would_end(pairs: CapFiltSession) -> None:
    session = ChatSession()
    on_why(session, pairs, event(pairs, card=0, text=0))
    session.ask("Who?")
    panel, update = on_why(session, pairs, event(pairs, card=1, text=0))
    assert session.offered is not None and panel.decision["visible"]
    assert update.tabs == SKIP and update.inspected_text == SKIP


def test_what_was_accepted_together_is_taken_back_together(pairs: CapFiltSession) -> None:
    def verdicts() -> list[str]:
        return [text.verdict for card in pairs.cards for text in card.texts]

    on_decide(pairs, event(pairs, card=0, text=0, verdict="accepted"))
    on_threshold(pairs, 0)
    update = on_accept_kept(pairs)
    others = len(verdicts()) - 1
    assert update.undo["visible"] and update.undo["value"] == f"Undo: accept {others} texts"
    on_decide(pairs, event(pairs, card=1, text=0, verdict="rejected"))
    assert not on_undo_accept(pairs).undo["visible"]
    assert [verdict for verdict in verdicts() if verdict] == ["accepted", "rejected"]
    assert pairs.cards[0].texts[0].verdict == "accepted", "it was accepted by itself"
    before = verdicts()
    on_undo_accept(pairs)
    assert verdicts() == before


def test_what_was_decided_by_hand_since_is_not_taken_back_with_the_others(
    pairs: CapFiltSession,
) -> None:
    on_threshold(pairs, 0)
    on_accept_kept(pairs)
    for verdict in ("rejected", "accepted"):
        on_decide(pairs, event(pairs, card=0, text=0, verdict=verdict))
    on_undo_accept(pairs)
    assert pairs.cards[0].texts[0].verdict == "accepted"
    assert not any(text.verdict for text in pairs.cards[1].texts)


def test_nothing_to_accept_is_nothing_to_take_back(pairs: CapFiltSession) -> None:
    on_threshold(pairs, 1)
    assert not on_accept_kept(pairs).undo["visible"]


def test_what_was_meant_for_an_earlier_run_changes_nothing_of_the_next(
    services: Services, pairs: CapFiltSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card is known by its number, and an edit waits for the model: another run may begin."""
    earlier = pairs.name
    meant = {"run": earlier, "card": 0, "text": 0}
    score = actions.score_edited

    def slow_score(*given: Any) -> Any:
        on_samples(ChatSession(), pairs, 0, *ORDERED)
        pairs.batch.set_result(0, first)
        return score(*given)

    first = pairs.cards[0]
    monkeypatch.setattr(actions, "score_edited", slow_score)
    update = on_edit_text(services, pairs, meant | {"words": "a big dog"})
    assert "not here any more" in update.message
    assert pairs.name != earlier and pairs.cards == [first]
    sent = SimpleNamespace(_data=meant | {"verdict": "accepted"})
    assert "not here any more" in on_decide(pairs, sent).message
    assert "not here any more" in on_why(ChatSession(), pairs, sent)[1].why_message
    assert pairs.cards == [first]
