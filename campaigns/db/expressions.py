"""Expressions that the two databases write differently: folded text, values inside JSON, many values at once."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Float,
    Integer,
    String,
    bindparam,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from campaigns.db.base import json_type
from campaigns.db.types import UTC, UTCDateTime


class fold(FunctionElement[str]):  # noqa: N801 - written like the SQL function that it is
    """Text in lower case, by Unicode's rules on both (SQLite's own `lower` knows ASCII only)."""

    type = String()
    inherit_cache = True


@compiles(fold, "sqlite")
def _fold_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"fold({compiler.process(element.clauses, **kw)})"


@compiles(fold, "postgresql")
def _fold_postgres(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f'lower({compiler.process(element.clauses, **kw)} COLLATE "und-x-icu")'


class fold_ascii(FunctionElement[str]):  # noqa: N801
    """Text with A–Z in lower case and the rest as it is: enough to look for a word of ASCII, and much quicker
    than `fold` on SQLite, which has to call Python for every row."""

    type = String()
    inherit_cache = True


@compiles(fold_ascii, "sqlite")
def _fold_ascii_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"lower({compiler.process(element.clauses, **kw)})"


@compiles(fold_ascii, "postgresql")
def _fold_ascii_postgres(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f'lower({compiler.process(element.clauses, **kw)} COLLATE "C")'


class scanned(FunctionElement[Any]):  # noqa: N801
    """A column that SQLite is not to look up in an index.

    It keeps no histogram, takes any range for a fourth of the table, and then fetches row by row: of 200,000
    scores where most met the range that took seven times as long as reading all. PostgreSQL knows better.
    """

    inherit_cache = True

    def __init__(self, column: Any) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(scanned, "sqlite")
def _scanned_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"+{compiler.process(element.clauses, **kw)}"


@compiles(scanned, "postgresql")
def _scanned_postgres(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


def folded(text: str) -> str:
    """What `fold` makes of a text, in Python; the SQLite connection calls this very function."""
    return text.lower()


class _InJson(FunctionElement[Any]):
    """A value of one type under one key of a JSON column; NULL if it is missing or of another type.

    The type is looked at before the cast: PostgreSQL refuses the whole query at one wrong value otherwise.
    """

    inherit_cache = True
    sqlite_types = ""
    postgres_type = ""
    postgres_cast = ""


class _JsonText(_InJson):
    type = String()
    inherit_cache = True
    sqlite_types = "'text'"
    postgres_type = "string"
    postgres_cast = "text"


class _JsonNumber(_InJson):
    type = Float()
    inherit_cache = True
    sqlite_types = "'integer', 'real'"
    postgres_type = "number"
    postgres_cast = "double precision"


class _JsonBoolean(_InJson):
    type = Boolean()
    inherit_cache = True
    sqlite_types = "'true', 'false'"
    postgres_type = "boolean"
    postgres_cast = "boolean"


@compiles(_InJson, "sqlite")
@compiles(_JsonText, "sqlite")
@compiles(_JsonNumber, "sqlite")
@compiles(_JsonBoolean, "sqlite")
def _in_json_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = (compiler.process(part, **kw) for part in element.clauses)
    path = f"('$.\"' || {key} || '\"')"
    return (
        f"CASE WHEN json_type({column}, {path}) IN ({element.sqlite_types})"
        f" THEN json_extract({column}, {path}) END"
    )


@compiles(_JsonText, "postgresql")
@compiles(_JsonNumber, "postgresql")
@compiles(_JsonBoolean, "postgresql")
def _in_json_postgres(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = (compiler.process(part, **kw) for part in element.clauses)
    return (
        f"CASE WHEN jsonb_typeof({column} -> CAST({key} AS text)) = '{element.postgres_type}'"
        f" THEN CAST({column} ->> CAST({key} AS text) AS {element.postgres_cast}) END"
    )


def json_text(column: Any, key: str) -> ColumnElement[str]:
    """The text under `key`."""
    return _JsonText(column, literal(_plain(key)))


def json_number(column: Any, key: str) -> ColumnElement[float]:
    """The number under `key`."""
    return _JsonNumber(column, literal(_plain(key)))


def json_boolean(column: Any, key: str) -> ColumnElement[bool]:
    """The truth value under `key`."""
    return _JsonBoolean(column, literal(_plain(key)))


def _plain(key: str) -> str:
    if '"' in key or "\\" in key:
        raise ValueError(f"{key!r} cannot name a value inside JSON.")
    return key


class _JsonAt(FunctionElement[str]):
    """A text under a key of one item of a list of objects."""

    type = String()
    inherit_cache = True


@compiles(_JsonAt, "sqlite")
def _json_at_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    column, place, key = (compiler.process(part, **kw) for part in element.clauses)
    return f"json_extract({column}, '$[' || {place} || '].' || {key})"


@compiles(_JsonAt, "postgresql")
def _json_at_postgres(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    column, place, key = (compiler.process(part, **kw) for part in element.clauses)
    return f"({column} -> CAST({place} AS integer) ->> {key})"


def json_at(column: Any, place: ColumnElement[int], key: str) -> ColumnElement[str]:
    """The text under `key` of the item at `place` (from 0) of a JSON list of objects; NULL where there is none."""
    return _JsonAt(column, place, literal_column(f"'{_plain(key)}'"))


class _JsonObject(FunctionElement[Any]):
    """An object made of names and columns by the database itself."""

    type = json_type
    inherit_cache = True


@compiles(_JsonObject, "sqlite")
def _json_object_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_object({compiler.process(element.clauses, **kw)})"


@compiles(_JsonObject, "postgresql")
def _json_object_postgres(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_build_object({compiler.process(element.clauses, **kw)})"


def json_object(**values: ColumnElement[Any]) -> ColumnElement[Any]:
    """`json_object(age=…, year=…)`: a JSON object of columns, for an INSERT … SELECT."""
    parts: list[ColumnElement[Any]] = []
    for name, value in values.items():
        parts += [literal_column(f"'{_plain(name)}'"), value]
    return _JsonObject(*parts)


class _JsonWith(FunctionElement[Any]):
    """An object with one more value in it."""

    type = json_type
    inherit_cache = True


@compiles(_JsonWith, "sqlite")
def _json_with_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    column, key, value = (compiler.process(part, **kw) for part in element.clauses)
    return f"json_set({column}, '$.' || {key}, {value})"


@compiles(_JsonWith, "postgresql")
def _json_with_postgres(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    column, key, value = (compiler.process(part, **kw) for part in element.clauses)
    return f"({column} || jsonb_build_object({key}, CAST({value} AS text)))"


def json_with(column: Any, key: str, value: ColumnElement[str]) -> ColumnElement[Any]:
    """The object in `column` with the text `value` under `key`."""
    return _JsonWith(column, literal_column(f"'{_plain(key)}'"), value)


class _JsonEach(FunctionElement[Any]):
    """The items of a JSON list, as rows of a column `value`."""

    inherit_cache = True


@compiles(_JsonEach, "sqlite")
def _json_each_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kw)})"


@compiles(_JsonEach, "postgresql")
def _json_each_postgres(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_array_elements(CAST({compiler.process(element.clauses, **kw)} AS jsonb))"


class _JsonField(FunctionElement[Any]):
    """A value of one such row, by its key."""

    inherit_cache = True
    postgres_type = "text"


class _JsonMoment(_JsonField):
    inherit_cache = True
    type = UTCDateTime()


class _JsonWhole(_JsonField):
    inherit_cache = True
    type = BigInteger()
    postgres_type = "bigint"


class _JsonWord(_JsonField):
    inherit_cache = True
    type = String()


@compiles(_JsonMoment, "sqlite")
@compiles(_JsonWhole, "sqlite")
@compiles(_JsonWord, "sqlite")
def _json_field_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = (compiler.process(part, **kw) for part in element.clauses)
    return f"json_extract({column}, '$.' || {key})"


@compiles(_JsonMoment, "postgresql")
def _json_moment_postgres(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = (compiler.process(part, **kw) for part in element.clauses)
    return f"(CAST({column} ->> {key} AS timestamp) AT TIME ZONE 'UTC')"


@compiles(_JsonWhole, "postgresql")
@compiles(_JsonWord, "postgresql")
def _json_field_postgres(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = (compiler.process(part, **kw) for part in element.clauses)
    return f"CAST({column} ->> {key} AS {element.postgres_type})"


def rows_of(rows: Sequence[Mapping[str, str | int | datetime]]) -> Any:
    """A subquery with these rows (all with the same keys, at least one), which travel as one parameter.

    Thousands of spans of time written out as conditions take longer to compile than to run.
    """
    plain = [
        {key: _moment_text(value) if isinstance(value, datetime) else value for key, value in row.items()}
        for row in rows
    ]
    each = _JsonEach(bindparam(None, json.dumps(plain), type_=String(), unique=True)).table_valued("value")
    columns: list[Any] = []
    for key, value in rows[0].items():
        kind = (
            _JsonMoment
            if isinstance(value, datetime)
            else _JsonWhole
            if isinstance(value, int)
            else _JsonWord
        )
        columns.append(kind(each.c.value, literal_column(f"'{_plain(key)}'")).label(key))
    # OFFSET 0 keeps both planners from taking it apart, and so from reading the parameter anew for each row.
    return select(*columns).offset(0).subquery()


def _moment_text(moment: datetime) -> str:
    """As SQLite keeps it; PostgreSQL reads the same with the zone behind it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


class epoch(FunctionElement[int]):  # noqa: N801 - written like the SQL function that it is
    """Whole seconds since 1970 of a moment, as an integer: what numpy counts with."""

    type = BigInteger()
    inherit_cache = True


@compiles(epoch, "sqlite")
def _epoch_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    # Five times as quick as strftime('%s'); half a millisecond makes up for the rounding of a Julian day.
    moment = compiler.process(element.clauses, **kw)
    return f"CAST((julianday({moment}) - 2440587.5) * 86400.0 + 0.0005 AS INTEGER)"


@compiles(epoch, "postgresql")
def _epoch_postgres(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST(floor(extract(epoch FROM {compiler.process(element.clauses, **kw)})) AS bigint)"


class _Later(FunctionElement[Any]):
    """A moment moved by whole seconds."""

    type = UTCDateTime()
    inherit_cache = True


@compiles(_Later, "sqlite")
def _later_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    # As SQLAlchemy keeps moments: six digits after the point. A millisecond is as fine as SQLite counts.
    moment, seconds = (compiler.process(part, **kw) for part in element.clauses)
    return f"(strftime('%Y-%m-%d %H:%M:%f', {moment}, {seconds} || ' seconds') || '000')"


@compiles(_Later, "postgresql")
def _later_postgres(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    moment, seconds = (compiler.process(part, **kw) for part in element.clauses)
    return f"({moment} + make_interval(secs => {seconds}))"


def later(moment: Any, seconds: int) -> ColumnElement[Any]:
    """`moment` moved on by so many seconds, to the millisecond."""
    return _Later(moment, literal(seconds))


class _Many(TypeDecorator[Any]):
    """A list as one parameter: an array on PostgreSQL, JSON text on SQLite."""

    impl = String
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return String() if dialect.name == "sqlite" else ARRAY(self.item)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return json.dumps(value) if dialect.name == "sqlite" else value


class _Among(FunctionElement[bool]):
    """Whether a column's value is one of many given ones."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002 - the library's signature
        """As it is: SQLAlchemy would write `… = 1` behind it for SQLite, which then uses no index."""
        return self


@compiles(_Among, "sqlite")
def _among_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(part, **kw) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - parts made by SQLAlchemy


@compiles(_Among, "postgresql")
def _among_postgres(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(part, **kw) for part in element.clauses)
    return f"{column} = ANY ({values})"


def among(column: Any, values: Iterable[Any]) -> ColumnElement[bool]:
    """`column IN (…)` for thousands of texts or whole numbers: one parameter instead of one for each value.

    The usual `in_` writes each of 5,000 values into the statement, which costs more than the query.
    """
    kind = column.type if isinstance(column.type, Integer) else String()
    return _Among(column, bindparam(None, list(values), type_=_Many(kind), unique=True))
