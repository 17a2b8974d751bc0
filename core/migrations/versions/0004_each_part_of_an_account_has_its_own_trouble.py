"""Each part of an account has its own trouble: letters may come in while none go out"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.database import Json

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("troubles", Json(), nullable=True))
    # What ailed an account is told anew by the part that it ails: the program starts after this.
    op.execute("UPDATE account SET trouble = NULL, trouble_since = NULL")


def downgrade() -> None:
    raise RuntimeError("data is never taken back: restore the copy made before the upgrade")
