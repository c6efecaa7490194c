"""`liaison serve` and `liaison demo` as a person starts them: real processes, real ports, a clean end."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from campaigns.errors import ConfigError, Invalid
from campaigns.tracking import note_inlet, silent_inlets
from campaigns.tracking.model import Inlet
from webapp.cli import Settings
from webapp.commands import demo
from webapp.commands.serve import children, prepare, refuse_taken_ports

ROOT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    web, mail = free_port(), free_port()
    path = tmp_path / "config.toml"
    path.write_text(
        f"""
[database]
url = "sqlite:///{tmp_path}/liaison.db"
[data]
folder = "{tmp_path}/data"
[web]
port = {web}
base_url = "http://127.0.0.1:{web}"
[smtp]
port = {mail}
[inbox]
is_on = true
port = {mail}
[sending]
processes = 1
"""
    )
    return path


def test_all_parts_start_answer_and_leave_together(settings_file: Path) -> None:
    config = Settings(settings_file).config
    command = [sys.executable, "-m", "webapp.cli", "--config", str(settings_file), "serve"]
    parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert parent.stdout is not None
        said = ""
        while "Liaison is at" not in said:
            line = parent.stdout.readline()
            assert line, said
            said += line
        with urllib.request.urlopen(f"{config.web.base_url}/login", timeout=30) as answer:
            assert answer.status == 200
        with socket.create_connection(("127.0.0.1", config.inbox.port), timeout=30) as mail:
            assert mail.recv(3) == b"220"
        began = time.monotonic()
        parent.send_signal(signal.SIGTERM)
        rest, _ = parent.communicate(timeout=40)
        assert parent.returncode == 0, said + rest
        assert time.monotonic() - began < 30
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"{config.web.base_url}/login", timeout=5)
    finally:
        if parent.poll() is None:
            os.kill(parent.pid, signal.SIGKILL)
            parent.wait()


def test_the_inbox_stops_after_those_who_write_to_it(settings_file: Path) -> None:
    waves = {child.name: child.wave for child in children(Settings(settings_file))}
    assert waves == {"inbox": 1, "web": 0, "clock": 0, "sender": 0}


def test_the_listener_for_returned_mail_is_a_child_of_its_own_and_says_that_it_is_at_work(
    settings_file: Path,
) -> None:
    port = free_port()
    with settings_file.open("a") as file:
        file.write(f"[returns]\nis_on = true\nport = {port}\n")
    settings = Settings(settings_file)
    waves = {child.name: child.wave for child in children(settings)}
    assert waves["returns"] == 1
    prepare(settings.runtime)
    command = [
        sys.executable,
        "-m",
        "webapp.cli",
        "--config",
        str(settings_file),
        "serve",
        "--only",
        "returns",
    ]
    listener = subprocess.Popen(command, cwd=ROOT)
    try:
        end = time.monotonic() + 30
        seen = None
        while seen is None:
            assert time.monotonic() < end
            with settings.runtime.reading() as session:
                seen = session.get(Inlet, "listener")
            time.sleep(0.05)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as mail:
            assert mail.recv(3) == b"220"
        later = seen.seen_at + timedelta(minutes=4)
        with settings.runtime.reading() as session:
            (silent,) = silent_inlets(session, now=later)
        assert "liaison serve" in silent.sentence
        listener.send_signal(signal.SIGTERM)
        assert listener.wait(20) == 0
    finally:
        listener.kill()
        settings.runtime.database.dispose()


def test_who_is_switched_off_is_missed_by_nobody(settings_file: Path) -> None:
    runtime = Settings(settings_file).runtime
    prepare(runtime)
    with runtime.transaction() as session:
        note_inlet(session, "listener", now=runtime.clock.now() - timedelta(days=1))
    prepare(runtime)
    with runtime.reading() as session:
        assert silent_inlets(session, now=runtime.clock.now()) == []
    runtime.database.dispose()


def test_a_taken_port_is_one_sentence(settings_file: Path) -> None:
    config = Settings(settings_file).config
    with socket.socket() as other:
        other.bind(("127.0.0.1", config.web.port))
        other.listen()
        with pytest.raises(ConfigError) as caught:
            refuse_taken_ports(config)
    assert set(caught.value.faults) == {"web.port"}
    assert f"127.0.0.1:{config.web.port} is in use" in str(caught.value)


def test_an_empty_database_gets_its_tables_and_one_of_another_version_is_refused(settings_file: Path) -> None:
    runtime = Settings(settings_file).runtime
    prepare(runtime)
    prepare(runtime)
    with runtime.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(Exception, match="liaison migrate"):
        prepare(runtime)
    runtime.database.dispose()


def test_a_demonstration_throws_away_only_what_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(Invalid, match="not made by"):
        demo._throw_away(tmp_path)
    assert (tmp_path / "mine.txt").exists()
    folder = tmp_path / "demo"
    assert demo._config(folder).exists()
    demo._throw_away(folder)
    assert not folder.exists()


def test_a_demonstration_keeps_its_ports_and_finds_others_where_these_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web, mail = free_port(), free_port()
    monkeypatch.setattr(demo, "WEB_PORT", web)
    monkeypatch.setattr(demo, "MAIL_PORT", mail)
    assert Settings(demo._config(tmp_path)).config.web.port == web
    assert Settings(demo._config(tmp_path)).config.inbox.port == mail
    with socket.socket() as other:
        other.bind(("127.0.0.1", web))
        other.listen()
        assert Settings(demo._config(tmp_path)).config.web.port != web


def test_a_fresh_demonstration_of_a_file_is_asked_for_in_words(tmp_path: Path) -> None:
    missing = CliRunner().invoke(demo.command, ["--purchases", str(tmp_path / "no.csv")])
    assert missing.exit_code == 2
    assert "does not exist" in missing.output
