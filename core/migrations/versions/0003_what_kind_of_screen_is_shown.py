"""What kind of screen a message in a manager's chat is, and where those of a lead are"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("shown", sa.Column("screen", sa.String(length=8), nullable=True))
    op.create_index(
        "ix_shown_lead",
        "shown",
        ["lead_id"],
        unique=False,
        sqlite_where=sa.text("screen IS NOT NULL"),
        postgresql_where=sa.text("screen IS NOT NULL"),
    )


def downgrade() -> None:
    raise RuntimeError("data is never taken back: restore the copy made before the upgrade")
