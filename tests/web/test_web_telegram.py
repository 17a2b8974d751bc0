from __future__ import annotations

import asyncio
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from structlog.testing import capture_logs

from core.clock import ManualClock
from core.intake import parked
from core.leads.model import Lead
from tests.servers.postgres import PostgresServer
from tests.web.edge import FORM, HOOK, KEYED, SIGNED, Web, serving


def an_update(number: int, text: str = "Здравствуйте") -> dict[str, Any]:
    person = {"id": 777, "is_bot": False, "first_name": "Анна", "language_code": "ru"}
    chat = {"id": 777, "type": "private", "first_name": "Анна"}
    message = {"message_id": number, "date": 1_773_651_600, "from": person, "chat": chat, "text": text}
    return {"update_id": number, "message": message}


async def leads(web: Web) -> int:
    return await web.db.read(lambda c: c.execute(select(func.count()).select_from(Lead)).scalar_one())


async def test_an_update_is_filed_before_it_is_acknowledged_and_brought_again_is_the_same(web: Web) -> None:
    for _ in range(3):
        async with web.client.post(HOOK, json=an_update(1), headers=SIGNED) as answer:
            assert (answer.status, await answer.read()) == (200, b"")
    assert await web.states() == ["filed"]
    assert await leads(web) == 1


async def test_updates_that_come_side_by_side_are_one_persons_one_lead(web: Web) -> None:
    async def bring(number: int) -> int:
        async with web.client.post(HOOK, json=an_update(number), headers=SIGNED) as answer:
            return answer.status

    assert set(await asyncio.gather(*(bring(number % 20 + 1) for number in range(40)))) == {200}
    assert await web.states() == ["filed"] * 20
    assert await leads(web) == 1


@pytest.mark.parametrize("secret", [None, "", "telegram-secre", "telegram-secret2", "wrong"])
async def test_without_telegrams_secret_nothing_is_taken(web: Web, secret: str | None) -> None:
    headers = {} if secret is None else {"X-Telegram-Bot-Api-Secret-Token": secret}
    with capture_logs() as said:
        told = await web.error(HOOK, json=an_update(1), headers=headers)
    assert told == (401, {"error": "the secret token is missing or wrong"})
    assert [line["event"] for line in said] == ["turned away"]
    assert await web.states() == []


async def test_a_line_whose_bot_is_polled_has_no_webhook(
    sqlite_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    async with serving(sqlite_url, tmp_path, clock, telegram_secret=None) as web:
        assert (await web.error(HOOK, json=an_update(1), headers=SIGNED))[0] == 404
        assert (await web.error(HOOK, json=an_update(1), headers={}))[0] == 404


@pytest.mark.parametrize(
    "junk", [b"", b"{", b"[]", b"null", b"\xff\x00", b"[" * 50_000, b'{"update_id": "x"}']
)
async def test_what_nobody_understands_is_parked_with_its_bytes_and_not_brought_again(
    web: Web, junk: bytes
) -> None:
    async with web.client.post(HOOK, data=junk, headers=SIGNED) as answer:
        assert answer.status == 200
    page = await web.db.read(lambda c: parked.parked(c, after=None, limit=10))
    assert len(page.entries) == 1
    raw = await web.db.read(lambda c: parked.raw(c, page.entries[0].ledger_id))
    assert raw is not None
    assert raw.body == junk


async def test_what_is_longer_than_telegram_ever_sends_is_refused_before_it_is_in_memory(web: Web) -> None:
    huge = json.dumps(an_update(1, "x" * 2_000_000)).encode()

    async def in_pieces() -> Any:
        for start in range(0, len(huge), 50_000):
            yield huge[start : start + 50_000]

    for body in (BytesIO(huge), in_pieces()):
        async with web.client.post(HOOK, data=body, headers=SIGNED) as answer:
            assert answer.status == 413
            assert await answer.json() == {"error": f"longer than {2**20} bytes", "field": "body"}
    assert await web.states() == []


async def test_a_stranger_makes_the_line_read_no_body(web: Web) -> None:
    status, _ = await web.error(HOOK, data=BytesIO(b"x" * 3_000_000), headers={})
    assert status == 401


@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["update_id", "message", "chat", "from", "id", "text", "date", "photo", "type", "x"]
                    ),
                    inner,
                    max_size=6,
                )
            ),
            max_leaves=20,
        ).map(lambda value: json.dumps({"update_id": 5, "message": value}).encode()),
    )
)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_bytes_break_the_webhook(web: Web, body: bytes) -> None:
    async with web.client.post(HOOK, data=body, headers=SIGNED) as answer:
        assert answer.status == 200


async def test_without_its_database_the_edge_says_later_and_goes_on_when_it_is_back(
    postgres_of_ours: tuple[PostgresServer, str], tmp_path: Path, clock: ManualClock
) -> None:
    server, url = postgres_of_ours
    async with serving(url, tmp_path, clock) as web:
        async with web.client.post(HOOK, json=an_update(1), headers=SIGNED) as answer:
            assert answer.status == 200
        server.stop()
        with capture_logs() as said:
            for path, headers, body in (
                (HOOK, SIGNED, an_update(2)),
                (FORM, KEYED, {"message": "Здравствуйте"}),
            ):
                async with web.client.post(path, json=body, headers=headers) as answer:
                    assert (answer.status, await answer.json()) == (503, {"error": "try again later"})
                    assert answer.headers["Retry-After"] == "5"
            async with web.client.get("/health/ready") as answer:
                assert (answer.status, await answer.json()) == (503, {"ready": False, "database": "away"})
            async with web.client.get("/metrics") as answer:
                assert answer.status == 200
                told = await answer.text()
            assert "openlines_leads_open NaN" in told  # nobody knows; what was served is told also now
            assert 'openlines_http_requests_total{route="/lines/{line}/telegram",status="503"}' in told
            async with web.client.get("/health/live") as answer:
                assert answer.status == 200
        assert not [line for line in said if "exc_info" in line], (
            "an absence is no bug: one line, no traceback"
        )
        server.start()
        async with web.client.post(HOOK, json=an_update(2), headers=SIGNED) as answer:
            assert answer.status == 200, "the very next one is served"
        assert await web.states() == ["filed", "filed"]
