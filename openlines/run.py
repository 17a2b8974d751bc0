"""`openlines run`: serve until told to stop."""

from __future__ import annotations

import argparse
import asyncio

from core.errors import Misconfigured
from openlines import logs
from openlines.application import serve
from openlines.settings import read_settings


def command(given: argparse.Namespace) -> int:
    """Run the parts asked for; returns when SIGTERM or SIGINT has been obeyed."""
    settings = read_settings()
    logs.set_up(settings.log_format)
    try:
        asyncio.run(serve(settings, given.only))
    except* Misconfigured as wrong:
        raise wrong.exceptions[0] from None
    return 0
