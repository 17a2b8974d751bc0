"""An ordinary day on the line: customers write, managers answer. Each scene checks what must be so after it."""

from __future__ import annotations

from datetime import timedelta

from bot.callbacks import Action
from openlines.day import Day, button
from openlines.demo import come_by_invitation
from sandbox.callbacks import CallbackAnswer
from sandbox.contents import Item
from sandbox.page_acts import sample
from sandbox.people import Person


async def coming_to_work(day: Day) -> None:
    """Nine o'clock: the managers come to work."""
    cast = day.cast
    await cast.boris.starts(cast.staff)
    await day.passes()
    day.expect(day.told(cast.boris, "Вы администратор") == 1, "Борис is greeted as the admin")
    await come_by_invitation(day.lapse.program.db, cast)
    await day.passes()
    day.expect(
        day.told(cast.maria, "Hello, Мария!") == 1,
        "Мария came by an invitation and is spoken to in English",
    )
    day.expect(day.told(cast.boris, "Новый человек в команде: Мария") == 1, "Борис is told that she has come")


async def first_message(day: Day) -> None:
    """A new customer writes, and is answered at once."""
    await day.writes(
        day.cast.anna, "Здравствуйте! Хочу обновить кухню, 12 метров. Сколько стоит и когда сможете?"
    )
    lead = await day.lead("Анна")
    day.expect(
        day.heard(day.cast.anna, "Мы получили ваше сообщение") == 1, "one confirmation, in her language"
    )
    manager, card = day.card("Хочу обновить кухню", Action.TAKE)
    day.expect(
        manager.first_name == lead["responsible"],
        f"{lead['responsible']} has the card of lead {lead['number']}",
    )
    answer = await day.taps(manager, card, Action.TAKE)
    day.expect(str(lead["number"]) in answer.text, "Take is answered with the lead's number")
    day.expect((await day.lead("Анна"))["taken_at"] is not None, "the lead is taken")


async def answering(day: Day) -> None:
    """The manager answers by replying to the card, notes, and moves the lead on."""
    manager, card = day.card("Хочу обновить кухню", Action.NOTE)
    await day.says(manager, "Добрый день! Кухня под ключ от 280 тысяч. Пришлёте фото?", reply_to=card)
    day.expect(day.heard(day.cast.anna, "от 280 тысяч") == 1, "Анна has the answer")
    day.expect(_reacted(manager, day, "👌"), "the manager sees on their own message that it was sent")
    await day.taps(manager, card, Action.NOTE)
    await day.says(manager, "Бюджет до 300, ключи у консьержа")
    await day.taps(manager, card, Action.STAGES)
    await day.taps(manager, card, Action.MOVE, "Квалифиц" if manager is day.cast.boris else "Qualified")
    day.expect((await day.lead("Анна"))["stage"] == "qualified", "the lead is qualified")
    day.expect("ключи у консьержа" in card.text, "the note stands on the card")
    day.expect(day.heard(day.cast.anna, "консьержа") == 0, "and Анна has not been sent it")


async def album(day: Day) -> None:
    """Three photos at once belong to one lead."""
    names = ("kitchen.jpg", "room.jpg", "bath.jpg")
    await day.cast.anna.sends_album(
        day.cast.line, [Item(data=sample(name)) for name in names], "Вот как сейчас"
    )
    await day.passes()
    manager, _ = day.card("Вот как сейчас", Action.REPLY)
    pictures = [m for m in manager.chat(day.cast.staff) if m.kind == "photo"]
    day.expect(await day.leads_of("Анна") == 1, "no second lead")
    day.expect(len(pictures) == 3, "the manager sees three pictures")
    day.expect(
        [p.files[0].data for p in pictures] == [sample(name) for name in names], "they are the same, in order"
    )
    day.expect(day.heard(day.cast.anna, "Мы получили") == 1, "and no second confirmation")


async def english(day: Day) -> None:
    """An English customer is answered in English."""
    await day.writes(day.cast.john, "Hi! I need the bathroom retiled before March. What would it cost?")
    day.expect(day.heard(day.cast.john, "Hello, John! We have your message") == 1, "confirmed in English")


async def two_taps(day: Day) -> None:
    """Two managers tap Take in the same instant."""
    lead = await day.lead("John")
    holder, card = day.card("bathroom retiled", Action.TAKE)
    other = next(manager for manager in day.managers if manager is not holder)
    await day.says(other, f"/lead {lead['number']}")
    _, opened = day.card("bathroom retiled", Action.TAKE, of=other)
    queries = [m.press(c, button(c, Action.TAKE) or "") for m, c in ((holder, card), (other, opened))]
    await day.passes()
    answers = [query.answer or CallbackAnswer() for query in queries]
    winner = (await day.lead("John"))["responsible"]
    day.expect(sum(answer.alert for answer in answers) == 1, "one wins, the other is told")
    loser = next((answer.text for answer in answers if answer.alert), "")
    day.expect(winner and winner in loser, f"and learns that it was {winner}: {loser}")


async def handing_over(day: Day) -> None:
    """A lead is handed over to the colleague, who answers."""
    lead = await day.lead("John")
    holder = next(manager for manager in day.managers if manager.first_name == lead["responsible"])
    other = next(manager for manager in day.managers if manager is not holder)
    _, card = day.card("bathroom retiled", Action.COLLEAGUES, of=holder)
    await day.taps(holder, card, Action.COLLEAGUES)
    await day.taps(holder, card, Action.HAND_OVER, other.first_name)
    day.expect(
        (await day.lead("John"))["responsible"] == other.first_name, f"John's lead is {other.first_name}'s"
    )
    _, given = day.card("bathroom retiled", Action.REPLY, of=other)
    await day.says(
        other, "Hello John, two weeks and £2,900 with tiles. Shall we come and measure?", reply_to=given
    )
    day.expect(day.heard(day.cast.john, "£2,900") == 1, "John has the colleague's answer")


async def form(day: Day) -> None:
    """The site form, clicked twice."""
    enquiry = {
        "name": "Ольга Круглова",
        "phone": "8 (921) 555-01-77",
        "message": "Студия 28 м², косметический ремонт",
    }
    first = await day.sends_form("form-1", **enquiry)
    second = await day.sends_form("form-1", **enquiry)
    await day.passes()
    day.expect(first[0] == second[0] == 202, "both clicks are accepted")
    day.expect(first[1]["id"] == second[1]["id"], "and are the same entry of the ledger")
    day.expect(await day.leads_of("Ольга") == 1, "there is one lead")
    _, card = day.card("Ольга Круглова", Action.TAKE)
    day.expect("+7" in card.text, "its card shows the phone")


async def junk_and_back(day: Day) -> None:
    """A lead is given up; the customer comes back, and the card says what was before."""
    pyotr = day.cast.pyotr
    await day.writes(pyotr, "Сколько стоит покрасить одну дверь?")
    manager, card = day.card("покрасить одну дверь", Action.REASONS)
    await day.taps(manager, card, Action.REASONS)
    await day.taps(
        manager, card, Action.JUNK, "Такого не делаем" if manager is day.cast.boris else "not offer"
    )
    lead = await day.lead("Пётр")
    day.expect((lead["outcome"], lead["reason"]) == ("failure", "not_our_service"), "junked, with the reason")
    await day.passes(timedelta(minutes=40))
    await day.writes(pyotr, "А квартиру целиком возьмёте? 54 метра, новостройка")
    again = await day.lead("Пётр")
    day.expect(again["repeat"] and again["number"] != lead["number"], "a repeat lead")
    _, card = day.card("новостройка", Action.TAKE)
    day.expect(str(lead["number"]) in card.text, "its card names the earlier one")


async def edited(day: Day) -> None:
    """A customer corrects what they wrote."""
    anna = day.cast.anna
    said = await day.writes(anna, "И ещё балкон, 3 метра")
    await anna.edits(said, "И ещё балкон, 6 метров")
    await day.passes()
    day.expect(await day.leads_of("Анна") == 1, "no new lead")
    lead = await day.lead("Анна")
    told = [m for manager in day.managers for m in manager.chat(day.cast.staff) if "6 метров" in m.text]
    day.expect(told, f"the manager of lead {lead['number']} sees the new version")


async def voice(day: Day) -> None:
    """A voice message reaches the manager as one."""
    await day.cast.anna.sends_voice(day.cast.line, sample("voice.ogg"), duration=3)
    await day.passes()
    heard = [m for manager in day.managers for m in manager.chat(day.cast.staff) if m.kind == "voice"]
    day.expect(len(heard) == 1 and heard[0].files[0].data == sample("voice.ogg"), "byte for byte")


async def silence_begins(day: Day) -> None:
    """Two more customers are answered; now it is their turn."""
    for person, question, answer in (
        (katya(day), "Можно ли успеть к маю?", "К маю успеем, если начнём в марте."),
        (denis(day), "Работаете по договору?", "Да, договор и гарантия два года."),
    ):
        await day.writes(person, question)
        manager, card = day.card(question, Action.TAKE)
        await day.says(manager, answer, reply_to=card)
        day.expect(day.heard(person, answer) == 1, f"{person.first_name} is answered")
        lead = await day.lead(person.first_name)
        day.expect(lead["stage"] == "in_work", "and the lead was taken by answering it")


async def follow_up(day: Day) -> None:
    """A day of silence: one is written to by the follow-up, the other has answered and is not."""
    await day.passes(timedelta(hours=20))
    await day.writes(denis(day), "Спасибо, подумаем до среды")
    await day.passes(timedelta(hours=6))
    day.expect(
        day.heard(katya(day), "Остались ли у вас вопросы") == 1,
        "Катя is asked once whether she still wants it",
    )
    day.expect(day.heard(day.cast.john, "anything else we can help with") == 1, "John is asked in English")
    day.expect(
        day.heard(denis(day), "Остались ли у вас вопросы") == 0, "Денис, who has written, is left in peace"
    )


async def figures(day: Day) -> None:
    """The figures of the week."""
    said = await day.says(day.cast.boris, "/stats")
    await day.taps(day.cast.boris, said, Action.STATISTICS, "7")
    leads = len(await day.rows("leads"))
    day.expect(f"{leads} лид" in said.text, f"{leads} leads, as many as there are")


def katya(day: Day) -> Person:
    """Somebody who will be silent."""
    return _known(day, 510_020, "Катя")


def denis(day: Day) -> Person:
    """Somebody who will answer in time."""
    return _known(day, 510_021, "Денис")


def _known(day: Day, person_id: int, name: str) -> Person:
    return day.telegram.world.people.get(person_id) or day.telegram.person(person_id, name)


def _reacted(manager: Person, day: Day, emoji: str) -> bool:
    own = [message for message in manager.chat(day.cast.staff) if not message.from_bot]
    return any(
        mark["emoji"] == emoji
        for message in own[-1:]
        for marks in message.reactions.values()
        for mark in marks
    )
