"""`python -m benchmarks [--only NAME …] [--quick]`: measure what is promised, and print it beside the floor."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import structlog

from benchmarks import edges, filing, letters, screens, sending, starting, timers
from benchmarks.figures import Figure, machine, table
from tests.servers.process import NotAvailable

STORIES: dict[str, Callable[..., Iterator[Figure]]] = {
    "filing": filing.figures,
    "http": edges.figures,
    "screens": screens.figures,
    "timers": timers.figures,
    "deliveries": sending.figures,
    "start": starting.figures,
    "memory": edges.growth,
    "letters": letters.figures,
    "mailbox": letters.backlog,
}


def main() -> int:
    """Measure and print. What is missed is said, and is no error: the exit code is 1 only when a story broke."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Our figures beside the floor.")
    parser.add_argument(
        "--only", nargs="+", choices=STORIES, default=list(STORIES), help="some of the stories"
    )
    parser.add_argument("--quick", action="store_true", help="smaller and fewer runs: under two minutes")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(machine(), flush=True)
    figures: list[Figure] = []
    broken: list[str] = []
    for name in given.only:
        began = time.monotonic()
        try:
            for figure in partial(STORIES[name], quick=given.quick)():
                figures.append(figure)
                print(f"  {figure.what}: {figure.shown}", file=sys.stderr, flush=True)
        except NotAvailable as reason:
            print(f"  {name} is left out: {reason}", file=sys.stderr)
        except Exception as error:  # noqa: BLE001 - one story that breaks must not cost the figures of the others
            broken.append(f"{name} broke: {type(error).__name__}: {error}")
            print(f"  {broken[-1]}", file=sys.stderr)
        print(f"  ({name}: {time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
    print(table(figures))
    print("\n".join(broken), end="\n" if broken else "")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
