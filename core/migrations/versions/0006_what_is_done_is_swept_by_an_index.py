"""What is done is swept by an index: settled notices and timers by the moment they were settled"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _index("ix_delivery_notice_settled", "delivery", "notice IS NOT NULL AND state IN ('sent', 'cancelled')")
    _index("ix_timer_settled", "timer", "state <> 'waiting'")


def _index(name: str, table: str, where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, ["settled_at"], sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    raise RuntimeError("data is never taken back: restore the copy made before the upgrade")
