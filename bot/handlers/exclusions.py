"""The admins' list of those who are not let in: add, look through, try, change, lift, put back."""

from __future__ import annotations

from datetime import UTC, datetime

from aiogram import Router
from aiogram.filters import BaseFilter, Command, CommandObject
from aiogram.types import CallbackQuery, Message, TelegramObject

from bot.callbacks import Action, Tap
from bot.chat import Chat
from bot.dialogs import Writing
from bot.handlers.asked import asked_by, asked_in, forwarded_from, meant_by, require_author
from bot.handlers.contents import text_of
from bot.handlers.deeds import Deed
from bot.handlers.dialogue import answered, ask, leave
from bot.handlers.errors import Toast
from bot.handlers.filters import On
from bot.handlers.inbox import redraw_card
from bot.screens.exclusions import (
    exclusion_screen,
    exclusions_screen,
    lifted_line,
    lifted_screen,
    pattern_of,
    results_screen,
    sought_screen,
    verdict_screen,
)
from core.channel import Button, Screen
from core.desk import exclusion_lookup, exclusions
from core.desk.exclusion_entries import Entry
from core.desk.exclusions import Result, Wanted
from core.errors import Refusal
from core.exclusions.patterns import Pattern
from core.intake.booking import Filed
from core.staff.managers import Person, require_admin

router = Router(name="exclusions")
dialog = Router(name="exclusions dialog")
_LONGEST = 100  # characters of what is looked for
_LOOKS = (Action.EXCLUSIONS, Action.EXCLUSION, Action.EXCLUDE_WRITE)
_ADDS = (Action.EXCLUDE_SENDER, Action.EXCLUDE_CHECKED)
_CHANGES = (Action.CHANGE_EXCLUSION, Action.LIFT, Action.PUT_BACK)


class Admins(BaseFilter):
    """Everything here is the admins' alone; others are told so instead of nothing."""

    async def __call__(self, event: TelegramObject, person: Person) -> bool:
        require_admin(person)
        return True


@router.message(Command("exclude", ignore_case=True), Admins())
async def exclude(message: Message, command: CommandObject, chat: Chat, person: Person, deed: Deed) -> None:
    """`/exclude +7…; comment`, several lines at once, or the question whom."""
    await leave(chat)
    if written := (command.args or "").strip():
        results = await _add(chat, person, deed, written)
        await _results(chat, message, results)
    else:
        await _ask_whom(chat)


@dialog.message(Writing.exclusion, Admins())
async def exclude_answered(message: Message, chat: Chat, person: Person, deed: Deed) -> None:
    """Lines for the list, or a forwarded message of the person themselves."""
    await answered(chat)
    require_author(message)
    if (author := forwarded_from(message)) is not None:
        pattern = Pattern("telegram", str(author))
        results = await deed(lambda tx: exclusions.add_pattern(tx, person, pattern))
    else:
        results = await _add(chat, person, deed, text_of(message)[0])
    await _results(chat, message, results)


@router.message(Command("exclusions", ignore_case=True), Admins())
async def listing(message: Message, command: CommandObject, chat: Chat) -> None:
    """The list, or what of it fits `/exclusions …`."""
    await leave(chat)
    query = (command.args or "").strip()[:_LONGEST]
    screen = await _page(chat, query)
    await chat.show(screen, reply_to=message.message_id if query else None)


@router.message(Command("include", ignore_case=True), Admins())
async def include(message: Message, command: CommandObject, chat: Chat, person: Person, deed: Deed) -> None:
    """`/include …` takes that off the list, or the question what."""
    await leave(chat)
    if query := (command.args or "").strip():
        await _include(chat, message, person, deed, query)
    else:
        await ask(chat, Writing.inclusion, {}, chat.words("include-how"))


@dialog.message(Writing.inclusion, Admins())
async def include_answered(message: Message, chat: Chat, person: Person, deed: Deed) -> None:
    """What comes off the list, or a forwarded message of the person themselves."""
    await answered(chat)
    require_author(message)
    await _include(chat, message, person, deed, meant_by(message))


@router.message(Command("check", ignore_case=True), Admins())
async def check(message: Message, command: CommandObject, chat: Chat) -> None:
    """`/check …`: would this be stopped, and whom would it cover? Nothing is changed."""
    await leave(chat)
    if written := (command.args or "").strip():
        await _check(chat, message, written)
    else:
        await ask(chat, Writing.check, {}, chat.words("check-how"))


@dialog.message(Writing.check, Admins())
async def check_answered(message: Message, chat: Chat) -> None:
    """Whom to try, or a forwarded message of theirs."""
    await answered(chat)
    require_author(message)
    await _check(chat, message, meant_by(message))


@router.callback_query(On(*_LOOKS), Admins())
async def looked(callback: CallbackQuery, tap: Tap, chat: Chat) -> None:
    """The list, page by page, and one of its entries."""
    match tap.action:
        case Action.EXCLUSIONS:
            query = asked_by(callback)[:_LONGEST] if tap.id(1) else ""
            await chat.redraw(callback, await _page(chat, query, tap.id(0)))
        case Action.EXCLUSION:
            entry = await _entry(chat, tap.id(0))
            await chat.redraw(callback, exclusion_screen(chat.words, entry, sought=bool(tap.id(1))))
        case Action.EXCLUDE_WRITE:
            await _ask_whom(chat)


@router.callback_query(On(*_ADDS), Admins())
async def added(callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, deed: Deed) -> None:
    """Who wrote a forwarded message, or was checked a moment ago, is put on the list."""
    if tap.action is Action.EXCLUDE_SENDER:
        pattern = Pattern("telegram", str(tap.id(0)))
        results = await deed(lambda tx: exclusions.add_pattern(tx, person, pattern))
    elif written := asked_by(callback):
        results = await _add(chat, person, deed, written)
    else:  # what was checked is gone
        await _ask_whom(chat)
        return
    screen = results_screen(chat.words, results)
    await chat.show(screen, reply_to=asked_in(callback))


@router.callback_query(On(*_CHANGES), Admins())
async def changed(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, deed: Deed, toast: Toast
) -> None:
    """One entry gets another end, comes off the list, or goes back on it."""
    exclusion_id = tap.id(0)
    match tap.action:
        case Action.CHANGE_EXCLUSION:
            end = datetime.fromtimestamp(tap.id(1), UTC) if 0 < tap.id(1) < 1 << 37 else None
            now = await _entry(chat, exclusion_id)
            comment = _comment_for(chat, now, asked_by(callback))
            entry = await deed(lambda tx: exclusions.change(tx, person, exclusion_id, end, comment))
            toast.say(chat.words("exclude-changed", pattern=pattern_of(chat.words, entry)))
            await _below(chat, callback, exclusion_screen(chat.words, entry))
        case Action.LIFT:
            entry = await deed(lambda tx: exclusions.lift(tx, person, exclusion_id))
            still = await _still_stopping(chat, entry)
            screen = lifted_screen(chat.words, entry, still)
            toast.say(lifted_line(chat.words, entry, still))
            if tap.id(2):
                await chat.show(screen)
                await redraw_card(chat, callback, person, await chat.card(tap.id(2)))
            elif tap.id(1):
                await _below(chat, callback, screen)
            else:
                await chat.redraw(callback, screen)
        case Action.PUT_BACK:
            entry = await deed(lambda tx: exclusions.put_back(tx, person, exclusion_id))
            toast.say(chat.words("exclude-put-back", pattern=pattern_of(chat.words, entry)))
            await chat.redraw(callback, exclusion_screen(chat.words, entry))


async def taken_again(chat: Chat, ledger_id: int) -> Filed:
    """An entry of the ledger, taken again. Raises Refusal when its raw form is gone, or it needs no second try."""
    filed = await chat.office.refile(ledger_id)
    if filed is None:
        raise Refusal("refused-gone")
    return filed


async def _ask_whom(chat: Chat) -> None:
    question = f"{chat.words('exclude-how')}\n\n{chat.words('exclude-example')}"
    await ask(chat, Writing.exclusion, {}, question)


async def _add(chat: Chat, person: Person, deed: Deed, written: str) -> tuple[Result, ...]:
    """Whom it covers is read first: among many addresses that takes longer than others should wait for a write."""
    region, timezone = chat.office.region, chat.office.timezone
    covered = await chat.read(
        lambda connection: exclusions.covered_by(
            connection, written, region=region, now=chat.words.now, timezone=timezone
        )
    )
    return await deed(
        lambda tx: exclusions.add(tx, person, written, region=region, timezone=timezone, covered=covered)
    )


async def _results(chat: Chat, message: Message, results: tuple[Result, ...]) -> None:
    """As an answer to what was written: its buttons read the rest of it there."""
    screen = results_screen(chat.words, results)
    await chat.show(screen, reply_to=message.message_id)


async def _include(chat: Chat, message: Message, person: Person, deed: Deed, query: str) -> None:
    """Only the very pattern is lifted at once; whatever else may be meant is shown with its buttons."""
    query = query[:_LONGEST]
    sought = await chat.read(
        lambda connection: exclusion_lookup.seek(connection, query, chat.office.region, chat.words.now)
    )
    if (exact := sought.exact) is not None:
        entry = await deed(lambda tx: exclusions.lift(tx, person, exact.id))
        screen = lifted_screen(chat.words, entry, await _still_stopping(chat, entry))
    else:
        screen = sought_screen(chat.words, sought, query)
    await chat.show(screen, reply_to=message.message_id)


async def _check(chat: Chat, message: Message, written: str) -> None:
    verdict = await chat.read(
        lambda connection: exclusion_lookup.would_stop(
            connection, written, chat.office.region, chat.words.now, timezone=chat.office.timezone
        )
    )
    screen = verdict_screen(chat.words, verdict)
    await chat.show(screen, reply_to=message.message_id)


async def _page(chat: Chat, query: str, after: int = 0) -> Screen:
    page = await chat.read(
        lambda connection: exclusion_lookup.page(
            connection, chat.words.now, after=after or None, query=query or None, region=chat.office.region
        )
    )
    return exclusions_screen(chat.words, page, query, is_later=bool(after))


async def _still_stopping(chat: Chat, entry: Entry) -> tuple[Entry, ...]:
    return await chat.read(
        lambda connection: exclusion_lookup.still_stopping(connection, entry, chat.words.now)
    )


async def _below(chat: Chat, callback: CallbackQuery, screen: Screen) -> None:
    """A screen below the one tapped, whose other buttons are still needed; the tapped one has done its work."""
    await chat.show(screen)
    message = callback.message
    if isinstance(message, Message) and message.reply_markup is not None:
        left = [
            tuple(Button(b.text, b.callback_data, b.url) for b in row if b.callback_data != callback.data)
            for row in message.reply_markup.inline_keyboard
        ]
        await chat.rekey(callback, left)


def _comment_for(chat: Chat, entry: Entry, written: str) -> str | None:
    """The comment that stood beside this pattern in what was written, if that can still be read."""
    try:
        lines = exclusions.read_lines(written, chat.office.region, chat.words.now, chat.office.timezone)
    except Refusal:
        return None
    comments = [one.comment for _, one in lines if isinstance(one, Wanted) and one.pattern == entry.pattern]
    return next((comment for comment in reversed(comments) if comment), None)


async def _entry(chat: Chat, exclusion_id: int) -> Entry:
    """One entry of the list, if it still holds."""
    now = chat.office.clock.now()
    entry = await chat.read(lambda connection: exclusion_lookup.entry(connection, exclusion_id, now))
    if entry is None:
        raise Refusal("refused-exclusion-gone")
    return entry
