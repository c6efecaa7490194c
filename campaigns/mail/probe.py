"""Whether the configured mail server answers, encrypts and lets us in; nothing is sent."""

import smtplib
import ssl

from campaigns.config import Smtp
from campaigns.errors import MailerError

LOOPBACK = ("127.", "localhost", "::1")


def probe(settings: Smtp, *, helo: str) -> str:
    """Greet the server as the sender would and say goodbye; returns one sentence, or raises MailerError with one."""
    where = f"{settings.host}:{settings.port}"
    seconds = min(settings.connect_seconds, 10)
    try:
        if settings.security == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, helo, timeout=seconds, context=ssl.create_default_context()
            )
        else:
            client = smtplib.SMTP(settings.host, settings.port, helo, timeout=seconds)
    except ssl.SSLError as error:
        raise MailerError(
            f"The mail server at {where} was reached, but its certificate or TLS fails: {error}."
        ) from error
    except (OSError, smtplib.SMTPException) as error:
        raise MailerError(f"The mail server at {where} cannot be reached: {error}.") from error
    try:
        return _greet(client, settings, helo, where)
    except ssl.SSLError as error:
        raise MailerError(
            f"The mail server at {where} was reached, but its certificate or TLS fails: {error}."
        ) from error
    except (OSError, smtplib.SMTPException) as error:
        raise MailerError(f"The mail server at {where} does not take us: {error}.") from error
    finally:
        client.close()


def _greet(client: smtplib.SMTP, settings: Smtp, helo: str, where: str) -> str:
    client.ehlo(helo)
    if settings.security == "starttls":
        if not client.has_extn("starttls"):
            raise MailerError(
                f"The mail server at {where} does not offer STARTTLS, which smtp.security asks for."
            )
        client.starttls(context=ssl.create_default_context())
        client.ehlo(helo)
    if settings.username:
        if settings.security == "none" and not settings.host.startswith(LOOPBACK):
            raise MailerError("A password is never sent in clear: set smtp.security to starttls or tls.")
        client.login(settings.username, settings.password.get_secret_value())
    client.quit()
    way = {"none": "without encryption", "starttls": "with STARTTLS", "tls": "over TLS"}[settings.security]
    return f"The mail server at {where} answers {way}{' and lets us in' if settings.username else ''}."
