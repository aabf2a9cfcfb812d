"""The table of what each role may do, and the header that says who asks."""

import pytest

from app import roles
from app.roles import (
    MAY,
    PERMISSIONS,
    ROLES,
    VISITOR_HEADER,
    Visitor,
    header_of,
    treat_everyone_as_owner,
    visitor_of,
)


def test_the_table() -> None:
    assert MAY["visitor"] == {"ask"}
    assert MAY["curator"] == {"ask", "keep", "import", "judge"}
    assert MAY["owner"] == set(PERMISSIONS) > MAY["curator"]
    assert not Visitor(role="curator").may("take down") and Visitor(role="owner").may("take down")


@pytest.mark.parametrize("name", ["", "ada", "a b", "Ada Lovelace, née Byron", "a\r\nb: c", "日本"])
@pytest.mark.parametrize("role", ROLES)
def test_the_header_brings_over_any_name(role: str, name: str) -> None:
    visitor = Visitor(role=role, name=name)
    value = header_of(visitor).decode("ascii")
    assert value.isprintable()
    assert visitor_of({VISITOR_HEADER: value}) == visitor


def test_without_the_header_there_is_no_owner_unless_it_was_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(roles, "_without_header", list(roles._without_header))
    assert visitor_of({}) == Visitor(role="visitor")
    for sent in ("king eve", "", " ", "owner2 eve", "Owner eve"):
        assert visitor_of({VISITOR_HEADER: sent}).role == "visitor"
    treat_everyone_as_owner()
    assert visitor_of({}) == Visitor(role="owner")
    for sent in ("king eve", ""):
        assert visitor_of({VISITOR_HEADER: sent}).role == "visitor"
