"""What leaves as CSV is opened as text by any spreadsheet."""

import csv
import io

import pytest

from campaigns.customers import plain_cell
from campaigns.reports import csv_lines


@pytest.mark.parametrize("name", ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "=cmd|'/c calc'!A1", "'=1"])
def test_no_cell_becomes_a_formula_and_each_can_be_read_back(name: str) -> None:
    text = "".join(csv_lines(("Name",), [(name,)]))
    assert text.startswith("\ufeff")
    cell = list(csv.reader(io.StringIO(text[1:])))[1][0]
    assert cell[0] == "'"
    assert plain_cell(cell) == name


def test_numbers_stay_numbers() -> None:
    assert "".join(csv_lines(("Amount",), [(-12,), (3.5,), (None,)])).splitlines()[1:] == ["-12", "3.5", '""']


def test_a_long_list_comes_in_pieces() -> None:
    pieces = list(csv_lines(("N",), ((number,) for number in range(1200))))
    assert len(pieces) == 3
    assert len("".join(pieces).splitlines()) == 1201
