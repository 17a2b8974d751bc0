"""What only admins do besides: the staff, the book of what came in, and what was not understood."""

from __future__ import annotations

from aiogram import Router
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Action, Tap
from bot.chat import Chat
from bot.handlers.deeds import Deed
from bot.handlers.dialogue import leave
from bot.handlers.errors import Toast
from bot.handlers.exclusions import Admins, taken_again
from bot.handlers.filters import On
from bot.handlers.start import clear_commands
from bot.screens.staff import (
    filed_state,
    invitation_screen,
    ledger_screen,
    manager_screen,
    managers_screen,
    parked_screen,
)
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
async def ledger(_: Message, chat: Chat) -> None:
    """Today's balance of every account, and what is parked."""
    await leave(chat)
    await chat.show(await _ledger(chat))


@router.message(Command("managers", ignore_case=True), Admins())
async def people(_: Message, chat: Chat) -> None:
    """Who works here."""
    await leave(chat)
    await chat.show(await _people(chat))


@router.message(Command("invite", ignore_case=True), Admins())
async def invite(_: Message, command: CommandObject, chat: Chat, person: Person, deed: Deed) -> None:
    """A one-time link for a manager; `/invite admin` for an admin."""
    await leave(chat)
    role = Role.ADMIN if (command.args or "").strip().lower() in _ADMIN_WORDS else Role.MANAGER
    await chat.show(await _invite(chat, person, role, deed))


@router.callback_query(On(*_ACTIONS), Admins())
async def tapped(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, toast: Toast, deed: Deed
) -> None:
    """The buttons of these screens."""
    match tap.action:
        case Action.LEDGER:
            await chat.redraw(callback, await _ledger(chat))
        case Action.PARKED:
            await chat.redraw(callback, await _parked(chat, tap.id(0)))
        case Action.REPLAY:
            filed = await taken_again(chat, tap.id(0))
            toast.say(chat.words("replayed", state=filed_state(chat.words, filed.state)), alert=True)
            await chat.redraw(callback, await _parked(chat, 0))
        case Action.INVITE:
            role = Role.ADMIN if tap.id(0) else Role.MANAGER
            await chat.show(await _invite(chat, person, role, deed))
        case Action.MANAGERS:
            await chat.redraw(callback, await _people(chat))
        case Action.MANAGER | Action.REMOVE:
            other = await _manager(chat, tap.id(0))
            if tap.action is Action.REMOVE:  # what will be refused is not asked first
                await chat.read(
                    lambda connection: managers.require_removable(
                        connection, person, other.id, chat.office.admins
                    )
                )
            screen = manager_screen(chat.words, other, person, asks=tap.action is Action.REMOVE)
            await chat.redraw(callback, screen)
        case Action.REMOVE_SURELY:
            other = await _manager(chat, tap.id(0))
            appointed = chat.office.admins
            await deed(lambda tx: managers.remove(tx, person, other.id, appointed=appointed))
            toast.say(chat.words("manager-removed", name=other.name))
            await chat.redraw(callback, await _people(chat))
            await clear_commands(chat, other)


async def _ledger(chat: Chat) -> Screen:
    def read(connection: Reading) -> Screen:
        today = {balance.account_id: balance for balance in balances(connection, chat.words.now.date())}
        return ledger_screen(chat.words, accounts(connection), today, parked.counts(connection))

    return await chat.read(read)


async def _parked(chat: Chat, after: int) -> Screen:
    page = await chat.read(lambda connection: parked.parked(connection, after or None, 6))
    return parked_screen(chat.words, page)


async def _people(chat: Chat) -> Screen:
    return managers_screen(chat.words, await chat.read(managers.active))


async def _invite(chat: Chat, person: Person, role: Role, deed: Deed) -> Screen:
    me = await chat.patiently(chat.bot.me)
    payload = await deed(lambda tx: managers.invite(tx, person.actor, role=role))
    link = f"https://t.me/{me.username}?start={payload}"
    return invitation_screen(chat.words, link, INVITATION_LIFE.days, is_admin=role is Role.ADMIN)


async def _manager(chat: Chat, manager_id: int) -> Person:
    for person in await chat.read(managers.active):
        if person.id == manager_id:
            return person
    raise Refusal("refused-manager-gone")
