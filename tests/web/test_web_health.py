from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import make_url, select

from channels.email.unsubscribe import stop_token
from core.channel import Postponed
from core.clock import ManualClock
from core.contacts.model import Contact
from core.conversations import deliveries
from core.conversations.model import Conversation
from core.database import Transaction
from core.leads.answering import Draft, reply
from tests.builders import a_lead, a_manager
from tests.looking import all_sent
from tests.servers.postgres import PostgresServer
from tests.web.edge import FORM, KEYED, LETTERS, Web, serving
from webhooks.refusals import visitor_of


async def test_an_idle_line_is_live_and_ready(web: Web) -> None:
    async with web.client.get("/health/live") as answer:
        assert (answer.status, await answer.json()) == (200, {"live": True})
    async with web.client.get("/health/ready") as answer:
        told = await answer.json()
        assert (answer.status, told["ready"], told["database"], told["parts"]) == (200, True, "here", ["web"])


async def test_a_message_that_waits_too_long_makes_the_line_not_ready(web: Web, clock: ManualClock) -> None:
    await a_lead(web.db, web.bot)  # its confirmation is due at once, and no worker is here
    async with web.client.get("/health/ready") as answer:
        assert answer.status == 200
    clock.advance(timedelta(minutes=6))
    async with web.client.get("/health/ready") as answer:
        told = await answer.json()
        assert (answer.status, told["ready"]) == (503, False)
        assert told["oldest_due_seconds"] == pytest.approx(360, abs=2)


async def test_what_waits_its_turn_behind_a_message_put_off_does_not_make_the_line_not_ready(
    database_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    async with serving(database_url, tmp_path, clock) as web:
        lead, olga = await a_lead(web.db, web.bot), await a_manager(web.db)
        await all_sent(web.db)
        put_off = Postponed("its server wants us to come again later", timedelta(hours=1))

        def answer_twice(tx: Transaction) -> None:
            for words in ("Добрый день", "И ещё"):
                reply(tx, olga, lead, Draft(words))

        await web.db.transact(answer_twice)
        (first,) = await web.db.transact(lambda tx: deliveries.claim(tx, 9, None))
        await web.db.transact(lambda tx: deliveries.settle(tx, [(first, put_off)]))
        clock.advance(timedelta(minutes=30))
        async with web.client.get("/health/ready") as answer:
            assert (answer.status, (await answer.json())["oldest_due_seconds"]) == (200, 0)
        clock.advance(timedelta(minutes=36))  # its time has come, and nobody sends it
        async with web.client.get("/health/ready") as answer:
            assert (answer.status, (await answer.json())["oldest_due_seconds"]) == (503, 360)


async def test_a_line_that_can_read_and_not_write_is_not_ready(
    database_url: str, postgres: PostgresServer, tmp_path: Path, clock: ManualClock
) -> None:
    """A standby that was given the address too early, a provider who stops a full disk; or a program has the file."""
    async with serving(database_url, tmp_path, clock) as web:
        with nobody_writes(database_url, postgres):
            async with web.client.get("/health/ready") as answer:
                assert (answer.status, await answer.json()) == (503, {"ready": False, "database": "away"})
        async with web.client.get("/health/ready") as answer:
            assert answer.status == 200


@contextmanager
def nobody_writes(url: str, postgres: PostgresServer) -> Iterator[None]:
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.split("///", 1)[1], isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    name = make_url(url).database
    everybody = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}'"
    for is_so in ("on", "off"):
        postgres.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {is_so}')
        postgres.execute(everybody)
        if is_so == "on":
            yield


async def test_metrics_are_prometheus_and_count_by_route_never_by_path(web: Web) -> None:
    await a_lead(web.db, web.bot)
    async with web.client.post(FORM, json={}, headers=KEYED) as answer:
        assert answer.status == 422
    for number in range(20):
        async with web.client.get(f"/nowhere/{number}") as answer:
            assert answer.status == 404
    async with web.client.get("/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        families = {family.name: family for family in text_string_to_metric_families(await answer.text())}
    served = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for sample in families["openlines_http_requests"].samples
        if sample.name.endswith("_total")
    }
    assert served == {("/lines/{line}/form", "422"): 1, ("unknown", "404"): 20}
    assert families["openlines_leads_open"].samples[0].value == 1
    assert families["openlines_deliveries_waiting"].samples[0].value >= 1


async def test_one_click_in_a_letter_stops_follow_ups_and_a_scanner_that_follows_links_does_not(
    web: Web,
) -> None:
    await a_lead(web.db, web.bot)
    conversation = await web.db.read(lambda c: c.execute(select(Conversation.id)).scalar_one())
    link = f"/stop/{stop_token(conversation, LETTERS)}"

    async def wants() -> bool:
        return await web.db.read(lambda c: c.execute(select(Contact.wants_follow_ups)).scalar_one())

    async with web.client.get(link) as answer:
        assert answer.status == 200
        assert '<form method="post">' in await answer.text()
    assert await wants()
    async with web.client.post(link, data={"List-Unsubscribe": "One-Click"}) as answer:
        assert answer.status == 200
    assert not await wants()


@pytest.mark.parametrize(
    "token", ["", "1", "1-", "1-0000", "-", "٣-x", "9" * 30 + "-x", "1-" + "ж" * 32, "%ff-x", "..%2f.."]
)
async def test_a_guessed_link_shows_nothing(web: Web, token: str) -> None:
    for method in ("GET", "POST"):
        async with web.client.request(method, f"/stop/{token}") as answer:
            assert answer.status == 404


async def test_a_link_of_another_conversation_is_not_made_from_ones_own(web: Web) -> None:
    theirs = stop_token(1, LETTERS).replace("1-", "2-", 1)
    async with web.client.post(f"/stop/{theirs}") as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    ("peer", "forwarded", "visitor"),
    [
        (
            "203.0.113.5",
            "198.51.100.1",
            "203.0.113.5",
        ),  # not a proxy of ours: what it says is its own business
        ("172.18.0.1", "198.51.100.1", "198.51.100.1"),
        ("172.18.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),  # the left one the visitor has made up
        ("172.18.0.1", "198.51.100.1, 10.0.0.9", "198.51.100.1"),  # two proxies of ours
        ("172.18.0.1", "10.0.0.9", "10.0.0.9"),
        ("172.18.0.1", "unknown\n", "172.18.0.1"),
        ("172.18.0.1", "", "172.18.0.1"),
        ("172.18.0.1", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_behind_our_proxies_the_visitor_is_who_they_say(peer: str, forwarded: str, visitor: str) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=peer)
    trusted = [ip_network("172.18.0.0/16"), ip_network("10.0.0.9")]
    assert visitor_of(request, trusted) == visitor


async def test_the_body_of_an_error_reveals_nothing(
    sqlite_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    class Broken:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError("password=geheim at /srv/openlines/core.py")

    async with (
        serving(sqlite_url, tmp_path, clock, intake=Broken()) as web,
        web.client.post(FORM, json={"message": "Здравствуйте"}, headers=KEYED) as answer,
    ):
        assert (answer.status, await answer.json()) == (503, {"error": "try again later"})
        assert "geheim" not in str(answer.headers)
