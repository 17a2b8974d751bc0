"""What a manager does with a lead by its card's buttons. The core decides everything; here it is asked."""

from __future__ import annotations

from aiogram import Bot, Router
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery

from bot.callbacks import Action, Tap, data
from bot.dialogs import Writing
from bot.handlers.deeds import Deed
from bot.handlers.dialogue import ask
from bot.handlers.errors import Toast
from bot.handlers.filters import On
from bot.handlers.following import follow
from bot.handlers.inbox import redraw_card
from bot.handlers.letters import ask_letter
from bot.handlers.showing import redraw, rekey
from bot.office import Office
from bot.rich import line_of
from bot.screens.cards import (
    card_screen,
    contact_name,
    shown_about,
    shown_as,
)
from bot.screens.choices import colleague_choice, reason_choice, stage_choice
from bot.screens.history import PAGE, history_screen
from bot.screens.relay import relay_buttons, relayed
from bot.texts import Words
from core.channel import Button
from core.conversations.shown import ShownMessage, look_up, place_of
from core.desk import work
from core.desk.cards import Card
from core.desk.history import history
from core.desk.letters import answer_envelope
from core.errors import Refusal
from core.leads import assignment
from core.leads.answering import send_again
from core.leads.pipelines import reasons, stages
from core.staff import managers
from core.staff.managers import Person

router = Router(name="lead")


@router.callback_query(On(Action.TAKE))
async def take(
    callback: CallbackQuery,
    tap: Tap,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    toast: Toast,
    deed: Deed,
) -> None:
    """Accept a lead; of two who tap at once the other learns who has it."""
    await deed(lambda tx: assignment.take(tx, tap.id(0), person))
    shown = await office.card_there(tap.id(0), words)
    toast.say(words("taken", number=shown.number))
    await _show_done(callback, tap, bot, office, words, person, shown)


@router.callback_query(On(Action.CALLED))
async def called(
    callback: CallbackQuery,
    tap: Tap,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    toast: Toast,
    deed: Deed,
) -> None:
    """They have spoken on the telephone: the customer has their answer."""
    await deed(lambda tx: work.called(tx, tap.id(0), person))
    shown = await office.card_there(tap.id(0), words)
    toast.say(words("called", number=shown.number))
    await _show_done(callback, tap, bot, office, words, person, shown)


@router.callback_query(On(Action.STAGES))
async def choose_stage(callback: CallbackQuery, tap: Tap, bot: Bot, office: Office, words: Words) -> None:
    """Where to."""
    shown = await _open_card(office, tap, words)
    known = await office.db.read(lambda connection: stages(connection, shown.stage.pipeline_id))
    await redraw(office, bot, callback, stage_choice(words, shown, known), shown_about(shown))


@router.callback_query(On(Action.MOVE))
async def move(
    callback: CallbackQuery,
    tap: Tap,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    toast: Toast,
    deed: Deed,
) -> None:
    """To that stage, unless somebody has moved the lead meanwhile."""
    await deed(lambda tx: work.move(tx, tap.id(0), person, tap.id(1), seen=tap.id(2)))
    shown = await office.card_there(tap.id(0), words)
    toast.say(words("moved", number=shown.number, stage=line_of(shown.stage_title, 60)))
    await redraw(office, bot, callback, card_screen(words, shown, person), shown_as(shown))


@router.callback_query(On(Action.COLLEAGUES))
async def choose_colleague(
    callback: CallbackQuery, tap: Tap, bot: Bot, office: Office, words: Words, person: Person
) -> None:
    """Whom to."""
    shown = await _open_card(office, tap, words)
    people = await office.db.read(managers.active)
    await redraw(office, bot, callback, colleague_choice(words, shown, people, person), shown_about(shown))


@router.callback_query(On(Action.HAND_OVER))
async def hand_over(
    callback: CallbackQuery,
    tap: Tap,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    toast: Toast,
    deed: Deed,
) -> None:
    """Give the lead to a colleague, who is told."""
    await deed(lambda tx: assignment.hand_over(tx, tap.id(0), tap.id(1), person))
    shown = await office.card_there(tap.id(0), words)
    toast.say(words("handed-over", name=line_of(shown.responsible.name, 60) if shown.responsible else ""))
    await redraw(office, bot, callback, card_screen(words, shown, person), shown_as(shown))


@router.callback_query(On(Action.REASONS, Action.REASONS_COMMENTED))
async def choose_reason(callback: CallbackQuery, tap: Tap, bot: Bot, office: Office, words: Words) -> None:
    """Why the lead is given up."""
    shown = await _open_card(office, tap, words)
    known = await office.db.read(lambda connection: reasons(connection, shown.stage.pipeline_id))
    commented = tap.action is Action.REASONS_COMMENTED
    screen = reason_choice(words, shown, known, commented=commented)
    await redraw(office, bot, callback, screen, shown_about(shown))


@router.callback_query(On(Action.JUNK))
async def junk(
    callback: CallbackQuery,
    tap: Tap,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    toast: Toast,
    deed: Deed,
) -> None:
    """Give the lead up for that reason."""
    await deed(lambda tx: work.junk(tx, tap.id(0), person, tap.id(1), seen=tap.id(2)))
    shown = await office.card_there(tap.id(0), words)
    toast.say(words("junked", number=shown.number))
    await redraw(office, bot, callback, card_screen(words, shown, person), shown_as(shown))


@router.callback_query(On(Action.JUNK_COMMENT))
async def junk_commented(
    callback: CallbackQuery,
    tap: Tap,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    state: FSMContext,
) -> None:
    """Give the lead up for that reason, after a few words. The choice has been made: the card is back."""
    shown = await _open_card(office, tap, words)
    await redraw(office, bot, callback, card_screen(words, shown, person), shown_as(shown))
    content = {"lead": shown.id, "reason": tap.id(1), "fence": tap.id(2)}
    await ask(
        office,
        bot,
        state,
        words,
        callback.from_user.id,
        Writing.comment,
        content,
        words("ask-comment", number=shown.number),
    )


@router.callback_query(On(Action.REOPEN))
async def reopen(
    callback: CallbackQuery,
    tap: Tap,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    toast: Toast,
    deed: Deed,
) -> None:
    """Open a closed lead again: what undoes a junk."""
    await deed(lambda tx: work.reopen(tx, tap.id(0), person, seen=tap.id(1)))
    toast.say(words("reopened"))
    await redraw_card(office, bot, callback, words, person, tap.id(0))


@router.callback_query(On(Action.NOTE))
async def note(
    callback: CallbackQuery, tap: Tap, bot: Bot, office: Office, words: Words, state: FSMContext
) -> None:
    """Write something down for colleagues."""
    shown = await office.card_there(tap.id(0), words)
    await ask(
        office,
        bot,
        state,
        words,
        callback.from_user.id,
        Writing.note,
        {"lead": shown.id},
        words("ask-note", number=shown.number),
    )


@router.callback_query(On(Action.REPLY))
async def reply(
    callback: CallbackQuery, tap: Tap, bot: Bot, office: Office, words: Words, state: FSMContext
) -> None:
    """The next message goes to the customer."""
    shown = await office.card_there(tap.id(0), words)
    conversation = tap.id(1) or shown.way.conversation_id
    content = {"lead": shown.id, "conversation": conversation, "message": tap.id(2) or None}
    about = ShownMessage(shown.id, conversation, tap.id(2) or None)
    lead_id = shown.id
    if await office.db.read(lambda connection: answer_envelope(connection, lead_id, conversation)):
        await ask_letter(office, bot, state, words, callback.from_user.id, content)
        return
    question = words("ask-answer", name=contact_name(words, shown), number=shown.number)
    await ask(office, bot, state, words, callback.from_user.id, Writing.answer, content, question, about)


@router.callback_query(On(Action.HISTORY))
async def show_history(
    callback: CallbackQuery, tap: Tap, bot: Bot, office: Office, words: Words, person: Person
) -> None:
    """What has happened, page by page, the latest first."""
    shown = await office.card_there(tap.id(0), words)
    cursor, is_before = tap.text(1) or None, tap.id(2) == 1
    page = await office.db.read(
        lambda connection: history(
            connection,
            shown.id,
            before=cursor if is_before else None,
            after=None if is_before else cursor,
            limit=PAGE,
            language=words.language,
        )
    )
    await redraw(office, bot, callback, history_screen(words, shown, page, person), shown_about(shown))


@router.callback_query(On(Action.CANCEL_TIMER))
async def cancel_timer(
    callback: CallbackQuery,
    tap: Tap,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    toast: Toast,
    deed: Deed,
) -> None:
    """What automation has scheduled shall not happen."""
    await deed(lambda tx: work.cancel_timer(tx, tap.id(1), person))
    toast.say(words("timer-cancelled"))
    await redraw_card(office, bot, callback, words, person, tap.id(0))


@router.callback_query(On(Action.SEND_AGAIN))
async def again(
    callback: CallbackQuery,
    tap: Tap,
    bot: Bot,
    office: Office,
    words: Words,
    person: Person,
    toast: Toast,
    deed: Deed,
) -> None:
    """Send once more what may not have arrived: a person has decided so."""
    delivery_id = await deed(lambda tx: send_again(tx, person, tap.id(1)))
    toast.say(words("sending-again"))
    await rekey(office, bot, callback, [(Button(words("button-card"), data(Action.OPEN, tap.id(0))),)])
    chat_id = callback.from_user.id
    place = await office.db.read(lambda c: place_of(c, office.account.id, chat_id, delivery_id))
    follow(office, bot, words, chat_id, delivery_id, message_id=place, line=words("sent-again"))


async def _show_done(
    callback: CallbackQuery, tap: Tap, bot: Bot, office: Office, words: Words, person: Person, shown: Card
) -> None:
    """The card as it is now; a relayed message stays as it is, only its buttons have done their work."""
    if not tap.id(1):
        await redraw(office, bot, callback, card_screen(words, shown, person), shown_as(shown))
        return
    about = await _relayed(office, callback)
    said = relayed(shown, about.conversation_id, about.message_id)
    buttons = relay_buttons(words, shown, person, said, about.conversation_id, about.message_id)
    await rekey(office, bot, callback, buttons)


async def _relayed(office: Office, callback: CallbackQuery) -> ShownMessage:
    """What the message whose button was tapped passes on."""
    if callback.message is None:
        return ShownMessage(None)
    place = callback.message.chat.id, callback.message.message_id
    known = await office.db.read(lambda connection: look_up(connection, office.account.id, *place))
    return known or ShownMessage(None)


async def _open_card(office: Office, tap: Tap, words: Words) -> Card:
    """The card, for what can only be done with an open lead."""
    shown = await office.card_there(tap.id(0), words)
    if shown.outcome != "open":
        raise Refusal("refused-lead-closed", number=shown.number)
    return shown
