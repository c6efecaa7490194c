"""`make bench [NAME …]`: run every bench_*.py, each in a process of its own; `--write` keeps the figures in docs/benchmarks.md."""

import json
import subprocess
import sys
from pathlib import Path

from tests.bench.harness import machine

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
BENCH, SOAK = "Figures of the last run", "Figures of the last soak"


def main(arguments: list[str]) -> int:
    names = [a for a in arguments if not a.startswith("--")]
    benches = [
        p for p in sorted(HERE.glob("bench_*.py")) if not names or p.stem.removeprefix("bench_") in names
    ]
    figures: list[dict[str, object]] = []
    failed = []
    for bench in benches:
        print(f"== {bench.stem}", file=sys.stderr, flush=True)
        done = subprocess.run(
            [sys.executable, "-m", f"tests.bench.{bench.stem}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        sys.stdout.write(done.stdout)
        sys.stdout.flush()
        figures += [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode:
            failed.append(bench.stem)
    if "--write" in arguments:
        there = PAGE.read_text("utf-8") if PAGE.exists() else ""
        kept = rows_of(there) if names else {}  # a few were measured: the others stay as they were
        PAGE.write_text(section(there, BENCH, page(figures, kept)), "utf-8")
        print(f"Written to {PAGE.relative_to(ROOT)}.", file=sys.stderr)
    if failed:
        print(f"These did not finish: {', '.join(failed)}.", file=sys.stderr)
    return bool(failed)


def section(text: str, heading: str, body: str) -> str:
    """The text with this section new; it stands last where there was none."""
    parts = {part.partition("\n")[0]: part for part in f"\n{text}".split("\n# ")[1:]}
    parts[heading] = f"{heading}\n\n{body}"
    return "\n".join(f"# {part.strip()}\n" for part in parts.values())


def rows_of(text: str) -> dict[str, list[str]]:
    """The rows of the table, by the name of their bench."""
    found: dict[str, list[str]] = {}
    for line in f"\n{text}".partition(f"\n# {BENCH}")[2].partition("\n# ")[0].splitlines():
        name = line.strip("| ").partition(" | ")[0]
        if line.startswith("| ") and name != "bench":
            found.setdefault(name, []).append(line)
    return found


def page(figures: list[dict[str, object]], kept: dict[str, list[str]]) -> str:
    """The section of the page, without its heading; rows of `kept` stay where no figure of that name is new."""
    found: dict[str, list[str]] = {}
    for f in figures:
        row = f"| {f['bench']} | {f['value']} {f['unit']} | {f['reference']} | {f['ratio']} | {f['memory_mb']} | {f['conditions']} |"
        found.setdefault(str(f["bench"]), []).append(row)
    rows = "\n".join(row for group in (kept | found).values() for row in group)
    return f"""Made by `python -m tests.bench --write` (`make bench` prints the same). {machine()}. The machine is shared and noisy:
read the ratio (above 1: better than the reference measured in the same run), not the figure.

| bench | value | reference | ratio | peak MB | conditions |
|---|---|---|---|---|---|
{rows}
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
