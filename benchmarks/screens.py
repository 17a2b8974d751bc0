"""What a manager sees after a tap, with a million people there: lists, a card, a search, the week's figures."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import select

from benchmarks.figures import Figure, Promise
from benchmarks.filing import Line, line_at_work
from benchmarks.ground import FEW, Ground, postgres_grounds, sqlite_ground
from core.database import Reading
from core.desk import board, cards, finding, history
from core.desk.statistics import statistics as figures_of
from core.desk.statistics import week
from core.leads.model import Lead, Stage
from core.staff import managers

LATELY = 2.0  # seconds of filing before, so that there is something new
ZONE = "Europe/Moscow"
# A lead's number, a rare name, a word that everybody's name has, a part of a telephone, what nobody has written.
SOUGHT = ("#777", "person 77777", "person", "4567", "подъёмник", "@anna_k", "anna@example.org")
Look: TypeAlias = Callable[[Reading], Any]


def figures(*, quick: bool) -> Iterator[Figure]:
    """Each kind of screen on both databases, again and again."""
    many, rounds = (100_000, 5) if quick else (1_000_000, 25)
    with sqlite_ground(many) as ground:
        yield from asyncio.run(_measured("SQLite", ground, rounds))
    with postgres_grounds(FEW, FEW + 1, many) as grounds:
        yield from asyncio.run(_measured("PostgreSQL", grounds[-1], rounds))


async def _measured(database: str, ground: Ground, rounds: int) -> list[Figure]:
    async with line_at_work(ground) as busy:
        await busy.file(LATELY)
        found = list[Figure]()
        for what, (limit, looks) in (await _screens(busy)).items():
            await _looked(busy, looks)  # the first of its kind is planned and fetched from the disk
            took = [await _looked(busy, looks) for _ in range(rounds)]
            found.append(
                Figure(
                    f"{what} with {ground.contacts:,} contacts there, {database}",
                    "ms",
                    Promise(p99=limit),
                    [1000 * statistics.mean(each) for each in took],
                    latencies=[each for once in took for each in once],
                )
            )
        return found


async def _looked(busy: Line, looks: Sequence[Look]) -> list[float]:
    """Seconds that each of these took, one after the other."""
    took = list[float]()
    for look in looks:
        began = time.perf_counter()
        await busy.database.read(look)
        took.append(time.perf_counter() - began)
    return took


async def _screens(busy: Line) -> Mapping[str, tuple[float, Sequence[Look]]]:
    """Each kind of screen: within how many milliseconds, and what is read for it."""
    person = (await busy.database.read(managers.active))[0]
    stage = await busy.database.read(
        lambda c: c.execute(select(Stage.id).where(Stage.kind == "initial")).scalar()
    )
    old = await busy.database.read(
        lambda c: c.execute(select(Lead.id).where(Lead.number == FEW // 2)).scalar_one()
    )
    now = datetime.now(UTC)
    since, until = week(now, ZONE)
    page = partial(board.leads_page, person=person, language="ru", stage_id=stage)
    card = partial(cards.card, now=now, language_default="ru")
    return {
        "a list": (100, [partial(page, view=view) for view in board.View]),
        "a card and its history": (
            100,
            [
                look
                for lead in (busy.leads[-1], old)
                for look in (
                    partial(card, lead_id=lead),
                    partial(history.history, lead_id=lead, language="ru"),
                )
            ],
        ),
        "a search": (500, [partial(finding.find_page, query=query, language="ru") for query in SOUGHT]),
        "the figures of the week": (
            1_000,
            [partial(figures_of, since=since, until=until, timezone=ZONE, language="ru")],
        ),
    }
