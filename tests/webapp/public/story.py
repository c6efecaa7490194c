"""A letter in somebody's hand, for the tests of the public pages."""

from campaigns.runtime import Runtime
from tests.campaigns.tracking.story import letter


def token_of(runtime: Runtime, name: str = "alice", **options: object) -> str:
    """The token in a letter that was sent to this person."""
    message_id, mailing_id = letter(runtime, name, **options)  # type: ignore[arg-type]
    return runtime.links.token(message_id, mailing_id)
