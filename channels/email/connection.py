"""One connection to an IMAP folder, as a thread uses it. Everything here blocks; only `hang_up` may come
from elsewhere.

imapclient's traps, each tried against a server: at the end of a connection `idle_check` returns nothing at
once and for ever; `UID n:*` names the last letter even when it is older than n; what a server says in one
breath with "idling" lies in the library's buffer, where no poll of the socket sees it.
"""

from __future__ import annotations

import contextlib
import imaplib
import socket
import ssl
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from imapclient import IMAPClient, SocketTimeout  # type: ignore[import-untyped]  # it has no types
from imapclient.exceptions import LoginError  # type: ignore[import-untyped]  # likewise

from channels.email.headers import read_date, read_headers
from channels.email.urls import ImapUrl, Security

CONNECT = 15.0  # seconds
READ = 60.0  # seconds without a byte from the server
WINDOW = 10_000  # UIDs asked for at once: a line of a hundred thousand is more than the library reads
EMPTY_WAKES = 5  # IDLE woken so often for nothing is a connection that has ended

# What a server's answer can bring about here: refusals, broken protocol, a broken connection.
Failure = (imaplib.IMAP4.error, OSError, EOFError, ValueError, AssertionError)


class Refused(Exception):
    """The server will not have us, and says why."""


class NoSuchFolder(Refused):
    """The login is well, the folder cannot be opened."""


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a letter before it is fetched. `sent_at` is its Date header, if that was asked for."""

    uid: int
    size: int  # bytes
    received_at: datetime | None
    sent_at: datetime | None = None


class ImapConnection:
    """Logged in, with the folder selected."""

    def __init__(self, client: IMAPClient, url: ImapUrl) -> None:
        self._client = client
        self._url = url
        self.uidvalidity = 0
        self.uidnext = 0  # 0: the server does not tell
        self.exists = 0  # letters in the folder
        self._select()

    @classmethod
    def open(cls, url: ImapUrl, *, read_timeout: float = READ) -> ImapConnection:
        """Connect, log in, select. Raises Refused when the server says no, otherwise one of `Failure`."""
        client = IMAPClient(
            url.host,
            url.port,
            ssl=url.security is Security.TLS,
            timeout=SocketTimeout(CONNECT, read_timeout),
        )
        client._imap.debug = 0  # noqa: SLF001 - the library makes text of every answer, 30 MB letters included
        try:
            _prepare(client.socket())
            if url.security is Security.STARTTLS:
                client.starttls()
            _log_in(client, url)
            client.normalise_times = False  # else arrival times lose their zone
            return cls(client, url)
        except BaseException:
            with contextlib.suppress(*Failure):
                client.shutdown()
            raise

    @property
    def can_idle(self) -> bool:
        """Whether the server tells of new letters by itself."""
        return bool(self._client.has_capability("IDLE"))

    def uids_after(self, uid: int) -> list[int]:
        """UIDs above this one, ascending; of very many only the first."""
        low = uid + 1
        while low + WINDOW < self.uidnext:
            if found := self._search("UID", f"{low}:{low + WINDOW - 1}"):
                return found
            low += WINDOW
        self._untagged.pop("EXISTS", None)
        return [found for found in self._search("UID", f"{low}:*") if found > uid]

    def first_since(self, day: date) -> int | None:
        """The lowest UID of the letters that arrived on this day or later; None when there are none."""
        return min(self._client.search(["SINCE", day]), default=None)

    def heads(self, uids: Sequence[int], *, dates: bool) -> list[Head]:
        """Sizes and times of these letters, ascending; what is gone meanwhile is left out."""
        wanted = ["RFC822.SIZE", "INTERNALDATE"]
        if dates:
            wanted.append("BODY.PEEK[HEADER.FIELDS (DATE)]")
        found = self._client.fetch(uids, wanted)
        return [_head(uid, found[uid]) for uid in sorted(found)]

    def letters(self, uids: Sequence[int]) -> dict[int, bytes]:
        """The letters themselves, unmarked; what is gone meanwhile is left out."""
        found = self._client.fetch(uids, ["BODY.PEEK[]"])
        return {uid: body for uid in uids if isinstance(body := found.get(uid, {}).get(b"BODY[]"), bytes)}

    def header(self, uid: int) -> bytes:
        """Only the header section of a letter."""
        body = self._client.fetch([uid], ["BODY.PEEK[HEADER]"]).get(uid, {}).get(b"BODY[HEADER]")
        return body if isinstance(body, bytes) else b""

    def put_away(self, uids: Sequence[int], folder: str | None) -> None:
        """Mark letters as seen, and move them when there is a folder for it."""
        self._client.add_flags(uids, [b"\\Seen"], silent=True)
        if folder is None:
            return
        if self._client.has_capability("MOVE"):
            self._client.move(uids, folder)
            return
        self._client.copy(uids, folder)
        self._client.add_flags(uids, [b"\\Deleted"], silent=True)
        if self._client.has_capability("UIDPLUS"):
            self._client.uid_expunge(uids)

    def has_folder(self, folder: str) -> bool:
        """Whether there is such a folder."""
        return bool(self._client.folder_exists(folder))

    def ensure_folder(self, folder: str) -> None:
        """Make the folder unless it is there."""
        if not self.has_folder(folder):
            self._client.create_folder(folder)

    def sent(self, message_ids: Collection[str]) -> set[str]:
        """Which of these letters lie in the folder of what was sent. The selected folder stays the same."""
        folder = self._client.find_special_folder(b"\\Sent")
        if folder is None:
            return set()
        self._client.select_folder(folder, readonly=True)
        try:
            return {
                message_id
                for message_id in message_ids
                if self._search("HEADER", "Message-ID", message_id.strip("<>"))
            }
        finally:
            self._select()

    def refresh(self) -> None:
        """Ask the server whether all is well, for those that do not speak up."""
        self._client.noop()

    def idle(self, seconds: float) -> bool:
        """Wait until a letter arrives, at most so long; false when none did. Raises when the connection has
        ended.
        """
        self._client.idle()
        give_up = time.monotonic() + seconds
        # What was announced beside the answer to the last search is not announced again.
        arrived = "EXISTS" in self._untagged or self._has_buffered()
        wakes = 0
        while not arrived and (left := give_up - time.monotonic()) > 0:
            said = self._client.idle_check(timeout=left)
            if any(_word(response) == b"BYE" for response in said):
                raise ConnectionError("the server said goodbye")
            arrived = any(len(response) > 1 and response[1] == b"EXISTS" for response in said)
            # TLS may wake us for nothing once or twice; a connection that has ended does so without end.
            wakes = 0 if said else wakes + 1
            if wakes > EMPTY_WAKES and give_up - time.monotonic() > 0:
                raise ConnectionError("the connection has ended")
        _, said = self._client.idle_done()
        return arrived or any(len(response) > 1 and response[1] == b"EXISTS" for response in said)

    def hang_up(self) -> None:
        """End the connection, whatever its thread is doing: that thread gets an error. Never raises."""
        with contextlib.suppress(Exception):
            self._client.socket().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Leave politely, or let go."""
        try:
            self._client.logout()
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is over
            with contextlib.suppress(Exception):
                self._client.shutdown()

    def _select(self) -> None:
        try:
            selected = self._client.select_folder(self._url.folder)
        except imaplib.IMAP4.error as error:
            if isinstance(error, imaplib.IMAP4.abort):
                raise
            raise NoSuchFolder(f"the folder {self._url.folder} cannot be opened: {_said(error)}") from error
        self.uidvalidity = int(selected.get(b"UIDVALIDITY", 0))
        self.uidnext = int(selected.get(b"UIDNEXT", 0))
        self.exists = int(selected.get(b"EXISTS", 0))

    def _search(self, *criteria: str) -> list[int]:
        return sorted(int(uid) for uid in self._client.search(list(criteria)))

    @property
    def _untagged(self) -> dict[str, object]:
        """What the server has said unasked since the folder was selected."""
        said: dict[str, object] = self._client._imap.untagged_responses  # noqa: SLF001 - not offered otherwise
        return said

    def _has_buffered(self) -> bool:
        """Whether the server said more in one breath with "idling"."""
        connection = self._client.socket()
        connection.setblocking(False)
        try:
            return bool(self._client._imap.file.peek(1))  # noqa: SLF001 - the library offers no other look at it
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        finally:
            connection.settimeout(self._client._timeout.read)  # noqa: SLF001 - as the library itself does after a look


def is_about_the_letter(error: BaseException) -> bool:
    """Whether the server answered, and what it said of this letter is no letter: the connection itself is
    well.
    """
    if isinstance(error, imaplib.IMAP4.abort) or not isinstance(error, Failure):
        return False
    # RFC 5530: not now, for reasons that have nothing to do with the letter.
    passing = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[OVERQUOTA]")
    return not isinstance(error, (OSError, EOFError)) and not any(word in str(error) for word in passing)


def complaint(error: BaseException) -> str:
    """What an admin should read about a failure to reach the mailbox. Never holds a password."""
    match error:
        case Refused():
            return str(error)[:300]
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"no TLS: {error.reason or error}"
        case socket.gaierror():
            return "no such host"
        case TimeoutError():
            return "it does not answer"
        case ConnectionRefusedError():
            return "nobody listens there"
        case OSError() if error.strerror:
            return error.strerror
    return f"{_said(error) or type(error).__name__}"


def _log_in(client: IMAPClient, url: ImapUrl) -> None:
    try:
        token = url.login.token()
    except OSError as error:
        raise Refused(f"the file of the OAuth2 token cannot be read: {error.strerror}") from error
    try:
        if token is not None:
            client.oauth2_login(url.login.user, token)
        else:
            client.login(url.login.user, url.login.password or "")
    except LoginError as error:
        if isinstance(error.__context__, imaplib.IMAP4.abort):
            raise ConnectionError("the connection ended during the login") from error
        raise Refused(f"the login is refused: {_said(error)}") from error


def _head(uid: int, found: dict[bytes, object]) -> Head:
    size, arrived = found.get(b"RFC822.SIZE"), found.get(b"INTERNALDATE")
    dated = next((value for name, value in found.items() if name.startswith(b"BODY[HEADER.FIELDS")), None)
    sent_at = None
    if isinstance(dated, bytes):
        headers, _ = read_headers(dated, 0, len(dated))
        sent_at = read_date(headers.get("date"))
    received_at = arrived if isinstance(arrived, datetime) and arrived.tzinfo is not None else None
    return Head(uid, size if isinstance(size, int) else 0, received_at, sent_at)


def _word(response: Sequence[object]) -> object:
    return response[0] if response else None


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def _prepare(connection: socket.socket) -> None:
    # The library sends a command and its line end one by one: each would wait for the other side's acknowledgement.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A router that forgets a connection tells nobody: ask after two minutes of silence, give up after three.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 120), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
