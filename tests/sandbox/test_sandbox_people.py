"""What people do arrives at the bot as Telegram would tell it, and they see what the bot does."""

from __future__ import annotations

import pytest

from sandbox.accounts import Bot
from sandbox.contents import Item
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox
from tests.sandbox.conftest import BotClient


async def test_both_directions_share_one_numbering_per_chat(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    boris = telegram.person(778, "Борис")
    await boris.starts(bot)
    sent = await client.call("sendMessage", chat_id=777, text="Здравствуйте!")
    written = await anna.writes(bot, "Добрый день")
    assert [message.id for message in anna.chat(bot)] == [1, 2, 3]
    assert (sent["message_id"], written.id) == (2, 3)
    assert [message.id for message in boris.chat(bot)] == [1]


async def test_a_link_with_a_payload_is_a_start_command(client: BotClient, bot: Bot, anna: Person) -> None:
    await anna.starts(bot, "utm-5")
    (update,) = await client.updates()
    assert update["message"]["text"] == "/start utm-5"
    assert update["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    assert update["message"]["from"] == {
        "id": 777,
        "is_bot": False,
        "first_name": "Анна",
        "username": "anna",
        "language_code": "ru",
    }


async def test_an_answer_carries_what_it_answers(client: BotClient, bot: Bot, anna: Person) -> None:
    sent = await client.call("sendMessage", chat_id=777, text="Сколько вам нужно штук?")
    await anna.writes(bot, "Пять", reply_to=anna.last(bot), quote="штук")
    (update,) = await client.updates()
    assert update["message"]["reply_to_message"]["message_id"] == sent["message_id"]
    assert update["message"]["quote"]["text"] == "штук"
    params = {"message_id": update["message"]["message_id"], "quote": "Пять"}
    answered = await client.call("sendMessage", chat_id=777, text="Записал", reply_parameters=params)
    assert answered["reply_to_message"]["text"] == "Пять"
    assert "reply_to_message" not in answered["reply_to_message"], "one level, as Telegram tells"
    assert anna.last(bot).reply_to is anna.chat(bot)[-2]


async def test_an_album_is_separate_updates_with_one_group(client: BotClient, bot: Bot, anna: Person) -> None:
    parts: list[Item | bytes] = [b"one", b"two", Item("video", b"three")]
    await anna.sends_album(bot, parts, caption="Смотрите")
    updates = await client.updates()
    messages = [update["message"] for update in updates]
    assert len({message["media_group_id"] for message in messages}) == 1
    assert [message.get("caption") for message in messages] == ["Смотрите", None, None]
    assert ["video" in message for message in messages] == [False, False, True]
    await anna.sends_album(bot, parts)
    assert (await client.updates())[0]["message"]["media_group_id"] != messages[0]["media_group_id"]


async def test_an_own_contact_is_told_from_anothers(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    boris = telegram.person(778, "Борис", phone="+79990000000")
    await anna.sends_contact(bot)
    await anna.sends_contact(bot, of=boris)
    await anna.sends_contact(bot, "+78120000000", first_name="Склад")
    own, anothers, bare = [update["message"]["contact"] for update in await client.updates()]
    assert own == {"phone_number": "+79991234567", "first_name": "Анна", "user_id": 777}
    assert anothers == {"phone_number": "+79990000000", "first_name": "Борис", "user_id": 778}
    assert "user_id" not in bare


async def test_every_kind_can_be_sent(client: BotClient, bot: Bot, anna: Person) -> None:
    sent = [
        await anna.sends_photo(bot),
        await anna.sends_document(bot),
        await anna.sends_voice(bot),
        *[await anna.sends(bot, kind) for kind in ("audio", "video", "video_note", "animation")],
        await anna.sends_sticker(bot),
        await anna.sends_location(bot),
        await anna.sends_venue(bot, "Склад", "Тверская, 1"),
        await anna.sends_dice(bot),
        await anna.sends_poll(bot, "Да?", ["да", "нет"]),
        await anna.sends_service(bot, {"story": {"id": 1, "chat": {"id": 777, "type": "private"}}}),
    ]
    kinds = [message.kind for message in sent]
    assert len(set(kinds)) == len(kinds)
    for message, update in zip(sent, await client.updates(), strict=True):
        assert message.kind in update["message"]


async def test_forwards_say_where_they_come_from(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    boris = telegram.person(778, "Борис", hides_forwards=True)
    await anna.forwards(await boris.writes(bot, "секрет"), bot)
    await anna.forwards(await anna.writes(bot, "своё"), bot)
    messages = [update["message"] for update in await client.updates()]
    assert messages[1]["forward_origin"]["type"] == "hidden_user"
    assert messages[1]["forward_origin"]["sender_user_name"] == "Борис"
    assert messages[3]["forward_origin"]["sender_user"]["id"] == 777


async def test_a_tap_waits_for_its_answer(client: BotClient, bot: Bot, anna: Person) -> None:
    buttons = {
        "inline_keyboard": [
            [{"text": "Взять", "callback_data": "take:5"}, {"text": "Сайт", "url": "https://a.ru"}]
        ]
    }
    await client.call("sendMessage", chat_id=777, text="Заявка", reply_markup=buttons)
    message = anna.last(bot)
    assert (await anna.taps(message, "Сайт")).url == "https://a.ru/"
    query = anna.press(message, "Взять")
    (update,) = await client.updates()
    assert update["callback_query"]["id"] == query.id
    assert update["callback_query"]["data"] == "take:5"
    assert update["callback_query"]["message"]["text"] == "Заявка"
    await client.call("answerCallbackQuery", callback_query_id=query.id, text="Ваша", show_alert=True)
    assert query.answer is not None
    assert (query.answer.text, query.answer.alert) == ("Ваша", True)
    with pytest.raises(LookupError, match=r"no button 'Отдать'.*'Взять' \(take:5\)"):
        await anna.taps(message, "Отдать")
    with pytest.raises(TimeoutError, match="answerCallbackQuery ok"):
        await anna.taps(message, "Взять", timeout=0.01)


async def test_keys_of_a_keyboard_write_or_share(client: BotClient, bot: Bot, anna: Person) -> None:
    keys = {"keyboard": [[{"text": "Мой телефон", "request_contact": True}, "Отмена"]]}
    await client.call("sendMessage", chat_id=777, text="Как с вами связаться?", reply_markup=keys)
    await anna.presses(bot, "Отмена")
    await anna.presses(bot, "Мой телефон")
    cancel, contact = [update["message"] for update in await client.updates()]
    assert cancel["text"] == "Отмена"
    assert contact["contact"]["user_id"] == 777
    await client.call("sendMessage", chat_id=777, text="Спасибо", reply_markup={"remove_keyboard": True})
    with pytest.raises(LookupError, match="no keyboard is open"):
        await anna.presses(bot, "Отмена")


async def test_what_is_waited_for_may_have_to_be_new(client: BotClient, bot: Bot, anna: Person) -> None:
    await client.call("sendMessage", chat_id=777, text="Спасибо")
    written = await anna.writes(bot, "ещё вопрос")
    assert (await anna.sees(bot, "Спасибо")).id < written.id
    with pytest.raises(TimeoutError):
        await anna.sees(bot, "Спасибо", 0.01, after=written)
    await client.call("sendMessage", chat_id=777, text="Спасибо")
    assert (await anna.sees(bot, "Спасибо", after=written)).id > written.id


async def test_people_see_edits_marks_and_what_was_deleted_is_gone(
    client: BotClient, bot: Bot, anna: Person
) -> None:
    sent = await client.call("sendMessage", chat_id=777, text="<b>Ждём</b> вас", parse_mode="HTML")
    message = anna.last(bot)
    assert (message.text, message.marked("bold")) == ("Ждём вас", ["Ждём"])
    await client.call(
        "editMessageText",
        chat_id=777,
        message_id=sent["message_id"],
        text="🏟 *Готово*",
        parse_mode="MarkdownV2",
    )
    assert (message.text, message.marked("bold"), message.edited) == ("🏟 Готово", ["Готово"], True)
    await client.call("deleteMessages", chat_id=777, message_ids=[message.id, 4242])
    assert anna.last(bot).text == "/start"


async def test_a_copy_is_new_and_a_forward_names_its_author(
    client: BotClient, bot: Bot, anna: Person
) -> None:
    photo = await anna.sends_photo(bot, b"picture", caption="дом")
    copied = await client.call(
        "copyMessage", chat_id=777, from_chat_id=777, message_id=photo.id, caption="копия"
    )
    assert anna.last(bot).id == copied["message_id"]
    assert (anna.last(bot).text, anna.last(bot).files[0].data) == ("копия", b"picture")
    forwarded = await client.call("forwardMessage", chat_id=777, from_chat_id=777, message_id=photo.id)
    assert forwarded["forward_origin"]["sender_user"]["id"] == 777
    assert forwarded["caption"] == "дом"


async def test_the_other_things_a_bot_sends_are_seen(client: BotClient, bot: Bot, anna: Person) -> None:
    await client.call("sendLocation", chat_id=777, latitude=55.7, longitude=37.6)
    await client.call(
        "sendVenue", chat_id=777, latitude=55.7, longitude=37.6, title="Офис", address="Арбат, 1"
    )
    await client.call("sendContact", chat_id=777, phone_number="+7999", first_name="Офис")
    await client.call("sendDice", chat_id=777)
    await client.call("sendPoll", chat_id=777, question="Как?", options=[{"text": "так"}, "сяк"])
    await client.call("sendChatAction", chat_id=777, action="typing")
    await client.call(
        "setMessageReaction", chat_id=777, message_id=1, reaction=[{"type": "emoji", "emoji": "👍"}]
    )
    await client.call("pinChatMessage", chat_id=777, message_id=1)
    kinds = [message.kind for message in anna.chat(bot)]
    assert kinds == ["text", "location", "venue", "contact", "dice", "poll", "pinned_message"]
    assert anna.chat(bot)[0].reactions[bot.id][0]["emoji"] == "👍"
    chat = await client.call("getChat", chat_id=777)
    assert chat["pinned_message"]["message_id"] == 1
    await client.call("unpinChatMessage", chat_id=777)
    assert "pinned_message" not in await client.call("getChat", chat_id=777)


async def test_what_a_bot_says_of_itself_is_remembered(client: BotClient, bot: Bot) -> None:
    commands = [{"command": "start", "description": "Начать"}]
    scope = {"type": "chat", "chat_id": 777}
    await client.call("setMyCommands", commands=commands, language_code="ru")
    await client.call("setMyCommands", commands=commands, scope=scope)
    assert bot.commands_for("ru") == commands
    assert await client.call("getMyCommands") == []
    assert await client.call("getMyCommands", scope=scope) == commands
    await client.call("deleteMyCommands", scope=scope)
    assert await client.call("getMyCommands", scope=scope) == []
    await client.call("setMyDescription", description="Линия")
    assert await client.call("getMyDescription", language_code="en") == {"description": "Линия"}
    assert await client.call("getMyName") == {"name": "The line"}
    await client.call("setChatMenuButton", menu_button={"type": "commands"})
    assert await client.call("getChatMenuButton", chat_id=777) == {"type": "commands"}


async def test_changes_can_be_followed(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    with telegram.changes(limit=3) as changes:
        await anna.writes(bot, "раз")
        await client.call("sendMessage", chat_id=777, text="два")
        kinds = [changes.get_nowait().kind for _ in range(changes.qsize())]
        assert kinds == ["message", "message", "call"]
        for _ in range(5):
            await anna.writes(bot, "много")
        numbers = [changes.get_nowait().number for _ in range(changes.qsize())]
        assert numbers == [6, 7, 8], "the oldest are lost, and the numbers show it"


async def test_who_blocked_must_unblock_to_write(bot: Bot, anna: Person) -> None:
    await anna.blocks(bot)
    with pytest.raises(ValueError, match="must unblock"):
        await anna.writes(bot, "эй")
