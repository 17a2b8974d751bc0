"""The servers of the tests are real: they keep what they should, and leave nothing behind."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import asyncpg
import pytest
import redis
from playwright.async_api import Browser

from tests.servers.imap import ImapServer
from tests.servers.postgres import PostgresServer
from tests.servers.process import DidNotStart, ServerProcess
from tests.servers.redis import RedisServer
from tests.servers.smtp import HANG_UP, HANG_UP_AFTER, SmtpServer

LETTER = "From: anna@example.com\r\nSubject: Цена\r\n\r\nСколько?\r\n".encode()


def test_a_database_is_a_copy_of_its_template_and_may_be_dropped_while_in_use(
    postgres: PostgresServer,
) -> None:
    template = postgres.create_database()
    postgres.execute("CREATE TABLE city AS SELECT 'Москва' AS name", template)
    copy = postgres.create_database(template)
    postgres.execute("INSERT INTO city VALUES ('Казань')", copy)
    assert postgres.execute("SELECT count(*) FROM city", template) == "1"
    assert postgres.execute("SELECT upper(name) FROM city ORDER BY name", copy) == "КАЗАНЬ\nМОСКВА"
    postgres.drop_database(copy)
    postgres.drop_database(template)
    with pytest.raises(RuntimeError, match="does not exist"):
        postgres.execute("SELECT 1", copy)


async def test_what_a_durable_postgres_has_committed_survives_a_power_cut() -> None:
    with PostgresServer(durable=True) as server:
        server.execute("CREATE TABLE kept AS SELECT 1 AS n")
        connection = await asyncpg.connect(host=str(server.folder), user="postgres")
        await connection.execute("BEGIN; INSERT INTO kept VALUES (2)")
        server.crash()
        with pytest.raises((asyncpg.PostgresConnectionError, ConnectionError, asyncpg.InterfaceError)):
            await connection.execute("COMMIT")
        server.start()
        assert server.execute("SELECT n FROM kept") == "1"
        assert server.execute("SHOW fsync") == "on"
    assert not server.folder.exists()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing() -> None:
    with pytest.raises(DidNotStart, match="unrecognized configuration parameter"):
        PostgresServer(settings={"no_such_setting": "1"})


def test_a_killed_owner_takes_its_servers_and_folders_along() -> None:
    owner = subprocess.run(
        [sys.executable, "-c", _KILLED_OWNER],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert owner.returncode == -signal.SIGKILL, owner.stderr
    folder, pid = owner.stdout.split()
    give_up = time.monotonic() + 10
    while (Path(folder).exists() or _alive(int(pid))) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not Path(folder).exists()
    assert not _alive(int(pid))


def test_folders_of_those_who_are_long_gone_are_removed() -> None:
    orphan, used = ServerProcess("orphan"), ServerProcess("used")
    orphan._in_use.close()
    ServerProcess("next").remove()
    assert not orphan.folder.exists()
    assert used.folder.exists()
    used.remove()


def test_redis_forgets_when_it_stops_and_comes_back_at_the_same_address(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("dialog", "unfinished")
        redis_server.stop()
        with pytest.raises(redis.ConnectionError):
            client.get("dialog")
        redis_server.start()
        assert client.get("dialog") is None


def test_a_letter_comes_back_byte_for_byte_with_its_date_and_flags(imap_server: ImapServer) -> None:
    arrived = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    uid = imap_server.append(LETTER, flags=["\\Flagged"], date=arrived)
    with imap_server.connection() as imap:
        imap.select("INBOX")
        _, answer = imap.uid("FETCH", str(uid), "(INTERNALDATE BODY.PEEK[])")
        head, body = answer[0]
        assert body == LETTER
        assert b'"02-Jan-2026 03:04:05 +0000"' in head
        imap.uid("STORE", str(uid), "+FLAGS", "(\\Seen)")
    assert imap_server.flags(uid) == {"\\Flagged", "\\Seen"}


def test_letters_outlive_a_stop_of_the_mailbox_but_not_its_clearing(imap_server: ImapServer) -> None:
    uid = imap_server.append(LETTER)
    with socket.create_connection((imap_server.host, imap_server.port), timeout=5) as waiting:
        assert waiting.recv(4) == b"* OK"
        imap_server.stop()
        while waiting.recv(4096):
            pass  # the rest of the greeting, a farewell, and then the end
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((imap_server.host, imap_server.port))
    imap_server.start()
    assert imap_server.uids() == [uid]
    validity = _uidvalidity(imap_server)
    assert validity == _uidvalidity(imap_server)
    imap_server.clear()
    assert imap_server.uids() == []
    assert validity != _uidvalidity(imap_server)


async def test_who_waits_idle_is_told_of_a_new_letter_at_once(imap_server: ImapServer) -> None:
    reader, writer = await asyncio.open_connection(imap_server.host, imap_server.port)
    writer.write(
        f'1 LOGIN {imap_server.user} "{imap_server.password}"\r\n2 SELECT INBOX\r\n3 IDLE\r\n'.encode()
    )
    await asyncio.wait_for(reader.readuntil(b"+ "), 5)
    await asyncio.to_thread(imap_server.append, LETTER)
    await asyncio.wait_for(reader.readuntil(b"1 EXISTS"), 5)
    writer.close()
    await writer.wait_closed()


async def test_an_accepted_letter_is_kept_with_its_envelope(smtp_server: SmtpServer) -> None:
    await _send(smtp_server, "anna@example.com", text="one\n.two\n")
    [letter] = smtp_server.letters
    assert (letter.sender, letter.recipients) == ("line@example.com", ("anna@example.com",))
    assert letter.content.endswith(b"one\r\n.two\r\n")


async def test_the_smtp_server_answers_as_it_was_told_and_then_as_usual(smtp_server: SmtpServer) -> None:
    smtp_server.answer("RCPT", "451 4.7.1 Greylisted")
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused, match="Greylisted"):
        await _send(smtp_server, "anna@example.com")
    smtp_server.answer("AUTH", "454 4.7.0 Later")
    with pytest.raises(aiosmtplib.SMTPAuthenticationError, match="Later"):
        await _send(smtp_server, "anna@example.com")
    smtp_server.refuse("nobody@example.com")
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused, match="No such user"):
        await _send(smtp_server, "Nobody@example.com")
    assert smtp_server.letters == []
    await _send(smtp_server, "anna@example.com")
    assert len(smtp_server.letters) == 1


@pytest.mark.parametrize(("how", "kept"), [(HANG_UP, 0), (HANG_UP_AFTER, 1)])
async def test_a_cut_connection_does_not_tell_whether_the_letter_was_kept(
    smtp_server: SmtpServer, how: str, kept: int
) -> None:
    smtp_server.answer("DATA", how)
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await _send(smtp_server, "anna@example.com")
    assert len(smtp_server.letters) == kept


async def test_a_wrong_password_is_refused(smtp_server: SmtpServer) -> None:
    with pytest.raises(aiosmtplib.SMTPAuthenticationError):
        await _send(smtp_server, "anna@example.com", password="wrong")


async def test_the_browser_runs_scripts(browser: Browser) -> None:
    page = await browser.new_page()
    await page.set_content("<p id=a>1</p><script>a.textContent = 'работает'</script>")
    assert await page.inner_text("#a") == "работает"
    await page.close()


_KILLED_OWNER = """
import os, signal
from tests.servers.postgres import PostgresServer
server = PostgresServer()
print(server.folder, (server.folder / "data" / "postmaster.pid").read_text().splitlines()[0], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


async def _send(server: SmtpServer, to: str, *, text: str = "Hello", password: str | None = None) -> None:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "line@example.com", to, "Цена"
    letter.set_content(text)
    await aiosmtplib.send(
        letter,
        hostname=server.host,
        port=server.port,
        username=server.user,
        password=password or server.password,
        start_tls=False,
        timeout=10,
    )


def _uidvalidity(server: ImapServer) -> bytes:
    with server.connection() as imap:
        imap.select("INBOX", readonly=True)
        validity = imap.response("UIDVALIDITY")[1][0]
        assert isinstance(validity, bytes)
        return validity


def _alive(pid: int) -> bool:
    """Whether a process does anything: one that ended and was not waited for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
