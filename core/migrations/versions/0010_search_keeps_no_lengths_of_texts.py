"""Search keeps no lengths of texts: they are for ranking, and what is found is shown newest first"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    # https://www.sqlite.org/fts5.html#the_columnsize_option
    op.execute(
        "CREATE VIRTUAL TABLE search_anew"
        " USING fts5(body, columnsize = 0, tokenize = 'unicode61 remove_diacritics 2')"
    )
    op.execute("INSERT INTO search_anew (rowid, body) SELECT rowid, body FROM search")
    op.execute("DROP TABLE search")
    op.execute("ALTER TABLE search_anew RENAME TO search")


def downgrade() -> None:
    raise RuntimeError("data is never taken back: restore the copy made before the upgrade")
