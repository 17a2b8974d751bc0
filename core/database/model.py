"""The common ground of the tables: their types, keys and partial indexes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

import pydantic_core
from sqlalchemy import BigInteger, DateTime, Dialect, Index, Integer, MetaData, String, Text, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment. On PostgreSQL a timestamptz, on SQLite text of fixed width, so that it sorts.

    A naive datetime is refused with ValueError: a moment without a zone is a bug of the caller.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(26))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment without a time zone: {value!r}")
        if dialect.name == "sqlite":
            if value.tzinfo is not UTC:
                value = value.astimezone(UTC)
            return value.isoformat(" ", "microseconds")[:26]  # without its +00:00
        return value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        return cast(datetime, value).astimezone(UTC)


class Json(TypeDecorator[Any]):
    """Data without a fixed shape: jsonb on PostgreSQL, text on SQLite. None is NULL, never the JSON null."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.JSONB(none_as_null=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return to_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return json.loads(value) if isinstance(value, str) and dialect.name == "sqlite" else value


def to_json(value: Any) -> str:
    """A value of a JSON column as text; the standard encoder takes three times as long for a few fields."""
    return pydantic_core.to_json(value).decode()


# On SQLite only a column declared INTEGER is the row's own id; as BIGINT each key would cost a second index.
Id = BigInteger().with_variant(Integer(), "sqlite")


class Model(DeclarativeBase):
    """A typed table. Never instantiated: statements and rows are Core."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: UtcDateTime(), dict[str, Any]: Json(), list[Any]: Json()}


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over the rows for which `where` holds: small, however many settled rows lie beside them."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


class NumberCounter(Model):
    """Where SQLite keeps the last human number of each kind; PostgreSQL has sequences."""

    __tablename__ = "counter"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)
