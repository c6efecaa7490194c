"""One mail handed over at once, with its answer: tests of a letter, and our own mails (a new password)."""

import asyncio
import threading

from campaigns.errors import MailerError
from campaigns.mail.transport import Answer, Letter, Line, Mailer, Parcel


class _Single:
    def __init__(self, letter: Letter) -> None:
        self.letter: Letter | None = letter
        self.answer: Answer | None = None
        self.words = ""
        self._content = letter.content

    def take(self) -> Parcel | None:
        letter, self.letter = self.letter, None
        return letter

    def content(self, parcel: Parcel) -> bytes | None:  # noqa: ARG002
        return self._content

    def end(self, parcel: Parcel, answer: Answer) -> None:  # noqa: ARG002
        self.answer = answer

    def back(self, parcel: Parcel, why: str, *, is_loss: bool = True) -> None:  # noqa: ARG002
        self.answer = Answer("connect", None, self.words or why)

    def trouble(self, words: str) -> None:
        self.words = words


def deliver(mailer: Mailer, letter: Letter, *, seconds: float = 60) -> Answer:
    """Hand one mail over and wait for the answer; MailerError, with the server's words, if it was not taken."""
    outlet = _Single(letter)

    def work() -> None:
        asyncio.run(_carry(mailer, outlet, seconds))

    # In a thread of its own, as the caller may be inside a running loop.
    thread = threading.Thread(target=work, name="deliver")
    thread.start()
    thread.join()
    answer = outlet.answer
    if answer is None:
        raise MailerError(f"The mail could not be handed over: {outlet.words or 'no answer'}")
    if not answer.is_accepted:
        said = f"{answer.code} {answer.text}" if answer.code else answer.text
        raise MailerError(
            f"The mail server did not take the mail: {said}",
            is_permanent=answer.is_permanent,
            code=answer.code,
            reply=answer.text,
        )
    return answer


async def _carry(mailer: Mailer, outlet: _Single, seconds: float) -> None:
    line: Line = mailer.line(outlet)
    line.wake()
    waited = 0.0
    while outlet.answer is None and waited < seconds and not outlet.words:
        await asyncio.sleep(0.01)
        waited += 0.01
        line.tick()
    line.close()
    if line.is_busy:
        line.abort()
    await line.wait_closed()
