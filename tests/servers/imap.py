"""A real IMAP server with IDLE: pymap, in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import itertools
import socket
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from proxyprotocol.sock import SocketInfo
from pymap.backend.dict import DictBackend
from pymap.imap import IMAPServer, IMAPService
from pymap.parsing.message import AppendMessage
from pysasl.hashing import BuiltinHash

from tests.servers.process import free_port
from tests.servers.thread import LoopThread


class ImapServer:
    """One server with one person's mail: `with ImapServer() as server: server.append(letter)`.

    Its address is `url`, as `OPENLINES_EMAIL__IMAP_URL` takes it. The letters, their UIDs and flags, and the
    address stay the same after `stop` and `start`. It offers UIDPLUS, MOVE, IDLE, LITERAL+ and OBJECTID, and
    gives a letter back byte for byte. Its methods wait: from a coroutine call them through
    `asyncio.to_thread` when the client under test lives in the same loop.
    """

    def __init__(self, user: str = "line@example.com", password: str = "correct horse") -> None:
        self.user, self.password = user, password
        self.host, self.port = "127.0.0.1", free_port()
        self._thread = LoopThread("imap")
        self._listener: asyncio.Server | None = None
        self._serving: set[asyncio.Task[Any]] = set()
        self._backend: DictBackend = self._thread.do(self._make_backend())
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.close()

    @property
    def url(self) -> str:
        """`imap://user:password@host:port/INBOX`, escaped as an address must be."""
        user, password = quote(self.user, safe=""), quote(self.password, safe="")
        return f"imap://{user}:{password}@{self.host}:{self.port}/INBOX"

    def start(self) -> None:
        """Listen, again after `stop`. Does nothing while it runs."""
        self._thread.do(self._start())

    def stop(self) -> None:
        """Hang up on everybody in the middle of whatever they do, and refuse who calls."""
        self._thread.do(self._stop())

    def append(
        self,
        letter: bytes,
        *,
        mailbox: str = "INBOX",
        flags: Sequence[str] = (),
        date: datetime | None = None,
    ) -> int:
        """Deliver a letter and return its UID. `date` is when it arrived, aware; now when None."""
        with self.connection() as imap:
            arrived = imaplib.Time2Internaldate(date) if date else ""
            _ok(imap.append(mailbox, f"({' '.join(flags)})", arrived, letter))
            return _uids(imap, mailbox)[-1]

    def fill(self, letters: Iterable[bytes], *, mailbox: str = "INBOX") -> None:
        """Deliver many letters at once, past the network: a mailbox that was not looked at for days."""
        with self.connection():
            pass  # the mailboxes are made at the first login
        rest = iter(letters)
        while lot := list(itertools.islice(rest, 500)):
            self._thread.do(self._fill(lot, mailbox))

    async def _fill(self, letters: Sequence[bytes], mailbox: str) -> None:
        mailboxes, _ = self._backend.config.set_cache[self.user]
        box = await mailboxes.get_mailbox(mailbox)
        for letter in letters:
            await box.append(AppendMessage(letter, datetime.now(UTC)), recent=True)

    def uids(self, mailbox: str = "INBOX") -> list[int]:
        """The UIDs of the letters in a mailbox, ascending."""
        with self.connection() as imap:
            return _uids(imap, mailbox)

    def flags(self, uid: int, mailbox: str = "INBOX") -> set[str]:
        """The flags of a letter, such as `\\Seen`.

        Raises:
            LookupError: there is no such letter.
        """
        with self.connection() as imap:
            _ok(imap.select(mailbox, readonly=True))
            answer = _ok(imap.uid("FETCH", str(uid), "(FLAGS)"))
            if not isinstance(answer[0], bytes):
                raise LookupError(f"no letter {uid} in {mailbox}")
            return {flag.decode() for flag in imaplib.ParseFlags(answer[0])} - {"\\Recent"}

    def create(self, mailbox: str) -> None:
        """Make a mailbox beside INBOX."""
        with self.connection() as imap:
            _ok(imap.create(mailbox))

    def clear(self) -> None:
        """Throw everything away. INBOX gets another UIDVALIDITY, as when it moves to another provider."""
        self.stop()
        self._backend.config.set_cache.clear()
        self.start()

    @contextlib.contextmanager
    def connection(self) -> Iterator[imaplib.IMAP4]:
        """A logged-in client, for what else a test wants to see or do."""
        with imaplib.IMAP4(self.host, self.port, timeout=20) as imap:
            # A literal and its line end leave one by one: without this each letter waits 40 ms for an acknowledgement.
            imap.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            imap.login(self.user, self.password)
            yield imap

    async def _make_backend(self) -> DictBackend:
        parser = ArgumentParser()
        DictBackend.add_subparser("dict", parser.add_subparsers(dest="backend"))
        IMAPService.add_arguments(parser)
        service = ["--host", self.host, "--port", str(self.port), "--no-tls"]
        person = ["--demo-user", self.user, "--demo-password", self.password]
        args = parser.parse_args([*service, "dict", *person])
        args.passlib_cfg, args.debug = None, False
        # Quick to check: there is nothing to protect.
        backend, _ = await DictBackend.init(args, hash_context=BuiltinHash(rounds=10))
        return backend

    async def _start(self) -> None:
        if self._listener:
            return
        self._backend.config.apply_context()  # what connections inherit
        self._listener = await asyncio.start_server(self._serve, self.host, self.port)

    async def _stop(self) -> None:
        listener, self._listener = self._listener, None
        if not listener:
            return
        listener.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, held: pymap's own service holds none, and the garbage collector takes them."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await IMAPServer(self._backend.login, self._backend.config)(
                reader, writer, SocketInfo.get(writer, None)
            )
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._serving.discard(task)


def _uids(imap: imaplib.IMAP4, mailbox: str) -> list[int]:
    _ok(imap.select(mailbox, readonly=True))
    found = _ok(imap.uid("SEARCH", "ALL"))[0]
    return sorted(int(uid) for uid in found.split()) if isinstance(found, bytes) else []


def _ok(answer: tuple[str, list[Any]]) -> list[Any]:
    kind, data = answer
    if kind != "OK":
        raise RuntimeError(f"the IMAP server answered {kind}: {data!r}")
    return data
