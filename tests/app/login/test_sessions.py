"""A session ends by log-out, unused, with age; its token is replaced."""

import pytest

from app.login import sessions as module
from app.login.sessions import Sessions
from app.roles import Visitor
from tests.app.login.clock import Clock

ADA, BOB = Visitor(role="owner", name="ada"), Visitor(role="visitor", name="bob")
HOUR = 3_600.0


def test_only_a_token_that_was_given_counts() -> None:
    sessions = Sessions(HOUR, Clock())
    token = sessions.begin(ADA, "line")
    found = sessions.find(token)
    assert found is not None and found.visitor == ADA and found.credential == "line"
    assert len(token) > 40 and sessions.begin(ADA, "line") != token
    assert sessions.find("") is None and sessions.find(token[:-1]) is None
    assert token.encode() not in repr(sessions._by_token).encode(), "only a digest is kept"


def test_it_ends_unused_and_with_age() -> None:
    clock = Clock()
    sessions = Sessions(HOUR, clock)
    token = sessions.begin(ADA, "")
    clock.now += 0.9 * HOUR
    assert sessions.find(token)
    clock.now += 0.9 * HOUR
    assert sessions.find(token), "it was used in between"
    clock.now += 1.1 * HOUR
    assert sessions.find(token) is None
    sessions = Sessions(10 * module.LONGEST_SECONDS, clock)
    token = sessions.begin(ADA, "")
    clock.now += module.LONGEST_SECONDS + 1
    assert sessions.find(token) is None


def test_log_out_ends_it_for_all_its_tokens() -> None:
    clock = Clock()
    sessions = Sessions(100 * HOUR, clock)
    first = sessions.begin(ADA, "")
    session = sessions.find(first)
    assert session is not None and sessions.rotate(session) is None
    clock.now += module.ROTATE_SECONDS
    second = sessions.rotate(session)
    assert second is not None and sessions.find(second) is session
    assert sessions.find(first) is session, "for requests that are on their way"
    sessions.end(session)
    assert sessions.find(first) is None and sessions.find(second) is None
    assert sessions.is_over(session) and sessions.rotate(session) is None


def test_a_replaced_token_ends_soon() -> None:
    clock = Clock()
    sessions = Sessions(100 * HOUR, clock)
    first = sessions.begin(ADA, "")
    session = sessions.find(first)
    assert session is not None
    clock.now += module.ROTATE_SECONDS
    second = sessions.rotate(session)
    clock.now += module.GRACE_SECONDS + 1
    assert sessions.find(first) is None
    assert second is not None and sessions.find(second) is session


def test_all_of_a_person_end_and_nobody_elses() -> None:
    sessions = Sessions(HOUR, Clock())
    tokens = [sessions.begin(ADA, ""), sessions.begin(ADA, ""), sessions.begin(BOB, "")]
    sessions.end_all_of("ada")
    assert [bool(sessions.find(token)) for token in tokens] == [False, False, True]


def test_the_longest_unused_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SESSIONS", 10)
    clock = Clock()
    sessions = Sessions(HOUR, clock)
    tokens = []
    for _ in range(module.MOST_SESSIONS + 2):
        clock.now += 0.001
        tokens.append(sessions.begin(ADA, ""))
    assert [bool(sessions.find(token)) for token in (*tokens[:3], tokens[-1])] == [
        False,
        False,
        True,
        True,
    ]
