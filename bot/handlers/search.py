"""Finding a lead or a person by whatever one remembers."""

from __future__ import annotations

from aiogram import Bot, Router
from aiogram.filters import Command, CommandObject
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Action, Tap
from bot.dialogs import Writing
from bot.handlers.asked import asked_by, asked_in
from bot.handlers.contents import text_of
from bot.handlers.dialogue import answered, ask, leave
from bot.handlers.filters import On
from bot.handlers.showing import redraw, show
from bot.office import Office
from bot.screens.lists import found_screen
from bot.texts import Words
from core.channel import Screen
from core.desk.finding import find_page
from core.staff.managers import Person

router = Router(name="search")
dialog = Router(name="search dialog")
_LONGEST = 200  # characters of a query


@router.message(Command("find", ignore_case=True))
async def find_command(
    message: Message,
    command: CommandObject,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    state: FSMContext,
) -> None:
    """`/find …`, or the question what to look for."""
    await leave(office, bot, state, words)
    if query := (command.args or "").strip():
        screen = await _found(office, words, person, query)
        await show(office, bot, message.chat.id, screen, reply_to=message.message_id)
    else:
        await ask(office, bot, state, words, message.chat.id, Writing.search, {}, words("ask-search"))


@router.callback_query(On(Action.FIND))
async def find_this(
    callback: CallbackQuery,
    tap: Tap,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    state: FSMContext,
) -> None:
    """Look for what the manager had written when the button appeared, or ask for something else."""
    if not tap.id(0) and (query := asked_by(callback)):
        screen = await _found(office, words, person, query)
        await show(office, bot, callback.from_user.id, screen, reply_to=asked_in(callback))
    else:
        await ask(office, bot, state, words, callback.from_user.id, Writing.search, {}, words("ask-search"))


@router.callback_query(On(Action.FOUND))
async def turn(
    callback: CallbackQuery,
    tap: Tap,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    state: FSMContext,
) -> None:
    """Another page of what was found, in place of the one before."""
    if query := asked_by(callback):
        await redraw(office, bot, callback, await _found(office, words, person, query, tap.id(0)))
    else:
        await ask(office, bot, state, words, callback.from_user.id, Writing.search, {}, words("ask-search"))


@dialog.message(Writing.search)
async def find_answered(
    message: Message, bot: Bot, office: Office, words: Words, person: Person, state: FSMContext
) -> None:
    """The answer to the question what to look for."""
    await answered(office, bot, message.chat.id, state, words.now)
    screen = await _found(office, words, person, text_of(message)[0].strip())
    await show(office, bot, message.chat.id, screen, reply_to=message.message_id)


async def _found(office: Office, words: Words, person: Person, query: str, skip: int = 0) -> Screen:
    query = query[:_LONGEST]
    page = await office.db.read(
        lambda connection: find_page(connection, query, office.region, 10, language=words.language, skip=skip)
    )
    return found_screen(words, query, page, person)
