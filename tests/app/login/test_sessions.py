"""A session ends by log-out, unused, with age, and for new ones; its token is replaced."""

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


def living(sessions: Sessions, tokens: list[str]) -> list[bool]:
    return [bool(sessions.find(token)) for token in tokens]


def test_a_shorter_age_is_kept_through_new_tokens() -> None:
    clock = Clock()
    sessions = Sessions(100 * HOUR, clock)
    session = sessions.find(sessions.begin(ADA, "oidc", longest=module.SIGNED_IN_SECONDS))
    assert session is not None and module.SIGNED_IN_SECONDS == 12 * HOUR
    for _ in range(11):
        clock.now += HOUR + 1
        token = sessions.rotate(session)
        assert token and sessions.find(token)
    clock.now += HOUR
    assert sessions.find(token) is None and sessions.is_over(session)


def test_a_person_has_so_many_at_once() -> None:
    clock = Clock()
    sessions = Sessions(HOUR, clock)
    others = sessions.begin(BOB, "")
    tokens = []
    for _ in range(module.MOST_OF_ONE):
        clock.now += 1
        tokens.append(sessions.begin(ADA, ""))
    assert all(living(sessions, tokens))
    first = sessions.find(tokens[0])
    assert first is not None
    clock.now += 1
    for token in tokens:
        sessions.find(token)
        clock.now += 1
    tokens.append(sessions.begin(ADA, ""))
    assert living(sessions, tokens) == [False] + [True] * module.MOST_OF_ONE
    assert sessions.is_over(first), "also for its websockets"
    assert sessions.find(others)


def test_a_name_is_taken_while_another_has_it() -> None:
    clock = Clock()
    sessions = Sessions(HOUR, clock)
    sessions.begin(ADA, "oidc issuer 1")
    assert sessions.is_taken("ada", "oidc issuer 2")
    assert not sessions.is_taken("ada", "oidc issuer 1")
    assert not sessions.is_taken("bob", "oidc issuer 2")
    clock.now += HOUR + 1
    assert not sessions.is_taken("ada", "oidc issuer 2")


def test_a_session_with_two_tokens_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OF_ONE", 2)
    clock = Clock()
    sessions = Sessions(100 * HOUR, clock)
    session = sessions.find(sessions.begin(ADA, ""))
    assert session is not None
    clock.now += module.ROTATE_SECONDS
    token = sessions.rotate(session)
    assert token is not None
    assert living(sessions, [sessions.begin(ADA, ""), token]) == [True, True]


def test_a_new_one_ends_the_one_that_it_replaces() -> None:
    sessions = Sessions(HOUR, Clock())
    token = sessions.begin(ADA, "")
    session = sessions.find(token)
    new = sessions.begin(BOB, "", replaces=session)
    assert living(sessions, [token, new]) == [False, True]
    assert session is not None and sessions.is_over(session)
