"""Figures are of who did it, found by an index; the last stage is called alike in English everywhere"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    condition = sa.text("verb = 'lead-taken'")
    op.create_index("ix_journal_taken", "journal", ["at"], sqlite_where=condition, postgresql_where=condition)
    connection = op.get_bind()
    kind = "jsonb" if connection.dialect.name == "postgresql" else "text"
    rows = connection.execute(
        sa.text("SELECT id, CAST(title AS text) AS title FROM stage WHERE name = 'failure'")
    ).all()
    change = sa.text(f"UPDATE stage SET title = CAST(:title AS {kind}) WHERE id = :id")  # noqa: S608 - a constant
    for row in rows:
        title = json.loads(row.title)
        if title.get("en") == "Failure":  # nobody has given it another name
            connection.execute(
                change, {"id": row.id, "title": json.dumps({**title, "en": "Junk"}, ensure_ascii=False)}
            )


def downgrade() -> None:
    raise RuntimeError("data is never taken back: restore the copy made before the upgrade")
