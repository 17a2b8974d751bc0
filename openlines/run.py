"""`openlines run`: serve until told to stop."""

from __future__ import annotations

import argparse
import asyncio

from openlines import logs
from openlines.application import serve
from openlines.importing import not_waited_for
from openlines.settings import read_settings


def command(given: argparse.Namespace) -> int:
    """Run the parts asked for; returns when SIGTERM or SIGINT has been obeyed."""
    settings = read_settings()
    if given.since is not None:
        settings.email.since = given.since
    logs.set_up(settings.log_format)
    with not_waited_for():
        asyncio.run(serve(settings, given.only))
    return 0
