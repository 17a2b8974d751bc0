"""`openlines migrate`: bring the database up to date."""

from __future__ import annotations

import argparse
import asyncio

from core.migrations import migrate
from openlines.ground import database_at_hand
from openlines.settings import read_settings


def command(_: argparse.Namespace) -> int:
    """Migrate the database the settings name."""
    settings = read_settings()
    with database_at_hand(settings):
        asyncio.run(migrate(settings.database))
    print("The database is up to date.")
    return 0
