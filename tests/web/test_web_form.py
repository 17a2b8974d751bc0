from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from io import BytesIO

import aiohttp
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from structlog.testing import capture_logs

from core.contacts.model import Contact
from core.conversations.model import Attachment, Message
from core.leads.model import Lead
from tests.web.edge import FORM, KEY, KEYED, Web
from webhooks.answers import answer

ENQUIRY = {"name": "Анна", "phone": "8 916 123-45-67", "message": "Сколько стоит доставка?"}


async def test_an_enquiry_becomes_a_lead_before_the_site_gets_its_answer(web: Web) -> None:
    async with web.client.post(FORM, json=ENQUIRY, headers=KEYED) as answer:
        assert answer.status == 202
        assert int((await answer.json())["id"]) > 0
    text, name = await web.db.read(
        lambda c: (
            c.execute(select(Message.text)).scalars().first(),
            c.execute(select(Contact.name)).scalar(),
        )
    )
    assert text == "Сколько стоит доставка?"
    assert name == "Анна"
    assert await web.states() == ["filed"]


async def test_the_key_may_stand_in_the_address_for_builders_that_set_no_headers(web: Web) -> None:
    async with web.client.post(f"{FORM}?key={KEY}", data=ENQUIRY) as answer:
        assert answer.status == 202


async def test_tilda_that_asks_whether_anybody_is_there_hears_200(web: Web) -> None:
    async with web.client.post(f"{FORM}?key={KEY}", data={"test": "test"}) as answer:
        assert answer.status == 200
    assert await web.states() == ["ignored"]


@pytest.mark.parametrize("origin", ["https://shop.example", "https://evil.example/<b>", "null"])
async def test_a_form_without_a_script_leads_its_visitor_to_a_page(web: Web, origin: str) -> None:
    browser = {"Sec-Fetch-Mode": "navigate", "Origin": origin}
    async with web.client.post(f"{FORM}?key={KEY}", data=ENQUIRY, headers=browser) as answer:
        assert (answer.status, answer.content_type) == (202, "text/html")
        thanks = await answer.text()
    assert "Спасибо" in thanks
    assert ('<a href="https://shop.example">' in thanks) is (origin == "https://shop.example")
    form = {"<i>": "x" * 100_000}
    async with web.client.post(f"{FORM}?key={KEY}", data=form, headers=browser) as answer:
        assert (answer.status, answer.content_type) == (413, "text/html")
        refusal = await answer.text()
    assert "Не отправлено" in refusal
    assert "longer than 65536 bytes" in refusal
    assert "evil" not in thanks + refusal
    odd = browser | KEYED | {"Content-Type": "\udcff/x"}
    async with web.client.post(FORM, data=b"x", headers=odd) as answer:
        assert (answer.status, answer.content_type) == (415, "text/html")
    assert await web.states() == ["filed"]


async def test_a_file_of_a_multipart_form_lies_in_the_store_under_its_hash(web: Web) -> None:
    body = aiohttp.FormData(ENQUIRY)
    body.add_field(
        "passport", b"\x00PDF" * 50_000, filename="../../etc/passwd", content_type="application/pdf"
    )
    async with web.client.post(FORM, data=body, headers=KEYED) as answer:
        assert answer.status == 202, await answer.text()
    columns = select(Attachment.name, Attachment.sha256, Attachment.size)
    name, stored, size = await web.db.read(lambda c: c.execute(columns).one())
    assert name
    assert stored
    assert web.store.load(stored) == b"\x00PDF" * 50_000
    assert size == 200_000
    assert "/" not in name


async def test_a_developer_reads_the_name_of_his_field_as_he_wrote_it(web: Web) -> None:
    fields = {"phone": "8 916 123-45-67", "Поле": "x" * 100_000}
    async with web.client.post(FORM, json=fields, headers=KEYED) as refused:
        assert refused.status == 413
        assert refused.headers["Content-Type"] == "application/json; charset=utf-8"
        assert '"field": "Поле"' in await refused.text()


@given(st.text(st.characters()))
@example("\ud83d")
@example("\ud83d\ude00")
def test_whatever_is_answered_is_json_in_utf_8(text: str) -> None:
    body = answer({"field": text}).body
    assert isinstance(body, bytes)
    assert json.loads(body.decode()) == json.loads(json.dumps({"field": text}))


async def test_a_click_twice_is_one_message_and_the_same_key_is_the_same_answer(web: Web) -> None:
    headers = KEYED | {"Idempotency-Key": "order-5"}
    answers = []
    for _ in range(3):
        async with web.client.post(FORM, json=ENQUIRY, headers=headers) as answer:
            assert answer.status == 202
            answers.append(await answer.json())
    assert answers[0] == answers[1] == answers[2]
    assert await web.states() == ["filed"]


async def test_what_else_comes_under_a_key_that_is_not_changed_is_filed_too(web: Web) -> None:
    headers = KEYED | {"Idempotency-Key": "made when the page was opened"}
    for form in (ENQUIRY, ENQUIRY | {"message": "И ещё: сколько стоит подъём?"}, ENQUIRY):
        async with web.client.post(FORM, json=form, headers=headers) as answer:
            assert answer.status == 202
    texts = await web.db.read(lambda c: list(c.execute(select(Message.text).order_by(Message.id)).scalars()))
    assert texts == ["Сколько стоит доставка?", "И ещё: сколько стоит подъём?"]
    assert await web.db.read(lambda c: len(c.execute(select(Lead.id)).all())) == 1


async def test_many_visitors_at_once_are_all_filed(web: Web) -> None:
    async def visit(number: int) -> int:
        enquiry = ENQUIRY | {"phone": f"+7916{number:07}"}
        async with web.client.post(FORM, json=enquiry, headers=KEYED) as answer:
            return answer.status

    assert set(await asyncio.gather(*(visit(number) for number in range(60)))) == {202}
    assert await web.states() == ["filed"] * 60
    assert await web.db.read(lambda c: len(c.execute(select(Lead.id)).all())) == 60


async def test_a_machine_that_fills_the_hidden_field_hears_thanks_and_makes_no_lead(web: Web) -> None:
    async with web.client.post(FORM, json=ENQUIRY | {"_gotcha": "spam"}, headers=KEYED) as answer:
        assert answer.status == 202
    assert await web.states() == ["ignored"]


@pytest.mark.parametrize("given", ["", "wrong", "site-ke", "site-key2", "ключ", "\udcff"])
async def test_without_the_key_nothing_is_taken(web: Web, given: str) -> None:
    query = {"key": given.encode("utf-8", "surrogatepass").decode("latin-1")}
    status, body = await web.error(FORM, json=ENQUIRY, params=query)
    assert (status, body) == (401, {"error": "the key in X-Form-Key or ?key= is missing or wrong"})
    assert await web.states() == []


async def test_a_knocker_is_named_in_the_log_once_a_minute(web: Web) -> None:
    with capture_logs() as said:
        for _ in range(5):
            await web.error(FORM, json=ENQUIRY)
    turned_away = [line for line in said if line["event"] == "turned away"]
    assert len(turned_away) == 1
    assert turned_away[0]["visitor"] == "127.0.0.1"
    assert KEY not in str(said)


async def test_a_form_that_is_refused_is_in_the_log_without_anybodys_words(web: Web) -> None:
    with capture_logs() as said:
        for name in ("Анна", "Ольга"):
            await web.error(FORM, json={"name": name, "wish": "a lift"}, headers=KEYED)
    (refused,) = [line for line in said if line["event"] == "refused"]
    assert (refused["status"], refused["route"], refused["field"]) == (422, "/lines/{line}/form", "message")
    assert not {"Анна", "a lift", "127.0.0.1", KEY} & set(map(str, refused.values()))
    with capture_logs() as said:
        for words in ("Позвоните мне", "на +7 916 123-45-67"):
            await web.error(FORM, json={words: "x" * 100_000}, headers=KEYED)
    assert [(line["status"], line["field"]) for line in said if line["event"] == "refused"] == [
        (413, "another")
    ]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "field"),
    [
        (b'{"name": ', "application/json", 400, "body"),
        (b"[1, 2]", "application/json", 422, "message"),
        (b"hello", "application/pdf", 415, "Content-Type"),
        (b"{}", "application/json", 422, "message"),
        (b"name=%D0%90", "application/x-www-form-urlencoded", 422, "message"),
        (b"x" * (1024 * 1024 + 1), "application/json", 413, "body"),
        (b"no boundary at all", "multipart/form-data", 400, "body"),
    ],
)
async def test_a_web_developer_is_told_what_to_mend(
    web: Web, body: bytes, content_type: str, status: int, field: str
) -> None:
    headers = KEYED | {"Content-Type": content_type, "Origin": "https://shop.example"}
    async with web.client.post(FORM, data=BytesIO(body), headers=headers) as answer:
        told = await answer.json()
        assert (answer.status, told["field"]) == (status, field), told
        assert told["error"]
        assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert await web.states() == []


async def test_a_browser_of_our_site_may_post_and_read_and_one_of_another_may_not(web: Web) -> None:
    for origin, allowed in (("https://shop.example", True), ("https://evil.example", False)):
        async with web.client.options(FORM, headers={"Origin": origin}) as answer:
            assert answer.status == 204
            assert ("Access-Control-Allow-Origin" in answer.headers) is allowed
            assert answer.headers["Vary"] == "Origin"
            assert "X-Form-Key" in answer.headers["Access-Control-Allow-Headers"]
        async with web.client.post(FORM, json=ENQUIRY, headers={"Origin": origin}) as answer:
            assert answer.status == 401
            assert ("Access-Control-Allow-Origin" in answer.headers) is allowed


async def test_other_lines_methods_and_paths_are_told_apart_and_tell_nothing(web: Web) -> None:
    assert await web.error("/lines/other/form", json={}) == (404, {"error": "there is no such line"})
    async with web.client.get(FORM) as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "OPTIONS,POST"
        assert answer.headers["Server"] == "openlines"  # no library, no version
    async with web.client.get("/../../etc/passwd") as answer:
        assert (answer.status, await answer.json()) == (404, {"error": "Not Found"})


async def test_a_visitor_who_hangs_up_amid_a_file_leaves_nothing_and_no_alarm(web: Web) -> None:
    head = (
        f"POST {FORM} HTTP/1.1\r\nHost: x\r\nX-Form-Key: {KEY}\r\nContent-Length: 900000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n'
    ).encode()
    with capture_logs() as said:
        _, writer = await asyncio.open_connection("127.0.0.1", web.client.port)
        writer.write(head + b"x" * 300_000)
        await writer.drain()
        incoming = web.store.path("0" * 64).parent.parent / "incoming"
        await _until(lambda: any(incoming.iterdir()))
        writer.transport.abort()
        await _until(lambda: not any(incoming.iterdir()))
    assert await web.states() == []
    assert [line for line in said if line["log_level"] in ("error", "critical")] == []


_kinds = st.sampled_from(
    [
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "multipart/form-data; boundary=" + "b" * 200,
        "text/plain; charset=koi8-r",
        "application/json; charset=utf-7",
        "",
    ]
)
_bodies = st.one_of(
    st.binary(max_size=300),
    st.dictionaries(st.text(max_size=10), st.text(max_size=30), max_size=5).map(
        lambda fields: json.dumps(fields).encode()
    ),
    st.binary(max_size=100).map(
        lambda content: (
            b'--b\r\nContent-Disposition: form-data; name="' + content + b'"\r\n\r\n1\r\n--b--\r\n'
        )
    ),
)


@given(_bodies, _kinds, st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=50))
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_bytes_break_the_form(web: Web, body: bytes, kind: str, key: str) -> None:
    headers = KEYED | {"Content-Type": kind, "Idempotency-Key": key.strip()}
    async with web.client.post(FORM, data=body, headers=headers) as answer:
        assert answer.status in (202, 400, 413, 415, 422), await answer.text()
        assert await answer.json()


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it has not come to pass in five seconds")
