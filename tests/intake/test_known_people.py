"""Who wrote: the person we know, two who fit, everybody's mailbox. And what becomes of somebody known."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from core.channel import Sender
from core.clock import ManualClock
from core.contacts.model import Address, Contact
from core.contacts.people import A_CROWD, MOST_TYPED, SHARED_BY, People
from core.conversations.model import Conversation, Delivery, Message
from core.database import Database, Transaction
from core.desk.exclusions import add
from core.desk.finding import find
from core.journal import Journal
from core.leads.model import JunkReason, Lead, Stage
from core.leads.stages import Move, enter_stages
from core.lines.model import KnownPerson, Line
from core.staff import managers
from tests.builders import (
    a_database,
    a_lead,
    a_manager,
    a_message,
    an_account,
    an_admin,
    email,
    file,
    phone,
    telegram,
)
from tests.looking import all_sent, counted, every, the


def close(
    tx: Transaction, lead_id: int, stage: str = "failure", reason: str | None = "not_our_service"
) -> None:
    stage_id = tx.connection.execute(select(Stage.id).where(Stage.name == stage)).scalar_one()
    known = select(JunkReason.id).where(JunkReason.name == reason)
    reason_id = tx.connection.execute(known).scalar_one() if reason else None
    enter_stages(tx, [Move(lead_id, stage_id, "system", reason_id)])


async def with_rule(database: Database, rule: KnownPerson) -> None:
    def work(tx: Transaction) -> None:
        tx.connection.execute(update(Line).values(known_person=rule))

    await database.transact(work)


# --- who ------------------------------------------------------------------------------------------


async def test_a_phone_typed_on_the_site_finds_who_once_shared_it(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, form = await an_account(database), await an_account(database, "form", "main")
        lead = await a_lead(database, bot, "вот мой номер", telegram(), phone())
        filed = await file(database, form, a_message("с сайта", phone(), email(), thread="phone"))
        found = await counted(database)
        why = [row["details"] for row in await every(database, Journal, Journal.verb == "contact-recognised")]
        # The e-mail he left is his from now on.
        mailbox = await an_account(database, "email", "line@example.com")
        letter = await file(database, mailbox, a_message("письмо", email(), thread="mail:anna@example.org"))
    assert (found.contacts, found.leads) == (1, 1)
    assert (filed[0].lead_id, letter[0].lead_id) == (lead, lead)
    assert why == [{"by": "phone:+79161234567"}]


@pytest.mark.parametrize("channel", ["form", "email"])
async def test_who_was_known_by_an_address_alone_is_called_by_the_name_they_tell_later(
    database_url: str, clock: ManualClock, channel: str
) -> None:
    async with a_database(database_url, clock) as database:
        account = await an_account(database, channel, "main")
        known = phone() if channel == "form" else email()
        for name in ("", known.value, "Анна Петрова", "Анна"):
            thread = f"{known.key} {name}" if channel == "form" else f"mail:{known.value}"
            await file(database, account, a_message("Перезвоните", known, name=name, thread=thread))
        person = await the(database, Contact)
        found = await database.read(lambda c: find(c, "петрова", language="ru"))
    assert person["name"] == "Анна Петрова"
    assert [one.contact_id for one in found] == [person["id"]]


async def test_two_who_fit_are_asked_about_and_never_joined_by_a_machine(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, form = await an_account(database), await an_account(database, "form", "main")
        await a_lead(database, bot, "мой номер", telegram(1), phone())
        await a_lead(database, bot, "моя почта", telegram(2), email())
        both = [row["id"] for row in await every(database, Contact)]
        await file(database, form, a_message("это я", phone(), email(), thread="x"))
        suggested = await the(database, Journal, Journal.verb == "merge-suggested")
        again = await file(database, form, a_message("это снова я", phone(), email(), thread="x2"))
        people = await every(database, Contact)
    third = people[-1]["id"]
    assert len(people) == 3
    assert (suggested["contact_id"], suggested["details"]) == (third, {"contacts": both})
    assert again[0].lead_id == suggested["lead_id"]  # who holds both of them is meant now


async def test_everybodys_mailbox_and_a_familys_phone_say_nothing_about_who_writes(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, form = await an_account(database), await an_account(database, "form", "main")
        info = email("info@example.org")
        for user in range(4):  # colleagues who all sign with it
            await a_lead(database, bot, "здравствуйте", telegram(user), info)
        filed = await file(database, form, a_message("запрос", info, thread="info-1"))
        suggested = await every(database, Journal, Journal.verb == "merge-suggested")
        found = await counted(database)
        people = await every(database, Contact)
    assert filed[0].lead_id is not None
    assert (found.contacts, found.leads) == (5, 5)
    # The first few may be one, and a person is asked; a fifth is not worth asking about.
    assert [row["contact_id"] for row in suggested] == [row["id"] for row in people[1:4]]


async def test_an_address_that_everybody_gives_costs_no_more_the_more_people_gave_it(
    database_url: str, clock: ManualClock
) -> None:
    none, number = email("no@example.org"), phone()
    async with a_database(database_url, clock) as database:
        form = await an_account(database, "form", "main")
        people = [phone(f"+7916765{n:04}") for n in range(A_CROWD + 2)]
        # Known by the telephone already, they give this too.
        await file(database, form, *(a_message("я", one) for one in people))
        await file(
            database, form, *(a_message("снова я", none, one, thread=f"{one.value} 2") for one in people)
        )
        held = await every(database, Address, Address.key == none.key)

        def loaded(tx: Transaction) -> set[int]:
            found = People(tx)
            found.load({none.key})
            return found.known_ids

        read = await database.transact(loaded)
        # And one telephone under which a site, or a robot, gives ever others.
        posts = [a_message("?", number, email(f"{n}@example.org"), thread="t") for n in range(MOST_TYPED + 5)]
        filed = await file(database, form, *posts)
        caller = await the(database, Address, Address.key == number.key)
        theirs = await every(database, Address, Address.contact_id == caller["contact_id"])
    assert (len(held), len(read)) == (len(people), SHARED_BY + 1)
    assert len({one.lead_id for one in filed}) == 1
    assert len(theirs) == MOST_TYPED


async def test_two_who_share_a_telephone_are_two_also_when_they_are_looked_up_again(
    database_url: str, clock: ManualClock
) -> None:
    """As it is done when a conversation of the batch has passed to somebody else meanwhile."""

    def recognised(tx: Transaction) -> object:
        found = People(tx)
        for _ in range(2):
            found.load({phone().key})
        return found.recognise(Sender((phone(),), "Анна"), None)

    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await file(database, bot, *(a_message("мы", telegram(user), phone()) for user in (1, 2)))
        both = tuple(row["id"] for row in await every(database, Contact))
        assert await database.transact(recognised) == both


async def test_equal_numbers_of_two_networks_or_two_bots_are_two_people(
    database_url: str, clock: ManualClock
) -> None:
    from core.channel import Address as Known

    async with a_database(database_url, clock) as database:
        one, other = await an_account(database), await an_account(database, "telegram", "2000")
        vk = await an_account(database, "vk", "55")
        await file(database, one, a_message("раз", telegram(12345)))
        await file(database, other, a_message("два", telegram(12345, scope="2000"), thread="12345"))
        await file(database, vk, a_message("три", Known("vk", "12345", "55"), thread="12345"))
        found = await counted(database)
    assert (found.contacts, found.conversations, found.leads) == (3, 3, 3)


async def test_a_username_that_changes_hands_changes_nobodys_identity(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await file(database, bot, a_message("я", telegram(1, username="Anna")))
        await file(database, bot, a_message("сменила имя", telegram(1, username="Anna_K")))
        await file(database, bot, a_message("а я другой", telegram(2, username="anna")))
        names = [row["username"] for row in await every(database, Address)]
    assert names == ["anna_k", "anna"]


async def test_a_username_given_up_and_taken_by_another_leads_to_that_one_alone(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, admin = await an_account(database), await an_admin(database)
        await file(database, bot, a_message("я", telegram(1, username="Shop")))
        await file(database, bot, a_message("имени у меня больше нет", telegram(1)))
        await file(database, bot, a_message("оно теперь моё", telegram(2, username="shop")))
        found = await database.read(lambda connection: find(connection, "@shop", language="ru"))
        await database.transact(
            partial(add, person=admin, written="@shop", region="RU", timezone="Europe/Moscow")
        )
        first = await file(database, bot, a_message("я тут ни при чём", telegram(1)))
        second = await file(database, bot, a_message("куплю", telegram(2, username="shop")))
    assert len(found) == 1
    assert (first[0].state, second[0].state) == ("filed", "excluded")


# --- what becomes of it ---------------------------------------------------------------------------


async def test_somebody_with_an_open_lead_writes_into_it_and_its_manager_is_told(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga, _ = await a_manager(database), await a_manager(database, "Пётр")
        lead = await a_lead(database, bot)
        clock.advance(timedelta(minutes=5))
        await all_sent(database)
        filed = await file(database, bot, a_message("и ещё вопрос"))
        told = await the(database, Delivery, Delivery.state == "waiting", Delivery.notice.is_not(None))
        found = await counted(database)
    assert filed[0].lead_id == lead
    assert (told["notice"]["kind"], told["manager_id"], told["lead_id"]) == ("message", olga.id, lead)
    assert (found.leads, found.said) == (1, 1)


async def test_a_repeat_lead_names_the_one_before_and_is_offered_to_who_had_it(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await a_manager(database)
        first = await a_lead(database, bot)
        petr = await a_manager(database, "Пётр")
        await database.transact(partial(close, lead_id=first))
        clock.advance(timedelta(days=90))
        second = await a_lead(database, bot, "передумал")
        rows = await every(database, Lead)
        await database.transact(partial(close, lead_id=second))
        former = await database.read(lambda c: managers.by_id(c, rows[0]["responsible_id"]))
        assert former is not None
        await database.transact(partial(managers.set_available, person=former, available=False))
        third = await a_lead(database, bot, "опять я")
        last = await the(database, Lead, Lead.id == third)
    assert (rows[0]["is_repeat"], rows[1]["is_repeat"], rows[1]["previous_id"]) == (False, True, first)
    assert rows[1]["responsible_id"] == rows[0]["responsible_id"]  # though it is Пётр's turn
    assert last["responsible_id"] == petr.id


async def test_with_attach_a_known_persons_message_joins_them_without_a_lead_and_is_seen(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga = await a_manager(database)
        await with_rule(database, KnownPerson.ATTACH)
        lead = await a_lead(database, bot)
        await database.transact(partial(close, lead_id=lead))
        await all_sent(database)
        filed = await file(database, bot, a_message("спасибо и за прошлый раз"))
        (sought,) = await database.read(lambda c: find(c, "прошлый", language="ru"))
        found = await counted(database)
        message = (await every(database, Message))[-1]
        told = await every(database, Delivery, Delivery.state == "waiting")
    assert (filed[0].state, filed[0].lead_id) == ("filed", None)
    assert (found.leads, found.open_leads, found.messages) == (1, 0, 2)
    assert message["lead_id"] is None
    assert sought.lead is not None
    assert (sought.lead.id, sought.by) == (lead, "text")
    # Nobody must find out by chance that a customer wrote.
    assert [(row["notice"]["kind"], row["manager_id"], row["lead_id"]) for row in told] == [
        ("message", olga.id, lead)
    ]


async def test_with_reopen_a_lead_given_up_lately_opens_again_and_an_old_one_does_not(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await a_manager(database)
        await with_rule(database, KnownPerson.REOPEN)
        lead = await a_lead(database, bot)
        await database.transact(partial(close, lead_id=lead))
        clock.advance(timedelta(days=29))
        again = await file(database, bot, a_message("передумал", at=clock.now()))
        reopened = await the(database, Lead)
        said = (await counted(database)).said
        await database.transact(partial(close, lead_id=lead))
        clock.advance(timedelta(days=31))
        other = await file(database, bot, a_message("а теперь?", at=clock.now()))
        await database.transact(partial(close, lead_id=other[0].lead_id or 0, stage="success", reason=None))
        third = await file(database, bot, a_message("ещё заказ", at=clock.now()))
        rows = {row["id"]: row for row in await every(database, Lead)}
    assert again[0].lead_id == lead
    assert (reopened["outcome"], reopened["closed_at"], reopened["reason_id"]) == ("open", None, None)
    assert reopened["waiting_since"] is not None
    assert said == 1  # confirmed once, not after each reopening
    assert other[0].lead_id != lead
    assert rows[other[0].lead_id or 0]["is_repeat"]
    assert third[0].lead_id not in (lead, other[0].lead_id)  # what was won is not reopened


async def test_a_lead_reopened_whose_manager_has_left_is_somebody_elses(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga = await a_manager(database)
        admin = await an_admin(database)
        await with_rule(database, KnownPerson.REOPEN)
        lead = await a_lead(database, bot)
        assert (await the(database, Lead))["responsible_id"] == olga.id
        await database.transact(partial(close, lead_id=lead))
        await database.transact(partial(managers.remove, by=admin, manager_id=olga.id))
        await file(database, bot, a_message("передумал", at=clock.now()))
        reopened = await the(database, Lead)
    assert (reopened["outcome"], reopened["responsible_id"], reopened["taken_at"]) == ("open", admin.id, None)


async def test_a_clients_message_is_a_repeat_lead_though_nothing_was_closed(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        lead = await a_lead(database, bot)
        await database.transact(partial(close, lead_id=lead, stage="success", reason=None))
        (contact,) = await every(database, Contact)
        await database.transact(lambda tx: tx.update(Contact, [{"id": contact["id"], "is_client": True}]))
        again = await a_lead(database, bot, "ещё один дом")
        row = await the(database, Lead, Lead.id == again)
    assert row["is_repeat"]


async def test_a_contact_shared_in_a_chat_that_somebody_else_holds_is_asked_about(
    database_url: str, clock: ManualClock
) -> None:
    """First the site, then a chat, then the own phone in the chat: two contacts who are one, and a person decides."""
    async with a_database(database_url, clock) as database:
        bot, form = await an_account(database), await an_account(database, "form", "main")
        await file(database, form, a_message("с сайта", phone(), thread="form"))
        await a_lead(database, bot, "в чате", telegram())
        site, chat = [row["id"] for row in await every(database, Contact)]
        await file(database, bot, a_message("вот мой номер", telegram(), phone()))
        suggested = await the(database, Journal, Journal.verb == "merge-suggested")
        await file(database, bot, a_message("ещё раз мой номер", telegram(), phone()))
        assert len(await every(database, Journal, Journal.verb == "merge-suggested")) == 1
        found = await counted(database)
    assert (found.contacts, found.leads) == (2, 2)
    assert (suggested["contact_id"], suggested["details"]) == (chat, {"contacts": [site]})


async def test_a_number_that_has_passed_to_somebody_else_does_not_make_them_one(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await a_lead(database, bot, "мой номер", telegram(1), phone())
        await a_lead(database, bot, "и мой", telegram(2), phone())
        first, second = [row["id"] for row in await every(database, Contact)]
        suggested = await the(database, Journal, Journal.verb == "merge-suggested")
        found = await counted(database)
    assert (found.contacts, found.leads) == (2, 2)
    assert (suggested["contact_id"], suggested["details"]) == (second, {"contacts": [first]})


@pytest.mark.parametrize("stage", ["qualified", "success"])
async def test_the_conversation_follows_the_open_lead_of_its_person(
    database_url: str, clock: ManualClock, stage: str
) -> None:
    """Two conversations, one lead; when it is closed, either of them opens the next one and both are in it."""
    async with a_database(database_url, clock) as database:
        bot, form = await an_account(database), await an_account(database, "form", "main")
        lead = await a_lead(database, bot, "номер", telegram(), phone())
        await file(database, form, a_message("с сайта", phone(), thread="form"))
        await database.transact(partial(close, lead_id=lead, stage=stage, reason=None))
        site = (await file(database, form, a_message("с сайта", phone(), thread="form")))[0]
        chat = (await file(database, bot, a_message("в чате", telegram())))[0]
        threads = {row["lead_id"] for row in await every(database, Conversation)}
    assert site.lead_id == chat.lead_id
    assert (site.lead_id == lead) is (stage == "qualified")
    assert threads == {site.lead_id}
