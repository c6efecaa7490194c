"""`make check`: style, formatting, types, documentation, locks; `make lock` renews the locks."""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
LOCKS = {
    "base": ["pyproject.toml"],
    "dev": ["pyproject.toml", "--extra", "dev"],
    "build": ["requirements/build.in"],
}
CHECKS = {
    "style": ["ruff", "check", "."],
    "formatting": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "docs": ["pytest", "-q", "tests/house"],
}


def main(arguments: list[str]) -> int:
    if arguments == ["lock"]:
        for name in LOCKS:
            resolve(name, ROOT / "requirements" / f"{name}.txt")
            print(f"requirements/{name}.txt is up to date.")
        return 0
    failed = [name for name, command in CHECKS.items() if run(name, command)]
    failed += [f"lock {name}" for name in LOCKS if not is_current(name)]
    print("All checks pass." if not failed else f"Not yet: {', '.join(failed)}.")
    return 1 if failed else 0


def run(name: str, command: list[str]) -> int:
    print(f"== {name}: {' '.join(command)}", flush=True)
    return subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, check=False).returncode


def is_current(name: str) -> bool:
    """Whether the lock still follows from what it was made of. Pins that still fit are kept as they are."""
    path = ROOT / "requirements" / f"{name}.txt"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(path.read_bytes())
        resolve(name, copy)
        same = copy.read_bytes() == path.read_bytes()
    print(f"== lock {name}: {'up to date' if same else 'stale; run `make lock`'}", flush=True)
    return same


UNIVERSAL = ["--universal", "--python-version", "3.11", "--generate-hashes"]
NO_HOSTS = ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-config", "--quiet"]


def resolve(name: str, target: Path) -> None:
    command = [str(BIN / "uv"), "pip", "compile", *LOCKS[name], "-o", str(target), *UNIVERSAL, *NO_HOSTS]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
