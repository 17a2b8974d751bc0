"""What comes in over HTTP: form posts until 202, Telegram's webhook until 200, and memory while it goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.figures import Figure, Promise
from benchmarks.ground import FEW, folder, postgres_grounds, sqlite_ground
from benchmarks.programs import load, web_part
from channels.telegram.webhook import CONNECTIONS

WARM = 10_000  # messages until every cache of ours is full and memory tells something


def figures(*, quick: bool) -> Iterator[Figure]:
    """Form posts and webhook posts, on both databases."""
    with sqlite_ground(FEW) as ground:
        yield from _posts(ground.url, "SQLite", quick=quick)
    with postgres_grounds(FEW) as (ground,):
        yield from _posts(ground.url, "PostgreSQL", quick=quick)


def growth(*, quick: bool) -> Iterator[Figure]:
    """Memory of the web part from message 20,000 on."""
    count, limit = (10_000, 10.0) if quick else (100_000, 300.0)
    with ExitStack() as stack:
        (ground,), place = stack.enter_context(postgres_grounds(FEW)), stack.enter_context(folder())
        web, port = stack.enter_context(web_part(ground.url, place))
        warmed = _post(port, WARM, limit / 2)
        before = web.memory
        filed = _post(port, count, limit)
        yield Figure(
            f"memory grown over {filed:,} messages",
            "MB",
            Promise(below=10),
            [max(web.memory - before, 0.0)],
            note=f"from {before:.0f} MB after {warmed:,}; on PostgreSQL, as the page cache of SQLite grows to 64 MB",
        )


def _post(port: int, count: int, limit: float) -> int:
    """Post at least so many messages, unless that takes longer than `limit` seconds; returns how many."""
    posted, until = 0, time.monotonic() + limit
    while posted < count and time.monotonic() < until:
        posted += load(port, "/lines/main/telegram", "telegram", 4)["count"]
    return posted


def _posts(url: str, database: str, *, quick: bool) -> Iterator[Figure]:
    rounds, seconds = (2, 1.0) if quick else (4, 2.5)
    with folder() as place, web_part(url, place) as (_, port):
        for what, path, kind, clients, promise in (
            ("form posts until 202", "/lines/main/form", "form", 64, Promise(at_least=1_500, p99=100)),
            # As many as we ask Telegram to open.
            (
                "Telegram webhook until 200",
                "/lines/main/telegram",
                "telegram",
                CONNECTIONS,
                Promise(at_least=2_000),
            ),
        ):
            load(port, path, kind, 0.5, clients)
            runs, floor, latencies = list[float](), list[float](), list[float]()
            for _ in range(rounds):
                ours = load(port, path, kind, seconds, clients)
                runs.append(ours["rate"])
                latencies += ours["latencies"]
                floor.append(load(port, "/floor", kind, seconds, clients)["rate"])
            echo = load(port, "/echo", kind, seconds, clients)["rate"]
            note = (
                f"{clients} connections; floor: the same rows by raw SQL behind the same server; JSON alone, without"
                f" rows: {echo:,.0f}/s"
            )
            yield Figure(f"{what}, {database}", "/s", promise, runs, floor, latencies, note)
