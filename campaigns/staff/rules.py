"""Pure rules: the roles, the one table of rights, and what a password must be."""

from collections.abc import Mapping
from typing import Literal

from campaigns.errors import Invalid

Act = Literal["read", "write"]

ROLES: Mapping[str, str] = {
    "administrator": "everything, and the staff",
    "marketer": "everything but the staff",
    "approver": "reads everything, releases newsletters and letters",
    "support": "answers customers: their data, consents and suppressions",
    "auditor": "reads everything, changes nothing",
}
"""The roles, each with what it is for."""

PAGES_OF_ONE_S_OWN = ("account", "login")
"""What everybody may use, as it concerns only themselves."""

_READERS = {"administrator", "marketer", "approver", "auditor"}
_WRITERS = {"administrator", "marketer"}

RIGHTS: Mapping[str, Mapping[Act, set[str]]] = {
    "today": {"read": _READERS | {"support"}, "write": _WRITERS},
    "customers": {"read": _READERS | {"support"}, "write": _WRITERS | {"support"}},
    "suppressions": {"read": _READERS | {"support"}, "write": _WRITERS | {"support"}},
    "newsletters": {"read": _READERS, "write": _WRITERS | {"approver"}},
    "letters": {"read": _READERS, "write": _WRITERS | {"approver"}},
    "programmes": {"read": _READERS, "write": _WRITERS},
    "journeys": {"read": _READERS, "write": _WRITERS | {"approver"}},
    "simulations": {"read": _READERS, "write": _WRITERS | {"approver"}},
    "tasks": {"read": _READERS | {"support"}, "write": _WRITERS | {"approver", "support"}},
    "messages": {"read": _READERS | {"support"}, "write": _WRITERS},
    "inbox": {"read": _READERS | {"support"}, "write": _WRITERS},
    "staff": {"read": {"administrator", "auditor"}, "write": {"administrator"}},
    "settings": {"read": {"administrator", "marketer", "auditor"}, "write": {"administrator"}},
}
"""Page → who may read it, who may change something on it."""

OTHERS: Mapping[Act, set[str]] = {"read": _READERS, "write": _WRITERS}
"""Pages that the table does not name."""


def may(role: str, page: str, act: Act) -> bool:
    """Whether this role may do this on this page; an unknown role may nothing."""
    if page in PAGES_OF_ONE_S_OWN:
        return role in ROLES
    return role in RIGHTS.get(page, OTHERS)[act]


SHORTEST = 10
LONGEST = 200
"""Characters of a password (NIST SP 800-63B asks for length, not for signs); the upper limit bounds the hashing."""


def check_password(password: str, *, email: str, name: str) -> None:
    """Raise Invalid, saying why, if the password is too easy to be used."""
    fault = ""
    if len(password) < SHORTEST:
        fault = f"Use at least {SHORTEST} characters; a short sentence is easy to keep."
    elif len(password) > LONGEST:
        fault = f"Use at most {LONGEST} characters."
    elif len(set(password)) < 5:
        fault = "Use at least five different characters."
    elif password.casefold() in {email.casefold(), email.partition("@")[0].casefold(), name.casefold()}:
        fault = "Do not use your name or address as the password."
    if fault:
        raise Invalid(fault, {"password": fault})
