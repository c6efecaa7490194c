"""Files are read as other programs write them; a hostile one costs its bad lines and nothing else."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.customers import files, plain_cell, safe_cell
from campaigns.customers.files import Record, find_form, header_of, prepare, read, samples_of, write_rejected
from campaigns.errors import Invalid

ROWS = "Prénom;Courriel\nZoé;zoe@example.fr\nÉva;eva@example.fr\n"


def prepared(folder: Path, data: bytes, **told: str) -> tuple[str, Path]:
    original, target = folder / "original", folder / "lines.csv"
    original.write_bytes(data)
    return prepare(original, target, **told), target


def all_of(path: Path, delimiter: str = ",") -> list[Record]:
    return list(read(path, delimiter))


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (ROWS.encode(), "utf-8"),
        (ROWS.encode("utf-8-sig"), "utf-8-sig"),
        (ROWS.encode("cp1252"), "cp1252"),
        (ROWS.encode("utf-16"), "utf-16"),
        (ROWS.encode("utf-16-le"), "utf-16-le"),
        (ROWS.encode("utf-16-be"), "utf-16-be"),
        (ROWS.replace("\n", "\r\n").encode(), "utf-8"),
        (ROWS.replace("\n", "\r").encode(), "utf-8"),
        (gzip.compress(ROWS.encode(), mtime=0), "utf-8"),
        (ROWS.rstrip().encode(), "utf-8"),
    ],
)
def test_encoding_and_line_ends_are_found(tmp_path: Path, written: bytes, found: str) -> None:
    encoding, path = prepared(tmp_path, written)
    assert encoding == found
    form = find_form(path, encoding)
    assert (form.delimiter, form.has_header) == (";", True)
    assert header_of(path, form) == ["Prénom", "Courriel"]
    assert [r.fields for r in files.records(path, form)] == [
        ["Zoé", "zoe@example.fr"],
        ["Éva", "eva@example.fr"],
    ]


def test_one_broken_byte_does_not_make_a_file_windows(tmp_path: Path) -> None:
    data = (ROWS * 50).encode() + b"Zo\xe9;bad@example.fr\n"
    encoding, path = prepared(tmp_path, data)
    assert encoding == "utf-8" and "\ufffd" in path.read_text() and "Éva" in path.read_text()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_though_another_stands_in_values(tmp_path: Path, delimiter: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([["name", "amount", "note"]] + [["Ana, López", "1,50", "a;b|c"]] * 20)
    encoding, path = prepared(tmp_path, text.getvalue().encode())
    assert find_form(path, encoding).delimiter == delimiter


def test_a_file_without_header_is_recognised(tmp_path: Path) -> None:
    encoding, path = prepared(tmp_path, b"ana@example.fr,Ana\nbob@example.fr,Bob\n")
    form = find_form(path, encoding)
    assert not form.has_header and header_of(path, form) == ["Column 1", "Column 2"]
    assert len(list(files.records(path, form))) == 2


def test_repeated_and_empty_headers_are_told_apart(tmp_path: Path) -> None:
    encoding, path = prepared(tmp_path, b"name,name,,name\na,b,c,d\n")
    assert header_of(path, find_form(path, encoding)) == ["name", "name (2)", "Column 3", "name (3)"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n \n",
        b"\xef\xbb\xbf",
        b"PK\x03\x04" + b"\x00" * 100,
        b"%PDF-1.7 ...",
        bytes(range(256)) * 40,
        b"\x1f\x8b\x08\x00broken",
        gzip.compress(b"a,b\n" * 1000, mtime=0)[:-20],
    ],
)
def test_what_is_no_list_is_refused_with_a_sentence(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        prepared(tmp_path, data)
    assert str(refused.value).endswith(".")


def test_a_quotation_mark_never_closed_costs_one_line(tmp_path: Path) -> None:
    lines = [b"a@x.fr,A", b'b@x.fr,"B', b"c@x.fr,C", b'd@x.fr,"D', *(b"%d@x.fr,E" % i for i in range(30_000))]
    _, path = prepared(tmp_path, b"\n".join(lines) + b"\n")
    found = all_of(path)
    # The first stray mark is closed by the second: that is one record. It cannot be told apart.
    assert [(r.line, r.fault[:11]) for r in found if r.fault] == []
    assert len(found) == len(lines) - 2
    _, path = prepared(tmp_path, b"\n".join(lines[:3] + lines[4:]) + b"\n")
    found = all_of(path)
    assert [(r.line, r.fault) for r in found if r.fault] == [(2, files.UNCLOSED)]
    assert len(found) == len(lines) - 1 and found[-1].line == len(lines) - 1
    _, path = prepared(tmp_path, b'a@x.fr,A\nb@x.fr,"B\nc@x.fr,C')
    assert [(r.line, bool(r.fault)) for r in all_of(path)] == [(1, False), (2, True), (3, False)]


def test_a_line_of_ten_megabytes_costs_one_line(tmp_path: Path) -> None:
    _, path = prepared(
        tmp_path, b"a,b\n" + b"x" * 10_000_000 + b"\nc,d\n" + b'"' + b"y" * 200_000 + b'",z\ne,f\n'
    )
    found = all_of(path)
    assert [(r.line, r.fields) for r in found if not r.fault] == [
        (1, ["a", "b"]),
        (3, ["c", "d"]),
        (5, ["e", "f"]),
    ]
    assert [r.line for r in found if r.fault] == [2, 4]


def test_line_ends_in_quotes_belong_to_the_value(tmp_path: Path) -> None:
    _, path = prepared(tmp_path, b'a,"two\r\nlines"\r\n\r\nb,c\r\n')
    assert [(r.line, r.fields, r.last) for r in all_of(path)] == [
        (1, ["a", "two\nlines"], 2),
        (4, ["b", "c"], 4),
    ]


@given(
    st.lists(st.lists(st.text(alphabet="ab\",;\n\r'é ", max_size=6), min_size=2, max_size=3), max_size=12),
    st.data(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_reading_on_from_any_record_gives_the_same(
    tmp_path: Path, rows: list[list[str]], data: st.DataObject
) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["head", "er"], *rows])
    _, path = prepared(tmp_path, text.getvalue().encode())
    found = all_of(path)
    meant = [[c.replace("\r\n", "\n").replace("\r", "\n") for c in row] for row in rows if any(row)]
    assert [r.fields for r in found[1:]] == meant and not any(r.fault for r in found)
    stop = data.draw(st.integers(0, len(found) - 1))
    assert list(read(path, ",", offset=found[stop].end, line=found[stop].last)) == found[stop + 1 :]


@given(st.binary(max_size=400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
def test_no_file_breaks_the_reader(tmp_path: Path, data: bytes) -> None:
    try:
        encoding, path = prepared(tmp_path, data)
    except Invalid:
        return
    form = find_form(path, encoding)
    found = all_of(path, form.delimiter)
    assert [r.line for r in found] == sorted({r.line for r in found})
    if any(r.fields for r in found):
        header = header_of(path, form)
        assert len(samples_of(path, form, len(header))) == len(header)


@given(st.text(max_size=12))
def test_a_cell_is_never_a_formula_and_comes_back_unchanged(text: str) -> None:
    cell = safe_cell(text)
    if cell and cell[0] in "=+-@\t\r":
        assert cell.lstrip("+-").replace(".", "").replace(",", "").isdecimal(), "plain numbers stay numbers"
    if text[:1] != "'":
        assert plain_cell(cell) == text
    assert plain_cell(safe_cell(cell)) == cell


@pytest.mark.parametrize(
    "formula", ["=1+1", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "'=1", "''@x"]
)
def test_formulas_are_disarmed(formula: str) -> None:
    assert safe_cell(formula) == f"'{formula}" and plain_cell(safe_cell(formula)) == formula
    assert safe_cell("-12,50") == "-12,50"


def test_refused_lines_of_a_batch_that_was_lost_are_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "rejected.csv"
    first = write_rejected(path, 0, ["mail"], [(2, "Why", ["=x"])], ";")
    write_rejected(path, first, ["mail"], [(3, "Lost", ["y"])], ";")
    write_rejected(path, first, ["mail"], [(4, "Kept", ["z"])], ";")
    assert path.read_bytes().decode("utf-8-sig") == "line;reason;mail\r\n2;Why;'=x\r\n4;Kept;z\r\n"
