"""The admins' list of those who are not let in: add, look through, try, lift, restore what was stopped."""

from __future__ import annotations

from aiogram import Bot, Router
from aiogram.filters import BaseFilter, Command, CommandObject
from aiogram.fsm.context import FSMContext
from aiogram.types import (
    CallbackQuery,
    Message,
    MessageOriginHiddenUser,
    MessageOriginUser,
    TelegramObject,
)

from bot.callbacks import Action, Tap
from bot.dialogs import Writing
from bot.handlers.contents import text_of
from bot.handlers.dialogue import answered, ask, leave
from bot.handlers.errors import Toast
from bot.handlers.filters import On
from bot.handlers.showing import redraw, say, show
from bot.office import Office
from bot.screens.exclusions import (
    exclusion_screen,
    exclusions_screen,
    pattern_of,
    results_screen,
    stopped_screen,
    verdict_screen,
)
from bot.screens.staff import filed_state
from bot.texts import Words
from core.desk import exclusions, stopped
from core.desk.exclusions import Entry
from core.errors import Refusal
from core.intake.booking import Filed
from core.staff.managers import Person, require_admin

router = Router(name="exclusions")
dialog = Router(name="exclusions dialog")
_ACTIONS = (
    Action.EXCLUSIONS,
    Action.EXCLUSION,
    Action.EXCLUDE_WRITE,
    Action.EXCLUDE_SENDER,
    Action.LIFT,
    Action.STOPPED,
    Action.RESTORE,
)


class Admins(BaseFilter):
    """Everything here is the admins' alone; others are told so instead of nothing."""

    async def __call__(self, event: TelegramObject, person: Person) -> bool:
        require_admin(person)
        return True


@router.message(Command("exclude"), Admins())
async def exclude(
    message: Message,
    command: CommandObject,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    state: FSMContext,
) -> None:
    """`/exclude +7…; comment`, several lines at once, or the question whom."""
    await leave(office, bot, state, words)
    if written := (command.args or "").strip():
        await _add(office, bot, words, message.chat.id, person, written)
    else:
        question = f"{words('exclude-how')}\n\n{words('exclude-example')}"
        await ask(office, bot, state, words, message.chat.id, Writing.exclusion, {}, question)


@dialog.message(Writing.exclusion, Admins())
async def exclude_answered(
    message: Message, bot: Bot, office: Office, words: Words, person: Person, state: FSMContext
) -> None:
    """Lines for the list, or a forwarded message of the person themselves."""
    await answered(office, bot, message.chat.id, state, words.now)
    match message.forward_origin:
        case MessageOriginUser(sender_user=sender):
            written = f"telegram:{sender.id}"
        case MessageOriginHiddenUser():
            await say(office, bot, message.chat.id, words("exclude-hidden"), reply_to=message.message_id)
            return
        case _:
            written = text_of(message)[0]
    await _add(office, bot, words, message.chat.id, person, written)


@router.message(Command("exclusions"), Admins())
async def listing(
    message: Message,
    command: CommandObject,
    bot: Bot,
    office: Office,
    words: Words,
    state: FSMContext,
) -> None:
    """The list, or what of it fits `/exclusions …`."""
    await leave(office, bot, state, words)
    query = (command.args or "").strip()[:100]
    page = await office.db.read(
        lambda connection: exclusions.page(connection, words.now, query=query or None)
    )
    await show(office, bot, message.chat.id, exclusions_screen(words, page, query))


@router.message(Command("include"), Admins())
async def include(
    message: Message,
    command: CommandObject,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    state: FSMContext,
) -> None:
    """`/include …` takes it off the list; where several fit, they are shown to choose from."""
    await leave(office, bot, state, words)
    query = (command.args or "").strip()[:100]
    if not query:
        await say(office, bot, message.chat.id, words("include-how"))
        return
    page = await office.db.read(lambda connection: exclusions.page(connection, words.now, query=query))
    if len(page.entries) == 1:
        entry = page.entries[0]
        await office.db.transact(lambda tx: exclusions.lift(tx, person, entry.id))
        await say(office, bot, message.chat.id, words("exclude-lifted", pattern=pattern_of(words, entry)))
    elif page.entries:
        await show(office, bot, message.chat.id, exclusions_screen(words, page, query))
    else:
        await say(office, bot, message.chat.id, words("include-none", pattern=query))


@router.message(Command("check"), Admins())
async def check(
    message: Message,
    command: CommandObject,
    bot: Bot,
    office: Office,
    words: Words,
    state: FSMContext,
) -> None:
    """`/check …`: would this be stopped, and whom would it cover? Nothing is changed."""
    await leave(office, bot, state, words)
    written = (command.args or "").strip()
    if not written:
        await say(office, bot, message.chat.id, words("check-how"))
        return
    verdict = await office.db.read(
        lambda connection: exclusions.would_stop(
            connection, written, office.region, words.now, timezone=office.timezone
        )
    )
    await show(office, bot, message.chat.id, verdict_screen(words, verdict))


@router.callback_query(On(*_ACTIONS), Admins())
async def tapped(
    callback: CallbackQuery,
    tap: Tap,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    toast: Toast,
    state: FSMContext,
) -> None:
    """The buttons of the list and of its entries."""
    chat_id, db = callback.from_user.id, office.db
    match tap.action:
        case Action.EXCLUSIONS:
            page = await db.read(lambda c: exclusions.page(c, words.now, after=tap.id(0) or None))
            await redraw(office, bot, callback, exclusions_screen(words, page))
        case Action.EXCLUSION:
            await redraw(office, bot, callback, exclusion_screen(words, await _entry(office, tap.id(0))))
        case Action.EXCLUDE_WRITE:
            question = f"{words('exclude-how')}\n\n{words('exclude-example')}"
            await ask(office, bot, state, words, chat_id, Writing.exclusion, {}, question)
        case Action.EXCLUDE_SENDER:
            await _add(office, bot, words, chat_id, person, f"telegram:{tap.id(0)}")
        case Action.LIFT:
            entry = await db.transact(lambda tx: exclusions.lift(tx, person, tap.id(0)))
            toast.say(words("exclude-lifted", pattern=pattern_of(words, entry)))
            page = await db.read(lambda c: exclusions.page(c, words.now))
            await redraw(office, bot, callback, exclusions_screen(words, page))
        case Action.STOPPED:
            exclusion_id, after = tap.id(0), tap.id(1)
            kept = await db.read(lambda c: stopped.stopped(c, exclusion_id or None, after or None, 6))
            await redraw(office, bot, callback, stopped_screen(words, kept, exclusion_id))
        case Action.RESTORE:
            filed = await taken_again(office, tap.id(0))
            if filed.lead_id is not None:
                toast.say(words("restored"), alert=True)
            else:
                toast.say(words("restored-not-lead", state=filed_state(words, filed.state)), alert=True)


async def taken_again(office: Office, ledger_id: int) -> Filed:
    """An entry of the ledger, taken again. Raises Refusal when its raw form is gone, or it needs no second try."""
    filed = await office.refile(ledger_id)
    if filed is None:
        raise Refusal("refused-gone")
    return filed


async def _add(office: Office, bot: Bot, words: Words, chat_id: int, person: Person, written: str) -> None:
    results = await office.db.transact(
        lambda tx: exclusions.add(tx, person, written, region=office.region, timezone=office.timezone)
    )
    await show(office, bot, chat_id, results_screen(words, results))


async def _entry(office: Office, exclusion_id: int) -> Entry:
    """One entry of the list: the first of the page that begins with it, if it still holds."""
    now = office.clock.now()
    page = await office.db.read(
        lambda connection: exclusions.page(connection, now, after=exclusion_id + 1, limit=1)
    )
    if not page.entries or page.entries[0].id != exclusion_id:
        raise Refusal("refused-exclusion-gone")
    return page.entries[0]
