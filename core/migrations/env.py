"""How alembic runs here: always on the connection it is given, never from an address in a file."""

from __future__ import annotations

from alembic import context

from core.migrations import METADATA

# Full-text search is a virtual table on SQLite and its shadow tables belong to it, not to our models.
SEARCH = "search"


def _ours(_: object, name: str | None, kind: str, *__: object) -> bool:
    return not (
        (kind in ("table", "index") and (name or "").split("_")[0] == SEARCH) or name == "ix_search_body"
    )


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite alters a table by building it anew
    transactional_ddl=True,
    compare_type=True,
    user_module_prefix="",
    include_object=_ours,
)
with context.begin_transaction():
    context.run_migrations()
