"""Who may do what, by configuration and login."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.runtime.context import ContextProxy, StreamlitHeaders
from streamlit.testing.v1 import AppTest

from emotion_core.errors import ConfigError
from emotion_core.results.reviews import LONGEST_NAME, Review
from pages.shared.roles import ROLES, Visitor, grant
from tests.pages.opening import go_to, run

ANNA = {"is_logged_in": True, "name": "Anna Berg", "email": "Anna@Example.org", "email_verified": True, "sub": "1"}
TABLE = {"look": ["everybody"], "predict": ["members"], "review": ["*@example.org"], "owner": ["olga@example.org"]}


def _visit() -> None:
    import streamlit as st

    from pages.shared.roles import has_login, may, need, reviewer_name

    st.text(" ".join(role for role in ("look", "predict", "review", "upload", "owner") if may(role)))  # type: ignore[arg-type]
    st.text(has_login())
    need("review", "say what is wrong")
    st.text(f"reviews as {reviewer_name()}")


def visit(secrets: dict[str, Any], user: dict[str, Any] | None = None, **context: Any) -> AppTest:
    app = AppTest.from_function(_visit, default_timeout=300)
    app.secrets.update(secrets)
    app.user.update(user or {})
    app.context.update(context)
    app.run()
    assert not app.exception
    return app


@pytest.mark.parametrize(
    ("identity", "roles"),
    [
        ("", "look"),
        ("eve@elsewhere.org", "look predict"),
        ("eve@notexample.org", "look predict"),
        ("anna@example.org", "look predict review"),
        ("ANNA@EXAMPLE.ORG", "look predict review"),
        ("olga@example.org", "look predict review upload owner"),
        ("everybody", "look predict"),
    ],
)
def test_roles_by_table(identity: str, roles: str) -> None:
    assert grant(TABLE, identity) == set(roles.split())


def test_whoever_may_do_something_may_look() -> None:
    assert grant({"predict": ["members"]}, "anna@example.org") == {"look", "predict"}
    assert grant({"predict": ["members"]}, "") == set()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"reviews": ["members"]}, "names 'reviews', but there are look, predict, review, upload, owner"),
        ({"review": "members"}, "needs a list for 'review'"),
        ({"review": ["members", 3]}, "needs a list for 'review'"),
        ({"review": 3}, "needs a list for 'review'"),
    ],
)
def test_a_table_that_is_none_lets_nobody_in(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        grant(table, "anna@example.org")
    app = visit({"auth": {"client_id": "x"}, "roles": table}, ANNA)
    assert app.text[0].value == ""
    assert said.split("'")[0] in app.error[0].value.replace("\\", "")


def test_at_this_machine_one_may_everything() -> None:
    app = visit({})
    assert app.text[0].value == " ".join(ROLES)
    assert app.text[2].value == "reviews as"


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "via"])
def test_through_a_proxy_one_may_look_and_predict(header: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ContextProxy, "headers", StreamlitHeaders([(header, "10.0.0.1")]))
    app = visit({})
    assert app.text[0].value == "look predict"
    assert "this server has none" in app.info[0].value


def test_where_others_reach_the_server_one_may_look_and_predict(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit import config

    address = config.get_option("server.address")
    try:
        config.set_option("server.address", "0.0.0.0")
        assert visit({}).text[0].value == "look predict"
    finally:
        config.set_option("server.address", address)


def test_a_login_without_roles_lets_nobody_in() -> None:
    app = visit({"auth": {"client_id": "x"}}, ANNA)
    assert app.text[0].value == ""
    assert "who may what" in app.error[0].value.replace("\\", "")


def test_whoever_is_logged_in_reviews_under_the_logins_name() -> None:
    app = visit({"auth": {"client_id": "x"}, "roles": TABLE}, ANNA)
    assert app.text[0].value == "look predict review"
    assert app.text[2].value == "reviews as Anna Berg, anna@example.org"


def test_whoever_is_not_logged_in_is_asked_to() -> None:
    app = visit({"auth": {"client_id": "x"}, "roles": TABLE}, {"is_logged_in": False, "email": "olga@example.org"})
    assert app.text[0].value == "look"
    assert app.info[0].value.replace("\\", "") == "Log in to say what is wrong."


@pytest.mark.parametrize("verified", [False, "false"])
def test_an_address_that_the_login_does_not_vouch_for_counts_for_nothing(verified: object) -> None:
    app = visit({"auth": {"client_id": "x"}, "roles": TABLE}, ANNA | {"email": "olga@example.org", "email_verified": verified})
    assert app.text[0].value == "look predict"
    assert "logged in as 1" in app.info[0].value.replace("\\", "")


@pytest.mark.parametrize("name", ["Anna", "A" * 300, "Anna\n\tBerg\u202e", "Olga, olga@example.org"])
def test_names_of_reviewers_can_be_kept_and_end_in_who_they_are(name: str) -> None:
    for identity in ("anna@example.org", "a" * 100 + "@example.org"):
        said = Visitor(identity, name, frozenset()).reviewer
        assert len(said) <= LONGEST_NAME
        assert said.endswith("@example.org")
        review = Review(dataset="d", sample_id="1", verdict="fine", expression=None, note="", reviewer=said)
        assert review.reviewer == said


@pytest.mark.parametrize(("page", "shown"), [("predict", False), ("about", True)])
def test_a_page_opens_for_those_who_may_see_it(app: AppTest, page: str, shown: bool) -> None:
    app.secrets.update({"roles": {"look": ["everybody"]}})
    run(go_to(app, page))
    assert bool(app.title) is shown
    assert any("Nobody may" in info.value for info in app.info) is not shown
    assert "Data folder" not in [caption.value for caption in app.sidebar.caption]


def test_without_any_role_nothing_is_shown(app: AppTest) -> None:
    app.secrets.update({"auth": {"client_id": "x"}, "roles": {"look": ["anna@example.org"]}})
    run(go_to(app, "about"))
    assert not app.title
    assert app.info[0].value.replace("\\", "") == "Log in to look at results."
    assert [button.label for button in app.main.button] == ["Log in"]
    assert [caption.value for caption in app.sidebar.caption] == []
