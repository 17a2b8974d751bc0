"""Files nobody refers to are found: an index on the hashes of attachments"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_attachment_file",
        "attachment",
        ["sha256"],
        unique=False,
        sqlite_where=sa.text("sha256 IS NOT NULL"),
        postgresql_where=sa.text("sha256 IS NOT NULL"),
    )


def downgrade() -> None:
    raise RuntimeError("data is never taken back: restore the copy made before the upgrade")
