"""The attachment store: files named by their hash, in a folder. Never columns, never a stranger's name as a path."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO
from uuid import uuid4

from core.channel import Fetched

CHUNK = 256 * 1024  # bytes read at a time
PARTS = 256  # folders the files lie in


class FileStore:
    """A folder of files under the SHA-256 of their bytes. The same bytes lie there once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.incoming = folder / "incoming"
        self.incoming.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, sha256: str) -> Path:
        """Where the file with this hash lies. Raises ValueError for what is no hash: a name is never a path."""
        if len(sha256) != 64 or not all(c in "0123456789abcdef" for c in sha256):
            raise ValueError("not a SHA-256")
        return self._folder / sha256[:2] / sha256

    def sink(self) -> Sink:
        """Where bytes of unknown length are written; `close` gives them their name."""
        return Sink(self)

    async def put(self, content: bytes) -> Fetched:
        """Keep these bytes; durable when it returns."""
        return await asyncio.to_thread(self._put, content)

    def _put(self, content: bytes) -> Fetched:
        sha256 = hashlib.sha256(content).hexdigest()
        try:
            os.utime(self.path(sha256))  # it lies there, and whoever sweeps sees that it is wanted anew
        except FileNotFoundError:
            handle = tempfile.NamedTemporaryFile(dir=self.incoming, delete=False)  # noqa: SIM115 - renamed, not closed
            with handle:
                handle.write(content)
                self.keep(handle, sha256)
        return Fetched(sha256, len(content))

    def keep(self, handle: IO[bytes], sha256: str) -> None:
        """Give a finished temporary file its name, durably: the bytes, then the name, reach the disk."""
        handle.flush()
        os.fsync(handle.fileno())
        path = self.path(sha256)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        os.replace(handle.name, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    async def read(self, sha256: str) -> AsyncIterator[bytes]:
        """The bytes of a file, chunk by chunk. Raises FileNotFoundError when it is not here."""
        handle = await asyncio.to_thread(open, self.path(sha256), "rb")
        try:
            while chunk := await asyncio.to_thread(handle.read, CHUNK):
                yield chunk
        finally:
            handle.close()

    def load(self, sha256: str) -> bytes:
        """All bytes of a small file."""
        return self.path(sha256).read_bytes()

    def forget(self, hashes: Iterable[str], *, unused_since: datetime) -> None:
        """Delete files nothing refers to any more, unless somebody has kept the same bytes anew since then.

        Whoever does so at this very moment finds the file there and refers to it a little later: so it is put
        aside first, and put back when its time says that it was wanted meanwhile.
        """
        for sha256 in hashes:
            path, aside = self.path(sha256), self.incoming / f"{sha256}.{uuid4().hex}"
            with suppress(FileNotFoundError):
                if path.stat().st_mtime >= unused_since.timestamp():
                    continue
                os.rename(path, aside)
                if aside.stat().st_mtime < unused_since.timestamp():
                    aside.unlink()
                else:
                    os.replace(aside, path)

    def kept_before(self, moment: datetime, part: int) -> list[str]:
        """Files of one of the store's `PARTS`, all but those that were kept after `moment` (the system's time)."""
        try:
            with os.scandir(self._folder / f"{part:02x}") as entries:
                return [entry.name for entry in entries if _is_older(entry, moment) and len(entry.name) == 64]
        except FileNotFoundError:
            return []

    def sweep_incoming(self, before: datetime) -> None:
        """Delete what was begun and never finished, by a process that has died, and not written to since then."""
        with os.scandir(self.incoming) as entries:
            for entry in entries:
                if _is_older(entry, before):
                    with suppress(FileNotFoundError):
                        os.unlink(entry.path)


def _is_older(entry: os.DirEntry[str], than: datetime) -> bool:
    try:
        return entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < than.timestamp()
    except FileNotFoundError:  # swept or finished meanwhile
        return False


class Sink:
    """One file on its way into the store. Abandoned, it leaves nothing behind but a temporary file to sweep."""

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._handle = tempfile.NamedTemporaryFile(dir=store.incoming, delete=False)  # noqa: SIM115
        self._hash = hashlib.sha256()
        self._size = 0
        self.is_closed = False  # true once the file has its name

    async def write(self, chunk: bytes) -> None:
        """Add bytes at the end."""
        self._hash.update(chunk)
        self._size += len(chunk)
        await asyncio.to_thread(self._handle.write, chunk)

    async def close(self) -> Fetched:
        """All bytes are here: make them durable under their hash."""
        sha256 = self._hash.hexdigest()
        await asyncio.to_thread(self._finish, sha256)
        self.is_closed = True
        return Fetched(sha256, self._size)

    def _finish(self, sha256: str) -> None:
        with self._handle:
            self._store.keep(self._handle, sha256)

    async def abandon(self) -> None:
        """The bytes are not wanted after all. What a failing disk does not let go of is left to the sweeping."""
        with suppress(OSError):  # on a full disk even the last bytes cannot be written
            self._handle.close()
        with suppress(OSError):
            await asyncio.to_thread(Path(self._handle.name).unlink, missing_ok=True)
