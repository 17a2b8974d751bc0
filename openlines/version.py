"""`openlines version`."""

from __future__ import annotations

import argparse
from importlib.metadata import version


def command(_: argparse.Namespace) -> int:
    """Print the version that is installed."""
    print(version("openlines"))
    return 0
