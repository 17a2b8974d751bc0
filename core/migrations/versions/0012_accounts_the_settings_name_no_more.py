"""Accounts the settings name no more are known as such: what is new goes through those in use"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Which these are, every start of the program says: it comes after this.
    op.add_column("account", sa.Column("retired_at", UtcDateTime(timezone=True), nullable=True))


def downgrade() -> None:
    raise RuntimeError("data is never taken back: restore the copy made before the upgrade")
