"""Other processes of a measurement: the program itself, the web part alone, the sandbox. Each ends with its block."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.customers import TOKEN
from benchmarks.ground import CACHE
from tests.servers.process import free_port, listening

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0  # seconds until a process that has not begun to answer is given up


class Child:
    """A process we started. `said` is where its output went."""

    def __init__(self, process: subprocess.Popen[bytes], said: Path) -> None:
        self.process = process
        self.said = said

    @property
    def memory(self) -> float:
        """Megabytes of memory it has now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

    def wait_until(self, ready: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Return once `ready()`; raises RuntimeError with what the process said when it ends or takes too long."""
        give_up = time.monotonic() + patience
        while not ready():
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"not ready: {self.said.read_text(errors='replace')[-2000:]}")
            time.sleep(0.005)


def surroundings() -> dict[str, str]:
    """What a program of ours is started with: no settings, and its bytecode kept as that of an installed one is."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("OPENLINES_")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env | {"PYTHONPYCACHEPREFIX": str(CACHE / "bytecode")}


@contextmanager
def running(module: str, *arguments: str, settings: Mapping[str, str], said: Path) -> Iterator[Child]:
    """`python -m module` with these settings and no others; ended at the end of the block."""
    with said.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=surroundings() | dict(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Child(process, said)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def web_part(database_url: str, folder: Path) -> Iterator[tuple[Child, int]]:
    """The HTTP edge over a database, alone in its process; yields it and its port."""
    port = free_port()
    settings = {
        "BENCHMARK_DATABASE": database_url,
        "BENCHMARK_FOLDER": str(folder),
        "BENCHMARK_PORT": str(port),
    }
    with running("benchmarks.web", settings=settings, said=folder / "web.log") as child:
        child.wait_until(lambda: listening(port))
        yield child, port


@contextmanager
def sandbox(people: Sequence[int], folder: Path) -> Iterator[str]:
    """A Bot API that forgets what it is told; yields its address."""
    port = free_port()
    known = [argument for person in people for argument in ("--person", str(person))]
    arguments = ("--port", str(port), "--token", TOKEN, "--forget", *known)
    with running("sandbox", *arguments, settings={}, said=folder / "sandbox.log") as child:
        child.wait_until(lambda: b"answers at" in child.said.read_bytes())
        yield f"http://127.0.0.1:{port}"


def load(port: int, path: str, kind: str, seconds: float, clients: int = 64) -> dict[str, Any]:
    """Let a process of its own post bodies of a kind; returns `count`, `rate` and `latencies` in seconds."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.client", str(port), path, kind, str(seconds), str(clients)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=300,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace")[-2000:])
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def answers(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> int:
    """The status of one request; 0 while nobody listens."""
    try:
        request = urllib.request.Request(url, body, dict(headers or {}))  # noqa: S310 - our own, on loopback
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310 - as above
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
