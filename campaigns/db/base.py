"""The declarative base with its naming convention, and the column shapes all rooms share."""

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, Integer, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

from campaigns.db.types import UTCDateTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

big = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts rows by itself only in INTEGER
json_type = JSON().with_variant(JSONB(), "postgresql")

Id = Annotated[int, mapped_column(big, primary_key=True, autoincrement=True)]
Money = Annotated[int, mapped_column(BigInteger, default=0)]
"""An amount in minor units (cents); its currency stands beside it."""


class Base(DeclarativeBase):
    """The root of all tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        datetime: UTCDateTime(),
        dict[str, Any]: json_type,
        list[Any]: json_type,
        list[str]: json_type,
    }
