"""Cards on the screens of others: drawn anew when a lead changes hands, few and late, and never before news."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import event, update

from core.automation.model import Robot, Start
from core.channel import Cause, OutboundMessage, Refused, Sent
from core.clock import ManualClock
from core.conversations import deliveries
from core.conversations.model import Delivery
from core.conversations.notices import notify
from core.conversations.preparing import NoticeRow, Rendered
from core.conversations.redrawing import AT_ONCE, message_of, redraw_cards
from core.conversations.shown import ShownAs, ShownMessage, is_on_its_way, remember
from core.database import Database, Reading, Transaction
from core.desk import work
from core.leads.assignment import hand_over, take
from core.lines.model import KnownPerson, Line
from core.staff.managers import Person, by_id
from core.worker import fire_due
from tests.builders import (
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
from tests.looking import every
from tests.posting import plainly

CARD, RELAY = ShownAs.CARD, ShownAs.RELAY


def on_screen(
    tx: Transaction, account: int, person: Person, lead: int, *ids: int, screen: Any = CARD
) -> None:
    remember(tx, account, person.telegram_id, ids, ShownMessage(lead, None, None, screen))


def in_place(connection: Reading, notice: NoticeRow) -> Rendered:
    """As the bot does: what is drawn anew names its message."""
    known = plainly(connection, notice)
    message_id = notice.facts.get("telegram_message_id")
    return known if message_id is None else Rendered(known.screen, edits=str(message_id))


async def waiting(database: Database) -> list[tuple[int, int]]:
    """The edits that wait: whose, and of which message."""
    rows = await every(database, Delivery, Delivery.state == "waiting", Delivery.notice.is_not(None))
    edits = [row for row in rows if row["notice"]["kind"] == "redraw"]
    return sorted((row["manager_id"], row["notice"]["telegram_message_id"]) for row in edits)


async def sent(database: Database, outcome: Any = None) -> list[OutboundMessage]:
    """Everything that is due is sent."""
    messages: list[OutboundMessage] = []
    while claimed := await database.transact(lambda tx: deliveries.claim(tx, 100, in_place)):
        results = [(one, outcome or Sent((one.message.edits or str(one.id),))) for one in claimed]
        await database.transact(partial(deliveries.settle, results=results))
        messages += [one.message for one in claimed]
    return messages


async def test_whoever_has_the_card_before_them_gets_one_edit_however_much_happens(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga, petr, vera = [await a_manager(database, name) for name in ("Ольга", "Пётр", "Вера")]
        lead, other = await a_lead(database, bot), await a_lead(database, bot, "?", telegram(5))
        clock.advance(timedelta(seconds=2))
        await sent(database)  # the notices of these leads, which are cards too
        await database.transact(lambda tx: on_screen(tx, bot.id, petr, lead, 1))
        clock.advance(timedelta(hours=47))

        def screens(tx: Transaction) -> None:
            on_screen(tx, bot.id, olga, lead, 10)
            on_screen(tx, bot.id, petr, lead, 11, screen=RELAY)
            on_screen(tx, bot.id, petr, lead, 12, screen=None)  # the history, say
            on_screen(tx, bot.id, vera, other, 13)

        await database.transact(screens)
        await database.transact(partial(take, lead_id=lead, person=olga))
        in_work, reason = await stage_id(database), await reason_id(database)
        await database.transact(partial(work.move, lead_id=lead, person=olga, stage_id=in_work))
        assert await waiting(database) == [(petr.id, 1), (petr.id, 11)]
        # What is news goes out at once, the edits two seconds later, without a sound, in place.
        await database.transact(lambda tx: notify(tx, [petr.id], "robot", lead_id=other))
        assert [one.edits for one in await sent(database)] == [None]
        clock.advance(timedelta(seconds=2))
        edits = await sent(database)
        assert {(one.thread, one.edits, one.silent) for one in edits} == {
            (str(petr.telegram_id), "1", True),
            (str(petr.telegram_id), "11", True),
        }
        # An hour later the older card is too old; the one that is closed is shown closed to all others.
        clock.advance(timedelta(hours=1))
        await database.transact(partial(hand_over, lead_id=lead, to_id=vera.id, by=olga))
        await database.transact(partial(work.junk, lead_id=lead, person=vera, reason_id=reason))
        assert await waiting(database) == [(olga.id, 10), (petr.id, 11)]


async def test_a_card_that_was_with_the_network_when_the_lead_was_taken_is_drawn_anew_when_it_has_come(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga, petr = await a_manager(database), await a_manager(database, "Пётр")
        lead = await a_lead(database, bot)
        clock.advance(timedelta(seconds=2))
        await sent(database)
        await database.transact(lambda tx: notify(tx, [petr.id], "new-lead", lead_id=lead))
        await database.transact(lambda tx: notify(tx, [petr.id], "files", lead_id=lead))  # has no buttons
        claimed = await database.transact(lambda tx: deliveries.claim(tx, 10, in_place))
        await database.transact(partial(take, lead_id=lead, person=olga))
        edits = [
            row["notice"]
            for row in await every(
                database, Delivery, Delivery.state == "waiting", Delivery.notice.is_not(None)
            )
            if row["notice"]["kind"] == "redraw" and "delivery_id" in row["notice"]
        ]
        assert [one["delivery_id"] for one in edits] == [claimed[0].id]
        look = partial(message_of, delivery_id=claimed[0].id)
        assert await database.read(look) is None
        arrived = [(one, Sent(("70", "71"))) for one in claimed]  # a picture, and the card below it
        await database.transact(partial(deliveries.settle, results=arrived))
        assert await database.read(look) == 71


async def test_a_card_that_is_gone_costs_nothing_and_nobody_is_thought_unreachable(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga, petr = await a_manager(database), await a_manager(database, "Пётр")
        lead = await a_lead(database, bot)
        clock.advance(timedelta(seconds=2))
        await sent(database)
        await database.transact(lambda tx: on_screen(tx, bot.id, petr, lead, 1))
        await database.transact(partial(take, lead_id=lead, person=olga))
        clock.advance(timedelta(seconds=2))
        gone = Refused(Cause.MALFORMED, "Bad Request: message to edit not found")
        assert [one.edits for one in await sent(database, gone)] == ["1"]
        assert await sent(database) == []
        person = await database.read(lambda connection: by_id(connection, petr.id))
    assert person is not None
    assert person.is_reachable


async def test_one_deed_draws_anew_so_many_cards_at_most_the_latest_first(
    sqlite_url: str, clock: ManualClock
) -> None:
    async with a_database(sqlite_url, clock) as database:
        bot = await an_account(database)
        petr = await a_manager(database, "Пётр")
        lead = await a_lead(database, bot)
        await database.transact(lambda tx: on_screen(tx, bot.id, petr, lead, *range(1, 50)))
        clock.advance(timedelta(minutes=1))
        await database.transact(lambda tx: on_screen(tx, bot.id, petr, lead, *range(50, 101)))
        await database.transact(lambda tx: redraw_cards(tx, [lead]))
        edits = [message for _, message in await waiting(database)]
    assert len(edits) == AT_ONCE
    assert set(range(50, 101)) <= set(edits)


async def test_looking_for_the_cards_of_a_lead_does_not_look_through_all_that_was_ever_shown_or_waits(
    sqlite_url: str, clock: ManualClock
) -> None:
    """After an outage thousands of notices may wait for a manager, and every tap looks for what is being sent."""
    async with a_database(sqlite_url, clock) as database:
        bot = await an_account(database)
        olga = await a_manager(database)
        lead = await a_lead(database, bot)
        asked: list[tuple[str, Any]] = []

        def look(tx: Transaction) -> list[str]:
            def note(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
                asked.append((statement, parameters))

            event.listen(tx.connection, "before_cursor_execute", note)
            take(tx, lead, olga)
            is_on_its_way(tx.connection, olga.id)
            event.remove(tx.connection, "before_cursor_execute", note)
            explained = [
                tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
                for statement, parameters in asked
                if "FROM shown" in statement or "FROM delivery" in statement
            ]
            return ["\n".join(str(row[-1]) for row in rows) for rows in explained]

        shown, *with_the_network = await database.transact(look)
    assert "ix_shown_lead" in shown, shown
    assert "SCAN shown" not in shown, shown
    assert len(with_the_network) == 2
    for plan in with_the_network:
        assert "SEARCH delivery USING INDEX ix_delivery_sending" in plan, plan


async def test_a_rules_move_and_a_customers_return_draw_the_cards_anew_as_well(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        lead = await a_lead(database, bot)
        clock.advance(timedelta(seconds=2))
        await sent(database)  # her card
        in_work, qualified = await stage_id(database), await stage_id(database, "qualified")

        def set_up(tx: Transaction) -> None:
            tx.connection.execute(update(Line).values(known_person=KnownPerson.REOPEN))
            a_rule = {"name": "on", "title": {"ru": "Дальше"}, "stage_id": in_work, "start": Start.ENTERED}
            a_move = {"action": "stage", "parameters": {"stage": qualified}, "delay_seconds": 60}
            never = {
                "condition": None,
                "stops_on_answer": False,
                "once_per_lead": False,
                "late_seconds": None,
            }
            rest = {"position": 9, "is_active": True}
            tx.insert(Robot, [{"id": tx.new_id()} | a_rule | a_move | never | rest])

        await database.transact(set_up)
        await database.transact(partial(work.move, lead_id=lead, person=olga, stage_id=in_work))
        assert await waiting(database) == []  # her own tap draws it
        clock.advance(timedelta(seconds=60))
        assert await fire_due(database) > 0
        assert [whose for whose, _ in await waiting(database)] == [olga.id]
        clock.advance(timedelta(seconds=2))
        await sent(database)
        reason = await reason_id(database)
        await database.transact(partial(work.junk, lead_id=lead, person=olga, reason_id=reason))
        assert await waiting(database) == []
        await file(database, bot, a_message("Я передумал"))
        assert [whose for whose, _ in await waiting(database)] == [olga.id]
