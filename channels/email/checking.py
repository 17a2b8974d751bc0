"""Whether letters can come in and go out with these settings, and what to mend if not."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from aiosmtplib import SMTPAuthenticationError, SMTPException, SMTPResponseException

from channels.email.connection import ImapConnection, NoSuchFolder, Refused, complaint
from channels.email.smtp import connect
from channels.email.urls import IMAP_SETTING, SMTP_SETTING, ImapUrl, read_imap_url, read_smtp_url
from core.errors import Misconfigured

SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found. `remedy` says what to do; None when all is well. Neither holds a password."""

    state: str
    remedy: str | None = None


async def check_imap(url: str, oauth_token: str | None = None, *, folder: str | None = None) -> Checked:
    """Log in to a mailbox and look at its folder; change nothing. `folder` is where filed letters are
    moved.
    """
    try:
        where = read_imap_url(url, oauth_token)
    except Misconfigured as error:
        return Checked("no address", str(error))
    try:
        async with asyncio.timeout(SECONDS):
            return await asyncio.to_thread(_look, where, folder)
    except TimeoutError:
        return Checked(f"{where.host}:{where.port} does not answer", f"{IMAP_SETTING}: host, port, firewall")
    except NoSuchFolder as error:
        return Checked(
            f"{where.host}: {error}", f"{IMAP_SETTING}: the folder stands behind the host, as /INBOX"
        )
    except Refused as error:
        return Checked(
            f"{where.host}: {error}",
            f"{IMAP_SETTING}: user and password; many providers want an app password",
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, this is where it is told
        said = f"{where.host}:{where.port}: {complaint(error)}"
        return Checked(said, f"{IMAP_SETTING}: host, port, and imaps:// or imap+starttls://")


async def check_smtp(url: str, oauth_token: str | None = None, *, sender: str) -> Checked:
    """Log in to the outgoing server and ask whether we may send as `sender`; no letter is sent."""
    try:
        where = read_smtp_url(url, oauth_token)
    except Misconfigured as error:
        return Checked("no address", str(error))
    host = f"{where.host}:{where.port}"
    try:
        async with asyncio.timeout(SECONDS):
            client = await connect(where, hostname=sender.rpartition("@")[2] or "localhost", seconds=SECONDS)
            try:
                await client.mail(sender)
                with contextlib.suppress(SMTPException):
                    await client.rset()
                    await client.quit()
            finally:
                client.close()
    except SMTPAuthenticationError as error:
        return Checked(f"{host}: {error.code} {error.message}"[:200], f"{SMTP_SETTING}: user and password")
    except SMTPResponseException as error:
        remedy = f"OPENLINES_EMAIL__ADDRESS: the server must let us send as {sender}"
        return Checked(f"{host}: {error.code} {error.message}"[:200], remedy)
    except (SMTPException, OSError, TimeoutError) as error:
        said = " ".join(str(error).split())[:200] or "does not answer"
        return Checked(f"{host}: {said}", f"{SMTP_SETTING}: host, port, and smtps:// or smtp+starttls://")
    return Checked(f"{host} takes letters from {sender}")


def _look(where: ImapUrl, folder: str | None) -> Checked:
    connection = ImapConnection.open(where)
    try:
        letters = connection.exists
        push = "tells of new letters" if connection.can_idle else "is asked every minute"
        if folder is not None and not connection.has_folder(folder):
            return Checked(f"{letters} letters, the folder {folder} will be made")
        return Checked(f"{where.host}: {letters} letters in {where.folder}, the server {push}")
    finally:
        connection.close()
