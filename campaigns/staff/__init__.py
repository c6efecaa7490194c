"""Who works here: users, roles, rights, logins."""

from campaigns.staff.actions import (
    TooManyTries,
    add_user,
    authenticate,
    begin_login,
    change_password,
    change_role,
    end_login,
    forgive_tries,
    note_try,
    set_active,
    verify_password,
)
from campaigns.staff.model import User
from campaigns.staff.queries import count_users, get_user, list_users, logins, session_user
from campaigns.staff.rules import RIGHTS, ROLES, check_password, may

__all__ = [
    "RIGHTS",
    "ROLES",
    "TooManyTries",
    "User",
    "add_user",
    "authenticate",
    "begin_login",
    "change_password",
    "change_role",
    "check_password",
    "count_users",
    "end_login",
    "forgive_tries",
    "get_user",
    "list_users",
    "logins",
    "may",
    "note_try",
    "session_user",
    "set_active",
    "verify_password",
]
