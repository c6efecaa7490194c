"""Debian's Postfix on loopback, with configuration and queue of its own: the mail server of customers who live or not."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.dovecot import await_port, free_port

DAEMONS = Path("/usr/lib/postfix/sbin")

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file_prefixes = {folder}
maillog_file = {folder}/log
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.{domain}
mydestination =
mynetworks = 127.0.0.0/8
disable_dns_lookups = yes
smtp_dns_support_level = disabled
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtpd_reject_unlisted_recipient = no
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{ {people} }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
alias_maps =
alias_database =
relayhost = [127.0.0.1]:{returns}
"""

# Name, type, chroot and the rest as in Debian's own, without the doors to the outside.
SERVICES = {
    "pickup": "unix n - n 60 1 pickup",
    "cleanup": "unix n - n - 0 cleanup",
    "qmgr": "unix n - n 300 1 qmgr",
    "rewrite": "unix - - n - - trivial-rewrite",
    "bounce": "unix - - n - 0 bounce",
    "defer": "unix - - n - 0 bounce",
    "trace": "unix - - n - 0 bounce",
    "proxymap": "unix - - n - - proxymap",
    "smtp": "unix - - n - - smtp",
    "error": "unix - - n - - error",
    "retry": "unix - - n - - error",
    "virtual": "unix - n n - - virtual",
    "anvil": "unix - - n - 1 anvil",
    "postlog": "unix-dgram n - n - 1 postlogd",
}


def postfix_path() -> str | None:
    """Where postfix is; None without it, or for somebody who may not start it."""
    try:
        pwd.getpwnam("postfix")
    except KeyError:
        return None
    return shutil.which("postfix", path="/usr/sbin") if os.geteuid() == 0 and DAEMONS.is_dir() else None


class Postfix:
    """Takes mail for anybody at `domain` and finds out afterwards who lives there; the rest goes to `returns`."""

    host = "127.0.0.1"

    def __init__(self, program: str, *, domain: str, people: Sequence[str], returns: int) -> None:
        self._program, self._domain, self._people, self._returns = program, domain, people, returns
        self.folder = Path(tempfile.mkdtemp(prefix="liaison-postfix-"))
        self.port = free_port()

    def start(self) -> None:
        """Serve; TimeoutError with the log if it does not answer in 10 s."""
        self.folder.chmod(0o755)
        nobody = pwd.getpwnam("nobody")
        for name, owner in (("conf", "root"), ("queue", "root"), ("data", "postfix"), ("mail", "nobody")):
            (self.folder / name).mkdir()
            shutil.chown(self.folder / name, owner)
        people = " ".join(f"{{ {each}@{self._domain} = {each}/ }}" for each in self._people)
        values = {"folder": self.folder, "domain": self._domain, "people": people, "returns": self._returns}
        main = MAIN.format(**values, uid=nobody.pw_uid, gid=nobody.pw_gid)
        (self.folder / "conf" / "main.cf").write_text(main)
        services = {f"127.0.0.1:{self.port}": "inet n - n - - smtpd", **SERVICES}
        table = "".join(f"{name} {row}\n" for name, row in services.items())
        (self.folder / "conf" / "master.cf").write_text(table)
        self._call("start")
        await_port(self.port, self.folder / "log")

    def inbox(self, name: str) -> list[bytes]:
        """What was delivered to one who lives there."""
        return [file.read_bytes() for file in (self.folder / "mail" / name / "new").glob("*")]

    def log(self) -> str:
        """What it wrote, for the message of a test that fails."""
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def stop(self) -> None:
        """End it and remove the folder."""
        self._call("stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _call(self, what: str) -> None:
        done = subprocess.run(
            [self._program, "-c", str(self.folder / "conf"), what],
            capture_output=True,
            timeout=20,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"postfix {what}: {done.stderr.decode()}{self.log()}")
