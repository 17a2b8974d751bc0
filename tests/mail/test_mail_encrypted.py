"""Encrypted connections: made where the address says so, and never with a server that cannot show who it is."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP

from channels.email.checking import check_imap, check_smtp
from tests.mail.cable import Cable
from tests.mail.mail_line import ADDRESS, MailLine, a_letter, deliver
from tests.servers.imap import ImapServer
from tests.servers.smtp import SmtpServer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of "localhost" with its key in one file, signed by nobody else."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate: apt-get install openssl")
    folder = tmp_path_factory.mktemp("certificate")
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(["openssl", *request.split(), *names], cwd=folder, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes((folder / "cert.pem").read_bytes() + (folder / "key.pem").read_bytes())
    return both


@pytest.fixture
def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


async def test_letters_come_over_tls(
    small_line: MailLine, imap_server: ImapServer, server_side: ssl.SSLContext, trusted: None
) -> None:
    async with Cable(imap_server.url, tls=server_side) as cable:
        assert cable.url.startswith("imaps://")
        await small_line.begin(cable.url)
        async with small_line.reading(cable.url):
            for number in range(3):
                letter = a_letter(f"письмо {number}", sender=f"c{number}@example.net")
                await asyncio.to_thread(deliver, imap_server, [letter])
                await small_line.wait_for(number + 1)
    assert set(small_line.troubles) == {None}


async def test_letters_go_out_over_tls(
    smtp_server: SmtpServer, server_side: ssl.SSLContext, trusted: None
) -> None:
    async with Cable(smtp_server.url, tls=server_side) as cable:
        assert cable.url.startswith("smtps://")
        assert (await check_smtp(cable.url, sender=ADDRESS)).remedy is None


async def test_starttls_is_insisted_on(
    server_side: ssl.SSLContext, trusted: None, smtp_server: SmtpServer
) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Sink(), hostname="localhost", tls_context=server_side, require_starttls=True, loop=loop),
        "127.0.0.1",
        0,
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert (await check_smtp(f"smtp+starttls://localhost:{port}", sender=ADDRESS)).remedy is None
        assert (await check_smtp(f"smtp://localhost:{port}", sender=ADDRESS)).remedy is not None
    without = smtp_server.url.replace("smtp://", "smtp+starttls://")
    assert (await check_smtp(without, sender=ADDRESS)).remedy is not None


async def test_a_server_nobody_vouches_for_gets_no_password(
    imap_server: ImapServer, smtp_server: SmtpServer, server_side: ssl.SSLContext
) -> None:
    async with Cable(imap_server.url, tls=server_side) as cable:
        found = await check_imap(cable.url)
        assert "certificate is not trusted" in found.state
    async with Cable(smtp_server.url, tls=server_side) as cable:
        found = await check_smtp(cable.url, sender=ADDRESS)
        assert found.remedy is not None
        assert "certificate" in found.state.lower()
