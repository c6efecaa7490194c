"""`make bench [NAME …]`: run every bench_*.py, each in a process of its own; `--write` keeps the figures in docs/benchmarks.md."""

import json
import subprocess
import sys
from pathlib import Path

from tests.bench.harness import machine

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"


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
        PAGE.write_text(page(figures))
        print(f"Written to {PAGE.relative_to(ROOT)}.", file=sys.stderr)
    if failed:
        print(f"These did not finish: {', '.join(failed)}.", file=sys.stderr)
    return bool(failed)


def page(figures: list[dict[str, object]]) -> str:
    rows = "\n".join(
        f"| {f['bench']} | {f['value']} {f['unit']} | {f['reference']} | {f['ratio']} | {f['memory_mb']} | {f['conditions']} |"
        for f in figures
    )
    return f"""# Figures of the last run

Made by `python -m tests.bench --write` (`make bench` prints the same). {machine()}. The machine is shared and noisy:
read the ratio (above 1: better than the reference measured in the same run), not the figure.

| bench | value | reference | ratio | peak MB | conditions |
|---|---|---|---|---|---|
{rows}
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
