"""Who may import whom (docs/house rules): executed on every file with `ast`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns import GROUND, ROOMS

ROOT = Path(__file__).resolve().parents[2]
ROOF = ("runtime",)
PACKAGES = ("campaigns", "scheduler", "webapp", "templates")
SOURCES = sorted(
    p for package in PACKAGES for p in (ROOT / package).rglob("*.py") if "node_modules" not in p.parts
)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, with its line; `from campaigns import x` counts as `campaigns.x`."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the import out in full, without dots."
            module = node.module or ""
            if module in PACKAGES:
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, module


def files(*folders: str) -> list[Path]:
    return [p for p in SOURCES if p.relative_to(ROOT).parts[0] in folders]


def room_of(path: Path) -> str | None:
    parts = path.relative_to(ROOT / "campaigns").with_suffix("").parts
    return parts[0] if parts[0] != "__init__" else None


def faults(paths: list[Path], is_fault: object) -> list[str]:
    assert callable(is_fault)
    found = []
    for path in paths:
        for line, module in imports(path):
            if way_out := is_fault(path, module):
                found.append(f"{path.relative_to(ROOT)}:{line} imports {module}: {way_out}")
    return found


def test_rooms_and_ground_are_all_that_campaigns_holds() -> None:
    known = {*ROOMS, *GROUND, *ROOF, "__init__", "__pycache__"}
    there = {p.stem for p in (ROOT / "campaigns").iterdir() if not p.name.startswith(".")}
    assert there <= known, f"{there - known}: a new room takes its place in campaigns.ROOMS, in public."
    assert set(ROOMS) <= there


def test_a_room_uses_only_the_rooms_before_it_and_only_by_their_door() -> None:
    def is_fault(path: Path, module: str) -> str:
        parts = module.split(".")
        here = room_of(path)
        if parts[0] != "campaigns" or here is None or here in ROOF or len(parts) < 2 or parts[1] == here:
            return ""
        there = parts[1]
        if here in GROUND:
            if there in GROUND or there in ("ROOMS", "GROUND"):
                return ""
            return f"the ground ({here}) knows no room: pass what it needs as an argument."
        if there in GROUND:
            return ""
        if there in ROOF:
            return "a room does not know the roof: take what you need as an argument."
        if ROOMS.index(there) > ROOMS.index(here):
            return f"{there} stands above {here}: decide in {there}, or pass the data as an argument."
        if len(parts) > 2:
            return f"enter by the door: from campaigns.{there} import …"
        return ""

    assert not faults(files("campaigns"), is_fault)


def test_the_roof_enters_by_the_doors_too() -> None:
    def is_fault(path: Path, module: str) -> str:
        parts = module.split(".")
        if parts[0] == "campaigns" and len(parts) > 2 and parts[1] in ROOMS:
            return f"enter by the door: from campaigns.{parts[1]} import …"
        return ""

    roof = [ROOT / "campaigns" / f"{name}.py" for name in ROOF]
    assert not faults([*roof, *files("scheduler", "webapp")], is_fault)


@pytest.mark.parametrize(
    ("folders", "banned", "way_out"),
    [
        (("campaigns",), ("webapp", "scheduler"), "the domain does not know who looks or when"),
        (("campaigns",), ("flask", "werkzeug", "apscheduler", "celery"), "the domain knows no framework"),
        (("scheduler",), ("webapp", "templates", "flask"), "the clock knows no page"),
    ],
)
def test_imports_go_one_way(folders: tuple[str, ...], banned: tuple[str, ...], way_out: str) -> None:
    assert not faults(
        files(*folders), lambda _path, module: way_out if module.split(".")[0] in banned else ""
    )


def test_only_the_engines_import_an_engine() -> None:
    paths = [p for p in files("scheduler", "webapp") if "engines" not in p.parts]
    assert not faults(
        paths,
        lambda _p, m: "put it in scheduler/engines/" if m.split(".")[0] in ("apscheduler", "celery") else "",
    )


def test_only_the_joint_knows_the_scheduler() -> None:
    joint = ROOT / "webapp" / "commands"
    paths = [p for p in files("webapp") if p.name != "cli.py" and joint not in p.parents]
    assert not faults(
        paths, lambda _p, m: "the commands join web and clock" if m.split(".")[0] == "scheduler" else ""
    )


def test_pages_and_jobs_hold_a_session_and_know_no_sql() -> None:
    def is_fault(_path: Path, module: str) -> str:
        return "ask a door for it" if module.split(".")[0] == "sqlalchemy" else ""

    assert not faults(files("scheduler", "webapp"), is_fault)


def test_templates_are_found_by_two_files_only() -> None:
    allowed = {ROOT / "webapp" / "app.py"} | set((ROOT / "campaigns" / "content").rglob("*.py"))
    allowed |= set(
        (ROOT / "campaigns" / "mail").rglob("*.py")
    )  # its system mails, in their folder of the mail half
    paths = [p for p in files("campaigns", "scheduler", "webapp") if p not in allowed]
    assert not faults(
        paths,
        lambda _p, m: "each half of templates/ has one reader" if m.split(".")[0] == "templates" else "",
    )


def test_only_the_clock_asks_the_time() -> None:
    asks = {
        ("datetime", "now"),
        ("datetime", "utcnow"),
        ("datetime", "today"),
        ("date", "today"),
        ("time", "time"),
    }
    found = []
    for path in files("campaigns", "scheduler", "webapp"):
        if path.name == "clock.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and (node.value.id, node.attr) in asks
            ):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}: `now` is already in your arguments.")
    assert not found


def test_only_the_database_names_a_dialect() -> None:
    found = []
    for path in files("campaigns", "scheduler", "webapp"):
        if (ROOT / "campaigns" / "db") in path.parents or path.name == "model.py":
            continue  # partial indexes of a model must name both
        for line, module in imports(path):
            if module.startswith(("sqlalchemy.dialects", "sqlite3", "psycopg")):
                found.append(f"{path.relative_to(ROOT)}:{line} imports {module}: give db/ a verb for it.")
    assert not found


def test_actions_never_commit() -> None:
    found = []
    for path in files("campaigns"):
        if (ROOT / "campaigns" / "db") in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "commit":
                found.append(
                    f"{path.relative_to(ROOT)}:{node.lineno}: the commit is the `with` of the caller."
                )
    assert not found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_opens_with_one_sentence(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text()))
    assert said, "say in one sentence what this module is for"
    assert said.splitlines()[0].rstrip()[-1] in ".:;,—" or len(said.splitlines()) > 1


def test_a_door_holds_no_logic() -> None:
    found = []
    for room in ROOMS:
        path = ROOT / "campaigns" / room / "__init__.py"
        for node in ast.parse(path.read_text()).body:
            is_door = isinstance(node, ast.ImportFrom | ast.Import | ast.Assign | ast.AnnAssign) or (
                isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            )
            if not is_door:
                found.append(
                    f"{path.relative_to(ROOT)}:{node.lineno}: a door is a sentence, imports and __all__."
                )
    assert not found


def test_no_file_is_named_for_nothing() -> None:
    nameless = {"utils", "helpers", "services", "managers", "common", "misc"}
    assert not [p for p in SOURCES if p.stem in nameless], (
        "a function that finds no room has not found its name yet"
    )
