"""Sending into Telegram, seen from the telephone of the one who gets it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from channels.telegram.api import Answered, ApiError, BotApi, NotSent, Unanswered
from channels.telegram.inbound import normalise
from channels.telegram.outbound import TelegramChannel
from channels.telegram.outcomes import outcome_of
from channels.telegram.plan import plan
from core.channel import (
    Button,
    Cause,
    Channel,
    Fetched,
    InboundMessage,
    Markup,
    Moved,
    OutboundFile,
    OutboundMessage,
    Postponed,
    Refused,
    Screen,
    Sent,
    Span,
    Uncertain,
)
from core.clock import SystemClock
from sandbox.accounts import Bot
from sandbox.faults import Gateway, HangUp, Refuse, server_error, too_many_requests
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox

ROOM = Path(__file__).parents[2] / "sandbox" / "samples" / "room.jpg"


@dataclass
class Line:
    """A bot of ours, one person who has started it, and the channel between them."""

    telegram: TelegramSandbox
    bot: Bot
    anna: Person
    api: BotApi
    channel: Channel

    async def send(self, text: str = "", **fields: Any) -> Any:
        return await self.channel.send(a_message(self.anna, text, **fields))


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    async with TelegramSandbox() as telegram, aiohttp.ClientSession() as session:
        bot = telegram.add_bot("1000001:SANDBOX", "line_bot")
        anna = telegram.person(777, "Анна")
        await anna.starts(bot)
        api = BotApi("1000001:SANDBOX", telegram.url, session)
        yield Line(telegram, bot, anna, api, TelegramChannel(api))


def a_message(to: Person, text: str, **fields: Any) -> OutboundMessage:
    screen = Screen(text, fields.pop("spans", ()), fields.pop("buttons", ()))
    return OutboundMessage(key="k1", thread=fields.pop("thread", str(to.id)), screen=screen, **fields)


def a_file(folder: Path, name: str, kind: str = "document", data: bytes = b"%PDF-1.7 price") -> OutboundFile:
    path = folder / hashlib.sha256(name.encode() + data).hexdigest()
    path.write_bytes(data)
    return OutboundFile(kind, name, path=str(path))


def texts(line: Line) -> list[str]:
    return [message.text for message in line.anna.chat(line.bot) if message.from_bot]


# --- texts ---------------------------------------------------------------------------------------


async def test_a_strangers_markup_arrives_as_text_and_our_marks_as_marks(line: Line) -> None:
    text = "😀 <b>Анна</b> *пишет* [x](y)"
    outcome = await line.send(
        text, spans=(Span(Markup.BOLD, 2, 11), Span(Markup.LINK, 14, 7, "https://e.org/"))
    )
    message = line.anna.last(line.bot)
    assert outcome == Sent((str(message.id),))
    assert message.text == text
    assert message.marked("bold") == ["<b>Анна</b>"]
    assert message.marked("text_link") == ["*пишет*"]


async def test_an_answer_hangs_on_its_question_and_has_its_buttons(line: Line) -> None:
    question = await line.anna.writes(line.bot, "Когда?")
    buttons = ((Button("Да", data="y"), Button("Сайт", url="https://e.org/")), ())
    await line.send("Завтра", reply_to=str(question.id), buttons=buttons, silent=True)
    message = line.anna.last(line.bot)
    assert message.reply_to is question
    assert [(b.text, b.data, b.url) for b in message.buttons[0]] == [
        ("Да", "y", None),
        ("Сайт", None, "https://e.org/"),
    ]
    assert message.silent


@pytest.mark.parametrize("gone", ["9999", "not a number"])
async def test_an_answer_to_a_message_that_is_gone_is_sent_all_the_same(line: Line, gone: str) -> None:
    assert isinstance(await line.send("Завтра", reply_to=gone), Sent)
    assert texts(line) == ["Завтра"]


async def test_a_server_that_refuses_the_lost_question_gets_the_answer_without_it(line: Line) -> None:
    line.telegram.fail("sendMessage", Refuse(400, "Bad Request: message to be replied not found"))
    assert isinstance(await line.send("Завтра", reply_to="3"), Sent)
    assert texts(line) == ["Завтра"]


async def test_only_what_people_write_shows_previews_of_links(line: Line) -> None:
    await line.send("https://e.org", automatic=True)
    await line.send("https://e.org", automatic=False)
    first, second = line.telegram.calls_of("sendMessage")
    assert first.params["link_preview_options"] == {"is_disabled": True}
    assert "link_preview_options" not in second.params


async def test_a_long_text_arrives_whole_in_order_with_its_buttons_below(line: Line) -> None:
    text = "\n\n".join(f"Абзац {number}. " + "слово " * 60 for number in range(40))
    outcome = await line.send(text, buttons=((Button("Ок", data="ok"),),))
    assert isinstance(outcome, Sent)
    parts = [m for m in line.anna.chat(line.bot) if m.from_bot]
    assert [str(m.id) for m in parts] == list(outcome.external_ids)
    assert " ".join(m.text for m in parts).split() == text.split()
    assert [bool(m.buttons) for m in parts] == [False] * (len(parts) - 1) + [True]


async def test_nothing_to_say_is_refused_before_anything_is_asked(line: Line) -> None:
    outcome = await line.send(" \n ")
    assert isinstance(outcome, Refused)
    assert outcome.cause is Cause.MALFORMED
    assert not line.telegram.calls_of("sendMessage")


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["photo", "document", "voice", "audio", "video", "animation"])
async def test_a_file_of_each_kind_arrives_with_its_caption(line: Line, tmp_path: Path, kind: str) -> None:
    file = a_file(tmp_path, 'Смета "осень".pdf', kind, b"bytes of it")
    await line.send(
        "Вот", files=(file,), spans=(Span(Markup.BOLD, 0, 3),), buttons=((Button("Ок", data="1"),),)
    )
    message = line.anna.last(line.bot)
    assert (message.kind, message.text, message.marked("bold")) == (kind, "Вот", ["Вот"])
    assert message.files[0].data == b"bytes of it"
    assert message.buttons
    if kind == "document":
        assert message.files[0].name == "Смета _осень_.pdf"


@pytest.mark.parametrize("kind", ["sticker", "video_note"])
async def test_what_takes_no_caption_is_followed_by_the_text(line: Line, tmp_path: Path, kind: str) -> None:
    await line.send("Вот", files=(a_file(tmp_path, "x", kind),))
    assert [(m.kind, m.text) for m in line.anna.chat(line.bot) if m.from_bot] == [(kind, ""), ("text", "Вот")]


async def test_a_text_too_long_for_a_caption_follows_its_file(line: Line, tmp_path: Path) -> None:
    await line.send("я" * 1025, files=(a_file(tmp_path, "a.pdf"),))
    assert [(m.kind, len(m.text)) for m in line.anna.chat(line.bot) if m.from_bot] == [
        ("document", 0),
        ("text", 1025),
    ]
    await line.send("я" * 1024, files=(a_file(tmp_path, "a.pdf"),))
    assert len(line.anna.last(line.bot).text) == 1024


async def test_pictures_go_as_one_album_and_documents_as_another(line: Line, tmp_path: Path) -> None:
    kinds = ["photo", "video", "photo", "document", "document", "voice"]
    files = tuple(a_file(tmp_path, f"{number}.x", kind) for number, kind in enumerate(kinds))
    outcome = await line.send("Всё здесь", files=files)
    got = [m for m in line.anna.chat(line.bot) if m.from_bot]
    assert isinstance(outcome, Sent)
    assert len(outcome.external_ids) == 6
    assert [m.kind for m in got] == kinds
    assert got[0].group == got[1].group == got[2].group != got[3].group == got[4].group
    assert got[5].group is None
    assert got[0].text == "Всё здесь"
    assert [c.method for c in line.telegram.calls] == ["sendMediaGroup", "sendMediaGroup", "sendVoice"]


async def test_eleven_photos_are_an_album_of_ten_and_one_more(line: Line, tmp_path: Path) -> None:
    await line.send(files=tuple(a_file(tmp_path, f"{n}.jpg", "photo") for n in range(11)))
    assert [c.method for c in line.telegram.calls] == ["sendMediaGroup", "sendPhoto"]


async def test_buttons_of_an_album_hang_on_what_follows_it(line: Line, tmp_path: Path) -> None:
    files = tuple(a_file(tmp_path, f"{n}.jpg", "photo") for n in range(3))
    await line.send("Выбирайте", files=files, buttons=((Button("Первый", data="1"),),))
    assert line.anna.last(line.bot).text == "Выбирайте"
    assert line.anna.last(line.bot).buttons
    await line.send(files=files, buttons=((Button("Первый", data="1"),),))
    assert line.anna.last(line.bot).kind == "photo"
    assert line.anna.last(line.bot).buttons


async def test_a_file_telegram_knows_is_not_uploaded_again(line: Line, tmp_path: Path) -> None:
    await line.anna.sends_document(line.bot, b"known", "known.pdf")
    reference = line.anna.last(line.bot).files[0].file.id_for(line.bot.id)
    await line.send(files=(OutboundFile("document", "known.pdf", reference=reference),))
    assert line.anna.last(line.bot).files[0].data == b"known"
    forgotten = OutboundFile(
        "document", "a.pdf", path=a_file(tmp_path, "a.pdf").path, reference="BQACforgotten"
    )
    assert isinstance(await line.send(files=(forgotten,)), Sent)
    assert line.anna.last(line.bot).files[0].data == b"%PDF-1.7 price"


async def test_a_picture_telegram_cannot_show_is_sent_as_a_document(line: Line, tmp_path: Path) -> None:
    line.telegram.fail("sendPhoto", Refuse(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"))
    await line.send("Чертёж", files=(a_file(tmp_path, "plan.png", "photo"),))
    assert (line.anna.last(line.bot).kind, line.anna.last(line.bot).text) == ("document", "Чертёж")
    large = a_file(tmp_path, "large.png", "photo", b"x" * 10_000_001)
    await line.send(files=(large,))
    assert line.anna.last(line.bot).kind == "document"


@pytest.mark.parametrize("kind", ["voice", "video_note"])
async def test_a_voice_to_somebody_who_takes_none_is_sent_as_a_document(
    line: Line, tmp_path: Path, kind: str
) -> None:
    what = "voice note messages" if kind == "voice" else "video messages"
    refuse = Refuse(400, f"Bad Request: user restricted receiving of {what}")
    line.telegram.fail("sendVoice", refuse)
    line.telegram.fail("sendVideoNote", refuse)
    assert isinstance(await line.send(files=(a_file(tmp_path, "voice.ogg", kind),)), Sent)
    assert line.anna.last(line.bot).kind == "document"


async def test_a_file_that_cannot_be_read_now_waits_and_what_went_before_it_is_not_sent_again(
    line: Line, tmp_path: Path
) -> None:
    unreadable = tmp_path / "unreadable"
    unreadable.mkdir()
    files = (a_file(tmp_path, "a.jpg", "photo"), OutboundFile("document", "b.pdf", path=str(unreadable)))
    outcome = await line.send(files=files)
    assert isinstance(outcome, Postponed)
    assert outcome.delivered == (str(line.anna.last(line.bot).id),)


async def test_files_are_found_where_the_store_keeps_them(line: Line, tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "abcdef").write_bytes(b"kept")
    channel = TelegramChannel(line.api, locate=lambda name: tmp_path / name[:2] / name)
    await channel.send(a_message(line.anna, "", files=(OutboundFile("document", "a.pdf", path="abcdef"),)))
    assert line.anna.last(line.bot).files[0].data == b"kept"


async def test_files_that_cannot_go_are_refused_and_named(line: Line, tmp_path: Path) -> None:
    small = TelegramChannel(line.api, max_upload=10)
    too_large = await small.send(a_message(line.anna, "", files=(a_file(tmp_path, "a.pdf"),)))
    assert too_large == Refused(Cause.TOO_LARGE, "a.pdf has 14 bytes, 10 are allowed")
    for file in (OutboundFile("photo", "b.jpg", path=str(tmp_path / "none")), OutboundFile("photo", "b.jpg")):
        assert await line.send(files=(file,)) == Refused(Cause.MALFORMED, "b.jpg is not in the store")
    assert not line.telegram.calls


# --- business ------------------------------------------------------------------------------------


async def test_an_answer_in_a_business_chat_goes_out_in_the_owners_name(line: Line) -> None:
    owner = line.telegram.person(55, "Хозяин")
    connection = line.telegram.business(owner, line.bot)
    await line.anna.writes(connection, "Есть?")
    reply = await line.api.get_updates(None, seconds=0)
    assert isinstance(reply, Answered)
    assert isinstance(reply.result, list)
    now = SystemClock().now()
    received = [normalise(update, b"", now, str(line.bot.id)).understood for update in reply.result]
    asked = next(r for r in received if isinstance(r, InboundMessage) and r.text == "Есть?")
    outcome = await line.send("Есть", thread=asked.thread)
    assert isinstance(outcome, Sent)
    assert line.anna.last(connection).text == "Есть"
    assert not texts(line)


# --- what goes wrong -----------------------------------------------------------------------------


async def test_who_blocked_us_is_gone_or_never_was_is_told_apart(line: Line) -> None:
    await line.anna.blocks(line.bot)
    assert await line.send("x") == Refused(Cause.BLOCKED, "Forbidden: bot was blocked by the user")
    await line.anna.deactivate()
    assert (await line.send("x")).cause is Cause.DEACTIVATED
    stranger = line.telegram.person(778, "Олег")
    assert (await line.send("x", thread=str(stranger.id))).cause is Cause.NOT_FOUND
    assert (await line.send("x", thread="424242")).cause is Cause.NOT_FOUND
    for thread in ("", "nowhere", "business::5", "business:x:", "@channel", "1" * 40):
        assert (await line.send("x", thread=thread)).cause is Cause.NOT_FOUND


async def test_a_group_that_became_a_supergroup_is_told_by_its_new_name(line: Line) -> None:
    group = await line.telegram.group("Отдел", line.anna, line.bot, supergroup=False)
    thread = str(group.id)
    upgraded = await group.upgrades()
    assert await line.send("x", thread=thread) == Moved(str(upgraded.id))


async def test_a_refused_token_stops_the_account(line: Line) -> None:
    async with aiohttp.ClientSession() as session:
        stranger = TelegramChannel(BotApi("1000002:WRONG", line.telegram.url, session))
        outcome = await stranger.send(a_message(line.anna, "x"))
    assert isinstance(outcome, Refused)
    assert outcome.cause is Cause.ACCOUNT


async def test_a_wait_keeps_what_has_arrived_and_the_next_attempt_goes_on_behind_it(line: Line) -> None:
    text = "\n\n".join("слово " * 600 for _ in range(3))
    line.telegram.fail("sendMessage", too_many_requests(7), where=lambda _: len(texts(line)) == 1)
    first = await line.send(text)
    assert isinstance(first, Postponed)
    assert first.retry_after == timedelta(seconds=7)
    assert not first.whole_account
    assert len(first.delivered) == 1
    line.telegram.fail("sendMessage", too_many_requests(7), where=lambda _: len(texts(line)) == 2)
    again = await line.send(text, already_sent=first.delivered)
    assert isinstance(again, Postponed)
    assert len(again.delivered) == 1
    second = await line.send(text, already_sent=first.delivered + again.delivered)
    assert isinstance(second, Sent)
    assert second.external_ids[:2] == first.delivered + again.delivered
    assert [str(m.id) for m in line.anna.chat(line.bot) if m.from_bot] == list(second.external_ids)
    assert " ".join(texts(line)).split() == text.split()
    assert await line.send(text, already_sent=second.external_ids) == second
    assert len(texts(line)) == len(second.external_ids)


async def test_a_token_refused_between_two_parts_does_not_forget_the_first(line: Line) -> None:
    refuse = Refuse(401, "Unauthorized")
    line.telegram.fail("sendMessage", refuse, where=lambda _: len(texts(line)) == 1)
    outcome = await line.send("слово " * 1000)
    assert isinstance(outcome, Postponed)
    assert outcome.whole_account
    assert len(outcome.delivered) == 1


async def test_an_album_that_has_arrived_is_not_sent_again(line: Line, tmp_path: Path) -> None:
    files = tuple(a_file(tmp_path, f"{n}.jpg", "photo") for n in range(3))
    line.telegram.fail("sendMessage", server_error_restart())
    first = await line.send("я" * 2000, files=files)
    assert isinstance(first, Postponed)
    assert len(first.delivered) == 3
    assert isinstance(await line.send("я" * 2000, files=files, already_sent=first.delivered), Sent)
    assert [m.kind for m in line.anna.chat(line.bot) if m.from_bot] == ["photo", "photo", "photo", "text"]


def server_error_restart() -> Refuse:
    return Refuse(500, "Internal Server Error: restart")


@pytest.mark.parametrize("after_acting", [False, True])
async def test_a_connection_cut_under_way_is_uncertain(line: Line, after_acting: bool) -> None:
    line.telegram.fail("sendMessage", HangUp(after_acting=after_acting))
    assert isinstance(await line.send("x"), Uncertain)
    assert texts(line) == (["x"] if after_acting else [])
    assert len(line.telegram.calls_of("sendMessage")) <= 1  # never repeated behind our back


async def test_no_connection_is_certainly_not_sent(line: Line, unused_tcp_port: int) -> None:
    async with aiohttp.ClientSession() as session:
        for address in (f"http://127.0.0.1:{unused_tcp_port}", "http://nowhere.invalid"):
            api = BotApi("1000001:SANDBOX", address, session)
            assert isinstance(await TelegramChannel(api).send(a_message(line.anna, "x")), Postponed)


async def test_what_a_gateway_says_is_not_what_the_person_says(line: Line) -> None:
    for status, kind in (
        (403, Postponed),
        (302, Postponed),
        (503, Postponed),
        (502, Uncertain),
        (504, Uncertain),
    ):
        line.telegram.fail("sendMessage", Gateway(status))
        assert isinstance(await line.send("x"), kind), status
    line.telegram.fail("sendMessage", Gateway(413))
    assert (await line.send("x")).cause is Cause.TOO_LARGE


async def test_an_error_inside_telegram_is_uncertain_unless_it_says_it_has_not_begun(line: Line) -> None:
    line.telegram.fail("sendMessage", server_error())
    assert isinstance(await line.send("x"), Uncertain)
    line.telegram.fail("sendMessage", server_error_restart())
    assert isinstance(await line.send("x"), Postponed)


@pytest.mark.parametrize(
    ("code", "said", "cause"),
    [
        (403, "Forbidden: user is deactivated", Cause.DEACTIVATED),
        (403, "Forbidden: bot was kicked from the supergroup chat", Cause.BLOCKED),
        (403, "Forbidden: bot can't initiate conversation with a user", Cause.NOT_FOUND),
        (403, "Forbidden: something new", Cause.BLOCKED),
        (400, "Bad Request: chat not found", Cause.NOT_FOUND),
        (400, "Bad Request: group is deactivated", Cause.NOT_FOUND),
        (400, "Bad Request: BUSINESS_PEER_USAGE_MISSING", Cause.SHUT),
        (400, "Bad Request: BUSINESS_CONNECTION_NOT_ALLOWED", Cause.SHUT),
        (400, "Bad Request: business connection not found", Cause.SHUT),
        (400, "Bad Request: message is too long", Cause.TOO_LARGE),
        (400, "Bad Request: VOICE_MESSAGES_FORBIDDEN", Cause.MALFORMED),
        (400, "Bad Request: BUTTON_DATA_INVALID", Cause.MALFORMED),
        (401, "Unauthorized", Cause.ACCOUNT),
        (400, "Logged out", Cause.ACCOUNT),
        (404, "Not Found", Cause.ACCOUNT),
        (413, "Request Entity Too Large", Cause.TOO_LARGE),
    ],
)
def test_every_refusal_has_its_cause(code: int, said: str, cause: Cause) -> None:
    assert outcome_of(ApiError(code, said)) == Refused(cause, said)


def test_waits_without_a_time_and_failures_of_the_way_are_no_refusals() -> None:
    assert outcome_of(ApiError(429, "Too Many Requests")) == Postponed(
        "Too Many Requests", timedelta(seconds=5)
    )
    assert isinstance(outcome_of(NotSent("x")), Postponed)
    assert isinstance(outcome_of(Unanswered("x")), Uncertain)
    assert outcome_of(ApiError(400, "upgraded", migrate_to=-100)) == Moved("-100")


# --- fetching ------------------------------------------------------------------------------------


@dataclass
class Sink:
    """A store that remembers."""

    data: bytearray = field(default_factory=bytearray)
    closed: bool = False

    async def write(self, chunk: bytes) -> None:
        self.data += chunk

    async def close(self) -> Fetched:
        self.closed = True
        return Fetched(hashlib.sha256(self.data).hexdigest(), len(self.data))


@pytest.mark.parametrize("size", [1_024_000, 20 * 1024 * 1024])  # Telegram's 20 MB are these
async def test_a_file_is_fetched_into_the_store(line: Line, size: int) -> None:
    data = bytes(range(256)) * (size // 256)
    message = await line.anna.sends_document(line.bot, data, "смета.pdf")
    sink = Sink()
    fetched = await line.channel.fetch(message.files[0].file.id_for(line.bot.id), sink)
    assert fetched == Fetched(hashlib.sha256(data).hexdigest(), len(data))
    assert bytes(sink.data) == data


async def test_files_that_cannot_be_fetched_say_why_and_leave_the_sink_open(line: Line) -> None:
    large = await line.anna.sends(line.bot, "video", size=30_000_000)
    message = await line.anna.sends_document(line.bot, b"x", "a.pdf")
    reference = message.files[0].file.id_for(line.bot.id)
    sink = Sink()
    for wanted, cause in (
        (large.files[0].file.id_for(line.bot.id), Cause.TOO_LARGE),
        ("BQACx", Cause.NOT_FOUND),
    ):
        refused = await line.channel.fetch(wanted, sink)
        assert isinstance(refused, Refused)
        assert refused.cause is cause
    line.telegram.fail("getFile", HangUp())
    assert isinstance(await line.channel.fetch(reference, sink), Postponed)
    line.telegram.fail("getFile", Refuse(400, "Bad Request: file is temporarily unavailable"))
    assert isinstance(await line.channel.fetch(reference, sink), Postponed)
    assert not sink.closed


# --- the shape -----------------------------------------------------------------------------------


def test_the_plan_of_a_message_does_not_depend_on_what_has_arrived() -> None:
    files = tuple(OutboundFile("photo", str(n), reference=f"f{n}") for n in range(12))
    message = OutboundMessage("k", "7", Screen("я" * 9000), files=files, reply_to="5")
    steps = plan(message)
    assert [step.count for step in steps] == [10, 2, 1, 1, 1]
    assert [step.reply_to for step in steps] == [5, None, None, None, None]


# --- drawn anew -----------------------------------------------------------------------------------


async def test_a_message_that_was_sent_is_drawn_anew_in_place_as_often_as_one_likes(line: Line) -> None:
    sent = await line.send("Пока ничей", buttons=((Button("Взять", "1:t"),),))
    buttons = ((Button("Карточка", "1:co"),),)
    spans = (Span(Markup.BOLD, 0, 5),)
    for _ in range(2):  # an attempt nobody answered is made again: it is the same message still
        outcome = await line.send("Ведёт Борис", spans=spans, buttons=buttons, edits=sent.external_ids[0])
        assert outcome == sent
    (message,) = [m for m in line.anna.chat(line.bot) if m.from_bot]
    assert (message.text, message.marked("bold")) == ("Ведёт Борис", ["Ведёт"])
    assert [[button.text for button in row] for row in message.buttons] == [["Карточка"]]
    # A screen without a text is its buttons alone; without buttons, there are none any more.
    assert await line.send("", buttons=((Button("Иная", "1:co"),),), edits=sent.external_ids[0]) == sent
    assert (message.text, message.buttons[0][0].text) == ("Ведёт Борис", "Иная")
    assert await line.send("", edits=sent.external_ids[0]) == sent
    assert not message.buttons


async def test_under_a_picture_as_much_is_drawn_anew_as_fits(line: Line) -> None:
    files = (OutboundFile("photo", "a.jpg", str(ROOM)),)
    sent = await line.send("Пока ничей", files=files, buttons=((Button("Взять", "1:t"),),))
    text = "Ведёт Борис. " + "слово " * 300
    assert await line.send(text, spans=(Span(Markup.BOLD, 0, 5),), edits=sent.external_ids[0]) == sent
    message = line.anna.chat(line.bot)[-1]
    assert (message.kind, message.marked("bold"), list(message.buttons)) == ("photo", ["Ведёт"], [])
    assert 900 < len(message.text) <= 1024


async def test_what_cannot_be_drawn_anew_is_refused_and_a_wait_is_a_wait(line: Line) -> None:
    sent = await line.send("Раз")
    gone = await line.send("Два", edits="4711")
    assert isinstance(gone, Refused)
    assert gone.cause is Cause.MALFORMED  # the message is gone, not the person
    assert isinstance(await line.send("Два", edits="нет"), Refused)
    line.telegram.fail("editMessageText", too_many_requests(7))
    wait = await line.send("Два", edits=sent.external_ids[0])
    assert isinstance(wait, Postponed)
    assert wait.retry_after == timedelta(seconds=7)
    line.telegram.fail("editMessageText", HangUp())
    assert isinstance(await line.send("Два", edits=sent.external_ids[0]), Uncertain)
