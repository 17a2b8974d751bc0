"""`openlines demo --script`: a whole day on the line, played by itself, printed, and checked.

The real program, its own Telegram over HTTP, a temporary database; one clock, which leaps from one due moment to
the next. Every scene says what must be so afterwards; the day ends with a list of what was not.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp

from core.clock import ManualClock
from core.intake.balance import COUNTED, entries_by_state
from openlines import logs, scenes, troubles
from openlines.day import Day, Scene
from openlines.demo import cast_of, demo_settings, read_book
from openlines.timelapse import Timelapse
from openlines.transcript import Transcript
from sandbox.telegram import FIRST_UPDATE_ID, TelegramSandbox

MORNING = datetime(2026, 3, 16, 6, 0, tzinfo=UTC)  # a Monday, nine o'clock in Moscow
_ZONE = ZoneInfo("Europe/Moscow")

SCENES: tuple[Scene, ...] = (
    scenes.coming_to_work,
    scenes.first_message,
    scenes.answering,
    scenes.album,
    scenes.english,
    scenes.two_taps,
    scenes.handing_over,
    scenes.form,
    scenes.junk_and_back,
    scenes.edited,
    scenes.voice,
    troubles.spam,
    troubles.blocked,
    troubles.too_fast,
    troubles.cut_off,
    troubles.outage,
    scenes.silence_begins,
    scenes.follow_up,
    troubles.poison,
    scenes.figures,
)


def play() -> int:
    """Play the day and print it; 0 when everything was as it should be, 1 when something was not."""
    logs.set_up("text")
    # Outages and poison are part of the day: what the program logs of them would only be between the lines.
    logging.getLogger().setLevel(logging.CRITICAL)
    began = time.monotonic()
    failures = asyncio.run(played())
    took = time.monotonic() - began
    if failures:
        print(f"\n{len(failures)} of the day's expectations were not met ({took:.0f} s):")
        for failure in failures:
            print(f"  ✗ {failure}")
        return 1
    print(f"\nEverything was as it should be. Two days in {took:.0f} s.")
    return 0


async def played(day_of: Sequence[Scene] = SCENES) -> list[str]:
    """Play these scenes; returns what was not as it should be."""
    clock = ManualClock(MORNING)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="openlines-day-")))
        telegram = await stack.enter_async_context(TelegramSandbox(now=clock.now))
        changes = stack.enter_context(telegram.changes(100_000))
        cast = cast_of(telegram)
        lapse = Timelapse(demo_settings(folder, telegram, cast), telegram, clock)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        transcript = Transcript(changes, _ZONE)
        listening = asyncio.create_task(transcript.listen())
        stack.callback(listening.cancel)
        day = Day(telegram, cast, clock, lapse, transcript, http)
        await lapse.start()
        try:
            for scene in day_of:
                await day.play(scene)
            if day_of is SCENES:
                await _final_state(day)
        finally:
            await lapse.stop()
        return day.failures


async def _final_state(day: Day) -> None:
    """How things stand in the end, and whether the books agree with what was really sent."""
    day.ends("The end: what the line knows")
    transcript, leads = day.transcript, await day.rows("leads")
    header = ("no.", "who", "channel", "stage", "outcome", "reason", "repeat", "responsible")
    transcript.table(
        "Leads",
        header,
        [
            (x["number"], x["contact_name"], x["channel"], x["stage"], x["outcome"], x["reason"],
             "repeat" if x["repeat"] else "", x["responsible"])
            for x in leads
        ],
    )  # fmt: skip
    deliveries = await day.rows("deliveries")
    for reader in ("customer", "manager"):
        states = Counter(row["state"] for row in deliveries if row["to"] == reader)
        transcript.counted(f"Deliveries to {reader}s", states)
    db = day.lapse.program.db
    book = await db.read(partial(read_book, db.clock.now()))
    transcript.table(
        "Ledger: received = filed + parked + excluded + ignored + duplicate",
        ("account", *COUNTED),
        [(x["channel"], *(x[name] for name in COUNTED)) for x in book["accounts"]],
    )
    total = book["total"]
    day.expect(book["even"], f"the book balances: {total['received']} received")
    entries = await db.read(entries_by_state)
    kept = {name: total[name] for name in ("filed", "excluded", "ignored", "parked") if total[name]}
    day.expect(entries == kept, f"and agrees with the ledger's entries: {sum(entries.values())}")
    sent = day.cast.line.updates.next_id - FIRST_UPDATE_ID + day.forms_sent
    once = total["received"] - total["duplicate"]
    twice = 1  # the second click on the form
    day.expect(
        once == sent - twice, f"{sent} things were sent to the line, {once} different ones are in the book"
    )
    arrived = sum(
        message.from_bot
        for person in day.telegram.world.people.values()
        if person not in day.managers
        for message in person.chat(day.cast.line)
    )
    reached = [row for row in deliveries if row["to"] == "customer" and row["state"] == "sent"]
    day.expect(arrived == len(reached), f"customers have {arrived} messages, as many as the book calls sent")
    waiting = [row for row in deliveries if row["state"] in ("waiting", "sending")]
    day.expect(not waiting, "nothing is still on its way")
    uncertain = [row for row in deliveries if row["state"] == "uncertain"]
    day.expect(
        len(uncertain) == 2,
        "only the two answers that met the faults are uncertain; a person has seen to both",
    )
