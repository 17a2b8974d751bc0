"""The files of a lead, sent again on request: old ones scroll away, and late ones come after the card."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from aiogram import Router
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import CallbackQuery, FSInputFile, Message

from bot.callbacks import Action, Tap, data
from bot.chat import Chat
from bot.handlers.errors import Toast
from bot.handlers.filters import On
from bot.screens.cards import shown_about
from bot.texts import Words
from core.channel import Button, Screen
from core.desk import messages
from core.desk.messages import File

log = structlog.get_logger("bot")
router = Router(name="files")
PAGE = 10  # files that are sent at once


@router.callback_query(On(Action.FILES))
async def show_files(callback: CallbackQuery, tap: Tap, chat: Chat, toast: Toast) -> None:
    """Send the latest files of a lead, page by page; a reply to a file goes to the customer."""
    card = await chat.card(tap.id(0))
    lead_id, before = card.id, tap.id(1) or None
    files, earlier = await chat.read(
        lambda connection: messages.files(connection, lead_id, before, limit=PAGE)
    )
    if before is not None:
        await chat.rekey(callback, ())  # tapped once, shown once
    sent: list[int] = []
    failed: list[File] = []
    for file in files:
        message = await _send(chat, file)
        if message is None:
            failed.append(file)
        else:
            sent.append(message.message_id)
    if sent:
        await chat.remember(sent, shown_about(card))
    if earlier:
        more = Button(chat.words("button-files-earlier"), data(Action.FILES, lead_id, files[0].id))
        text = chat.words("files-earlier", number=card.number, count=earlier)
        await chat.show(Screen(text, (), ((more,),)), shown_about(card))
    if answer := _complaint(chat.words, files, failed):
        toast.say(answer, alert=True)


def _complaint(words: Words, files: Sequence[File], failed: Sequence[File]) -> str:
    if not files:
        return words("files-none")
    loading = sum(file.state == "waiting" for file in failed)
    if loading:
        return words("files-loading", count=loading)
    return words("files-missing", count=len(failed)) if failed else ""


async def _send(chat: Chat, file: File) -> Message | None:
    """One file, by Telegram's own reference where it came through this bot, else from the store.

    What it refuses as it is (a voice message, to somebody who takes none) comes as a document from the store.
    """
    own = file.reference if file.account_id == chat.office.account.id else None
    stored = _stored(chat, file)
    media = own or stored
    if media is None:
        return None
    try:
        return await chat.patiently(lambda: _call(chat, file.kind, media))
    except TelegramBadRequest as error:
        log.info("a file cannot be shown as it is", kind=file.kind, why=error.message)
    if stored is None:
        return None
    try:
        return await chat.patiently(lambda: chat.bot.send_document(chat.id, stored))
    except TelegramBadRequest as error:
        log.info("a file cannot be shown at all", kind=file.kind, why=error.message)
        return None


def _stored(chat: Chat, file: File) -> FSInputFile | None:
    if file.sha256 is None or file.is_empty:
        return None
    path = chat.office.store.path(file.sha256)
    return FSInputFile(path, file.name or file.kind) if path.exists() else None


async def _call(chat: Chat, kind: str, media: str | FSInputFile) -> Message:
    match kind:
        case "photo":
            return await chat.bot.send_photo(chat.id, media)
        case "video":
            return await chat.bot.send_video(chat.id, media)
        case "audio":
            return await chat.bot.send_audio(chat.id, media)
        case "voice":
            return await chat.bot.send_voice(chat.id, media)
        case "video_note":
            return await chat.bot.send_video_note(chat.id, media)
        case "animation":
            return await chat.bot.send_animation(chat.id, media)
        case "sticker":
            return await chat.bot.send_sticker(chat.id, media)
    return await chat.bot.send_document(chat.id, media)
