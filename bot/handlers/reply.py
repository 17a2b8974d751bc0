"""Answers to customers, notes, comments: what a manager writes, and whom it is for.

In this order: a reply to a message of ours that shows a lead is an answer to its customer, unless words that no
customer shall get are waited for; what a dialog waits for is for the dialog; anything else goes to nobody, and the
manager is told so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiogram import F, Router
from aiogram.filters import StateFilter
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Action, data
from bot.chat import Chat
from bot.dialogs import Writing
from bot.handlers.asked import forwarded_from
from bot.handlers.contents import draft_of, text_of, words_of
from bot.handlers.deeds import Deed
from bot.handlers.dialogue import answered, expect_album, is_fresh, leave, stands
from bot.handlers.errors import Toast, refused, sentence
from bot.handlers.filters import WORDS, On, ToQuestion, ToShown
from bot.handlers.following import follow_answer
from bot.handlers.inbox import lead_number, lead_numbered
from bot.handlers.letters import ask_letter, letterhead
from bot.letterheads import Letterhead, with_letterhead
from bot.rich import line_of
from bot.screens.lists import lists_row
from bot.screens.unanswerable import unanswerable_screen
from core.channel import Button, Screen
from core.conversations.redrawing import redraw_cards
from core.conversations.shown import ShownMessage, look_up, remember
from core.database import Transaction
from core.desk import letters, work
from core.desk.letters import Envelope
from core.desk.telling import tell_answered
from core.errors import Refusal
from core.leads.answering import Reply, lead_to_answer, reply
from core.staff.managers import Person
from core.staff.updates import done

router = Router(name="reply")
fallback = Router(name="fallback")

# Another try at the same question can be better; after any other refusal the question is over.
_MENDABLE = (
    "refused-content",
    "refused-copies-many",
    "refused-copy",
    "refused-copy-excluded",
    "refused-file-too-large",
    "refused-file-unavailable",
    "refused-reply-empty",
    "refused-subject",
)
# Words that no customer shall get: a reply to the card of whom they are about may be meant as these.
_NOT_FOR_CUSTOMERS = (
    Writing.note.state,
    Writing.comment.state,
    Writing.exclusion.state,
    Writing.inclusion.state,
    Writing.check.state,
    Writing.subject.state,
    Writing.copy.state,
)
# No answer gets there, whatever is in it: told with what can be done instead.
_DEAD_ENDS = ("refused-conversation-closed", "refused-excluded", "refused-no-way")


@router.message(WORDS, ToShown())
async def to_shown(
    message: Message, about: ShownMessage, chat: Chat, person: Person, staff_update_id: int
) -> None:
    """A reply to a card or to a relayed message: an answer to the customer."""
    replied = message.reply_to_message
    if replied is not None and replied.from_user is not None and replied.from_user.id == person.telegram_id:
        about = replace(about, message_id=None)  # an answer of their own: this one quotes nothing
    meant, content = await chat.state.get_state(), await chat.state.get_data()
    lead_id = content.get("lead")
    if meant in _NOT_FOR_CUSTOMERS and is_fresh(chat, content) and await _is_theirs(chat, lead_id, about):
        raise Refusal("refused-for-whom")  # the question waits for another try
    if lead_id == about.lead_id and meant == Writing.answer.state:
        await answered(chat)  # the question has its answer so, too
    else:
        await leave(chat)
    await _answer(chat, message, person, about, staff_update_id)
    await expect_album(chat, message, about)


@router.message(Writing.answer, ToQuestion(), WORDS)
async def answer(message: Message, chat: Chat, person: Person, staff_update_id: int) -> None:
    """The answer that the Reply button asked for."""
    if (content := await _content(message, chat)) is None:
        return
    about = ShownMessage(content["lead"], content.get("conversation"), content.get("message"))
    try:
        await _answer(
            chat,
            message,
            person,
            about,
            staff_update_id,
            letterhead(content),
            was_nobodys=bool(content.get("nobodys")),
        )
    except Refusal as refusal:
        if refusal.key not in _MENDABLE:
            await refused(chat, message, person, about.lead_id or 0, refusal)
            return
        # Nothing was sent: the question stands, and the manager may answer it otherwise.
        if letterhead(content) == Letterhead():
            await stands(chat, content)
            raise
        await chat.say(sentence(chat.words, refusal), reply_to=message.message_id)
        await ask_letter(chat, content)
        return
    await expect_album(chat, message, about)


@router.message(Writing.note, ToQuestion(), WORDS)
async def note(message: Message, chat: Chat, person: Person, deed: Deed) -> None:
    """A note for colleagues."""
    text = words_of(message)  # before the question is over: it waits for another try
    if (content := await _content(message, chat)) is None:
        return
    lead_id = int(content["lead"])

    def work_(tx: Transaction) -> None:
        work.note(tx, lead_id, person, text)
        _remember_written(tx, chat, message)

    try:
        await deed(work_)
    except Refusal as refusal:
        await refused(chat, message, person, lead_id, refusal)
        return
    shown = await chat.office.card(lead_id, chat.words)
    number = shown.number if shown else 0
    card = Button(chat.words("button-card"), data(Action.OPEN, lead_id))
    # Who replies to it writes on about the customer, not to them.
    await chat.show(Screen(chat.words("noted", number=number), (), ((card,),)), reply_to=message.message_id)


@router.message(Writing.comment, ToQuestion(), WORDS)
async def comment(message: Message, chat: Chat, person: Person, deed: Deed) -> None:
    """Why the lead is given up, in words; with that it is."""
    text = words_of(message)
    if (content := await _content(message, chat)) is None:
        return
    lead_id = int(content["lead"])

    def work_(tx: Transaction) -> None:
        reason, seen = int(content["reason"]), content.get("fence")
        work.junk(tx, lead_id, person, reason, comment=text, seen=seen)
        redraw_cards(tx, [lead_id])  # the card under which the reason was chosen, too
        _remember_written(tx, chat, message)

    try:
        await deed(work_)
    except Refusal as refusal:
        await refused(chat, message, person, lead_id, refusal)
        return
    shown = await chat.office.card(lead_id, chat.words)
    card = Button(chat.words("button-card"), data(Action.OPEN, lead_id))
    screen = Screen(chat.words("junked", number=shown.number if shown else 0), (), ((card,),))
    await chat.show(screen, reply_to=message.message_id)


@router.callback_query(On(Action.CANCEL))
async def cancel(callback: CallbackQuery, chat: Chat, toast: Toast) -> None:
    """Leave the dialog whose question this is. One that is over already says so, and leaves the others alone."""
    message = callback.message
    if message is None:
        return
    if (await chat.state.get_data()).get("asked") == message.message_id:
        toast.say(chat.words("cancelled"))
        await leave(chat)
        return
    toast.say(chat.words("cancelled-before"))
    await chat.strip(message.message_id)


@router.edited_message(F.text | F.caption)  # not each step of a place that is shared live
async def edited(message: Message, chat: Chat) -> None:
    """A manager edits what they wrote: an answer has gone to the customer, a note is written down as it was."""
    known = await chat.read(
        lambda connection: look_up(connection, chat.office.account.id, chat.id, message.message_id)
    )
    if known is not None:
        key = "reply-edited" if known.lead_id is not None else "note-edited"
        await chat.say(chat.words(key), reply_to=message.message_id)


@fallback.message(F.media_group_id, StateFilter(None))
async def album(message: Message, chat: Chat, person: Person, staff_update_id: int) -> None:
    """Further parts of an album whose first part was an answer belong to the same answer."""
    content = await chat.state.get_data()
    if content.get("album") != message.media_group_id:
        await plain_text(message, chat, person)
        return
    about = ShownMessage(content["lead"], content.get("conversation"))
    await _answer(chat, message, person, about, staff_update_id)


@fallback.message(F.text.startswith("/"))
async def unknown_command(message: Message, chat: Chat) -> None:
    """A command we do not have."""
    await chat.say(chat.words("unknown-command"), reply_to=message.message_id)


@fallback.message()
async def plain_text(message: Message, chat: Chat, person: Person) -> None:
    """A message for nobody: never sent to anyone, never met with silence."""
    rows: list[tuple[Button, ...]] = [lists_row(chat.words)]
    author = forwarded_from(message)
    number = lead_number(text_of(message)[0])
    if number is not None and (meant := await lead_numbered(chat, number)) is not None:
        rows.insert(0, (Button(chat.words("button-lead", number=number), data(Action.OPEN, meant.id)),))
    if person.is_admin and author is not None:
        sender = data(Action.EXCLUDE_SENDER, author)
        rows.append((Button(chat.words("button-exclude-sender"), sender),))
    elif query := line_of(text_of(message)[0], 30):
        rows.append((Button(chat.words("button-find-this", query=query), data(Action.FIND)),))
    key = "reply-unknown" if message.reply_to_message is not None else "plain-text"
    await chat.show(Screen(chat.words(key), (), tuple(rows)), reply_to=message.message_id)


@fallback.callback_query()
async def old_button(_: CallbackQuery, chat: Chat, toast: Toast) -> None:
    """A button of another version of the bot."""
    toast.say(chat.words("refused-button-old"), alert=True)


async def _answer(
    chat: Chat,
    message: Message,
    person: Person,
    about: ShownMessage,
    staff_update_id: int,
    head: Letterhead | None = None,
    *,
    was_nobodys: bool = False,
) -> None:
    """Put the answer on its way. The update ends in the same transaction: taken twice, it is sent once.

    Where the lead `was_nobodys` when the answer was asked for, a colleague may have answered meanwhile: then none goes.
    """
    lead_id = await chat.read(
        lambda connection: lead_to_answer(connection, about.lead_id or 0, about.conversation_id)
    )
    before = await chat.card(lead_id)
    conversation = about.conversation_id or before.way.conversation_id
    is_letter = await chat.read(
        lambda connection: letters.answer_envelope(connection, lead_id, conversation) is not None
    )
    draft, parts = await draft_of(
        chat, message, None if is_letter else conversation, about.message_id, staff_update_id
    )
    if is_letter:
        draft = with_letterhead(draft, head or Letterhead())
    answered_there = ShownMessage(lead_id, conversation)

    def work_(tx: Transaction) -> tuple[Reply, Envelope | None]:
        letters.require_let_in(tx, draft.cc)
        as_nobodys = was_nobodys or before.awaits_taking
        said = reply(tx, person, lead_id, draft, conversation, as_nobodys=as_nobodys)
        if before.awaits_taking:
            redraw_cards(tx, [lead_id])  # no tap draws one's own anew
        for update in parts:
            done(tx, update)
        tell_answered(tx, lead_id, person, said.message_id)
        own = replace(answered_there, message_id=said.message_id)
        remember(tx, chat.office.account.id, chat.id, parts.values(), own)
        return said, letters.sent_envelope(tx.connection, said.message_id)

    try:
        said, envelope = await chat.office.db.transact(work_)
    except Refusal as refusal:
        if refusal.key not in _DEAD_ENDS:
            raise
        screen = unanswerable_screen(chat.words, before, sentence(chat.words, refusal))
        await chat.show(screen, reply_to=message.message_id)
        return
    await follow_answer(
        chat, message, said.delivery_id, before=before, envelope=envelope, about=answered_there
    )


async def _is_theirs(chat: Chat, lead_id: int | None, about: ShownMessage) -> bool:
    """Whether that lead is of the customer whom a reply would reach: an old card is answered in today's lead."""
    if lead_id is None or lead_id == about.lead_id:
        return True
    asked_of, shown = await chat.card(lead_id), await chat.card(about.lead_id or 0)
    return asked_of.contact_id == shown.contact_id


async def _content(message: Message, chat: Chat) -> dict[str, Any] | None:
    content = await answered(chat)
    if content is None or "lead" not in content:
        await chat.say(chat.words("dialog-forgotten"), reply_to=message.message_id)
        return None
    return content


def _remember_written(tx: Transaction, chat: Chat, message: Message) -> None:
    """What was written for colleagues shows no lead: a reply to it is no answer, and an edit changes no answer."""
    remember(tx, chat.office.account.id, chat.id, [message.message_id], ShownMessage(None))
