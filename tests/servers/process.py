"""Servers of the tests: one ends with the process that started it, however that ends, and leaves nothing."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Reads until whoever holds the other end lets go. Not told "stopped" by then, it ends the server.
_WATCH = """
read -r word
[ "$word" = stopped ] && exit 0
kill -INT "$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 "$1" 2>/dev/null || break
    sleep 0.2
done
kill -KILL "$1" 2>/dev/null
rm -rf "$2"
"""


class DidNotStart(Exception):
    """The server gave up before it was ready; the message ends with what it said."""


class NotAvailable(Exception):
    """This machine cannot run the server; the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged user to run a server as."""

    user: int
    group: int


class ServerProcess:
    """One server process with a folder of its own.

    `name` tells folders apart for people. `folder` holds all that the server writes, also `log`, its output.
    It lies where an unprivileged user can be let into it and where the path is short enough for a socket: in
    memory where there is room, because making hundreds of small files, as a new database does, costs a third
    of a second on some disks; with `on_disk` on a real disk, for who wants to wait for it.

    The server has a session of its own: a Ctrl-C in the terminal reaches it only through us, after the tests
    have let go of it. When this process is killed, a watcher ends the server and removes the folder. What
    no watcher survived (the machine went down) is removed by the next to start.
    """

    def __init__(self, name: str, account: Account | None = None, *, on_disk: bool = False) -> None:
        _remove_orphans()
        root = _DISK if on_disk else _fastest()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{name}-", dir=root))
        self._in_use = (self.folder / "in-use").open("wb")
        fcntl.flock(self._in_use, fcntl.LOCK_EX)
        self.log = self.folder / "log"
        self._account = account
        if account:
            shutil.chown(self.folder, account.user, account.group)
        self._server: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def run(self, command: Sequence[str | Path]) -> None:
        """Run a command to its end in the server's folder and account.

        Raises:
            DidNotStart: when it fails.
            PermissionError: when the account may not run it.
        """
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            check=False,
            **self._as_account(),
        )
        if done.returncode:
            raise DidNotStart(_complaint(command, done.stdout))

    def start(self, command: Sequence[str | Path], ready: Callable[[], bool], *, within: float = 30) -> None:
        """Start the server and return once `ready()` is true.

        Raises:
            DidNotStart: when it ended before that, or was not ready after `within` seconds.
        """
        if self._server:
            raise RuntimeError("the server was started already")
        with self.log.open("ab") as log:
            self._server = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=os.environ | {"TMPDIR": str(self.folder)},  # what it renames into place is on one disk
                start_new_session=True,
                **self._as_account(),
            )
        self._watcher = subprocess.Popen(
            ["sh", "-c", _WATCH, "watch", str(self._server.pid), str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        give_up = time.monotonic() + within
        while not ready():
            if self._server.poll() is not None or time.monotonic() > give_up:
                self.stop()
                raise DidNotStart(_complaint(command, self.log.read_bytes()))
            time.sleep(0.005)

    def stop(self, how: signal.Signals = signal.SIGINT, *, within: float = 20) -> None:
        """End the server and wait for it. What it wrote stays, for another `start`."""
        server, self._server = self._server, None
        if not server:
            return
        server.send_signal(how)
        try:
            server.wait(within)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        finally:
            if self._watcher:
                self._watcher.communicate(b"stopped\n")
                self._watcher = None

    def remove(self) -> None:
        """End the server and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._in_use.close()

    def _as_account(self) -> dict[str, Any]:
        if not self._account:
            return {}
        return {"user": self._account.user, "group": self._account.group, "extra_groups": []}


def free_port() -> int:
    """A port on 127.0.0.1 nobody listens on, below those the system gives to outgoing connections."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def listening(port: int) -> bool:
    """Whether somebody accepts connections on this port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


_PREFIX = "openlines-test-"
_MEMORY = Path("/dev/shm")
_DISK = Path("/var/tmp") if Path("/var/tmp").is_dir() else Path("/tmp")
_ROOM = 2 << 30  # bytes; a container's /dev/shm is 64 MB unless somebody asked for more


def _fastest() -> Path:
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
        return _MEMORY
    return Path("/tmp")


def _remove_orphans() -> None:
    """Remove the folders of servers whose owner is gone: nobody holds their lock any more."""
    for root in {_MEMORY, _DISK, Path("/tmp")}:
        for folder in root.glob(f"{_PREFIX}*"):
            try:
                with (folder / "in-use").open("rb") as in_use:
                    fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            except OSError:  # in use, somebody else's, or just being made or removed
                continue


def _complaint(command: Sequence[str | Path], output: bytes) -> str:
    return f"{Path(command[0]).name} failed:\n{output[-2000:].decode(errors='replace')}"
