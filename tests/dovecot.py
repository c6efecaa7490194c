"""Debian's dovecot on loopback, in a folder of its own: IMAP and POP3 over TLS for one user, and nothing else."""

import pwd
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "returns", "sécret word"

CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap pop3
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
mail_location = maildir:{folder}/mail/%u
auth_failure_delay = 0
mail_fsync = never
first_valid_uid = 1
default_internal_user = {internal}
default_login_user = {login}
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid={owner} gid={group} home={folder}/mail/%u
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {imap}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = 0
  }}
  inet_listener pop3s {{
    port = {pop3}
    ssl = yes
  }}
}}
"""


def dovecot_path() -> str | None:
    """Where dovecot is; None without it, or without its accounts."""
    try:
        pwd.getpwnam("dovecot"), pwd.getpwnam("dovenull")
    except KeyError:
        return None
    return shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin:/usr/bin")


class Dovecot:
    """Started by `start`, stopped and removed by `stop`; `maildir` is where its user's mails lie."""

    def __init__(self, program: str) -> None:
        self._program = program
        self.folder = Path(tempfile.mkdtemp(prefix="liaison-dovecot-"))
        self.imap_port, self.pop3_port = free_port(), free_port()
        self.certificate = self.folder / "cert.pem"
        self.maildir = self.folder / "mail" / USER

    def start(self) -> None:
        """Serve; TimeoutError with the log if it does not answer in 10 s."""
        self.folder.chmod(0o755)
        _certificate(self.folder)
        (self.folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        nobody = pwd.getpwnam("nobody")
        for name in ("new", "cur", "tmp"):
            (self.maildir / name).mkdir(parents=True)
        values = {"folder": self.folder, "imap": self.imap_port, "pop3": self.pop3_port}
        people = {"internal": "dovecot", "login": "dovenull", "owner": nobody.pw_uid, "group": nobody.pw_gid}
        settings = self.folder / "dovecot.conf"
        settings.write_text(CONFIG.format(**values, **people))
        self._give(self.folder / "mail")
        self._process = subprocess.Popen([self._program, "-F", "-c", str(settings)])
        await_port(self.imap_port, self.folder / "log")

    def put(self, mails: list[bytes]) -> None:
        """New mails in the user's inbox, as a server would deliver them."""
        for number, mail in enumerate(mails):
            file = self.maildir / "new" / f"{time.time_ns()}.{number:06d}.test"
            file.write_bytes(mail)
            self._give(file)

    def left(self, folder: str = "") -> int:
        """How many mails lie in a folder ("" is the inbox)."""
        place = self.maildir / (f".{folder}" if folder else "")
        return sum(len(list((place / name).glob("*"))) for name in ("new", "cur"))

    def _give(self, path: Path) -> None:
        nobody = pwd.getpwnam("nobody")
        for each in (path, *path.rglob("*")) if path.is_dir() else (path,):
            shutil.chown(each, nobody.pw_uid, nobody.pw_gid)

    def stop(self) -> None:
        """End it and its children, and remove the folder."""
        self._process.terminate()
        self._process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_port(port: int, log: Path, seconds: float = 10) -> None:
    """Return as soon as something answers there."""
    end = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            if time.monotonic() > end:
                raise TimeoutError(log.read_text() if log.exists() else "no log") from None
            time.sleep(0.02)


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    ssl.create_default_context(cafile=str(folder / "cert.pem"))
