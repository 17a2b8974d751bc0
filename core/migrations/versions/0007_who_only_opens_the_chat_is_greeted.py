"""Who only opens the chat is greeted, and what they then write is confirmed"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

GREETING = {
    "ru": 'Здравствуйте{{ name|after(", ") }}! Напишите, что вас интересует, и мы ответим здесь.',
    "en": 'Hello{{ name|after(", ") }}! Tell us what you need, and we will answer here.',
}


def upgrade() -> None:
    connection = op.get_bind()
    kind = "jsonb" if connection.dialect.name == "postgresql" else "text"
    rows = connection.execute(
        sa.text("SELECT id, CAST(parameters AS text) AS parameters FROM robot WHERE name = 'confirmation'")
    ).all()
    change = sa.text(f"UPDATE robot SET parameters = CAST(:parameters AS {kind}) WHERE id = :id")  # noqa: S608 - a constant
    for row in rows:
        parameters = {"greeting": GREETING, **json.loads(row.parameters)}
        connection.execute(change, {"id": row.id, "parameters": json.dumps(parameters, ensure_ascii=False)})


def downgrade() -> None:
    raise RuntimeError("data is never taken back: restore the copy made before the upgrade")
