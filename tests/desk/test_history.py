"""The history of a lead: everything that happened, once, in order, with names."""

from __future__ import annotations

import ast
from datetime import timedelta
from functools import partial
from pathlib import Path

from core.clock import ManualClock
from core.database import Database
from core.desk import work
from core.desk.history import FACTS, Automation, Deed, Entry, Message, history
from core.leads import answering, assignment
from core.leads.answering import Draft
from tests.builders import (
    a_database,
    a_lead,
    a_manager,
    a_message,
    an_account,
    file,
    reason_id,
    stage_id,
)

CORE = Path(__file__).parents[2] / "core"
# What the journal says of the company itself, never of a lead or its person.
NOT_OF_A_LEAD = {
    "manager-away",
    "manager-back",
    "manager-invited",
    "manager-joined",
    "manager-removed",
    "staff-update-dropped",
    "exclusion-added",  # "contact-excluded" says it once for all addresses
}
# Where a verb is not written out at the place that writes it, and what it can be there.
SPELLED_ELSEWHERE = {
    "conversations/outcomes.py": {"delivery-failed", "delivery-uncertain"},
    "intake/filing.py": {"blocked", "unblocked"},
}


async def told(database: Database, lead_id: int, limit: int) -> list[Entry]:
    """The whole history, read from its latest page back to the first, and forward again."""
    read = partial(history, lead_id=lead_id, limit=limit, language="ru")
    page = await database.read(read)
    assert page.later is None
    back = [page]
    while page.earlier is not None:
        page = await database.read(partial(read, before=page.earlier))
        back.append(page)
    forward = [page]
    while page.later is not None:
        page = await database.read(partial(read, after=page.later))
        forward.append(page)
    assert forward == back[::-1]
    return [entry for page in forward for entry in page.entries]


async def test_the_whole_story_is_told_once_in_order_with_names_whatever_the_page(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga, pavel = await a_manager(database), await a_manager(database, "Павел")
        account = await an_account(database)
        lead_id = await a_lead(database, account)
        clock.advance(timedelta(minutes=1))
        await database.transact(lambda tx: assignment.take(tx, lead_id, olga))
        await database.transact(lambda tx: answering.reply(tx, olga, lead_id, Draft("Сто рублей")))
        clock.advance(timedelta(minutes=1))
        await file(database, account, a_message("Дорого", at=clock.now()))
        await database.transact(lambda tx: assignment.hand_over(tx, lead_id, pavel.id, olga))
        clock.advance(timedelta(minutes=1))
        await database.transact(lambda tx: work.note(tx, lead_id, pavel, "перезвонить"))
        qualified = await stage_id(database, "qualified")
        await database.transact(lambda tx: work.move(tx, lead_id, pavel, qualified))
        reason = await reason_id(database, "too_expensive")
        await database.transact(lambda tx: work.junk(tx, lead_id, pavel, reason, comment="жаль"))
        await database.transact(lambda tx: work.reopen(tx, lead_id, pavel))
        in_twos = await told(database, lead_id, 2)
        at_once = await told(database, lead_id, 100)
    assert in_twos == at_once
    assert [entry.at for entry in at_once] == sorted(entry.at for entry in at_once)
    deeds = [
        (entry.verb, entry.actor_name, dict(entry.facts)) for entry in at_once if isinstance(entry, Deed)
    ]
    assert deeds == [
        ("lead-created", None, {"responsible": "Ольга", "repeat": False}),
        ("lead-taken", "Ольга", {}),
        (
            "stage-entered",
            "Ольга",
            {"from": "Новая", "to": "В работе", "reason": None, "comment": None, "reopened": False},
        ),
        ("lead-handed-over", "Ольга", {"from": "Ольга", "to": "Павел"}),
        ("note", "Павел", {"text": "перезвонить"}),
        ("lead-taken", "Павел", {}),
        (
            "stage-entered",
            "Павел",
            {"from": "В работе", "to": "Квалифицирована", "reason": None, "comment": None, "reopened": False},
        ),
        (
            "stage-entered",
            "Павел",
            {
                "from": "Квалифицирована",
                "to": "Отказ",
                "reason": "Не подошла цена",
                "comment": "жаль",
                "reopened": False,
            },
        ),
        (
            "stage-entered",
            "Павел",
            {"from": "Отказ", "to": "Новая", "reason": None, "comment": None, "reopened": True},
        ),
    ]
    said = [entry.said.text for entry in at_once if isinstance(entry, Message)]
    assert [text for text in said if "Номер обращения" not in text] == [
        "Здравствуйте, сколько стоит?",
        "Сто рублей",
        "Дорого",
    ]
    assert [entry.run.reason for entry in at_once if isinstance(entry, Automation)] == ["customer-wrote"]


def test_history_has_words_for_every_verb_the_core_writes() -> None:
    written: set[str] = set()
    unclear: set[str] = set()
    for path in sorted(CORE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "journal"):
                continue
            if node.func.attr not in ("note", "entry"):
                continue
            verbs = _constants(node.args[2])
            written |= verbs
            if not verbs:
                unclear.add(path.relative_to(CORE).as_posix())
    assert unclear == set(SPELLED_ELSEWHERE)
    written |= {verb for verbs in SPELLED_ELSEWHERE.values() for verb in verbs}
    assert written - NOT_OF_A_LEAD == set(FACTS)


def _constants(node: ast.expr) -> set[str]:
    match node:
        case ast.Constant(str(verb)):
            return {verb}
        case ast.IfExp():
            return _constants(node.body) | _constants(node.orelse)
    return set()
