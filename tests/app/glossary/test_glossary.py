"""The terms themselves, and the call that hands them to a page."""

import json
import re

import pytest

from app.glossary import Term, call_with_terms, terms

ASKED_FOR = (
    *("query token", "ITC", "ITM", "cross-attention", "Q-Former", "attention map"),
    *("faithfulness", "CapFilt", "history", "logit", "threshold"),
)


def test_every_term_has_one_sentence_and_forms_of_its_own() -> None:
    forms = [form.casefold() for one in terms() for form in (one.name, *one.also)]
    assert len(forms) == len(set(forms))
    names = [one.name.casefold() for one in terms()]
    assert names == sorted(names)
    for one in terms():
        assert re.fullmatch(r"[A-Z][^\n]{20,220}\.", one.sentence), one.name


@pytest.mark.parametrize("name", ASKED_FOR)
def test_what_a_visitor_meets_is_explained(name: str) -> None:
    assert name in {one.name for one in terms()}


def test_no_term_can_end_the_script_that_it_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = Term(name="</script><b>", sentence="It\u2028is <!-- hostile.")
    monkeypatch.setattr("app.glossary.terms", lambda: (hostile,))
    call = call_with_terms("../?tab=how")
    assert "<" not in call
    given = json.loads(call.removeprefix("offerGlossary(...").removesuffix(");"))
    assert given[0][0]["name"] == hostile.name and given[2] == "../?tab=how"
