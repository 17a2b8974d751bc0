"""Finding a lead or a person by whatever one remembers."""

from __future__ import annotations

from aiogram import Bot, Router
from aiogram.filters import Command, CommandObject
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Action
from bot.dialogs import Writing
from bot.handlers.contents import text_of
from bot.handlers.dialogue import answered, ask, leave
from bot.handlers.filters import On
from bot.handlers.showing import show
from bot.office import Office
from bot.screens.lists import found_screen
from bot.texts import Words
from core.desk.finding import find
from core.staff.managers import Person

router = Router(name="search")
dialog = Router(name="search dialog")
_LONGEST = 200  # characters of a query


@router.message(Command("find"))
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
        await _find(office, bot, words, person, message.chat.id, query)
    else:
        await ask(office, bot, state, words, message.chat.id, Writing.search, {}, words("ask-search"))


@router.callback_query(On(Action.FIND))
async def find_this(
    callback: CallbackQuery, bot: Bot, office: Office, words: Words, person: Person, state: FSMContext
) -> None:
    """Look for what the manager had written when the button appeared."""
    asked = callback.message.reply_to_message if isinstance(callback.message, Message) else None
    query = text_of(asked)[0].strip() if asked is not None else ""
    if query:
        await _find(office, bot, words, person, callback.from_user.id, query)
    else:
        await ask(office, bot, state, words, callback.from_user.id, Writing.search, {}, words("ask-search"))


@dialog.message(Writing.search)
async def find_answered(
    message: Message, bot: Bot, office: Office, words: Words, person: Person, state: FSMContext
) -> None:
    """The answer to the question what to look for."""
    await answered(office, bot, message.chat.id, state, words.now)
    await _find(office, bot, words, person, message.chat.id, text_of(message)[0].strip())


async def _find(office: Office, bot: Bot, words: Words, person: Person, chat_id: int, query: str) -> None:
    query = query[:_LONGEST]
    found = await office.db.read(
        lambda connection: find(connection, query, office.region, 10, language=words.language)
    )
    await show(office, bot, chat_id, found_screen(words, query, found, person))
