"""What comes in over HTTP: form posts until 202, Telegram's webhook until 200, and memory while it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.figures import Figure, Promise
from benchmarks.ground import FEW, folder, postgres_grounds, sqlite_ground
from benchmarks.programs import load, web_part

CLIENTS = 64
WARM = 20_000  # messages until SQLite's page cache (64 MB) is full and memory tells something


def figures(*, quick: bool) -> Iterator[Figure]:
    """Form posts and webhook posts, on both databases."""
    with sqlite_ground(FEW) as ground:
        yield from _posts(ground.url, "SQLite", quick=quick)
    with postgres_grounds(FEW) as (ground,):
        yield from _posts(ground.url, "PostgreSQL", quick=quick)


def growth(*, quick: bool) -> Iterator[Figure]:
    """Memory of the web part from message 20,000 on."""
    count = 20_000 if quick else 100_000
    with ExitStack() as stack:
        ground, place = stack.enter_context(sqlite_ground(FEW)), stack.enter_context(folder())
        web, port = stack.enter_context(web_part(ground.url, place))
        load(port, "/lines/main/telegram", "telegram", WARM, CLIENTS)
        before = web.memory
        for _ in range(count // 20_000):
            load(port, "/lines/main/telegram", "telegram", 20_000, CLIENTS)
        yield Figure(
            f"memory grown over {count:,} messages",
            "MB",
            Promise(below=10),
            [max(web.memory - before, 0.0)],
            note=f"from {before:.0f} MB after the first {WARM:,}, with SQLite's page cache (64 MB) full",
        )


def _posts(url: str, database: str, *, quick: bool) -> Iterator[Figure]:
    rounds, count = (2, 1_500) if quick else (4, 4_000)
    with folder() as place, web_part(url, place) as (_, port):
        for what, path, kind, promise in (
            ("form posts until 202", "/lines/main/form", "form", Promise(at_least=1_500, p99=100)),
            ("Telegram webhook until 200", "/lines/main/telegram", "telegram", Promise(at_least=2_000)),
        ):
            load(port, path, kind, 500, CLIENTS)
            runs, floor, latencies = list[float](), list[float](), list[float]()
            for _ in range(rounds):
                ours = load(port, path, kind, count, CLIENTS)
                runs.append(ours["rate"])
                latencies += ours["latencies"]
                floor.append(load(port, "/floor", kind, count, CLIENTS)["rate"])
            note = "floor: the same server reads the JSON and answers; server, clients and database share the cores"
            yield Figure(f"{what}, {database}", "/s", promise, runs, floor, latencies, note)
