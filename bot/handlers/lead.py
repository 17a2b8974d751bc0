"""What a manager does with a lead by its card's buttons. The core decides everything; here it is asked."""

from __future__ import annotations

from aiogram import Router
from aiogram.types import CallbackQuery

from bot.callbacks import Action, Tap, data
from bot.chat import Chat
from bot.dialogs import Writing
from bot.handlers.deeds import Deed
from bot.handlers.dialogue import ask
from bot.handlers.errors import Toast
from bot.handlers.filters import On
from bot.handlers.following import follow
from bot.handlers.inbox import redraw_card
from bot.handlers.letters import ask_letter
from bot.rich import line_of
from bot.screens.cards import contact_name, shown_about
from bot.screens.choices import colleague_choice, reason_choice, stage_choice
from bot.screens.history import PAGE, history_screen
from bot.screens.relay import relay_buttons, relayed
from core.channel import Button
from core.conversations.shown import ShownMessage, look_up, place_of
from core.desk import work
from core.desk.cards import Card
from core.desk.history import history
from core.desk.letters import answer_envelope
from core.errors import Refusal
from core.leads import assignment
from core.leads.answering import lead_to_answer, send_again
from core.leads.pipelines import reasons, stages
from core.staff import managers
from core.staff.managers import Person

router = Router(name="lead")


@router.callback_query(On(Action.TAKE))
async def take(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, toast: Toast, deed: Deed
) -> None:
    """Accept a lead; of two who tap at once the other learns who has it."""
    await deed(lambda tx: assignment.take(tx, tap.id(0), person))
    shown = await chat.card(tap.id(0))
    toast.say(chat.words("taken", number=shown.number))
    await _show_done(callback, tap, chat, person, shown)


@router.callback_query(On(Action.CALLED))
async def called(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, toast: Toast, deed: Deed
) -> None:
    """They have spoken on the telephone: the customer has their answer."""
    await deed(lambda tx: work.called(tx, tap.id(0), person))
    shown = await chat.card(tap.id(0))
    toast.say(chat.words("called", number=shown.number))
    await _show_done(callback, tap, chat, person, shown)


@router.callback_query(On(Action.STAGES))
async def choose_stage(callback: CallbackQuery, tap: Tap, chat: Chat) -> None:
    """Where to."""
    shown = await _open_card(chat, tap)
    known = await chat.read(lambda connection: stages(connection, shown.stage.pipeline_id))
    await chat.redraw(callback, stage_choice(chat.words, shown, known), shown_about(shown), asks=True)


@router.callback_query(On(Action.MOVE))
async def move(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, toast: Toast, deed: Deed
) -> None:
    """To that stage, unless somebody has moved the lead meanwhile."""
    await deed(lambda tx: work.move(tx, tap.id(0), person, tap.id(1), seen=tap.id(2)))
    shown = await chat.card(tap.id(0))
    toast.say(chat.words("moved", number=shown.number, stage=line_of(shown.stage_title, 60)))
    await redraw_card(chat, callback, person, shown)


@router.callback_query(On(Action.COLLEAGUES))
async def choose_colleague(callback: CallbackQuery, tap: Tap, chat: Chat, person: Person) -> None:
    """Whom to."""
    shown = await _open_card(chat, tap)
    people = await chat.read(managers.active)
    screen = colleague_choice(chat.words, shown, people, person)
    await chat.redraw(callback, screen, shown_about(shown), asks=True)


@router.callback_query(On(Action.HAND_OVER))
async def hand_over(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, toast: Toast, deed: Deed
) -> None:
    """Give the lead to a colleague, who is told."""
    await deed(lambda tx: assignment.hand_over(tx, tap.id(0), tap.id(1), person))
    shown = await chat.card(tap.id(0))
    toast.say(
        chat.words("handed-over", name=line_of(shown.responsible.name, 60) if shown.responsible else "")
    )
    await redraw_card(chat, callback, person, shown)


@router.callback_query(On(Action.REASONS, Action.REASONS_COMMENTED))
async def choose_reason(callback: CallbackQuery, tap: Tap, chat: Chat) -> None:
    """Why the lead is given up."""
    shown = await _open_card(chat, tap)
    known = await chat.read(lambda connection: reasons(connection, shown.stage.pipeline_id))
    commented = tap.action is Action.REASONS_COMMENTED
    screen = reason_choice(chat.words, shown, known, commented=commented)
    await chat.redraw(callback, screen, shown_about(shown), asks=True)


@router.callback_query(On(Action.JUNK))
async def junk(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, toast: Toast, deed: Deed
) -> None:
    """Give the lead up for that reason."""
    await deed(lambda tx: work.junk(tx, tap.id(0), person, tap.id(1), seen=tap.id(2)))
    shown = await chat.card(tap.id(0))
    toast.say(chat.words("junked", number=shown.number))
    await redraw_card(chat, callback, person, shown)


@router.callback_query(On(Action.JUNK_COMMENT))
async def junk_commented(callback: CallbackQuery, tap: Tap, chat: Chat, person: Person) -> None:
    """Give the lead up for that reason, after a few words. The choice has been made: the card is back."""
    shown = await _open_card(chat, tap)
    await redraw_card(chat, callback, person, shown)
    content = {"lead": shown.id, "reason": tap.id(1), "fence": tap.id(2)}
    await ask(chat, Writing.comment, content, chat.words("ask-comment", number=shown.number))


@router.callback_query(On(Action.REOPEN))
async def reopen(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, toast: Toast, deed: Deed
) -> None:
    """Open a closed lead again: what undoes a junk."""
    await deed(lambda tx: work.reopen(tx, tap.id(0), person, seen=tap.id(1)))
    toast.say(chat.words("reopened"))
    await redraw_card(chat, callback, person, await chat.card(tap.id(0)))


@router.callback_query(On(Action.NOTE))
async def note(_: CallbackQuery, tap: Tap, chat: Chat) -> None:
    """Write something down for colleagues."""
    shown = await chat.card(tap.id(0))
    await ask(chat, Writing.note, {"lead": shown.id}, chat.words("ask-note", number=shown.number))


@router.callback_query(On(Action.REPLY))
async def reply(_: CallbackQuery, tap: Tap, chat: Chat) -> None:
    """The next message goes to the customer."""
    named, talk = tap.id(0), tap.id(1) or None
    shown = await chat.card(await chat.read(lambda connection: lead_to_answer(connection, named, talk)))
    conversation = talk or shown.way.conversation_id
    content = {
        "lead": shown.id,
        "conversation": conversation,
        "message": tap.id(2) or None,
        "nobodys": shown.awaits_taking,
    }
    about = ShownMessage(shown.id, conversation, tap.id(2) or None)
    lead_id = shown.id
    if await chat.read(lambda connection: answer_envelope(connection, lead_id, conversation)):
        await ask_letter(chat, content)
        return
    question = chat.words("ask-answer", name=contact_name(chat.words, shown), number=shown.number)
    await ask(chat, Writing.answer, content, question, about)


@router.callback_query(On(Action.HISTORY))
async def show_history(callback: CallbackQuery, tap: Tap, chat: Chat, person: Person) -> None:
    """What has happened, page by page, the latest first."""
    shown = await chat.card(tap.id(0))
    cursor, is_before = tap.text(1) or None, tap.id(2) == 1
    page = await chat.read(
        lambda connection: history(
            connection,
            shown.id,
            before=cursor if is_before else None,
            after=None if is_before else cursor,
            limit=PAGE,
            language=chat.words.language,
        )
    )
    await chat.redraw(callback, history_screen(chat.words, shown, page, person), shown_about(shown))


@router.callback_query(On(Action.CANCEL_TIMER))
async def cancel_timer(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, toast: Toast, deed: Deed
) -> None:
    """What automation has scheduled shall not happen."""
    await deed(lambda tx: work.cancel_timer(tx, tap.id(1), person))
    toast.say(chat.words("timer-cancelled"))
    await redraw_card(chat, callback, person, await chat.card(tap.id(0)))


@router.callback_query(On(Action.SEND_AGAIN))
async def again(
    callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, toast: Toast, deed: Deed
) -> None:
    """Send once more what may not have arrived: a person has decided so."""
    delivery_id = await deed(lambda tx: send_again(tx, person, tap.id(1)))
    toast.say(chat.words("sending-again"))
    await chat.rekey(callback, [(Button(chat.words("button-card"), data(Action.OPEN, tap.id(0))),)])
    place = await chat.read(lambda c: place_of(c, chat.office.account.id, chat.id, delivery_id))
    follow(chat, delivery_id, message_id=place, line=chat.words("sent-again"))


async def _show_done(callback: CallbackQuery, tap: Tap, chat: Chat, person: Person, shown: Card) -> None:
    """The card as it is now; a relayed message stays as it is, only its buttons have done their work."""
    if not tap.id(1):
        await redraw_card(chat, callback, person, shown)
        return
    about = await _relayed(chat, callback)
    said = relayed(shown, about.conversation_id, about.message_id)
    buttons = relay_buttons(chat.words, shown, person, said, about.conversation_id, about.message_id)
    await chat.rekey(callback, buttons)


async def _relayed(chat: Chat, callback: CallbackQuery) -> ShownMessage:
    """What the message whose button was tapped passes on."""
    if callback.message is None:
        return ShownMessage(None)
    place = chat.id, callback.message.message_id
    known = await chat.read(lambda connection: look_up(connection, chat.office.account.id, *place))
    return known or ShownMessage(None)


async def _open_card(chat: Chat, tap: Tap) -> Card:
    """The card, for what can only be done with an open lead."""
    shown = await chat.card(tap.id(0))
    if shown.outcome != "open":
        raise Refusal("refused-lead-closed", number=shown.number)
    return shown
