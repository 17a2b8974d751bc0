"""The four ways of saying the same, the envelope, and the addresses."""

from __future__ import annotations

import io
import json

import aiohttp
import pytest

from sandbox.accounts import Bot
from sandbox.files import MAX_UPLOAD
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox
from tests.sandbox.conftest import BotClient

KEYBOARD = {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]}


@pytest.mark.parametrize("way", ["json", "form", "multipart", "query", "get"])
async def test_parameters_may_come_in_every_way(way: str, bot: Bot, client: BotClient, anna: Person) -> None:
    flat = {"chat_id": "777", "text": "ю&=+ 🏟", "reply_markup": json.dumps(KEYBOARD)}
    url = f"{client.url}/sendMessage"
    if way == "json":
        sent = client.http.post(url, json={"chat_id": 777, "text": "ю&=+ 🏟", "reply_markup": KEYBOARD})
    elif way == "form":
        sent = client.http.post(url, data=flat)
    elif way == "multipart":
        form = aiohttp.FormData(default_to_multipart=True)
        for name, value in flat.items():
            form.add_field(name, value)
        sent = client.http.post(url, data=form)
    elif way == "query":
        sent = client.http.post(url, params=flat)
    else:
        sent = client.http.get(url, params=flat)
    async with sent as response:
        assert response.status == 200, await response.text()
    message = anna.last(bot)
    assert message.text == "ю&=+ 🏟"
    assert message.button("Да").data == "yes"


async def test_method_names_are_not_case_sensitive(client: BotClient, anna: Person) -> None:
    assert (await client.call("SENDMESSAGE", chat_id=777, text="x"))["text"] == "x"
    assert (await client.call("getme"))["username"] == "line_bot"


async def test_unknown_methods_and_tokens_are_told_apart(
    telegram: TelegramSandbox, client: BotClient
) -> None:
    assert await client.refusal("makeCoffee") == (404, "Not Found")
    async with client.http.post(f"{telegram.url}/bot1:WRONG/getMe") as response:
        assert response.status == 401
        assert await response.json() == {"ok": False, "error_code": 401, "description": "Unauthorized"}


async def test_a_body_that_is_no_json_is_refused(client: BotClient) -> None:
    headers = {"Content-Type": "application/json"}
    async with client.http.post(f"{client.url}/getMe", data=b"{oops", headers=headers) as response:
        assert response.status == 400


async def test_an_upload_over_50_mb_is_too_large(client: BotClient, anna: Person) -> None:
    form = aiohttp.FormData({"chat_id": "777"})
    form.add_field("document", io.BytesIO(bytes(MAX_UPLOAD + 1)), filename="big.bin")
    async with client.http.post(f"{client.url}/sendDocument", data=form) as response:
        assert response.status == 413
        assert (await response.json())["description"] == "Request Entity Too Large"


async def test_after_log_out_the_token_is_of_no_use(client: BotClient) -> None:
    assert await client.call("logOut") is True
    assert await client.refusal("getMe") == (400, "Logged out")
