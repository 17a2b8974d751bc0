"""What only admins do besides: the staff, the book of what came in, and what was not understood."""

from __future__ import annotations

from aiogram import Bot, Router
from aiogram.filters import Command, CommandObject
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Action, Tap
from bot.handlers.deeds import Deed
from bot.handlers.dialogue import leave
from bot.handlers.errors import Toast
from bot.handlers.exclusions import Admins, taken_again
from bot.handlers.filters import On
from bot.handlers.showing import redraw, show
from bot.office import Office
from bot.screens.staff import (
    filed_state,
    invitation_screen,
    ledger_screen,
    manager_screen,
    managers_screen,
    parked_screen,
)
from bot.texts import Words
from core.channel import Screen
from core.database import Reading
from core.desk.accounts import accounts
from core.errors import Refusal
from core.intake import parked
from core.intake.balance import balances
from core.staff import managers
from core.staff.managers import INVITATION_LIFE, Person
from core.staff.model import Role

router = Router(name="admin")
_ACTIONS = (
    Action.LEDGER,
    Action.PARKED,
    Action.REPLAY,
    Action.INVITE,
    Action.MANAGERS,
    Action.MANAGER,
    Action.REMOVE,
    Action.REMOVE_SURELY,
)
_ADMIN_WORDS = ("admin", "админ", "администратор")


@router.message(Command("ledger", ignore_case=True), Admins())
async def ledger(message: Message, bot: Bot, office: Office, words: Words, state: FSMContext) -> None:
    """Today's balance of every account, and what is parked."""
    await leave(office, bot, state, words)
    await show(office, bot, message.chat.id, await _ledger(office, words))


@router.message(Command("managers", ignore_case=True), Admins())
async def people(message: Message, bot: Bot, office: Office, words: Words, state: FSMContext) -> None:
    """Who works here."""
    await leave(office, bot, state, words)
    await show(office, bot, message.chat.id, await _people(office, words))


@router.message(Command("invite", ignore_case=True), Admins())
async def invite(
    message: Message,
    command: CommandObject,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    state: FSMContext,
    deed: Deed,
) -> None:
    """A one-time link for a manager; `/invite admin` for an admin."""
    await leave(office, bot, state, words)
    role = Role.ADMIN if (command.args or "").strip().lower() in _ADMIN_WORDS else Role.MANAGER
    await show(office, bot, message.chat.id, await _invite(office, words, person, role, deed))


@router.callback_query(On(*_ACTIONS), Admins())
async def tapped(
    callback: CallbackQuery,
    tap: Tap,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    toast: Toast,
    deed: Deed,
) -> None:
    """The buttons of these screens."""
    match tap.action:
        case Action.LEDGER:
            await redraw(office, bot, callback, await _ledger(office, words))
        case Action.PARKED:
            await redraw(office, bot, callback, await _parked(office, words, tap.id(0)))
        case Action.REPLAY:
            filed = await taken_again(office, tap.id(0))
            toast.say(words("replayed", state=filed_state(words, filed.state)), alert=True)
            await redraw(office, bot, callback, await _parked(office, words, 0))
        case Action.INVITE:
            role = Role.ADMIN if tap.id(0) else Role.MANAGER
            await show(office, bot, callback.from_user.id, await _invite(office, words, person, role, deed))
        case Action.MANAGERS:
            await redraw(office, bot, callback, await _people(office, words))
        case Action.MANAGER | Action.REMOVE:
            other = await _manager(office, tap.id(0))
            screen = manager_screen(words, other, person, asks=tap.action is Action.REMOVE)
            await redraw(office, bot, callback, screen)
        case Action.REMOVE_SURELY:
            other = await _manager(office, tap.id(0))
            await deed(lambda tx: managers.remove(tx, person, other.id))
            toast.say(words("manager-removed", name=other.name))
            await redraw(office, bot, callback, await _people(office, words))


async def _ledger(office: Office, words: Words) -> Screen:
    def read(connection: Reading) -> Screen:
        today = {balance.account_id: balance for balance in balances(connection, words.now.date())}
        return ledger_screen(words, accounts(connection), today, parked.counts(connection))

    return await office.db.read(read)


async def _parked(office: Office, words: Words, after: int) -> Screen:
    page = await office.db.read(lambda connection: parked.parked(connection, after or None, 6))
    return parked_screen(words, page)


async def _people(office: Office, words: Words) -> Screen:
    return managers_screen(words, await office.db.read(managers.active))


async def _invite(office: Office, words: Words, person: Person, role: Role, deed: Deed) -> Screen:
    payload = await deed(lambda tx: managers.invite(tx, person.actor, role=role))
    link = f"https://t.me/{office.username}?start={payload}"
    return invitation_screen(words, link, INVITATION_LIFE.days, is_admin=role is Role.ADMIN)


async def _manager(office: Office, manager_id: int) -> Person:
    for person in await office.db.read(managers.active):
        if person.id == manager_id:
            return person
    raise Refusal("refused-manager-gone")
