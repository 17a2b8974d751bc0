"""Every way in which Telegram says no to what a bot sends or edits, in its own words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.clock import ManualClock
from sandbox.accounts import Bot
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox
from tests.sandbox.conftest import BotClient


def keyboard(**button: Any) -> dict[str, Any]:
    return {"inline_keyboard": [[button]]}


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"chat_id": 777}, "message text is empty"),
        ({"chat_id": 777, "text": " \n "}, "text must be non-empty"),
        ({"text": "x"}, "chat_id is empty"),
        ({"chat_id": 31337, "text": "x"}, "chat not found"),
        ({"chat_id": "@nobody", "text": "x"}, "chat not found"),
        ({"chat_id": 777, "text": "x" * 4097}, "message is too long"),
        ({"chat_id": 777, "text": "🏟" * 2049}, "message is too long"),
        ({"chat_id": 777, "text": "x", "parse_mode": "XML"}, "unsupported parse_mode"),
        (
            {"chat_id": 777, "text": "<b>x", "parse_mode": "HTML"},
            "can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        ),
        (
            {"chat_id": 777, "text": "x", "entities": [{"type": "bold", "offset": 0, "length": 2}]},
            "entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 2",
        ),
        (
            {"chat_id": 777, "text": "x", "reply_parameters": {"message_id": 99}},
            "message to be replied not found",
        ),
        ({"chat_id": 777, "text": "x", "reply_to_message_id": 99}, "message to be replied not found"),
        ({"chat_id": 777, "text": "x", "reply_parameters": {"quote": "y"}}, 'can\'t find field "message_id"'),
        ({"chat_id": 777, "text": "x", "message_thread_id": 5}, "message thread not found"),
        ({"chat_id": 777, "text": "x", "reply_markup": "{"}, "can't parse reply keyboard markup JSON object"),
        (
            {"chat_id": 777, "text": "x", "reply_markup": keyboard(text="y", callback_data="ю" * 33)},
            "BUTTON_DATA_INVALID",
        ),
        (
            {"chat_id": 777, "text": "x", "reply_markup": keyboard(text="y")},
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
        (
            {"chat_id": 777, "text": "x", "reply_markup": keyboard(text="y", url="ftp://a.ru")},
            "inline keyboard button URL 'ftp://a.ru' is invalid: Unsupported URL protocol",
        ),
        (
            {"chat_id": 777, "text": "x", "reply_markup": keyboard(text="y", web_app={"url": "http://a.ru"})},
            "inline keyboard button Web App URL 'http://a.ru' is invalid: Only HTTPS links are allowed",
        ),
        (
            {"chat_id": 777, "text": "x", "reply_markup": {"inline_keyboard": "bad"}},
            'field "inline_keyboard" must be of type Array',
        ),
        ({"chat_id": 777, "text": "x", "business_connection_id": "no"}, "business connection not found"),
    ],
)
async def test_a_message_that_cannot_be_sent_is_refused(
    client: BotClient, bot: Bot, anna: Person, params: dict[str, Any], complaint: str
) -> None:
    assert await client.refusal("sendMessage", **params) == (400, f"Bad Request: {complaint}")
    assert len(anna.chat(bot)) == 1, "nothing was sent"


async def test_the_longest_text_is_measured_after_its_markup_is_taken_out(
    client: BotClient, anna: Person
) -> None:
    sent = await client.call("sendMessage", chat_id=777, text=f"<b>{'x' * 4096}</b>", parse_mode="HTML")
    assert len(sent["text"]) == 4096
    data = "x" * 64
    await client.call(
        "sendMessage", chat_id=777, text="x", reply_markup=keyboard(text="y", callback_data=data)
    )


async def test_a_long_caption_is_refused_at_1024(client: BotClient, bot: Bot, anna: Person) -> None:
    photo = await anna.sends_photo(bot)
    photo_id = photo.media.file.id_for(bot.id) if photo.media else ""
    await client.call("sendPhoto", chat_id=777, photo=photo_id, caption="x" * 1024)
    refusal = await client.refusal("sendPhoto", chat_id=777, photo=photo_id, caption="x" * 1025)
    assert refusal == (400, "Bad Request: message caption is too long")


async def test_nobody_hears_a_bot_they_never_started(telegram: TelegramSandbox, client: BotClient) -> None:
    telegram.person(778, "Борис")
    expected = (403, "Forbidden: bot can't initiate conversation with a user")
    assert await client.refusal("sendMessage", chat_id=778, text="x") == expected


async def test_who_blocked_the_bot_gets_nothing_until_they_start_it_again(
    client: BotClient, bot: Bot, anna: Person
) -> None:
    sent = await client.call("sendMessage", chat_id=777, text="x")
    await anna.blocks(bot)
    for method, params in (
        ("sendMessage", {"text": "x"}),
        ("sendChatAction", {"action": "typing"}),
        ("editMessageText", {"text": "y", "message_id": sent["message_id"]}),
    ):
        refusal = await client.refusal(method, chat_id=777, **params)
        assert refusal == (403, "Forbidden: bot was blocked by the user"), method
    await anna.starts(bot, "again")
    await client.call("sendMessage", chat_id=777, text="x")
    kinds = [(list(u)[1], u.get("my_chat_member", {}).get("new_chat_member")) for u in await client.updates()]
    assert [kind for kind, _ in kinds] == ["my_chat_member", "my_chat_member", "message"]
    assert [member["status"] for _, member in kinds[:2] if member] == ["kicked", "member"]


async def test_a_deleted_account_gets_nothing(client: BotClient, anna: Person) -> None:
    await anna.deactivate()
    refusal = await client.refusal("sendMessage", chat_id=777, text="x")
    assert refusal == (403, "Forbidden: user is deactivated")


async def test_bots_do_not_talk_to_bots(telegram: TelegramSandbox, client: BotClient) -> None:
    other = telegram.add_bot("4200009:X", "other_bot")
    refusal = await client.refusal("sendMessage", chat_id=other.id, text="x")
    assert refusal == (403, "Forbidden: bots can't send messages to bots")


async def test_what_cannot_be_edited_is_refused(client: BotClient, bot: Bot, anna: Person) -> None:
    theirs = await anna.writes(bot, "моё")
    buttons = keyboard(text="Да", callback_data="1")
    sent = await client.call("sendMessage", chat_id=777, text="*", reply_markup=buttons)
    edit = {"chat_id": 777, "message_id": sent["message_id"]}
    not_modified = (
        "message is not modified: specified new message content and reply markup are exactly the same "
        "as a current content and reply markup of the message"
    )
    for params, complaint in (
        ({**edit, "text": "*", "reply_markup": buttons}, not_modified),
        ({**edit, "text": ""}, "message text is empty"),
        ({**edit, "message_id": 99, "text": "x"}, "message to edit not found"),
        ({**edit, "message_id": theirs.id, "text": "x"}, "message can't be edited"),
    ):
        assert await client.refusal("editMessageText", **params) == (400, f"Bad Request: {complaint}")
    assert await client.refusal("editMessageCaption", **edit, caption="x") == (
        400,
        "Bad Request: there is no caption in the message to edit",
    )
    edited = await client.call("editMessageText", **edit, text="*")
    assert "reply_markup" not in edited, "an edit without a keyboard takes the keyboard away"
    assert await client.refusal("editMessageReplyMarkup", **edit) == (400, f"Bad Request: {not_modified}")


async def test_a_message_with_a_reply_keyboard_cannot_be_edited(client: BotClient, anna: Person) -> None:
    keys = {"keyboard": [["Да", "Нет"]]}
    sent = await client.call("sendMessage", chat_id=777, text="x", reply_markup=keys)
    refusal = await client.refusal("editMessageText", chat_id=777, message_id=sent["message_id"], text="y")
    assert refusal == (400, "Bad Request: message can't be edited")


async def test_what_is_gone_or_old_cannot_be_deleted(
    client: BotClient, bot: Bot, anna: Person, clock: ManualClock
) -> None:
    sent = await client.call("sendMessage", chat_id=777, text="x")
    await client.call("deleteMessage", chat_id=777, message_id=sent["message_id"])
    assert sent["message_id"] not in [message.id for message in anna.chat(bot)]
    refusal = await client.refusal("deleteMessage", chat_id=777, message_id=sent["message_id"])
    assert refusal == (400, "Bad Request: message to delete not found")
    old = await client.call("sendMessage", chat_id=777, text="x")
    clock.advance(timedelta(hours=49))
    refusal = await client.refusal("deleteMessage", chat_id=777, message_id=old["message_id"])
    assert refusal == (400, "Bad Request: message can't be deleted for everyone")


async def test_a_tap_is_answered_once_and_in_time(
    client: BotClient, bot: Bot, anna: Person, clock: ManualClock
) -> None:
    too_old = (400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
    await client.call(
        "sendMessage", chat_id=777, text="x", reply_markup=keyboard(text="Да", callback_data="1")
    )
    first = anna.press(anna.last(bot), "Да")
    await client.call("answerCallbackQuery", callback_query_id=first.id)
    assert await client.refusal("answerCallbackQuery", callback_query_id=first.id) == too_old
    second = anna.press(anna.last(bot), "1")
    clock.advance(timedelta(minutes=16))
    assert await client.refusal("answerCallbackQuery", callback_query_id=second.id) == too_old
    assert await client.refusal("answerCallbackQuery", callback_query_id="nonsense") == too_old


@pytest.mark.parametrize(
    ("method", "params", "complaint"),
    [
        ("copyMessage", {"from_chat_id": 777, "message_id": 99}, "message to copy not found"),
        ("forwardMessage", {"from_chat_id": 777, "message_id": 99}, "message to forward not found"),
        ("pinChatMessage", {"message_id": 99}, "message to pin not found"),
        ("setMessageReaction", {"message_id": 99}, "message to react not found"),
        ("sendChatAction", {"action": "dancing"}, "wrong parameter action in request"),
        ("sendPhoto", {}, "there is no photo in the request"),
        ("sendPhoto", {"photo": "AgACnonsense"}, "wrong file identifier/HTTP URL specified"),
        ("sendPhoto", {"photo": "https://example.com/x.jpg"}, "failed to get HTTP URL content"),
        ("sendMediaGroup", {"media": []}, "there are no messages to send"),
        (
            "sendMediaGroup",
            {"media": [{"type": "voice"}]},
            "can't use the media of the specified type in the album",
        ),
        ("sendLocation", {"latitude": 1}, "longitude is empty"),
        ("sendContact", {"first_name": "x"}, "phone number is empty"),
        ("sendPoll", {"question": " ", "options": ["a"]}, "poll question must be non-empty"),
        ("getFile", {}, "file_id not specified"),
        ("getFile", {"file_id": "x"}, "invalid file_id"),
        ("createForumTopic", {"name": "x"}, "the chat is not a supergroup"),
        ("getChatMember", {"user_id": 5}, "member not found"),
        ("setMyCommands", {"commands": [{"command": "Это", "description": "x"}]}, "BOT_COMMAND_INVALID"),
        (
            "setMyCommands",
            {"commands": [{"command": "a", "description": ""}]},
            "command description must be non-empty",
        ),
        ("setWebhook", {"url": "ftp://a.ru"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        (
            "setWebhook",
            {"url": "http://a.ru", "secret_token": "ю"},
            "secret token contains unallowed characters",
        ),
        ("setChatMenuButton", {"menu_button": {"type": "odd"}}, "MenuButton has unsupported type"),
    ],
)
async def test_other_methods_refuse_in_telegrams_words(
    client: BotClient, anna: Person, method: str, params: dict[str, Any], complaint: str
) -> None:
    assert await client.refusal(method, chat_id=777, **params) == (400, f"Bad Request: {complaint}")
