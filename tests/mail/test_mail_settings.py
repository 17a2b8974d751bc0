"""Addresses of mail servers as people write them, and what the doctor says of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from channels.email.checking import check_imap, check_smtp
from channels.email.identity import MailIdentity
from channels.email.threading import make_return_path
from channels.email.urls import (
    ImapUrl,
    ListenUrl,
    Login,
    Security,
    SmtpUrl,
    read_imap_url,
    read_listen_url,
    read_smtp_url,
)
from core.errors import Misconfigured
from tests.mail.mail_line import ADDRESS, SECRET
from tests.servers.imap import ImapServer
from tests.servers.process import free_port
from tests.servers.smtp import SmtpServer


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "imaps://me%40example.com:p%40ss%2Fw%3Ard@imap.example.com",
            ImapUrl("imap.example.com", 993, Security.TLS, Login("me@example.com", "p@ss/w:rd")),
        ),
        (
            "imap+starttls://me:pw@imap.example.com:1143/%D0%97%D0%B0%D1%8F%D0%B2%D0%BA%D0%B8/2026",
            ImapUrl("imap.example.com", 1143, Security.STARTTLS, Login("me", "pw"), "Заявки/2026"),
        ),
        ("imap://me:pw@[::1]/", ImapUrl("::1", 143, Security.NONE, Login("me", "pw"), "INBOX")),
    ],
)
def test_a_mailbox_is_named_by_an_address(url: str, expected: ImapUrl) -> None:
    assert read_imap_url(url) == expected


def test_a_server_for_letters_out_may_do_without_a_login() -> None:
    assert read_smtp_url("smtp://localhost") == SmtpUrl("localhost", 25, Security.NONE, None)
    assert read_smtp_url("smtps://u:p@h").port == 465
    assert read_smtp_url("smtp+starttls://u:p@h").port == 587


def test_where_to_listen_is_named_by_an_address() -> None:
    assert read_listen_url("lmtp://127.0.0.1:2424") == ListenUrl("127.0.0.1", 2424, True)
    assert read_listen_url("smtp://0.0.0.0:0") == ListenUrl("0.0.0.0", 0, False)


@pytest.mark.parametrize(
    "url",
    [
        "imap.example.com",
        "pop3://me:hunter2@host",
        "imaps://me@host",
        "imaps://me:hunter2@host:port",
        "imaps://me:hunter2@host:99999",
        "imaps://me:hun/ter2#@host",
        "imaps://me:hunter2@",
        "imaps://me:hunter2@host/a%0Ab",
        "imaps://me:hunter2@[host",
    ],
)
def test_what_is_no_address_is_refused_by_the_settings_name_and_never_repeated(url: str) -> None:
    with pytest.raises(Misconfigured) as wrong:
        read_imap_url(url)
    assert wrong.value.setting == "OPENLINES_EMAIL__IMAP_URL"
    assert "hun" not in str(wrong.value)


def test_a_password_is_not_shown_by_what_holds_it() -> None:
    assert "hunter2" not in repr(read_imap_url("imaps://me:hunter2@host"))
    assert "hunter2" not in repr(read_imap_url("imaps://me@host", "hunter2"))


def test_a_token_in_a_file_is_read_anew_at_every_login(tmp_path: Path) -> None:
    file = tmp_path / "token"
    login = read_imap_url("imaps://me@host", f"file:{file}").login
    for token in ("first", "second"):
        file.write_text(token + "\n")
        assert login.token() == token


def test_we_know_our_own_addresses() -> None:
    identity = MailIdentity(ADDRESS, SECRET, aliases=frozenset({"info@example.com"}))
    ours = ("LINE@example.com", "line+x@example.com", "info@example.com", "<info+a+b@EXAMPLE.com>")
    assert all(identity.receives(address) for address in ours)
    assert identity.receives(make_return_path(5, "example.com", SECRET))
    others = (
        "other@example.com",
        "line@example.org",
        "bounce+5-aaaaaaaaaaaaaaaaaaaa@example.com",
        "",
        "@",
        "line",
    )
    assert not any(identity.receives(address) for address in others)


async def test_the_doctor_finds_both_ways_open(imap_server: ImapServer, smtp_server: SmtpServer) -> None:
    mailbox = await check_imap(imap_server.url)
    assert mailbox.remedy is None
    assert "0 letters in INBOX" in mailbox.state
    outgoing = await check_smtp(smtp_server.url, sender=ADDRESS)
    assert outgoing.remedy is None
    assert smtp_server.letters == []


async def test_the_doctor_says_what_to_mend(imap_server: ImapServer, smtp_server: SmtpServer) -> None:
    wrong = await check_imap(imap_server.url.replace("correct%20horse", "battery"))
    assert "app password" in (wrong.remedy or "")
    nowhere = await check_imap(f"imap://me:hunter2@127.0.0.1:{free_port()}")
    assert "nobody listens there" in nowhere.state
    missing = await check_imap(imap_server.url.replace("/INBOX", "/Nowhere"))
    assert "Nowhere" in missing.state
    assert "the folder" in (missing.remedy or "")
    unencrypted = await check_imap(imap_server.url.replace("imap://", "imaps://"))
    assert "imap+starttls://" in (unencrypted.remedy or "")
    smtp_server.answer("AUTH", "535 5.7.8 No")
    refused = await check_smtp(smtp_server.url, sender=ADDRESS)
    assert "user and password" in (refused.remedy or "")
    smtp_server.answer("MAIL", "553 5.7.1 Not owned by user")
    foreign = await check_smtp(smtp_server.url, sender=ADDRESS)
    assert "OPENLINES_EMAIL__ADDRESS" in (foreign.remedy or "")
    await asyncio.to_thread(smtp_server.stop)
    away = await check_smtp(smtp_server.url, sender=ADDRESS)
    assert away.remedy is not None
    said = f"{wrong}{nowhere}{missing}{unencrypted}{refused}{foreign}{away}"
    assert "hunter2" not in said
    assert smtp_server.password not in said
