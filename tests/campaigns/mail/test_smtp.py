"""Letting oneself in: STARTTLS, certificates, logging in, servers that hang; never a word in clear."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from campaigns.config import Smtp
from campaigns.errors import MailerError
from campaigns.mail import SmtpMailer
from campaigns.mail.single import deliver
from campaigns.mail.transport import Letter
from tests.smtp_server import Fault, SmtpServer

LOGIN = ("shop", "s3cret word")
LETTER = Letter("shop@shop.example", "alice@home.example", b"Subject: Hello\r\n\r\nHello.\r\n")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, signed by itself, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=4000))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def is_trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system trusts the certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


def mailer(
    server: SmtpServer,
    security: Literal["none", "starttls", "tls"] = "starttls",
    password: str = LOGIN[1],
    *,
    host: str = "127.0.0.1",
    seconds: float = 60,
) -> SmtpMailer:
    """As if the server were elsewhere: on this machine itself no certificate is asked for."""
    settings = Smtp(
        host=host,
        port=server.port,
        security=security,
        username=LOGIN[0] if server.login else "",
        connect_seconds=seconds,
        command_seconds=seconds,
        dot_seconds=seconds,
    )
    made = SmtpMailer(settings, password, "shop.example")
    made.is_loopback = False
    return made


def check_that_nothing_was_said_in_clear(server: SmtpServer) -> None:
    """Neither a login nor a mail was ever begun; the password stood in no command."""
    assert not server.accepted
    verbs = {command.partition(" ")[0] for command in server.commands}
    assert verbs <= {"EHLO", "HELO", "STARTTLS", "QUIT"}


@pytest.mark.parametrize("is_implicit", [False, True])
@pytest.mark.parametrize("login", [None, LOGIN])
@pytest.mark.usefixtures("is_trusted")
def test_a_mail_goes_encrypted_after_a_login(
    tls: ssl.SSLContext, is_implicit: bool, login: tuple[str, str] | None
) -> None:
    with SmtpServer(tls=tls, is_implicit_tls=is_implicit, login=login) as server:
        answer = deliver(mailer(server, "tls" if is_implicit else "starttls"), LETTER)
        assert answer.is_accepted
        assert server.recipients() == ["alice@home.example"]
        assert ("STARTTLS" in server.commands) is not is_implicit
        # What was offered before the encryption is forgotten: asked again behind it.
        assert len([c for c in server.commands if c.startswith("EHLO")]) == (1 if is_implicit else 2)
        assert any(c.startswith("AUTH") for c in server.commands) is (login is not None)


@pytest.mark.parametrize(
    "act", ["454 4.7.0 not now", "502 5.5.1 what?", "close", "reset", "garbage", "endless"]
)
@pytest.mark.usefixtures("is_trusted")
def test_a_refused_encryption_ends_the_line(tls: ssl.SSLContext, act: str) -> None:
    with SmtpServer([Fault("starttls", act, times=None)], tls=tls, login=LOGIN) as server:
        with pytest.raises(MailerError, match="starttls"):
            deliver(mailer(server), LETTER)
        check_that_nothing_was_said_in_clear(server)


def test_an_encryption_that_is_not_offered_is_missed() -> None:
    with SmtpServer(login=LOGIN) as server:
        with pytest.raises(MailerError, match="does not offer STARTTLS"):
            deliver(mailer(server), LETTER)
        check_that_nothing_was_said_in_clear(server)


@pytest.mark.parametrize("said", ["220 go\r\n250 forged", "220 go\r\n250-forged", "220 go\r\n250 for"])
@pytest.mark.usefixtures("is_trusted")
def test_words_put_before_the_encryption_are_not_taken_for_the_servers(
    tls: ssl.SSLContext, said: str
) -> None:
    with SmtpServer([Fault("starttls", said, times=None)], tls=tls, login=LOGIN) as server:
        with pytest.raises(MailerError, match="starttls"):
            deliver(mailer(server), LETTER)
        check_that_nothing_was_said_in_clear(server)


@pytest.mark.parametrize("is_implicit", [False, True])
def test_a_certificate_nobody_vouches_for_is_refused(tls: ssl.SSLContext, is_implicit: bool) -> None:
    with SmtpServer(tls=tls, is_implicit_tls=is_implicit, login=LOGIN) as server:
        with pytest.raises(MailerError, match=r"(?i)certificate"):
            deliver(mailer(server, "tls" if is_implicit else "starttls"), LETTER)
        check_that_nothing_was_said_in_clear(server)


@pytest.mark.usefixtures("is_trusted")
def test_a_certificate_for_another_name_is_refused(tls: ssl.SSLContext) -> None:
    with SmtpServer(tls=tls, login=LOGIN) as server:
        with pytest.raises(MailerError, match=r"(?i)certificate"):
            deliver(mailer(server, host="localhost"), LETTER)
        check_that_nothing_was_said_in_clear(server)


def test_a_password_in_clear_is_refused_before_anything_is_said() -> None:
    with pytest.raises(MailerError, match="never sent in clear"):
        SmtpMailer(Smtp(host="relay.example", username="shop", security="none"), "secret")


def test_a_wrong_password_is_said_in_the_servers_words(tls: ssl.SSLContext) -> None:
    with SmtpServer(tls=tls, login=LOGIN) as server:
        wrong = mailer(server, password="guess")
        wrong.is_loopback = True
        with pytest.raises(MailerError, match=r"auth: 535 5\.7\.8 wrong"):
            deliver(wrong, LETTER)
        assert not server.accepted


@pytest.mark.parametrize(
    "act",
    ["535 5.7.8 no", "454 4.7.0 later", "334 more", "close", "reset", "garbage", "endless", "421 4.3.2 bye"],
)
@pytest.mark.usefixtures("is_trusted")
def test_a_login_that_fails_lets_no_mail_go(tls: ssl.SSLContext, act: str) -> None:
    with SmtpServer([Fault("auth", act, times=None)], tls=tls, login=LOGIN) as server:
        with pytest.raises(MailerError, match="auth"):
            deliver(mailer(server), LETTER)
        assert not server.accepted
        assert not any(command.startswith("MAIL") for command in server.commands)


@pytest.mark.parametrize("step", ["connect", "ehlo", "starttls", "auth"])
@pytest.mark.usefixtures("is_trusted")
def test_a_server_that_hangs_is_left_after_its_time(tls: ssl.SSLContext, step: str) -> None:
    with SmtpServer([Fault(step, "hang", times=None)], tls=tls, login=LOGIN) as server:
        seconds = 1 if step in ("starttls", "auth") else 0.3
        with pytest.raises(MailerError, match=r"within|Timeout"):
            deliver(mailer(server, seconds=seconds), LETTER, seconds=30)
        assert not server.accepted
