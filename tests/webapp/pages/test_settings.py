"""The settings, to be read."""

from pydantic import SecretStr

from campaigns.config import Config, DatabaseSettings, Smtp
from webapp.pages.settings import sections


def test_every_setting_is_shown(client, runtime):
    page = client.get("/settings").text
    for section in Config.model_fields:
        for key in type(getattr(runtime.config, section)).model_fields:
            assert f"{section}.{key}" in page


def test_no_secret_is_shown():
    config = Config(
        smtp=Smtp(password=SecretStr("hush-1")),
        database=DatabaseSettings(url="postgresql+psycopg://ada:hush-2@db/liaison"),
    )
    text = str(sections(config))
    assert "hush" not in text
    assert "postgresql+psycopg://ada:***@db/liaison" in text


def test_what_differs_from_the_default_is_marked():
    shown = {name: rows for name, _, rows in sections(Config(smtp=Smtp(port=25)))}
    rows = {key: is_default for key, _, is_default in shown["smtp"]}
    assert rows["port"] is False
    assert rows["host"] is True


def test_a_supporter_does_not_see_them(log_in):
    assert log_in("support").get("/settings").status_code == 403


def test_the_paces_of_receivers_are_written_out(client):
    text = client.get("/settings").text
    assert "google: domains gmail.com googlemail.com, connections 5, per minute 3000" in text
