"""The header of both apps: who is led where, and who they are told to be."""

import pytest

from app.header import AppName, account_html, title_html
from app.roles import ROLES, Role, Visitor


@pytest.mark.parametrize(
    ("here", "workbench", "curator"),
    [("workbench", "./", "curator/"), ("curator", "../", "./")],
)
def test_apps_lead_to_each_other(here: AppName, workbench: str, curator: str) -> None:
    html = title_html(here, Visitor(role="curator"), has_both=True)
    assert "<h1>BLIP-2 Studio</h1>" in html
    assert f'<a href="{workbench}" target="_self"' in html
    assert f'<a href="{curator}" target="_self"' in html
    assert html.count("aria-current") == 1
    assert f'aria-current="page">{here.capitalize()}</a>' in html


@pytest.mark.parametrize("role", ROLES)
def test_who_may_not_use_the_curator_is_not_led_there(role: Role) -> None:
    html = title_html("workbench", Visitor(role=role), has_both=True)
    assert ("curator/" in html) == (role != "visitor")


def test_a_curator_that_is_not_served_is_not_linked() -> None:
    html = title_html("workbench", Visitor(role="owner"), has_both=False)
    assert html == "<h1>BLIP-2 Studio</h1>"


@pytest.mark.parametrize(("here", "root"), [("workbench", ""), ("curator", "../")])
def test_addresses_of_the_login_are_relative(here: AppName, root: str) -> None:
    assert f'href="{root}login"' in account_html(here, Visitor(role="visitor"))
    html = account_html(here, Visitor(role="owner", name="<ada>"))
    assert html.startswith("<b>&lt;ada&gt;</b>, owner")
    assert f'href="{root}logout"' in html
