"""Indexes hold only what is looked for: neither messages without the network's id, nor notices"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _only_filled("uq_message_external", "message", ["conversation_id", "external_id"], unique=True)
    _only_filled("ix_delivery_message", "delivery", ["message_id"])


def _only_filled(name: str, table: str, columns: list[str], *, unique: bool = False) -> None:
    condition = sa.text(f"{columns[-1]} IS NOT NULL")
    op.drop_index(name, table)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    raise RuntimeError("data is never taken back: restore the copy made before the upgrade")
