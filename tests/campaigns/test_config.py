"""Settings are typed; every fault is told at once, with its path."""

from pathlib import Path

import pytest

from campaigns.config import Config, Data, load, signing_secrets
from campaigns.errors import ConfigError


def test_all_faults_are_reported_together_with_their_path(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[smtp]\nport = "many"\nspeed = 3\n[shop]\nzone = "Mars/Olympus"\ncurrency = "euro"\n')
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert set(caught.value.faults) == {"smtp.port", "smtp.speed", "shop.zone", "shop.currency"}
    assert "is not a setting" in caught.value.faults["smtp.speed"]
    assert "Mars/Olympus" in str(caught.value)


def test_the_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[smtp]\nport = 25\n")
    monkeypatch.setenv("LIAISON_SMTP__PORT", "587")
    monkeypatch.setenv("LIAISON_SMTP__PASSWORD", "hush")
    config = load(path)
    assert config.smtp.port == 587
    assert config.smtp.password.get_secret_value() == "hush"
    assert "hush" not in repr(config)


def test_a_missing_or_broken_file_is_one_plain_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not there"):
        load(tmp_path / "nowhere.toml")
    (tmp_path / "broken.toml").write_text("[smtp\n")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load(tmp_path / "broken.toml")


@pytest.mark.parametrize("limits", ["[1, 2, 3]", "[4, 3, 2, 1]", "[1, 1, 2, 3]"])
def test_fixed_limits_are_four_rising_numbers(tmp_path: Path, limits: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[scores]\nm_limits = {limits}\n")
    with pytest.raises(ConfigError, match="four rising numbers"):
        load(path)


def test_the_signing_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    config = Config(data=Data(folder=tmp_path / "data"))
    first = signing_secrets(config)
    assert first == signing_secrets(config)
    assert len(first[0]) >= 43  # 32 bytes and more
    assert (tmp_path / "data" / "secret.key").stat().st_mode & 0o077 == 0
    assert [p.name for p in (tmp_path / "data").iterdir()] == ["secret.key"]


def test_an_old_secret_below_the_new_one_is_kept(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("new\nold\n\n")
    assert signing_secrets(Config(data=Data(folder=tmp_path))) == ["new", "old"]
