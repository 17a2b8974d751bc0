"""Finding a lead or a person by whatever one remembers."""

from __future__ import annotations

from aiogram import Router
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Action, Tap
from bot.chat import Chat
from bot.dialogs import Writing
from bot.handlers.asked import asked_by, asked_in
from bot.handlers.contents import text_of
from bot.handlers.dialogue import answered, ask, leave
from bot.handlers.filters import On
from bot.screens.lists import found_screen
from core.channel import Screen
from core.desk.finding import find_page
from core.staff.managers import Person

router = Router(name="search")
dialog = Router(name="search dialog")
_LONGEST = 200  # characters of a query


@router.message(Command("find", ignore_case=True))
async def find_command(message: Message, command: CommandObject, chat: Chat, person: Person) -> None:
    """`/find …`, or the question what to look for."""
    await leave(chat)
    if query := (command.args or "").strip():
        screen = await _found(chat, person, query)
        await chat.show(screen, reply_to=message.message_id)
    else:
        await ask(chat, Writing.search, {}, chat.words("ask-search"))


@router.callback_query(On(Action.FIND))
async def find_this(callback: CallbackQuery, tap: Tap, chat: Chat, person: Person) -> None:
    """Look for what the manager had written when the button appeared, or ask for something else."""
    if not tap.id(0) and (query := asked_by(callback)):
        screen = await _found(chat, person, query)
        await chat.show(screen, reply_to=asked_in(callback))
    else:
        await ask(chat, Writing.search, {}, chat.words("ask-search"))


@router.callback_query(On(Action.FOUND))
async def turn(callback: CallbackQuery, tap: Tap, chat: Chat, person: Person) -> None:
    """Another page of what was found, in place of the one before."""
    if query := asked_by(callback):
        await chat.redraw(callback, await _found(chat, person, query, tap.id(0)))
    else:
        await ask(chat, Writing.search, {}, chat.words("ask-search"))


@dialog.message(Writing.search)
async def find_answered(message: Message, chat: Chat, person: Person) -> None:
    """The answer to the question what to look for."""
    await answered(chat)
    screen = await _found(chat, person, text_of(message)[0].strip())
    await chat.show(screen, reply_to=message.message_id)


async def _found(chat: Chat, person: Person, query: str, skip: int = 0) -> Screen:
    query = query[:_LONGEST]
    page = await chat.read(
        lambda connection: find_page(
            connection, query, chat.office.region, 10, language=chat.words.language, skip=skip
        )
    )
    return found_screen(chat.words, query, page, person)
