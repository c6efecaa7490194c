"""Names and values of signals."""

import pytest

from campaigns.errors import Invalid
from campaigns.signals import kind_words, read_data, read_kind


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("complaint_opened", "complaint_opened"),
        (" Complaint opened ", "complaint_opened"),
        ("Réclamation ouverte", "complaint_opened"),
        ("basket-abandoned", "basket_abandoned"),
        ("Panier abandonné", "basket_abandoned"),
        ("visited_the_shop", "visited_the_shop"),
    ],
)
def test_a_name_is_read_however_a_shop_writes_it(written: str, kept: str) -> None:
    assert read_kind(written) == kept


@pytest.mark.parametrize("bad", ["", "ab", "x" * 41, "visit2", "a'; drop", "é", "___"])
def test_a_name_that_cannot_be_kept_is_refused(bad: str) -> None:
    with pytest.raises(Invalid):
        read_kind(bad)


@pytest.mark.parametrize(
    "bad",
    [{"a": [1]}, {"a": {"b": 1}}, {"A": 1}, {"": 1}, {"a": "x" * 301}, {f"a{i}": i for i in range(21)}],
)
def test_only_a_few_plain_values_are_kept(bad: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        read_data(bad)


def test_every_kind_has_words() -> None:
    assert kind_words("complaint_opened") == "Complaint opened"
    assert kind_words("visited_the_shop") == "Visited the shop"
