"""Full-text search, human numbers and process nodes: what the two databases do in different ways"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE search USING fts5(body, tokenize = 'unicode61 remove_diacritics 2')")
        return
    op.execute("CREATE TABLE search (rowid bigint PRIMARY KEY, body text NOT NULL)")
    op.execute("CREATE INDEX ix_search_body ON search USING gin (to_tsvector('simple', body))")
    op.execute("CREATE SEQUENCE lead_number")
    op.execute("CREATE SEQUENCE contact_number")
    op.execute("CREATE SEQUENCE process_node MINVALUE 0 START 0 MAXVALUE 1023 CYCLE")


def downgrade() -> None:
    raise RuntimeError("data is never taken back: restore the copy made before the upgrade")
