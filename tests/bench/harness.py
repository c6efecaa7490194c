"""What benches share: one JSON line a figure, always beside a reference measured in the same run."""

import json
import os
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path


def report(
    bench: str,
    value: float,
    unit: str,
    *,
    reference: str,
    reference_value: float,
    is_higher_better: bool = True,
    memory_mb: float | None = None,
    conditions: str = "",
) -> dict[str, object]:
    """Print and return one figure. `ratio` is above 1 when ours is better than the reference."""
    ratio = value / reference_value if is_higher_better else reference_value / value
    figure: dict[str, object] = {
        "bench": bench,
        "value": round(value, 3),
        "unit": unit,
        "reference": f"{reference}: {reference_value:.3f}",
        "ratio": round(ratio, 2),
        "memory_mb": round(peak_memory_mb() if memory_mb is None else memory_mb, 1),
        "conditions": conditions,
    }
    print(json.dumps(figure), flush=True)
    return figure


def note(run: str, result: str, conditions: str) -> None:
    """Keep the outcome of a long run for docs/benchmarks.md, where `python -m tests.bench.soak` asks for it."""
    if path := os.environ.get("LIAISON_SOAK_FIGURES"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"run": run, "result": result, "conditions": conditions}) + "\n")


def seconds(work: Callable[[], object], *, times: int = 1) -> float:
    """The shortest of `times` runs, in seconds: noise only ever adds."""
    best = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


def peak_memory_mb() -> float:
    """The most this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def machine() -> str:
    """One line on what ran this."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
