from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from core.clock import ShiftedClock
from core.conversations.model import Delivery, Message
from core.database import Database
from core.intake.model import Ledger
from core.leads.model import Lead
from openlines.application import opened
from openlines.settings import Settings, Telegram
from sandbox.telegram import TelegramSandbox
from tests.processes.running import ADMIN, LINE, PATIENCE, OpenLines, openlines
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.timeout(240)  # a process that loads aiogram on a busy machine takes its time


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSandbox]:
    async with TelegramSandbox() as running:
        running.add_bot(LINE, "line_bot")
        yield running


async def texts(url: str) -> Counter[str]:
    """What customers wrote, as it is kept, and how often."""
    async with Database.opened(url) as db:
        query = select(Message.text).where(Message.direction == "in")
        return Counter(await db.read(lambda c: list(c.execute(query).scalars())))


async def test_parts_apart_serve_one_line_though_redis_stops_and_a_worker_is_killed(
    postgres_url: str, redis_server: RedisServer, tmp_path: Path, telegram: TelegramSandbox
) -> None:
    line = telegram.world.bots[LINE]
    irina, anna = telegram.person(ADMIN, "Ирина"), telegram.person(777, "Анна")
    async with AsyncExitStack() as stack:

        async def part(name: str) -> OpenLines:
            running = openlines(
                "run",
                "--only",
                name,
                telegram=telegram,
                folder=tmp_path,
                DATABASE_URL=postgres_url,
                REDIS_URL=redis_server.url,
            )
            return await stack.enter_async_context(running)

        web, bot, worker = await asyncio.gather(*(part(name) for name in ("web", "bot", "worker")))
        await irina.starts(line)
        await irina.sees(line, "администратор", timeout=PATIENCE)
        await anna.writes(line, "Сколько стоит доставка?")
        card = await irina.sees(line, "Сколько стоит доставка?", timeout=PATIENCE)
        await irina.writes(line, "Триста рублей", reply_to=card)
        await anna.sees(line, "Триста рублей", timeout=PATIENCE)

        redis_server.stop()
        await anna.writes(line, "А завтра?")
        news = await irina.sees(line, "А завтра?", after=card, timeout=PATIENCE)
        await irina.writes(line, "И завтра", reply_to=news)
        await anna.sees(line, "И завтра", timeout=PATIENCE)
        assert worker.events("redis is away, this process keeps the send limits alone")

        # Telegram has taken the message, and the worker dies before it hears so.
        held = telegram.hold("sendMessage", where=lambda call: "Приезжайте" in str(call.params.get("text")))
        await irina.writes(line, "Приезжайте", reply_to=news)
        await telegram.until(lambda: held.arrived, PATIENCE)
        await worker.ends(signal.SIGKILL)
        held.release()
        another = await part("worker")
        boris = telegram.person(778, "Борис")
        await boris.writes(line, "Вы работаете?")
        await boris.sees(line, "Борис", timeout=PATIENCE)
        assert await another.ends() == 0

        # Once the dead one's time is up it counts as uncertain: a person decides, nothing is said twice.
        settings = Settings(
            data_dir=tmp_path,
            database_url=postgres_url,
            admins=[ADMIN],
            telegram=Telegram(token=SecretStr(LINE), api_url=telegram.url),
        )
        clock = ShiftedClock()
        clock.advance(timedelta(minutes=5))
        async with opened(settings, ("worker",), clock=clock) as program:
            running = asyncio.create_task(program.run())
            await irina.sees(line, "Приезжайте", after=news, timeout=PATIENCE)
            program.stop()
            await running
            query = select(Delivery.state).join(Message, Message.id == Delivery.message_id)
            found = await program.db.read(
                lambda c: c.execute(query.where(Message.text == "Приезжайте")).scalar()
            )
        assert found == "uncertain"
        assert [message.text for message in anna.chat(line)].count("Приезжайте") == 1
        assert [await process.ends() for process in (web, bot)] == [0, 0]
    for process in (web, bot, another):
        assert "Traceback" not in "\n".join(process.said)


async def test_of_two_web_processes_one_polls_and_the_other_takes_over_when_it_dies(
    postgres_url: str, tmp_path: Path, telegram: TelegramSandbox
) -> None:
    line, anna = telegram.world.bots[LINE], telegram.person(777, "Анна")

    async with AsyncExitStack() as stack:

        async def web() -> OpenLines:
            running = openlines(
                "run", "--only", "web", telegram=telegram, folder=tmp_path, DATABASE_URL=postgres_url
            )
            return await stack.enter_async_context(running)

        first = await web()
        await first.says("polling")
        second = await web()
        await second.says("listening")
        for number in range(20):
            await anna.writes(line, f"раз {number}")
        await telegram.until(lambda: not line.updates.pending, PATIENCE)
        assert not second.events("polling")
        await first.ends(signal.SIGKILL)
        for number in range(20):
            await anna.writes(line, f"два {number}")
        await second.says("polling")
        await telegram.until(lambda: not line.updates.pending, PATIENCE)
        assert not [line for line in second.said if "conflict" in line]
        assert await second.ends() == 0
    assert await texts(postgres_url) == Counter(f"{times} {n}" for times in ("раз", "два") for n in range(20))


async def test_nothing_is_lost_or_doubled_when_it_stops_and_starts_while_customers_write(
    tmp_path: Path, telegram: TelegramSandbox
) -> None:
    line = telegram.world.bots[LINE]
    people = [telegram.person(700 + number, f"Клиент {number}") for number in range(10)]
    url = f"sqlite+aiosqlite:///{tmp_path / 'openlines.db'}"
    written: list[str] = []

    async def write(seconds: float) -> None:
        for _ in range(int(seconds / 0.02)):
            person = people[len(written) % len(people)]
            written.append(f"сообщение {len(written)}")
            await person.writes(line, written[-1])
            await asyncio.sleep(0.02)

    for how in (signal.SIGTERM, signal.SIGKILL):
        async with openlines("run", telegram=telegram, folder=tmp_path, TELEGRAM__LIMITS="0") as running:
            await running.says("polling")
            async with asyncio.TaskGroup() as group:
                group.create_task(write(1.5))
                await asyncio.sleep(0.7)
                assert await running.ends(how) == (0 if how != signal.SIGKILL else -9)
            if how != signal.SIGKILL:
                assert running.events("stopping, what is in hand is finished first")
                assert json.loads(running.said[-1])["event"] == "stopped"
    async with openlines("run", telegram=telegram, folder=tmp_path, TELEGRAM__LIMITS="0") as running:
        await running.says("polling")
        await telegram.until(lambda: not line.updates.pending, PATIENCE)
        refused = await OpenLines.start("run", DATA_DIR=str(tmp_path))
        assert await refused.ends(None) == 2
        assert refused.said[-1].startswith("openlines: OPENLINES_DATABASE_URL: another openlines runs on ")
        assert await running.ends(signal.SIGINT) == 0
    assert await texts(url) == Counter(written)
    async with Database.opened(url) as db:
        assert await db.read(lambda c: c.execute(select(func.count()).select_from(Lead)).scalar()) == len(
            people
        )
        assert await db.read(lambda c: c.execute(select(func.sum(Ledger.seen))).scalar()) == len(written)
        query = select(Lead.number, Delivery.state).join(Delivery, Delivery.lead_id == Lead.id)
        query = query.where(Delivery.message_id.is_not(None))
        confirmations = await db.read(lambda c: c.execute(query).all())
    assert len(confirmations) == len({number for number, _ in confirmations}) == len(people)
    arrived = [sum(message.sender is line for message in person.chat(line)) for person in people]
    assert max(arrived) == 1, "one confirmation, however often it was started"
    # What was on its way when the process was killed counts as uncertain after its lease, and is not sent again.
    assert arrived.count(0) <= sum(state == "sending" for _, state in confirmations)


async def test_what_stops_the_start_is_one_line_and_an_exit_code(
    tmp_path: Path, telegram: TelegramSandbox
) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = str(server.sockets[0].getsockname()[1])
    away, taken = await asyncio.gather(
        OpenLines.start(
            "run", DATA_DIR=str(tmp_path / "1"), DATABASE_URL="postgresql://u:geheim@127.0.0.1:1/x"
        ),
        OpenLines.start("run", DATA_DIR=str(tmp_path / "2"), HTTP__PORT=port),
    )
    assert await away.ends(None) == 2
    assert away.said[-1].startswith("openlines: OPENLINES_DATABASE_URL: cannot be opened: ")
    assert await taken.ends(None) == 2
    assert (
        taken.said[-1]
        == f"openlines: OPENLINES_HTTP__PORT: port {port} cannot be had: Address already in use"
    )
    for process in (away, taken):
        said = "\n".join(process.said)
        assert "Traceback" not in said
        assert "geheim" not in said
    server.close()
