"""Papers that are executed: config.toml, README, glossary, CHANGELOG stand for what is really there."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from campaigns.config import Config

ROOT = Path(__file__).resolve().parents[2]


def test_config_toml_names_every_setting_with_its_default() -> None:
    said = tomllib.loads((ROOT / "config.toml").read_text())
    meant = Config.model_construct().model_dump(mode="json")
    for section, keys in meant.items():
        assert section in said, f"config.toml has no [{section}]"
        for key, value in keys.items():
            assert key in said[section], f"config.toml does not name {section}.{key}"
            assert said[section][key] == value, (
                f"{section}.{key}: config.toml says another default than the code"
            )
    assert set(said) == set(meant)


def test_every_line_of_config_toml_is_explained() -> None:
    lines = (ROOT / "config.toml").read_text().splitlines()
    section = ""
    for line in lines:
        if line.startswith("["):
            section = line
        elif "=" in line and not line.startswith("#"):
            assert "#" in line or section in ("[inbox]",) or "_v6" in line, (
                f"{section} {line}: one line of meaning"
            )


def test_make_help_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"\.PHONY: (.+)", text)[1].split())  # type: ignore[index]
    described = set(re.findall(r"^([a-z]+):.*##", text, re.M))
    assert phony == described


def test_the_readme_says_the_commands_that_exist() -> None:
    text = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    said = set(re.findall(r"`make ([a-z]+)`", text))
    assert {"demo", "test"} <= said <= targets
    for path in re.findall(r"\]\((?!https?:|#)([^)]+)\)", text):
        assert (ROOT / path).exists(), f"README points to {path}, which is not there"


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda p: p.name)
def test_docs_point_to_what_is_there(path: Path) -> None:
    text = path.read_text()
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", text):
        assert (path.parent / target).exists(), f"{path.name} points to {target}, which is not there"
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"`make ([a-z]+)`", text)) <= targets


def test_no_tracked_file_names_a_registry_or_a_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("This is not a git checkout.")
    hosts = ("pypi" + ".org", "files.python" + "hosted.org", "registry.npm" + "js.org")
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.suffix in (".png", ".webp", ".ico") or not path.is_file():
            continue
        text = path.read_text(errors="replace")
        assert not [host for host in hosts if host in text], f"{name} names a registry's host"
        assert not re.search(r"(?<![\w/.])/(work|root|farm)/\w", text), f"{name} names a path of one machine"
