"""A stage is entered through one function, which checks what has to be checked and writes everything that follows."""

from __future__ import annotations

import ast
import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from core.automation.model import Timer
from core.automation.reactions import Reactions
from core.clock import ManualClock
from core.database import Database, Transaction
from core.errors import Refusal
from core.journal import Journal
from core.leads.model import Lead, Pipeline, Stage, StageVisit
from core.leads.stages import Move, enter_stages, reopen
from tests.builders import (
    NOON,
    a_database,
    a_lead,
    a_manager,
    a_message,
    an_account,
    file,
    reason_id,
    stage_id,
    telegram,
)
from tests.looking import every, the


async def move(
    database: Database, lead: int, stage: str, *, reason_id: int | None = None, seen_visit: int | None = None
) -> None:
    to = Move(lead, await stage_id(database, stage), "manager:1", reason_id, seen_visit=seen_visit)
    await database.transact(partial(enter_stages, moves=[to]))


async def test_entering_a_stage_ends_one_stay_and_begins_another(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        lead = await a_lead(database, bot)
        clock.advance(timedelta(hours=1))
        await move(database, lead, "qualified")
        row = await the(database, Lead)
        stays = await every(database, StageVisit)
        told = await the(database, Journal, Journal.verb == "stage-entered")
    first, second = stays
    assert (row["stage_id"], row["visit_id"], row["outcome"]) == (second["stage_id"], second["id"], "open")
    assert (first["entered_at"], first["left_at"]) == (NOON, NOON + timedelta(hours=1))
    assert (second["entered_at"], second["left_at"], second["entered_by"]) == (clock.now(), None, "manager:1")
    assert (told["actor"], told["details"]["from"]) == ("manager:1", first["stage_id"])


async def test_a_failure_wants_a_reason_of_the_list_and_shows_its_comment(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        lead = await a_lead(database, bot)
        for wrong in (None, 12345):
            with pytest.raises(Refusal, match="refused-reason-missing"):
                await move(database, lead, "failure", reason_id=wrong)
        reason = await reason_id(database, "spam")
        to = Move(lead, await stage_id(database, "failure"), "manager:1", reason, "реклама окон")
        await database.transact(partial(enter_stages, moves=[to]))
        row = await the(database, Lead)
    assert (row["outcome"], row["reason_id"], row["reason_comment"]) == ("failure", reason, "реклама окон")
    assert (row["closed_at"], row["waiting_since"]) == (NOON, None)


async def test_an_old_button_moves_nothing_that_somebody_has_moved_meanwhile(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        lead = await a_lead(database, bot)
        seen = (await the(database, Lead))["visit_id"]
        await move(database, lead, "in_work", seen_visit=seen)
        with pytest.raises(Refusal, match="refused-lead-moved"):
            await move(database, lead, "success", seen_visit=seen)
        await move(database, lead, "in_work", seen_visit=seen)  # where it is already: nothing to refuse
        assert len(await every(database, StageVisit)) == 2
        await move(database, lead, "success")
        with pytest.raises(Refusal, match="refused-lead-closed"):
            await move(database, lead, "in_work")


async def test_a_stage_of_another_pipeline_is_refused_and_nothing_of_the_lot_is_moved(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        good, bad = (
            await a_lead(database, bot, "1", telegram(1)),
            await a_lead(database, bot, "2", telegram(2)),
        )

        def elsewhere(tx: Transaction) -> int:
            tx.insert(Pipeline, [{"id": (other := tx.new_id()), "name": "deals", "title": {"ru": "Сделки"}}])
            stage = {
                "id": (offer := tx.new_id()),
                "pipeline_id": other,
                "name": "offer",
                "title": {"ru": "КП"},
            }
            tx.insert(Stage, [stage | {"kind": "process", "position": 0}])
            return offer

        foreign = await database.transact(elsewhere)
        moves = [Move(good, await stage_id(database), "manager:1"), Move(bad, foreign, "manager:1")]
        with pytest.raises(Refusal, match="refused-stage-foreign"):
            await database.transact(partial(enter_stages, moves=moves))
        assert len(await every(database, StageVisit)) == 2


async def test_reopening_brings_a_lead_back_to_its_beginning_without_its_reason(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        lead = await a_lead(database, bot)
        with pytest.raises(Refusal, match="refused-lead-open"):
            await database.transact(partial(reopen, lead_id=lead, actor="manager:1"))
        await move(database, lead, "failure", reason_id=await reason_id(database))
        await database.transact(partial(reopen, lead_id=lead, actor="manager:1"))
        row = await the(database, Lead)
        told = (await every(database, Journal, Journal.verb == "stage-entered"))[-1]
    assert row["stage_id"] == told["details"]["to"]
    assert (row["outcome"], row["reason_id"], row["closed_at"]) == ("open", None, None)
    assert told["details"]["reopened"] is True


async def test_a_message_and_a_closing_at_the_same_moment_lose_neither(
    database_url: str, clock: ManualClock
) -> None:
    """The message is in the lead that was closed after it, or in a new one: never on a dead row unseen."""
    async with (
        a_database(database_url, clock) as one,
        Database.opened(database_url, clock=clock, react=Reactions()) as other,
    ):
        bot = await an_account(one)
        await a_manager(one)
        success = await stage_id(one, "success")
        for user in range(8):
            lead = await a_lead(one, bot, "?", telegram(user))
            filed, _ = await asyncio.gather(
                file(one, bot, a_message("и ещё", telegram(user))),
                other.transact(partial(enter_stages, moves=[Move(lead, success, "manager:1")])),
            )
            now = {row["id"]: row for row in await every(one, Lead)}
            joined = now[filed[0].lead_id or 0]
            if filed[0].lead_id == lead:
                assert joined["outcome"] == "success"
            else:
                assert (joined["outcome"], joined["previous_id"], joined["is_repeat"]) == ("open", lead, True)
        waiting = [row for row in await every(one, Timer) if row["state"] == "waiting"]
    assert waiting == []


def test_only_one_file_writes_where_a_lead_stands() -> None:
    """Whoever changes a stage, a stay or an outcome elsewhere passes by what is checked there."""
    found = []
    for path in sorted(Path("core").rglob("*.py")):
        if path == Path("core/leads/stages.py"):
            continue
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            written = ast.unparse(call)
            if "update(Lead" not in written:
                continue
            keys = {node.value for node in ast.walk(call) if isinstance(node, ast.Constant)}
            keys |= {node.arg for node in ast.walk(call) if isinstance(node, ast.keyword)}
            if keys & {"stage_id", "visit_id", "outcome"}:
                found.append(f"{path}:{call.lineno} {written[:100]}")
    assert found == []
