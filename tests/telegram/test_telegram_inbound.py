"""What the line understands of a Telegram update."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.telegram.inbound import describe, normalise
from core.channel import Address, Ignored, InboundMessage, Kind, Received, Unreadable
from core.staff.invitations import PREFIX, new_token

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BOT = "600000001"


def an_update(kind: str = "message", /, **fields: object) -> dict[str, Any]:
    person = {"id": 777, "is_bot": False, "first_name": "Анна", "last_name": "Ким", "username": "annakim"}
    event = {
        "message_id": 5,
        "from": {**person, "language_code": "ru"},
        "chat": {"id": 777, "type": "private", "first_name": "Анна"},
        "date": 1_770_000_000,
        **fields,
    }
    return {"update_id": 100, kind: {key: value for key, value in event.items() if value is not ...}}


def read(update: object) -> Received:
    return normalise(update, json.dumps(update).encode(), NOW, BOT)


def message_of(update: object) -> InboundMessage:
    understood = read(update).understood
    assert isinstance(understood, InboundMessage), understood
    return understood


def reason_of(update: object) -> str:
    understood = read(update).understood
    assert isinstance(understood, Ignored), understood
    return understood.reason


# --- who and what --------------------------------------------------------------------------------


def test_a_plain_message_says_who_wrote_what_and_where_to_answer() -> None:
    received = read(an_update(text="Сколько стоит доставка?"))
    message = received.understood
    assert isinstance(message, InboundMessage)
    assert received.external_id == "100"
    assert received.staff_id == 777
    assert not received.is_staff
    assert (message.kind, message.thread, message.message_id) == (Kind.MESSAGE, "777", "5")
    assert message.text == "Сколько стоит доставка?"
    assert message.sender.name == "Анна Ким"
    assert message.sender.language == "ru"
    assert message.sender.addresses == (Address("telegram", "777", BOT, username="annakim"),)
    assert message.sent_at == datetime.fromtimestamp(1_770_000_000, UTC)
    assert not message.automatic


@pytest.mark.parametrize(
    ("fields", "text", "content", "file"),
    [
        ({"voice": {"file_id": "v", "duration": 7}}, "[Голосовое сообщение, 0:07]", "voice", "voice"),
        (
            {"video_note": {"file_id": "v", "duration": 61}},
            "[Видеосообщение, 1:01]",
            "video_note",
            "video_note",
        ),
        ({"video": {"file_id": "v", "duration": 3661}}, "[Видео, 1:01:01]", "video", "video"),
        (
            {"audio": {"file_id": "a", "title": "Песня", "performer": "Хор", "duration": 185}},
            "[Аудио: Хор – Песня, 3:05]",
            "audio",
            "audio",
        ),
        (
            {"document": {"file_id": "d", "file_name": "смета.pdf"}},
            "[Файл: смета.pdf]",
            "document",
            "document",
        ),
        ({"sticker": {"file_id": "s", "emoji": "👍"}}, "[Стикер 👍]", "sticker", "sticker"),
        (
            {"animation": {"file_id": "g"}, "document": {"file_id": "g"}},
            "[Анимация]",
            "animation",
            "animation",
        ),
        ({"photo": [{"file_id": "p", "width": 9, "height": 9}]}, "[Фото]", "photo", "photo"),
        (
            {"photo": [{"file_id": "p", "width": 9, "height": 9}], "caption": "Вот такой"},
            "Вот такой",
            "photo",
            "photo",
        ),
        (
            {"location": {"latitude": 55.75, "longitude": 37.6}},
            "[Геопозиция: 55.75, 37.6]\nhttps://maps.google.com/?q=55.75,37.6",
            "location",
            None,
        ),
        (
            {
                "venue": {
                    "title": "Кафе",
                    "address": "Тверская, 1",
                    "location": {"latitude": 1, "longitude": 2},
                },
                "location": {"latitude": 1, "longitude": 2},
            },
            "[Место: Кафе, Тверская, 1]\n1, 2\nhttps://maps.google.com/?q=1,2",
            "venue",
            None,
        ),
        (
            {"poll": {"question": "Когда?", "options": [{"text": "Утром"}, {"text": "Вечером"}]}},
            "[Опрос: Когда?]\n• Утром\n• Вечером",
            "poll",
            None,
        ),
        ({"dice": {"emoji": "🎯", "value": 6}}, "[🎯 6]", "dice", None),
        ({"game": {"title": "Змейка"}}, "[Игра: Змейка]", "game", None),
        ({"story": {"chat": {"id": 1, "title": "Новости"}, "id": 3}}, "[Сторис: Новости]", "story", None),
        (
            {
                "checklist": {
                    "title": "Дом",
                    "tasks": [{"id": 1, "text": "пол", "completion_date": 5}, {"text": "окна"}],
                }
            },
            "[Список дел: Дом]\n☑ пол\n☐ окна",
            "checklist",
            None,
        ),
        ({"giveaway": {"prize_description": "Кружка"}}, "[Розыгрыш: Кружка]", "giveaway", None),
        (
            {"paid_media": {"star_count": 5, "paid_media": [{"type": "photo", "photo": [{"file_id": "p"}]}]}},
            "[Платные медиа, звёзд: 5]",
            "paid_media",
            "photo",
        ),
        (
            {"gift": {"gift": {"sticker": {"emoji": "🎁"}}, "text": "Спасибо!"}},
            "[Подарок: 🎁]\nСпасибо!",
            "gift",
            None,
        ),
        (
            {
                "invoice": {
                    "title": "Стол",
                    "currency": "RUB",
                    "total_amount": 1_234_500,
                    "description": "дуб",
                }
            },
            "[Счёт: Стол, 12345.00 RUB]\nдуб",
            "invoice",
            None,
        ),
        (
            {"successful_payment": {"currency": "XTR", "total_amount": 50}},
            "[Оплачено: 50 ⭐]",
            "successful_payment",
            None,
        ),
        (
            {"successful_payment": {"currency": "JPY", "total_amount": 50, "order_info": {"email": "a@b.c"}}},
            "[Оплачено: 50 JPY]\na@b.c",
            "successful_payment",
            None,
        ),
        (
            {"web_app_data": {"button_text": "Заявка", "data": '{"a":1}'}},
            '[Данные из приложения: Заявка]\n{"a":1}',
            "web_app_data",
            None,
        ),
        (
            {"users_shared": {"users": [{"user_id": 1, "first_name": "Олег"}]}},
            "[Выбраны люди: Олег]",
            "users_shared",
            None,
        ),
        (
            {
                "rich_message": {
                    "blocks": [
                        {"type": "heading", "text": "Заказ"},
                        {"type": "paragraph", "text": ["два ", {"type": "bold", "text": "стола"}]},
                        {"type": "photo", "photo": [{"file_id": "p"}], "caption": {"text": "вид"}},
                    ]
                }
            },
            "Заказ\nдва стола\nвид",
            "rich_message",
            "photo",
        ),
        (
            {"hologram": {"depth": 3}, "aura": 1},
            "[Неподдерживаемое сообщение: aura, hologram]",
            "unsupported",
            None,
        ),
        ({}, "[Неподдерживаемое сообщение]", "unsupported", None),
        ({"photo": "not a photo"}, "[Неподдерживаемое сообщение: photo]", "unsupported", None),
        (
            {"location": {"latitude": 300, "longitude": 1}},
            "[Неподдерживаемое сообщение: location]",
            "unsupported",
            None,
        ),
    ],
)
def test_whatever_a_person_sends_becomes_a_line_and_keeps_its_file(
    fields: dict[str, object], text: str, content: str, file: str | None
) -> None:
    message = message_of(an_update(**fields))
    assert message.text == text
    assert message.content == content
    assert [f.kind for f in message.files] == ([file] if file else [])


def test_labels_are_english_for_everyone_who_does_not_read_russian() -> None:
    foreigner = {"id": 8, "first_name": "Ann", "language_code": "de"}
    message = message_of(an_update(**{"from": foreigner}, voice={"file_id": "v", "duration": 7}))
    assert message.text == "[Voice message, 0:07]"


def test_the_largest_photo_a_bot_may_download_is_taken() -> None:
    sizes = [
        {"file_id": "small", "width": 90, "height": 90, "file_size": 1_000},
        {"file_id": "huge", "width": 9000, "height": 9000, "file_size": 30_000_000},
        {"file_id": "large", "width": 1280, "height": 1280, "file_size": 400_000},
    ]
    assert message_of(an_update(photo=sizes)).files[0].reference == "large"


def test_a_file_keeps_its_size_type_and_a_harmless_name() -> None:
    document = {
        "file_id": "d",
        "file_name": "../../etc/\u202egpj.exe\x00",
        "mime_type": "Application/PDF",
        "file_size": 35_000_000,
    }
    (file,) = message_of(an_update(document=document)).files
    assert (file.name, file.media_type, file.size) == (".._.._etc_gpj.exe", "application/pdf", 35_000_000)
    document["mime_type"] = "text/html\r\nX-Evil: 1"
    assert message_of(an_update(document=document)).files[0].media_type is None


def test_parts_of_an_album_share_its_group() -> None:
    part = an_update(media_group_id="14215776976937444", document={"file_id": "d"})
    assert message_of(part).group == "14215776976937444"


def test_an_address_hidden_behind_words_is_shown_below_them() -> None:
    link = {"type": "text_link", "offset": 0, "length": 5, "url": "https://example.org/смета"}
    assert message_of(an_update(text="Смета", entities=[link])).text == "Смета\nhttps://example.org/смета"


# --- identity ------------------------------------------------------------------------------------


def test_an_own_shared_contact_proves_the_phone() -> None:
    own = {"phone_number": "79991234567", "first_name": "Анна", "user_id": 777}
    message = message_of(an_update(contact=own))
    assert message.text == "[Контакт: Анна, +79991234567]"
    assert message.sender.addresses[1] == Address("phone", "+79991234567", proved=True)


@pytest.mark.parametrize(
    "fields",
    [
        {"contact": {"phone_number": "79991234567", "first_name": "Олег", "user_id": 778}},
        {"contact": {"phone_number": "79991234567", "first_name": "Олег"}},
        {
            "contact": {"phone_number": "79991234567", "user_id": 777},
            "forward_origin": {"type": "hidden_user"},
        },
        {"contact": {"phone_number": "123", "user_id": 777}},
        {"contact": {"phone_number": "79991234567", "user_id": "777"}},
        {"contact": {"phone_number": "79991234567", "user_id": 777}, "text": "текст важнее"},
    ],
)
def test_any_other_contact_is_information_and_no_identity(fields: dict[str, object]) -> None:
    assert len(message_of(an_update(**fields)).sender.addresses) == 1


def test_a_name_cannot_turn_the_text_around_it_and_an_invisible_name_is_none() -> None:
    person = {"id": 777, "first_name": "Ан\u202eна\x00\n", "last_name": "\ud83d" + "К" * 300}
    name = message_of(an_update(text="x", **{"from": person})).sender.name
    assert name.startswith("Анна К")
    assert len(name) <= 130
    invisible = {"id": 777, "first_name": "\u3164\u200b"}
    assert message_of(an_update(text="x", **{"from": invisible})).sender.name == ""
    assert message_of(an_update(text="x", **{"from": {**invisible, "username": "ann"}})).sender.name == "@ann"


def test_another_bot_and_telegram_itself_are_machines() -> None:
    robot = {"id": 9, "is_bot": True, "first_name": "R"}
    assert message_of(an_update(text="x", **{"from": robot})).automatic
    telegram = {"id": 777000, "type": "private"}
    update = an_update("business_message", text="Код 12345", chat=telegram, **{"from": {"id": 777000}})
    assert message_of(update).automatic


# --- where from ----------------------------------------------------------------------------------


def test_a_start_link_names_the_source_and_stays_in_the_conversation() -> None:
    received = read(an_update(text="/start ad_spring-2026"))
    assert isinstance(received.understood, InboundMessage)
    said, source = received.understood.text, received.understood.source
    assert (said, source, received.understood.opens) == ("/start ad_spring-2026", "ad_spring-2026", True)
    assert not received.is_staff
    assert describe(an_update(text="/start ad_spring-2026"))["text"] == "/start ad_spring-2026"


@pytest.mark.parametrize("text", ["/start", "/started now", "/start два слова", "/start " + "x" * 65])
def test_what_is_no_link_payload_stays_text(text: str) -> None:
    message = message_of(an_update(text=text))
    assert (message.text, message.source) == (text, None)


def test_an_invitation_is_for_the_managers_bot_but_not_when_edited_or_forwarded() -> None:
    opened = f"/start {PREFIX}{new_token()}"
    assert read(an_update(text=opened)).is_staff
    assert not read(an_update("edited_message", text=opened)).is_staff
    assert not read(an_update(text=opened, forward_date=1)).is_staff
    assert not read(an_update("business_message", text=opened)).is_staff


@pytest.mark.parametrize("source", ["i-phone15", "i-", "i-" + "x" * 31, "i-" + "x" * 33, "I-" + "x" * 32])
def test_a_companys_own_link_is_a_source_though_it_begins_like_an_invitation(source: str) -> None:
    received = read(an_update(text=f"/start {source}"))
    assert isinstance(received.understood, InboundMessage)
    assert received.understood.source == source
    assert not received.is_staff


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ({"forward_origin": {"type": "user", "sender_user": {"first_name": "Олег"}}}, "[Переслано от: Олег]"),
        (
            {"forward_origin": {"type": "hidden_user", "sender_user_name": "Скрытый"}},
            "[Переслано от: Скрытый]",
        ),
        (
            {
                "forward_origin": {
                    "type": "chat",
                    "sender_chat": {"title": "Чат"},
                    "author_signature": "Админ",
                }
            },
            "[Переслано от: Чат (Админ)]",
        ),
        ({"forward_origin": {"type": "channel", "chat": {"title": "Канал"}}}, "[Переслано от: Канал]"),
        ({"forward_from": {"first_name": "Олег"}, "forward_date": 1}, "[Переслано от: Олег]"),
        ({"forward_from_chat": {"title": "Канал"}, "forward_signature": "И."}, "[Переслано от: Канал (И.)]"),
        ({"forward_sender_name": "Скрытый", "forward_date": 1}, "[Переслано от: Скрытый]"),
        ({"forward_date": 1}, "[Переслано]"),
    ],
)
def test_a_forward_says_whose_words_they_are(origin: dict[str, object], line: str) -> None:
    assert message_of(an_update(text="слова", **origin)).text == f"{line}\nслова"


def test_an_answer_names_the_message_it_answers_and_shows_what_it_quotes() -> None:
    answered = {"message_id": 3, "chat": {"id": 777, "type": "private"}, "text": "Когда? Куда?"}
    message = message_of(an_update(text="завтра", reply_to_message=answered, quote={"text": "Когда?"}))
    assert (message.reply_to, message.text) == ("3", "> Когда?\nзавтра")
    assert message_of(an_update(text="да", reply_to_message=answered)).text == "да"
    story = message_of(an_update(text="ого", reply_to_story={"chat": {"id": 1}, "id": 2}))
    assert story.text == "[Ответ на сторис]\nого"


# --- not a message to the bot ---------------------------------------------------------------------


def test_an_edit_is_an_edit_of_the_same_message_at_its_own_time() -> None:
    edit = message_of(an_update("edited_message", caption="новая подпись", edit_date=1_770_000_060))
    assert (edit.kind, edit.message_id, edit.text) == (Kind.EDIT, "5", "новая подпись")
    assert edit.sent_at == datetime.fromtimestamp(1_770_000_060, UTC)


def test_a_moving_live_location_is_not_an_edit_every_few_seconds() -> None:
    place = {"latitude": 1, "longitude": 2, "live_period": 900}
    assert "[Трансляция геопозиции: 1, 2]" in message_of(an_update(location=place)).text
    assert reason_of(an_update("edited_message", location=place)) == "a live location has moved"


def test_a_business_chat_keeps_both_sides_in_one_thread() -> None:
    customer = message_of(an_update("business_message", text="Есть?", business_connection_id="bc_1-x"))
    assert (customer.kind, customer.thread) == (Kind.MESSAGE, "business:bc_1-x:777")
    owner = {"id": 1, "first_name": "Хозяин"}
    ours = message_of(
        an_update("business_message", text="Есть", business_connection_id="bc_1-x", **{"from": owner})
    )
    assert (ours.kind, ours.thread, ours.author) == (Kind.OUTGOING, "business:bc_1-x:777", "Хозяин")
    assert ours.sender.addresses[0].value == "777"
    assert read(an_update("business_message", text="x")).staff_id is None
    edit = message_of(an_update("edited_business_message", text="Было?", business_connection_id="bc_1-x"))
    assert (edit.kind, edit.automatic) == (Kind.EDIT, False)
    of_the_owner = message_of(an_update("edited_business_message", text="Нет", **{"from": owner}))
    assert (of_the_owner.kind, of_the_owner.author, of_the_owner.automatic) == (Kind.EDIT, "Хозяин", True)


def test_what_no_person_wrote_in_a_business_chat_is_no_answer_of_a_person() -> None:
    owner = {"from": {"id": 1, "first_name": "Хозяин"}}
    assert message_of(
        an_update("business_message", text="Мы закрыты", is_from_offline=True, **owner)
    ).automatic
    other = an_update("business_message", text="x", sender_business_bot={"id": 4, "is_bot": True}, **owner)
    assert message_of(other).automatic
    own = an_update("business_message", text="x", sender_business_bot={"id": int(BOT)}, **owner)
    assert reason_of(own) == "our own business message"


def test_blocking_and_unblocking_are_told() -> None:
    blocked = an_update(
        "my_chat_member", new_chat_member={"status": "kicked"}, old_chat_member={"status": "member"}
    )
    assert message_of(blocked).kind == Kind.BLOCKED
    assert (
        message_of(an_update("my_chat_member", new_chat_member={"status": "member"})).kind == Kind.UNBLOCKED
    )


def test_a_tapped_button_is_for_the_managers_bot() -> None:
    received = read({"update_id": 7, "callback_query": {"id": "1", "from": {"id": 55}, "data": "l:1"}})
    assert (received.staff_id, received.is_staff, received.understood) == (55, True, Ignored("staff"))


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        (
            an_update(text="всем привет", chat={"id": -100, "type": "supergroup", "title": "Чат"}),
            "supergroup message",
        ),
        (an_update(text="всем привет", chat={"id": -5}), "group message"),
        (an_update("channel_post", text="пост", chat={"id": -100, "type": "channel"}), "channel post"),
        (
            an_update(
                "my_chat_member", chat={"id": -1, "type": "group"}, new_chat_member={"status": "member"}
            ),
            "the bot's membership in a group",
        ),
        (an_update(pinned_message={"message_id": 3}), "service message"),
        (an_update("message_reaction", new_reaction=[]), "reaction"),
        (an_update("chat_member"), "membership of others"),
        (an_update("business_connection", id="x"), "business connection"),
        ({"update_id": 1, "poll": {"id": "1"}}, "poll result"),
        ({"update_id": 1, "inline_query": {"id": "1"}}, "inline query"),
    ],
)
def test_what_is_not_for_a_lead_is_ignored_with_its_reason(update: object, reason: str) -> None:
    assert reason_of(update) == reason


@pytest.mark.parametrize(
    ("update", "error"),
    [
        ([], "the update is not a JSON object"),
        ({"message": {}}, "the update has no update_id"),
        ({"update_id": "7"}, "the update has no update_id"),
        ({"update_id": True}, "the update has no update_id"),
        ({"update_id": 1 << 70}, "the update has no update_id"),
        ({"update_id": 7}, "unknown kind of update: none"),
        ({"update_id": 7, "telepathy": {}}, "unknown kind of update: telepathy"),
        ({"update_id": 7, "message": "text"}, "message is not a JSON object"),
        ({"update_id": 7, "message": {"text": "x"}}, "message has no chat"),
        (
            {"update_id": 7, "message": {"text": "x", "chat": {"type": "private"}}},
            "message does not say who wrote it",
        ),
    ],
)
def test_what_cannot_be_read_is_kept_and_says_why(update: object, error: str) -> None:
    assert read(update).understood == Unreadable(error)
    assert describe(update)["error"] == error


def test_updates_without_a_number_are_told_apart_by_what_they_hold() -> None:
    assert read({"a": 1}).external_id == read({"a": 1}).external_id
    assert read({"a": 1}).external_id != read({"a": 2}).external_id


# --- whatever comes ------------------------------------------------------------------------------

WORDS = st.text(max_size=12) | st.sampled_from(
    ["private", "\x00", "\ud83d", "/start i-", "ru", "group", "a\r\nb"]
)
NUMBERS = st.integers() | st.floats() | st.sampled_from([777, -5, 1 << 40])
SCALARS = st.none() | st.booleans() | NUMBERS | WORDS
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
WHOLE = an_update(
    text="слово",
    caption="подпись",
    entities=[{"type": "text_link", "url": "https://e.org"}],
    photo=[{"file_id": "p", "width": 1, "height": 1, "file_size": 1}],
    contact={"phone_number": "79991234567", "user_id": 777, "first_name": "А"},
    venue={"title": "t", "location": {"latitude": 1, "longitude": 2}},
    poll={"question": "q", "options": [{"text": "a"}]},
    checklist={"title": "t", "tasks": [{"id": 1, "text": "a"}]},
    checklist_tasks_done={"marked_as_done_task_ids": [1], "checklist_message": {"checklist": {"tasks": []}}},
    invoice={"title": "t", "currency": "RUB", "total_amount": 5},
    rich_message={"blocks": [{"type": "list", "items": [{"blocks": [{"text": ["a", {"text": "b"}]}]}]}]},
    gift={"gift": {"base_name": "g", "number": 1}},
    forward_origin={"type": "chat", "sender_chat": {"title": "c"}},
    reply_to_message={"message_id": 3},
    quote={"text": "q"},
    business_connection_id="b",
    new_chat_member={"status": "kicked"},
    media_group_id="1",
    edit_date=5,
)["message"]
KINDS = (
    "message",
    "edited_message",
    "business_message",
    "edited_business_message",
    "my_chat_member",
    "callback_query",
)


def _paths(value: object, path: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        found += [p for key in value for p in _paths(value[key], (*path, key))]
    if isinstance(value, list):
        found += [p for at, inner in enumerate(value) for p in _paths(inner, (*path, at))]
    return found


PATHS = _paths(WHOLE)


def storable(received: Received) -> bool:
    text = repr(received.understood)
    if isinstance(received.understood, InboundMessage):
        text = received.understood.text + received.understood.sender.name + repr(received.understood)
        text += "".join(f.name or "" for f in received.understood.files)
    text.encode("utf-8")  # raises on a lone surrogate
    return "\x00" not in text and "\\x00" not in text and "\\ud8" not in text


@settings(max_examples=100)
@given(JSON)
def test_no_json_makes_it_raise(anything: object) -> None:
    assert storable(read(anything))
    assert storable(normalise({"update_id": 1, "message": anything}, b"", NOW, BOT))
    describe(anything)


@settings(max_examples=300)
@given(st.sampled_from(KINDS), st.lists(st.tuples(st.sampled_from(PATHS), JSON | st.just(...)), max_size=4))
def test_no_change_to_a_message_makes_it_raise_or_lose_what_a_person_wrote(
    kind: str, changes: list[tuple[tuple[Any, ...], object]]
) -> None:
    event = copy.deepcopy(WHOLE)
    for path, value in changes:
        place = event
        for step in path[:-1]:
            try:
                place = place[step]
            except (KeyError, IndexError, TypeError):
                break
        else:
            if isinstance(place, dict):
                place.pop(path[-1], None)
                if value is not ...:
                    place[path[-1]] = value
    update = {"update_id": 1, kind: event}
    received = normalise(update, b"raw", NOW, BOT)
    assert storable(received)
    assert received.raw == b"raw"
    if isinstance(received.understood, InboundMessage):
        assert received.understood.text.strip()
        assert len(received.understood.text) <= 32_768
        assert received.understood.sent_at.tzinfo is UTC
    json.dumps(describe(update)).encode()


def test_no_place_in_a_message_lets_through_what_a_database_refuses() -> None:
    for path in PATHS:
        for kind in KINDS:
            event = copy.deepcopy(WHOLE)
            del event["text"]
            place = event
            for step in path[:-1]:
                place = place.get(step, {}) if isinstance(place, dict) else place[step]
            place[path[-1]] = "а\x00б\ud83d\r\nв"
            assert storable(normalise({"update_id": 1, kind: event}, b"", NOW, BOT)), path
            event["text"] = "слово"
            assert storable(
                normalise({"update_id": 1, kind: {**event, path[-1]: "\ud83dж\x00"}}, b"", NOW, BOT)
            )
            json.dumps(describe({"update_id": 1, kind: event}), ensure_ascii=False).encode()


def test_no_message_is_too_long_or_too_deep() -> None:
    assert len(message_of(an_update(text="ы" * 1_000_000)).text) == 32_768
    deep: object = "дно"
    for _ in range(50_000):
        deep = {"text": [deep]}
    received = normalise(an_update(rich_message={"blocks": [deep]}), b"", NOW, BOT)  # deeper than JSON may be
    assert isinstance(received.understood, InboundMessage)
    wide = {"blocks": [{"text": "x" * 1000}] * 4000}
    assert len(message_of(an_update(rich_message=wide)).text) == 32_768
