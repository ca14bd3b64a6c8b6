"""Who may do what: a page asks :func:`may`, or begins with :func:`need`; and the way to log in.

Roles come from the table ``[roles]`` of Streamlit's ``secrets.toml``, logins from its table ``[auth]`` (docs/deployment.md).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import streamlit as st

from emotion_core.errors import ConfigError, did_you_mean
from emotion_core.results.reviews import LONGEST_NAME
from emotion_core.texts import shorten
from pages.shared.words import escape

Role = Literal["look", "predict", "review", "upload", "owner"]
"""``look`` at what is stored; ``predict`` on photos of one's own; ``review`` images and keep slices; ``upload`` what others see
as well; ``owner``: all of it, and paths of this server."""

ROLES: tuple[Role, ...] = get_args(Role)
EVERYBODY = "everybody"
MEMBERS = "members"
"""Whoever is logged in."""

DOINGS: dict[Role, str] = {
    "look": "look at results",
    "predict": "read photos",
    "review": "review images",
    "upload": "add results that others see",
    "owner": "do that",
}
"""Each role in words, after "may"."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PROXIES = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-Ip", "Via")
"""Headers that say that somebody else passed a request on."""


@dataclass(frozen=True)
class Visitor:
    """Who is visiting.

    Attributes:
        identity: address that the login vouches for, else its subject; empty without a login.
        name: as the login gives it, which may be any.
        roles: what the visitor may do.
    """

    identity: str
    name: str
    roles: frozenset[Role]

    @property
    def reviewer(self) -> str:
        """What reviews are kept under: a name that nobody else can have; empty without a login."""
        if not self.identity or not self.name or self.name == self.identity:
            return shorten(self.identity, LONGEST_NAME)
        mine = shorten(self.identity, LONGEST_NAME - 22)
        return f"{shorten(self.name, LONGEST_NAME - 2 - len(mine))}, {mine}"


def grant(table: Mapping[str, Any], identity: str) -> frozenset[Role]:
    """Roles of a visitor by a table of them.

    Args:
        table: by role, who has it: ``"everybody"``, ``"members"`` (whoever is logged in), an address, or ``"*@example.org"``
            for all addresses of a domain.
        identity: of the visitor; empty without a login.

    Returns:
        The roles. Whoever has one may look, and an owner may everything.

    Raises:
        ConfigError: the table names another role, or not a list of texts.

    Example:
        >>> sorted(grant({"look": ["everybody"], "review": ["*@example.org"]}, "anna@example.org"))
        ['look', 'review']
    """
    mine = {EVERYBODY}
    if identity:
        mine |= {MEMBERS, identity.casefold(), f"*@{identity.casefold().rpartition('@')[2]}"}
    held: set[Role] = set()
    for role, people in table.items():
        if role not in ROLES:
            raise ConfigError(f"[roles] names '{role}', but there are {', '.join(ROLES)}.{did_you_mean(role, ROLES)}")
        if isinstance(people, str) or not isinstance(people, Sequence) or not all(isinstance(each, str) for each in people):
            raise ConfigError(f'[roles] needs a list for \'{role}\', such as {role} = ["members", "anna@example.org"].')
        if mine & {each.strip().casefold() for each in people}:
            held.add(role)
    return frozenset(ROLES) if "owner" in held else frozenset(held | {"look"} if held else ())


def visitor() -> Visitor:
    """Who is visiting, and what they may do.

    Without ``[roles]``, whoever sits at this machine may everything; where others reach it as well, they may look and predict.

    Raises:
        ConfigError: roles are not as they should be, or there is a login without any.
    """
    table = _secret("roles")
    logins = has_login()
    if logins and table is None:
        raise ConfigError("This server has a login, [auth], but no [roles] that say who may what. See docs/deployment.md.")
    told: Mapping[str, Any] = st.user.to_dict() if logins else {}
    identity, name = _identity(told) if told.get("is_logged_in") else ("", "")
    if table is not None:
        return Visitor(identity, name, grant(table, identity))
    return Visitor("", "", frozenset(ROLES) if _alone() else frozenset({"look", "predict"}))


def may(role: Role) -> bool:
    """Whether the visitor has a role; nobody has any while roles are not as they should be."""
    try:
        return role in visitor().roles
    except ConfigError:
        return False


def allowed(role: Role, doing: str = "") -> bool:
    """Whether the visitor has a role; if not, a sentence says so, and where it helps there is a way to log in.

    Args:
        role: that is needed.
        doing: what for, after "may"; the role's own words if empty.
    """
    try:
        who = visitor()
    except ConfigError as error:
        st.error(escape(str(error)))
        return False
    if role in who.roles:
        return True
    what = doing or DOINGS[role]
    if who.identity:
        st.info(escape(f"You are logged in as {who.identity}, who may not {what}. Ask whoever runs this server."))
    elif has_login():
        st.info(escape(f"Log in to {what}."))
        offer_login(key=role)
    else:
        st.info(escape(f"Nobody may {what} here without a login, and this server has none."))
    return False


def need(role: Role, doing: str = "") -> None:
    """End the page here unless the visitor has a role; see :func:`allowed`."""
    if not allowed(role, doing):
        st.stop()


def offer_login(*, key: str) -> None:
    """A button for each who vouches for people; nothing where there is none."""
    if not has_login():
        return
    if importlib.util.find_spec("authlib") is None:
        st.caption("Logging in needs a package on this server: pip install authlib httpx")
        return
    for name in providers() or [""]:
        st.button(
            f"Log in with {escape(name)}" if name else "Log in",
            icon=":material/login:",
            on_click=st.login,
            args=(name,) if name else (),
            key=f"login-{key}-{name}",
        )


def has_login() -> bool:
    """Whether people can log in here."""
    return _secret("auth") is not None


def providers() -> list[str]:
    """Names of those who vouch for people, for :func:`st.login`; empty where there is one without a name."""
    table = _secret("auth") or {}
    return sorted(name for name, value in table.items() if isinstance(value, Mapping) and "client_id" in value)


def reviewer_name() -> str:
    """What this visitor's reviews are kept under: the login's name, else the one entered in this visit, else empty."""
    return visitor().reviewer or str(st.session_state.get("reviewer") or "")


def _secret(name: str) -> Mapping[str, Any] | None:
    if not st.secrets.load_if_toml_exists() or name not in st.secrets:
        return None
    table = st.secrets[name]
    if not isinstance(table, Mapping):
        raise ConfigError(f"[{name}] in secrets.toml is not a table.")
    return table


def _identity(told: Mapping[str, Any]) -> tuple[str, str]:
    """Address, or subject, and name of somebody who is logged in."""
    address = str(told.get("email") or "").strip().casefold()
    # Some let anybody enter anybody's address, and say so.
    if "@" not in address or str(told.get("email_verified", True)).casefold() == "false":
        address = str(told.get("sub") or "")
    return address, str(told.get("name") or "")


def _alone() -> bool:
    """Whether only people of this machine reach it: it listens to nobody else, and nobody passed the request on."""
    headers = st.context.headers
    return st.get_option("server.address") in _LOOPBACK and not any(headers.get(name) for name in _PROXIES)
