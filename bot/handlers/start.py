"""Coming in: invitations, the greeting, help, the language; strangers get a polite sentence."""

from __future__ import annotations

import structlog
from aiogram import F, Router
from aiogram.enums import ChatMemberStatus
from aiogram.exceptions import TelegramAPIError
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.types import BotCommand, BotCommandScopeChat, CallbackQuery, ChatMemberUpdated, Message, User

from bot.callbacks import Action, data
from bot.chat import Chat
from bot.handlers.deeds import Deed
from bot.handlers.dialogue import leave
from bot.handlers.errors import Toast
from bot.handlers.filters import On, Works
from bot.handlers.people import language_of_user
from bot.rich import Rich, line_of
from bot.screens.lists import lists_row
from bot.texts import LANGUAGES, Words
from core.channel import Button, Markup, Screen
from core.conversations.notices import notify_admins
from core.database import Transaction
from core.desk import newcomers
from core.staff import managers
from core.staff.invitations import is_invitation
from core.staff.managers import Person

log = structlog.get_logger("bot")

COMMANDS = ("leads", "lead", "find", "write", "stats", "away", "back", "help", "language")
ADMIN_COMMANDS = ("exclude", "exclusions", "include", "check", "ledger", "managers", "invite")

router = Router(name="start")
strangers = Router(name="strangers")


@router.message(CommandStart())
async def start(
    message: Message, command: CommandObject, chat: Chat, deed: Deed, person: Person | None = None
) -> None:
    """The first word: an invitation is accepted, a manager greeted, a stranger told where they are."""
    if message.from_user is None:
        return
    user, payload = message.from_user, (command.args or "").strip()
    name, known = line_of(user.full_name, 200), person
    language = language_of_user(user)
    spoken = language if language is not None and language in LANGUAGES else chat.office.texts.default
    if known is None and not is_invitation(payload):
        await chat.say(chat.words("stranger"))
        return

    def come_in(tx: Transaction) -> Person:
        here = known
        if here is None or is_invitation(payload):
            here = newcomers.come_in(
                tx,
                payload,
                telegram_id=user.id,
                name=name or str(user.id),
                username=user.username,
                language=spoken,
            )
        managers.greet(tx, here, name=name or here.name, username=user.username)
        return here

    here = await deed(come_in)
    await leave(chat)
    chat = chat.in_language(here.language)
    await set_commands(chat, here)
    await chat.show(_greeting(chat.words, here, user))


@router.message(Command("help", ignore_case=True), Works())
async def help_(_: Message, chat: Chat, person: Person) -> None:
    """What the bot can do."""
    await chat.show(await _help(chat, person))


@router.callback_query(On(Action.HELP), Works())
async def help_tapped(_: CallbackQuery, chat: Chat, person: Person) -> None:
    """What the bot can do, asked by button."""
    await chat.show(await _help(chat, person))


@router.message(Command("language", ignore_case=True), Works())
async def language(_: Message, chat: Chat, person: Person, deed: Deed) -> None:
    """The other language from now on."""
    await _switch(chat, person, deed)


@router.callback_query(On(Action.LANGUAGE), Works())
async def language_tapped(callback: CallbackQuery, chat: Chat, person: Person, deed: Deed) -> None:
    """The other language from now on, by button; the greeting is drawn anew in it."""
    changed = await _switch(chat, person, deed, silently=True)
    await chat.redraw(callback, _greeting(chat.office.words(changed.language), changed, callback.from_user))


@router.my_chat_member(F.chat.type == "private", Works())
async def membership(event: ChatMemberUpdated, chat: Chat, person: Person) -> None:
    """A manager has blocked the bot, or lets it write again."""
    reachable = event.new_chat_member.status not in (ChatMemberStatus.KICKED, ChatMemberStatus.LEFT)

    def change(tx: Transaction) -> None:
        if managers.set_reachable(tx, person.id, reachable) and not reachable:
            notify_admins(tx, "manager-unreachable", manager_id=person.id)

    await chat.office.db.transact(change)


@strangers.callback_query(~Works())
async def stranger_tapped(_: CallbackQuery, chat: Chat, toast: Toast) -> None:
    """Somebody who no longer works here taps a button they still have."""
    toast.say(chat.words("stranger-tapped"), alert=True)


@strangers.message(~Works())
async def stranger(_: Message, chat: Chat) -> None:
    """Somebody writes to the managers' bot who does not work here."""
    await chat.say(chat.words("stranger"))


async def set_commands(chat: Chat, person: Person) -> None:
    """The menu of commands in this chat: by role, in the person's language. Strangers see none of it."""
    names = await _commands(chat, person)
    listed = [BotCommand(command=name, description=chat.words(f"command-{name}")) for name in names]
    await chat.patiently(lambda: chat.bot.set_my_commands(listed, scope=BotCommandScopeChat(chat_id=chat.id)))


async def clear_commands(chat: Chat, left: Person) -> None:
    """The menu of somebody who no longer works here goes; that it cannot be taken away keeps nobody from leaving."""
    scope = BotCommandScopeChat(chat_id=left.telegram_id)
    try:
        await chat.patiently(lambda: chat.bot.delete_my_commands(scope=scope))
    except TelegramAPIError as error:
        log.warning("a menu of commands stays", manager_id=left.id, why=error.message)


async def _switch(chat: Chat, person: Person, deed: Deed, *, silently: bool = False) -> Person:
    other = next(language for language in LANGUAGES if language != chat.words.language)
    await deed(lambda tx: managers.set_language(tx, person, other))
    changed = await chat.office.reread(person)
    chat = chat.in_language(other)
    await set_commands(chat, changed)
    if not silently:
        await chat.say(chat.words("language-now"))
    return changed


def _greeting(words: Words, person: Person, user: User) -> Screen:
    rich = Rich().add(words("greeting", name=line_of(user.first_name, 60) or person.name), Markup.BOLD)
    rich.gap().line(words("greeting-admin" if person.is_admin else "greeting-manager"))
    rich.gap().line(words("greeting-reply"))
    second = (
        Button(words("button-help"), data(Action.HELP)),
        Button(words("button-language"), data(Action.LANGUAGE)),
    )
    rows: list[tuple[Button, ...]] = [lists_row(words), second]
    if person.is_admin:
        rows.append((Button(words("button-invite-manager"), data(Action.INVITE, 0)),))
    return rich.screen(*rows)


async def _commands(chat: Chat, person: Person) -> list[str]:
    """What this person can do here; letters only where there is a mailbox."""
    names = [*COMMANDS, *(ADMIN_COMMANDS if person.is_admin else ())]
    return names if await chat.office.has_mailbox() else [name for name in names if name != "write"]


async def _help(chat: Chat, person: Person) -> Screen:
    names = await _commands(chat, person)
    rich = Rich().add(chat.words("help-heading"), Markup.BOLD)
    for key in ("help-reply", *(("help-letter",) if "write" in names else ()), "help-plain", "help-buttons"):
        rich.gap().line(chat.words(key))
    rich.gap().line(chat.words("help-commands"), Markup.BOLD)
    for name in names:
        rich.line(f"/{name} · {chat.words(f'command-{name}')}")
    return rich.screen(lists_row(chat.words))
