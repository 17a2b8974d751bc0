from __future__ import annotations

import io
import json
from datetime import timedelta

import aiohttp
import pytest

from core.clock import ManualClock
from sandbox.accounts import Bot
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox
from tests.sandbox.conftest import BotClient


async def fetch(telegram: TelegramSandbox, client: BotClient, path: str) -> tuple[int, bytes]:
    async with client.http.get(f"{telegram.url}/file/bot{client.bot.token}/{path}") as response:
        return response.status, await response.read()


async def test_a_file_can_be_fetched_for_an_hour(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person, clock: ManualClock
) -> None:
    await anna.sends_document(bot, b"contents", "Смета №5.xlsx", mime_type="application/vnd.ms-excel")
    (update,) = await client.updates()
    document = update["message"]["document"]
    assert (document["file_name"], document["file_size"]) == ("Смета №5.xlsx", 8)
    found = await client.call("getFile", file_id=document["file_id"])
    assert await fetch(telegram, client, found["file_path"]) == (200, b"contents")
    clock.advance(timedelta(hours=1))
    assert (await fetch(telegram, client, found["file_path"]))[0] == 404
    await client.call("getFile", file_id=document["file_id"])
    assert (await fetch(telegram, client, found["file_path"]))[0] == 200


async def test_a_file_over_20_mb_cannot_be_fetched(client: BotClient, bot: Bot, anna: Person) -> None:
    await anna.sends_document(bot, size=21 * 1024 * 1024)
    (update,) = await client.updates()
    document = update["message"]["document"]
    assert document["file_size"] == 21 * 1024 * 1024
    refusal = await client.refusal("getFile", file_id=document["file_id"])
    assert refusal == (400, "Bad Request: file is too big")


async def test_a_file_id_belongs_to_one_bot(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    other = telegram.add_bot("4200002:TOKEN", "managers_bot")
    await anna.starts(other)
    photo = await anna.sends_photo(bot)
    file_id = photo.files[0].file.id_for(bot.id)
    await client.call("sendPhoto", chat_id=777, photo=file_id)
    stranger = BotClient(telegram, other, client.http)
    refusal = await stranger.refusal("sendPhoto", chat_id=777, photo=file_id)
    assert refusal == (400, "Bad Request: wrong file identifier/HTTP URL specified")
    refusal = await client.refusal("sendDocument", chat_id=777, document=file_id)
    assert refusal == (400, "Bad Request: can't use file of type Photo as Document")


@pytest.mark.parametrize(
    "kind", ["photo", "document", "video", "voice", "audio", "animation", "sticker", "video_note"]
)
async def test_an_upload_of_every_kind_arrives_with_its_bytes(
    client: BotClient, bot: Bot, anna: Person, kind: str
) -> None:
    # Names travel as they are, in UTF-8: Telegram decodes no percent signs in them.
    form = aiohttp.FormData(
        {"chat_id": "777", "caption": "<i>вот</i>", "parse_mode": "HTML"}, quote_fields=False
    )
    form.add_field(kind, io.BytesIO(b"bytes of it"), filename="имя.bin", content_type="application/x-it")
    method = "send" + kind.title().replace("_", "")
    async with client.http.post(f"{client.url}/{method}", data=form) as response:
        assert response.status == 200, await response.text()
    seen = anna.last(bot)
    assert seen.kind == kind
    assert seen.files[0].data == b"bytes of it"
    if kind not in ("sticker", "video_note"):
        assert (seen.text, seen.marked("italic")) == ("вот", ["вот"])
    if kind == "document":
        assert (seen.files[0].name, seen.files[0].media_type) == ("имя.bin", "application/x-it")


async def test_an_album_of_uploads_and_known_files(client: BotClient, bot: Bot, anna: Person) -> None:
    photo = await anna.sends_photo(bot)
    media = [
        {"type": "photo", "media": "attach://first", "caption": "оба"},
        {"type": "photo", "media": photo.files[0].file.id_for(bot.id)},
    ]
    form = aiohttp.FormData({"chat_id": "777", "media": json.dumps(media)})
    form.add_field("first", io.BytesIO(b"first picture"), filename="1.jpg")
    async with client.http.post(f"{client.url}/sendMediaGroup", data=form) as response:
        sent = (await response.json())["result"]
    assert len({message["media_group_id"] for message in sent}) == 1
    first, second = anna.chat(bot)[-2:]
    assert (first.text, first.files[0].data) == ("оба", b"first picture")
    assert second.files[0].data == photo.files[0].data
    document = {"type": "document", "media": "attach://first"}
    assert await client.refusal("sendMediaGroup", chat_id=777, media=[*media[1:], document]) == (
        400,
        "Bad Request: there is no document in the request",
    )
