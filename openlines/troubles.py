"""What goes wrong on the scripted day, and what the line makes of it."""

from __future__ import annotations

from datetime import timedelta

from bot.callbacks import Action
from core.database import Transaction
from openlines.day import Day
from sandbox.faults import HangUp, server_error, too_many_requests


async def spam(day: Day) -> None:
    """Spam: tried, excluded, stopped, looked at, restored."""
    boris, number = day.cast.boris, "+7 900 123-45-67"
    verdict = await day.says(boris, f"/check {number}")
    day.expect("проходит" in verdict.text, "a dry run says that it would come in")
    await day.says(boris, f"/exclude {number}; спам")
    before = len(await day.rows("leads"))
    status, _ = await day.sends_form(
        "form-2", name="SEO PRO", phone="8 (900) 123 45 67", message="Выведем в ТОП!"
    )
    await day.passes()
    day.expect(
        status == 202 and len(await day.rows("leads")) == before, "the form is accepted and makes no lead"
    )
    verdict = await day.says(boris, f"/check {number}")
    day.expect("не пройдёт" in verdict.text, "now the dry run says that it is stopped")
    listing = await day.says(boris, "/exclusions")
    await day.taps(boris, listing, Action.STOPPED)
    answer = await day.taps(boris, listing, Action.RESTORE)
    day.expect(
        "лид" in answer.text and len(await day.rows("leads")) == before + 1,
        "restored, it is a lead after all",
    )


async def blocked(day: Day) -> None:
    """A customer blocks the bot before the answer."""
    oleg = day.telegram.person(510_010, "Олег")
    await day.writes(oleg, "Почём плитка?")
    await oleg.blocks(day.cast.line)
    manager, card = day.card("Почём плитка", Action.TAKE)
    await day.taps(manager, card, Action.TAKE)
    await day.says(manager, "Плитка от 900 рублей за метр.", reply_to=card)
    last = " ".join(m.text for m in manager.chat(day.cast.staff)[-3:])
    day.expect("заблокировал" in last or "blocked" in last, "the manager is told why it cannot be sent")
    day.expect(not day.heard(oleg, "900 рублей"), "and nothing was sent")


async def too_fast(day: Day) -> None:
    """Telegram says wait, and is obeyed to the second."""
    manager, card = day.card("Вот как сейчас", Action.REPLY)
    anna = day.cast.anna
    day.telegram.fail("sendMessage", too_many_requests(7), where=lambda call: call.chat_id == anna.id)
    day.transcript.remark("Telegram answers the next message to Анна with 429, retry after 7")
    asked = day.clock.now()
    await day.says(manager, "Спасибо за фото! Замер бесплатный.", reply_to=card)
    await day.passes(timedelta(seconds=15))
    arrived = [m for m in anna.chat(day.cast.line) if m.from_bot and "Замер бесплатный" in m.text]
    day.expect(len(arrived) == 1, "it arrives once")
    day.expect(
        arrived and arrived[0].date - asked.timestamp() >= 6, "and not before the seven seconds are over"
    )


async def cut_off(day: Day) -> None:
    """The connection breaks in mid-send: nobody pretends to know, and a person decides."""
    manager, card = day.card("Вот как сейчас", Action.REPLY)
    anna = day.cast.anna
    day.telegram.fail("sendMessage", HangUp(), where=lambda call: call.chat_id == anna.id)
    day.transcript.remark("the connection breaks while the next message to Анна is on its way")
    await day.says(manager, "Замерщик будет завтра в 11.", reply_to=card)
    uncertain = [
        d for d in await day.rows("deliveries") if d["state"] == "uncertain" and d["to"] == "customer"
    ]
    day.expect(len(uncertain) == 1, "the delivery is uncertain, and says so")
    _, notice = day.card("Замерщик будет завтра", Action.SEND_AGAIN, of=manager)
    await day.taps(manager, notice, Action.SEND_AGAIN)
    day.expect(day.heard(anna, "Замерщик будет завтра") == 1, "sent again by the manager, it arrives once")


async def outage(day: Day) -> None:
    """Telegram is down for twenty minutes, and the program is restarted meanwhile."""
    anna, pyotr, line = day.cast.anna, day.cast.pyotr, day.cast.line
    manager, card = day.card("Вот как сейчас", Action.REPLY)
    day.telegram.fail("*", server_error(), times=1_000_000)
    day.lapse.away = True
    day.transcript.remark("Telegram answers everything with 500 from now on")
    line.updates.end_poll()
    await manager.writes(line, "Смета готова: 276 тысяч.", reply_to=card)
    await anna.writes(line, "Вы куда-то пропали?")
    await day.filed("Вы куда-то пропали?")
    await day.passes(timedelta(minutes=5))
    day.transcript.remark("the program is stopped, and started again on the same database")
    await day.lapse.stop()
    await pyotr.writes(line, "Этаж восьмой, лифт есть")
    await day.lapse.start()
    await day.passes(timedelta(minutes=15))
    day.expect(line.pending >= 3, f"{line.pending} updates wait at Telegram, none was acknowledged unfiled")
    day.telegram.faults.clear()
    day.lapse.away = False
    day.transcript.remark("Telegram is back")
    await day.lapse.wait_for_bot()
    await day.passes(timedelta(minutes=3))
    _, notice = day.card("276 тысяч", Action.SEND_AGAIN, of=manager)
    day.expect(
        not day.heard(anna, "276 тысяч"), "whether the answer in the outage has arrived is called uncertain"
    )
    await day.taps(manager, notice, Action.SEND_AGAIN)
    day.expect(day.heard(anna, "276 тысяч") == 1, "the manager sends it again, and it arrives once")
    told = [m for m in manager.chat(line) if m.from_bot and "Вы куда-то пропали?" in m.text]
    day.expect(told, "the notice that met the outage has come after all, without waiting for its next try")
    messages = [m["text"] for m in await day.rows("messages")]
    for text in ("Вы куда-то пропали?", "Этаж восьмой, лифт есть"):
        day.expect(messages.count(text) == 1, f"{text!r} is filed once")


async def poison(day: Day) -> None:
    """One message that cannot be filed holds up nobody, is kept, and is taken again when the cause is mended."""
    await day.lapse.program.db.transact(_poisoned)
    day.transcript.remark("the database refuses any message with the word мухомор")
    zoya, yegor = day.telegram.person(510_030, "Зоя"), day.telegram.person(510_031, "Егор")
    await zoya.writes(day.cast.line, "Нарисуете мухомор в детской?")
    await day.writes(yegor, "Здравствуйте, нужен электрик")
    day.expect(await day.leads_of("Егор") == 1, "the message beside it is filed")
    day.expect(await day.leads_of("Зоя") == 0, "the poisoned one is not")
    boris = day.cast.boris
    said = await day.says(boris, "/ledger")
    day.expect(
        any("разобрано" in m.text for m in boris.chat(day.cast.staff)[-2:]), "Борис sees it in the ledger"
    )
    await day.lapse.program.db.transact(_cured)
    day.transcript.remark("the cause is mended")
    await day.taps(boris, said, Action.PARKED)
    answer = await day.taps(boris, said, Action.REPLAY)
    day.expect("принято" in answer.text, f"taken again: {answer.text}")
    day.expect(await day.leads_of("Зоя") == 1, "Зоя has her lead")


def _poisoned(tx: Transaction) -> None:
    tx.connection.exec_driver_sql(
        "CREATE TRIGGER poison BEFORE INSERT ON message WHEN NEW.text LIKE '%мухомор%' "
        "BEGIN SELECT RAISE(ABORT, 'poisoned'); END"
    )


def _cured(tx: Transaction) -> None:
    tx.connection.exec_driver_sql("DROP TRIGGER poison")
