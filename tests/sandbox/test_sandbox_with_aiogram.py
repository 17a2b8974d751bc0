"""A bot written with aiogram finds everything as it is on Telegram."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiogram
import pytest
from aiogram import Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramRetryAfter,
)
from aiogram.filters import CommandObject, CommandStart
from aiogram.types import (
    BufferedInputFile,
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    Message,
)

from sandbox.accounts import Bot
from sandbox.faults import HangUp, too_many_requests
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox

BUTTONS = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Взять", callback_data="take")]])


@pytest.fixture
async def program(telegram: TelegramSandbox, bot: Bot) -> AsyncIterator[aiogram.Bot]:
    session = AiohttpSession(api=TelegramAPIServer.from_base(telegram.url))
    async with aiogram.Bot(bot.token, session=session) as program:
        yield program


@asynccontextmanager
async def polling(dispatcher: Dispatcher, program: aiogram.Bot) -> AsyncIterator[None]:
    task = asyncio.create_task(dispatcher.start_polling(program, handle_signals=False, polling_timeout=30))
    try:
        yield
    finally:
        await dispatcher.stop_polling()
        await task


async def test_a_polling_bot_sends_edits_answers_taps_and_downloads(
    telegram: TelegramSandbox, bot: Bot, program: aiogram.Bot
) -> None:
    dispatcher = Dispatcher()
    downloads: list[bytes] = []

    @dispatcher.message(CommandStart())
    async def greet(message: Message, command: CommandObject) -> None:
        await message.answer(f"<b>Здравствуйте</b>, {command.args}", parse_mode="HTML", reply_markup=BUTTONS)

    @dispatcher.message(F.document)
    async def keep(message: Message) -> None:
        assert message.document is not None
        into = io.BytesIO()
        await program.download(message.document, into)
        downloads.append(into.getvalue())
        await message.reply_document(BufferedInputFile(b"back", "ответ.txt"), caption="получили")

    @dispatcher.callback_query()
    async def take(query: CallbackQuery) -> None:
        assert isinstance(query.message, Message)
        await query.message.edit_text("Взято")
        await query.answer("Ваша заявка")

    anna = telegram.person(777, "Анна")
    async with polling(dispatcher, program):
        await anna.starts(bot, "promo")
        greeting = await anna.sees(bot, "promo")
        assert greeting.marked("bold") == ["Здравствуйте"]
        assert (await anna.taps(greeting, "Взять")).text == "Ваша заявка"
        assert (greeting.text, greeting.buttons) == ("Взято", [])
        await anna.sends_document(bot, b"the bytes", "смета.pdf")
        answer = await anna.sees(bot, "получили")
        assert downloads == [b"the bytes"]
        assert (answer.files[0].name, answer.files[0].data) == ("ответ.txt", b"back")
        assert answer.reply_to is anna.chat(bot)[-2]


async def test_aiogram_names_every_refusal(
    telegram: TelegramSandbox, bot: Bot, program: aiogram.Bot, anna: Person
) -> None:
    telegram.fail("sendMessage", too_many_requests(9))
    with pytest.raises(TelegramRetryAfter) as wait:
        await program.send_message(777, "x")
    assert wait.value.retry_after == 9
    with pytest.raises(TelegramBadRequest, match="chat not found"):
        await program.send_message(31337, "x")
    telegram.fail("sendMessage", HangUp(after_acting=True))
    with pytest.raises(TelegramNetworkError):
        await program.send_message(777, "x")
    group = await telegram.group("Продажи", anna, bot, supergroup=False)
    old_id = group.id
    await group.upgrades()
    with pytest.raises(TelegramMigrateToChat) as moved:
        await program.send_message(old_id, "x")
    assert moved.value.migrate_to_chat_id == group.id
    await anna.blocks(bot)
    with pytest.raises(TelegramForbiddenError, match="bot was blocked by the user"):
        await program.send_message(777, "x")


async def test_aiogram_reads_every_answer(
    telegram: TelegramSandbox, bot: Bot, program: aiogram.Bot, anna: Person
) -> None:
    forum = await telegram.group("Линия", anna, bot, forum=True)
    assert (await program.get_me()).username == "line_bot"
    assert (await program.get_chat(777)).first_name == "Анна"
    assert (await program.get_chat(forum.id)).is_forum is True
    assert (await program.get_chat_member(forum.id, bot.id)).status == "administrator"
    assert (await program.get_chat_member(forum.id, 777)).status == "creator"
    topic = await program.create_forum_topic(forum.id, "Анна")
    in_topic = await program.send_message(forum.id, "x", message_thread_id=topic.message_thread_id)
    assert in_topic.is_topic_message
    photo = BufferedInputFile(b"picture", "p.jpg")
    album = await program.send_media_group(777, [InputMediaPhoto(media=photo), InputMediaPhoto(media=photo)])
    assert len({part.media_group_id for part in album}) == 1
    copied = await program.copy_message(777, 777, album[0].message_id)
    assert anna.last(bot).id == copied.message_id
    forwarded = await program.forward_message(777, 777, album[0].message_id)
    assert forwarded.forward_origin is not None
    await program.send_location(777, 55.7, 37.6)
    await program.send_contact(777, "+7999", "Офис")
    await program.send_dice(777)
    await program.send_poll(777, "Как?", ["так", "сяк"])
    assert (await program.get_webhook_info()).url == ""
    connection = telegram.business(telegram.person(900, "Владелец"), bot)
    assert (await program.get_business_connection(connection.id)).can_reply is True


async def test_aiogram_reads_every_update(
    telegram: TelegramSandbox, bot: Bot, program: aiogram.Bot, anna: Person
) -> None:
    wanted = """
        message edited_message callback_query my_chat_member chat_member message_reaction business_connection
        business_message edited_business_message deleted_business_messages
    """.split()
    bot.updates.allow(wanted)
    boris = telegram.person(778, "Борис", last_name="Ив", phone="+79990000000")
    group = await telegram.group("Линия", anna, bot, boris, forum=True)
    await group.opens_topic("Тема")
    await group.removes(boris)
    for kind in ("photo", "document", "voice", "audio", "video", "video_note", "animation", "sticker"):
        await anna.sends(bot, kind)
    await anna.sends_album(bot, [b"1", b"2"])
    await anna.sends_contact(bot, of=boris)
    await anna.sends_location(bot)
    await anna.sends_venue(bot, "Склад", "Тверская, 1")
    await anna.sends_dice(bot)
    await anna.sends_poll(bot, "Да?", ["да", "нет"])
    message = await anna.writes(bot, "привет @line_bot", reply_to=anna.last(bot), quote="Да?")
    await anna.edits(message, "пока")
    await anna.forwards(message, bot)
    await anna.reacts(message, "👍")
    await program.send_message(777, "x", reply_markup=BUTTONS)
    anna.press(anna.last(bot), "Взять")
    await anna.blocks(bot)
    connection = telegram.business(boris, bot)
    written = await anna.writes(connection, "есть?")
    await anna.edits(written, "нет?")
    await anna.deletes(written)
    updates = await program.get_updates(limit=100)  # raises when one of them is not as it should be
    assert len(updates) == bot.pending
    assert {update.event_type for update in updates} == set(wanted)
