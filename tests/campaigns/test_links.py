"""Tokens say which message, and nobody but us can make one."""

from hypothesis import given
from hypothesis import strategies as st

from campaigns.links import TOKEN_LENGTH, TOKEN_PLACEHOLDER, UNSUBSCRIBE, Links, Token

LINKS = Links(["new secret", "old secret"], "https://news.example/")
messages = st.integers(0, 2**48 - 1)
mailings = st.integers(0, 2**40 - 1)


@given(messages, mailings)
def test_a_token_is_read_back(message: int, mailing: int) -> None:
    token = LINKS.token(message, mailing)
    assert len(token) == TOKEN_LENGTH == len(TOKEN_PLACEHOLDER)
    assert LINKS.read(token) == Token(message, mailing)


@given(messages, mailings, st.integers(0, TOKEN_LENGTH - 1), st.sampled_from("ABCxyz059-_"))
def test_an_altered_token_says_nothing(message: int, mailing: int, at: int, letter: str) -> None:
    token = LINKS.token(message, mailing)
    altered = token[:at] + letter + token[at + 1 :]
    assert LINKS.read(altered) == (Token(message, mailing) if altered == token else None)


@given(st.text(max_size=60))
def test_any_text_is_either_a_token_or_nothing(text: str) -> None:
    assert LINKS.read(text) is None


def test_a_return_path_opens_nothing_on_the_web() -> None:
    token = LINKS.token(7, 3, "bounce")
    assert LINKS.read(token) is None
    assert LINKS.read(token, "bounce") == Token(7, 3)


def test_letters_signed_with_the_old_secret_still_work() -> None:
    old = Links(["old secret"], "https://news.example")
    assert LINKS.read(old.token(7, 3)) == Token(7, 3)
    assert old.read(LINKS.token(7, 3)) is None


def test_a_target_of_one_person_is_signed_into_its_address() -> None:
    token = LINKS.token(7, 3)
    url = LINKS.sealed_click(token, 2, "https://shop.example/me?a=1&b=é")
    assert url.startswith(f"https://news.example/c/{token}/2?to=https%3A%2F%2Fshop.example")
    seal = url.rpartition("&s=")[2]
    assert LINKS.is_sealed_click(token, 2, "https://shop.example/me?a=1&b=é", seal)
    assert not LINKS.is_sealed_click(token, 2, "https://evil.example/", seal)
    assert not LINKS.is_sealed_click(token, 1, "https://shop.example/me?a=1&b=é", seal)
    assert not LINKS.is_sealed_click(token, 2, "https://shop.example/me?a=1&b=é", "é")


def test_the_full_address_stands_on_the_public_base() -> None:
    assert LINKS.url(UNSUBSCRIBE, 7, 3) == f"https://news.example/u/{LINKS.token(7, 3)}"
