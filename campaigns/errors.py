"""Every error raised on purpose: one plain sentence for the person who can repair it."""

from collections.abc import Mapping


class LiaisonError(Exception):
    """The root. `str(error)` is one sentence that may be shown to a user."""


class NotFound(LiaisonError):
    """The thing asked for is not there (or is not this person's to see)."""


class Invalid(LiaisonError):
    """What was given cannot be used; `faults` names each field with its own sentence.

    Not raised for a state that changed meanwhile: that is `Conflict`.
    """

    def __init__(self, message: str, faults: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.faults: dict[str, str] = dict(faults or {})


class Conflict(LiaisonError):
    """The row is no longer in the state that the action needs: look again, then decide."""


class Forbidden(LiaisonError):
    """The person is known but has not this right."""


class MailerError(LiaisonError):
    """A message could not be handed over.

    `is_permanent` tells whether trying again may help (RFC 5321 section 4.2.1: 5yz or 4yz);
    `code` and `reply` are the server's own words, where there were any.
    """

    def __init__(
        self, message: str, *, is_permanent: bool = False, code: int | None = None, reply: str = ""
    ) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent
        self.code = code
        self.reply = reply


class ConfigError(LiaisonError):
    """The configuration cannot be used; `faults` maps a setting's path to what is wrong with it."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        self.faults = dict(faults)
        lines = "\n".join(f"  {path}: {what}" for path, what in self.faults.items())
        super().__init__(f"The configuration cannot be used:\n{lines}")
