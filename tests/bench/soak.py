"""`make soak`: the long fault and kill tests; what they found is written to docs/benchmarks.md."""

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.__main__ import PAGE, ROOT, SOAK, section
from tests.bench.harness import machine


def main(arguments: list[str]) -> int:
    """Run what is marked `soak` (more arguments go to pytest), then write the figures if there are any."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.jsonl"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-m", "soak", *arguments],
            cwd=ROOT,
            env={**os.environ, "LIAISON_SOAK_FIGURES": str(path)},
            check=False,
        )
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
    if lines:
        PAGE.write_text(
            section(PAGE.read_text("utf-8"), SOAK, page([json.loads(line) for line in lines])), "utf-8"
        )
        print(f"Written to {PAGE.relative_to(ROOT)}.", file=sys.stderr)
    return done.returncode


def page(figures: list[dict[str, str]]) -> str:
    """The section of the page, without its heading."""
    rows = "\n".join(f"| {f['run']} | {f['result']} | {f['conditions']} |" for f in figures)
    return f"""Written by `make soak` on {datetime.now(UTC):%Y-%m-%d}. {machine()}. What each run must hold stands in the tests
marked `soak`; a run that is not listed was not made.

| run | result | conditions |
|---|---|---|
{rows}
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
