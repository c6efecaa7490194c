"""Addresses, dates and values are read as people write them, and refused where two readings are possible."""

import string
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.customers import Birthday, Declared, normalise_address
from campaigns.customers.rules import clean, read_country, read_language, read_tag, read_zone, typed
from campaigns.customers.values import (
    day_order,
    read_birthday,
    read_date,
    read_moment,
    read_number,
    read_yes,
)
from campaigns.errors import Invalid

PARIS = ZoneInfo("Europe/Paris")


def test_an_address_keeps_its_writing_and_gets_one_key() -> None:
    address = normalise_address("  Ana.Lopez+shop@Exämple.FR ")
    assert address.email == "Ana.Lopez+shop@xn--exmple-cua.fr"
    assert address.key == "ana.lopez+shop@xn--exmple-cua.fr"
    assert address.domain == "xn--exmple-cua.fr"
    assert normalise_address("ana.lopez+shop@xn--exmple-cua.fr").key == address.key


def test_two_mailboxes_never_become_one() -> None:
    assert normalise_address("straße@example.de").key != normalise_address("strasse@example.de").key
    assert normalise_address("ÉVA@example.fr").key == normalise_address("e\u0301va@example.fr").key


@pytest.mark.parametrize("bad", ["\r", "\n", "\r\n", "\x00", "\u2028", "\u2029", "\x85", "\x0b"])
@pytest.mark.parametrize(
    "place", ["{}ana@example.fr", "ana{}@example.fr", "ana@exa{}mple.fr", "ana@example.fr{}"]
)
def test_a_line_end_or_control_character_is_refused_wherever_it_stands(bad: str, place: str) -> None:
    with pytest.raises(Invalid):
        normalise_address(place.format(bad))


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "ana",
        "@example.fr",
        "ana@",
        "ana@example",
        "ana..b@example.fr",
        ".ana@example.fr",
        "ana.@example.fr",
        "ana@example..fr",
        "ana@-example.fr",
        "Ana <ana@example.fr>",
        "ana@example.fr, bob@example.fr",
        "alice@example.org)bob@example.com",
        '"ana b"@example.fr',
        "ana@[127.0.0.1]",
        "ana@localhost",
        "ana@foo.invalid",
        f"{'a' * 65}@example.fr",
        f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 63}.fr",
        "a" * 100_000 + "@example.fr",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(bad: str) -> None:
    with pytest.raises(Invalid) as refused:
        normalise_address(bad)
    assert str(refused.value).endswith(".") and len(str(refused.value)) < 300


@given(
    st.text(alphabet=string.ascii_letters + string.digits + "._+-'%éß \n", min_size=1, max_size=70),
    st.sampled_from(["example.fr", "EXAMPLE.co.uk", "exämple.de", "a-b.example", "nodot", "x..fr", "-a.fr"]),
)
@example("_", "example.fr")
def test_the_quick_way_decides_as_the_library_does(local: str, domain: str) -> None:
    text = f"{local}@{domain}"
    try:
        meant = validate_email(
            text.strip(" "), check_deliverability=False, test_environment=True, strict=True
        )
    except EmailNotValidError:
        with pytest.raises(Invalid):
            normalise_address(text)
        return
    found = normalise_address(text)
    assert found.email == f"{meant.local_part}@{meant.ascii_domain}"
    assert normalise_address(found.email).key == found.key


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1980-02-29", Birthday(2, 29, 1980)),
        ("19800229", Birthday(2, 29, 1980)),
        ("29/02/1980", Birthday(2, 29, 1980)),
        ("29.2.80", Birthday(2, 29, 1980)),
        ("--02-29", Birthday(2, 29)),
        ("02-29", Birthday(2, 29)),
        ("29/02", Birthday(2, 29)),
        ("05.03.", Birthday(3, 5)),
        ("29 February", Birthday(2, 29)),
        ("Feb 29", Birthday(2, 29)),
        ("1er août", Birthday(8, 1)),
        ("3 déc. 1975", Birthday(12, 3, 1975)),
        ("December 3, 1975", Birthday(12, 3, 1975)),
    ],
)
def test_a_birthday_is_read_in_many_spellings(text: str, meant: Birthday) -> None:
    assert read_birthday(text) == meant


@pytest.mark.parametrize(
    "bad", ["30/02/1980", "29/02/1981", "31 April", "32/01", "00-10", "soon", "1980", "1700-01-01"]
)
def test_a_day_that_is_none_is_refused(bad: str) -> None:
    with pytest.raises(Invalid):
        read_birthday(bad)


def test_a_date_with_two_readings_is_asked_not_guessed() -> None:
    with pytest.raises(Invalid, match="two ways"):
        read_date("03/04/2025")
    assert read_date("03/04/2025", "day_first") == date(2025, 4, 3)
    assert read_date("03/04/2025", "month_first") == date(2025, 3, 4)
    assert read_date("03.04.2025", "month_first") == date(2025, 4, 3), "points always put the day first"
    with pytest.raises(Invalid):
        read_date("31/12/2025", "month_first")


def test_the_samples_may_tell_the_order() -> None:
    assert day_order(["01/02/2025", "31/12/2025"]) == "day_first"
    assert day_order(["01/02/2025", "12/31/2025"]) == "month_first"
    assert day_order(["01/02/2025"]) is None
    assert day_order(["2025-01-02", "01.02.2025", ""]) == ""


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2025-07-01", datetime(2025, 6, 30, 22, tzinfo=UTC)),
        ("2025-07-01 14:30", datetime(2025, 7, 1, 12, 30, tzinfo=UTC)),
        ("2025-12-01T14:30:15", datetime(2025, 12, 1, 13, 30, 15, tzinfo=UTC)),
        ("2025-12-01T14:30:15Z", datetime(2025, 12, 1, 14, 30, 15, tzinfo=UTC)),
        ("2025-12-01T14:30:15+05:00", datetime(2025, 12, 1, 9, 30, 15, tzinfo=UTC)),
        ("31/12/2025 2:30 PM", datetime(2025, 12, 31, 13, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_local_unless_it_says_otherwise(text: str, meant: datetime) -> None:
    assert read_moment(text, PARIS) == meant


@pytest.mark.parametrize(
    ("text", "mark", "meant"),
    [
        ("1 234,56", ",", "1234.56"),
        ("1.234,56", ",", "1234.56"),
        ("1,234.56", ".", "1234.56"),
        ("1'234.5", ".", "1234.5"),
        ("-12", ".", "-12"),
        (".5", ".", "0.5"),
    ],
)
def test_a_number_is_read_by_its_mark(text: str, mark: str, meant: str) -> None:
    assert read_number(text, mark) == Decimal(meant)


@pytest.mark.parametrize(
    ("text", "mark"),
    [("1,5", "."), ("1.5", ","), ("abc", "."), ("", "."), ("1e9", "."), ("١", "."), ("nan", ".")],
)
def test_a_number_in_another_writing_is_refused(text: str, mark: str) -> None:
    with pytest.raises(Invalid):
        read_number(text, mark)


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_a_number_written_in_french_is_read_back(number: Decimal) -> None:
    written = f"{number:,.2f}".replace(",", "\u202f").replace(".", ",")
    assert read_number(written, ",") == number


def test_yes_and_no_in_two_languages() -> None:
    assert [read_yes(w) for w in ("Yes", "OUI", "1", "x")] == [True] * 4
    assert [read_yes(w) for w in ("no", "Non", "0", "FALSE")] == [False] * 4
    with pytest.raises(Invalid):
        read_yes("maybe")


def test_a_text_is_brought_on_one_line() -> None:
    assert clean(" Ana \u2028 Bcc:  x\r\n", 100) == "Ana Bcc: x"
    with pytest.raises(Invalid):
        clean("Ana\x00", 100)
    with pytest.raises(Invalid):
        clean("x" * 101, 100)


@given(st.text(max_size=300))
def test_no_text_keeps_a_line_end(text: str) -> None:
    try:
        made = clean(text, 300)
    except Invalid:
        return
    assert len(made.splitlines()) <= 1 and clean(made, 300) == made


def test_languages_zones_and_countries_are_known_ones() -> None:
    assert read_language("français") == "fr" and read_language("pt_br") == "pt-BR"
    assert read_zone("Europe/Paris") == "Europe/Paris"
    assert read_country("États-Unis") == "US" and read_country("fr") == "FR"
    assert read_tag(" VIP  client ") == "vip client"
    for reader, bad in (
        (read_language, "klingonish"),
        (read_zone, "Mars/Base"),
        (read_country, "Utopia"),
        (read_tag, "a,b"),
    ):
        with pytest.raises(Invalid):
            reader(bad)


@pytest.mark.parametrize(
    ("kind", "given_value", "kept"),
    [
        ("text", " Blue ", "Blue"),
        ("number", "42", 42),
        ("number", "4.5", 4.5),
        ("number", 7, 7),
        ("date", "31.12.2025", "2025-12-31"),
        ("date", date(2025, 1, 2), "2025-01-02"),
        ("boolean", "oui", True),
        ("boolean", False, False),
        ("choice", "GOLD", "gold"),
        ("text", "", None),
    ],
)
def test_an_attribute_keeps_its_type(kind: str, given_value: object, kept: object) -> None:
    made = typed(Declared("x", "X", kind, ("gold", "silver")), given_value)
    assert made == kept and type(made) is type(kept)


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        ("number", "blue"),
        ("number", True),
        ("date", "31/31/2025"),
        ("boolean", "perhaps"),
        ("choice", "bronze"),
    ],
)
def test_an_attribute_refuses_another_type(kind: str, bad: object) -> None:
    with pytest.raises(Invalid, match=r"^Level: "):
        typed(Declared("level", "Level", kind, ("gold", "silver")), bad)
