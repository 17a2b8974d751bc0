"""`among(column, keys)`: a condition that is one constant statement however many keys there are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Dialect, String, Text, bindparam
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal
from sqlalchemy.types import TypeDecorator, TypeEngine


class among(ColumnElement[bool]):  # noqa: N801 - reads as part of a statement: where(among(column, keys))
    """`column` is one of `keys`, as one constant statement however many keys there are.

    `keys` are the keys themselves, or the name under which they are given when the statement is executed: a
    statement that every batch asks is built once, at the top of its file, and costs a third of one that is built
    each time. A tuple `IN` is compiled anew for every length and is a full scan for long lists on SQLite.
    """

    inherit_cache = True
    _traverse_internals = [  # noqa: RUF012 - SQLAlchemy reads this to make a cache key
        ("column", InternalTraversal.dp_clauseelement),
        ("keys", InternalTraversal.dp_clauseelement),
    ]

    def __init__(self, column: Any, keys: Iterable[Any] | str) -> None:
        self.column = column.__clause_element__() if hasattr(column, "__clause_element__") else column
        kind = _Keys(isinstance(self.column.type, String))
        if isinstance(keys, str):
            self.keys = bindparam(keys, type_=kind)
        else:
            self.keys = bindparam(None, list(keys), type_=kind, unique=True)


class _Keys(TypeDecorator[Iterable[Any]]):
    impl = Text
    cache_ok = True

    def __init__(self, textual: bool) -> None:
        super().__init__()
        self.textual = textual

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.ARRAY(Text() if self.textual else BigInteger()))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Iterable[Any] | None, dialect: Dialect) -> Any:
        keys = list(value or ())
        return keys if dialect.name == "postgresql" else json.dumps(keys)


@compiles(among)
def _among(element: among, compiler: SQLCompiler, **options: Any) -> str:
    return (
        f"{compiler.process(element.column, **options)} = ANY ({compiler.process(element.keys, **options)})"
    )


@compiles(among, "sqlite")
def _among_sqlite(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, keys = compiler.process(element.column, **options), compiler.process(element.keys, **options)
    return f"{column} IN (SELECT value FROM json_each({keys}))"
