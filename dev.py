#!/usr/bin/env python3
"""Set up and run Liaison from a fresh clone: `python3 dev.py demo`. Needs Python 3.11 with venv, nothing else.

Makes `.venv` from the hash lock and installs the project with its assets into it, once; afterwards a stamp
tells that nothing changed. Then it hands over to the command asked for.
"""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
BASE, DEV = ROOT / "requirements" / "base.txt", ROOT / "requirements" / "dev.txt"
BUILD, REFEREE = ROOT / "requirements" / "build.txt", ROOT / "requirements" / "referee.txt"


def main() -> int:
    if sys.version_info < (3, 11):
        sys.exit(f"Liaison needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    verb, arguments = (sys.argv[1] if len(sys.argv) > 1 else "help"), sys.argv[2:]
    os.chdir(ROOT)
    if verb == "help":
        print(__doc__.strip())
        print("\nVerbs: setup, setup-dev, run MODULE …, or any command of liaison (demo, serve, …).")
        return 0
    if verb in ("setup", "setup-dev"):
        set_up(is_dev=verb == "setup-dev")
        return 0
    if verb == "run":
        set_up(is_dev=True)
        return hand_over([str(PYTHON), "-m", *arguments])
    set_up(is_dev=False)
    return hand_over([str(PYTHON), "-m", "webapp.cli", verb, *arguments])


def set_up(*, is_dev: bool) -> None:
    """Make what is missing; say what is done while it takes time."""
    if not PYTHON.exists():
        say("Making the virtual environment (.venv) …")
        # Without this, a half-made folder of an interrupted first run would stay half-made.
        attempt([sys.executable, "-m", "venv", "--clear", str(VENV)], VENV_MISSING)
    has_dev = (VENV / "installed-dev").exists()
    lock = DEV if is_dev or has_dev else BASE
    stamp = VENV / ("installed-dev" if lock is DEV else "installed-base")
    if read(stamp) != digest(lock):
        say(f"Installing {lock.read_text().count('==')} libraries from the hash lock (about half a minute) …")
        attempt(pip("install", "--require-hashes", "-r", str(lock)), NO_LIBRARIES)
        stamp.write_text(digest(lock))
    stamp = VENV / "installed-referee"
    if lock is DEV and read(stamp) != digest(REFEREE):
        attempt(pip("install", "--no-deps", "--require-hashes", "-r", str(REFEREE)), NO_LIBRARIES)
        stamp.write_text(digest(REFEREE))
    assets = sorted(
        p for p in (ROOT / "webapp" / "assets").rglob("*") if p.is_file() and "node_modules" not in p.parts
    )
    sources = digest(BUILD, ROOT / "pyproject.toml", ROOT / "hatch_build.py", *assets)
    stamp = VENV / "installed-project"
    if read(stamp) != sources or not (ROOT / "webapp" / "static").is_dir():
        say("Building the pages' scripts and styles, and installing the command `liaison` …")
        build_set = VENV / "installed-build"
        if read(build_set) != digest(BUILD):
            attempt(pip("install", "--require-hashes", "-r", str(BUILD)), NO_LIBRARIES)
            build_set.write_text(digest(BUILD))
        attempt(pip("install", "--no-deps", "--no-build-isolation", "-e", "."), NO_ASSETS)
        stamp.write_text(sources)


VENV_MISSING = "The virtual environment could not be made. On Debian and Ubuntu: apt install python3-venv."
NO_LIBRARIES = "The libraries could not be installed: is the package index within reach? Then run the same command again."
NO_ASSETS = "The pages' scripts could not be built: is the npm registry within reach? Then run the same command again."


def pip(*arguments: str) -> list[str]:
    return [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]


def attempt(command: list[str], sentence: str) -> None:
    """Run `command`, quietly; if it fails, show the end of what it said and one plain sentence."""
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        print("\n".join(done.stdout.strip().splitlines()[-8:]), file=sys.stderr)
        sys.exit(sentence)
    if time.monotonic() - began > 2:
        say(f"  done in {time.monotonic() - began:.0f} s")


def hand_over(command: list[str]) -> int:
    """Become `command`, so that Ctrl-C and its exit code are its own."""
    if os.name == "posix":
        os.execv(command[0], command)
    return subprocess.run(command, check=False).returncode


def digest(*paths: Path) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes())
    return total.hexdigest()


def read(stamp: Path) -> str:
    return stamp.read_text() if stamp.exists() else ""


def say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main())
