"""What may have arrived is found without reading every delivery there ever was"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_delivery_uncertain",
        "delivery",
        ["account_id", "id"],
        sqlite_where=sa.text("state = 'uncertain'"),
        postgresql_where=sa.text("state = 'uncertain'"),
    )


def downgrade() -> None:
    op.drop_index("ix_delivery_uncertain", table_name="delivery")
