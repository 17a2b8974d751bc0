"""Letters: read and understood, a very large one, and a mailbox that was not looked at for days."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from pathlib import Path

from benchmarks.figures import Figure, Promise
from benchmarks.ground import folder
from benchmarks.programs import ROOT, running
from channels.email.identity import MailIdentity
from channels.email.inbound import normalise
from channels.email.reception import Arrived, Reader
from core.channel import InboundMessage, Received
from core.files import FileStore
from tests.servers.imap import ImapServer
from tests.servers.process import free_port

US = "line@example.com"
MODEL = 7_000_000  # the number of the letter that the others are made of, which is quicker than anew


def figures(*, quick: bool) -> Iterator[Figure]:
    """Letters of 20 KB a second and core; one of 30 MB."""
    letters = [letter(number, size=12_000) for number in range(50)]
    rates = []
    for _ in range(3 if quick else 7):
        began, read = time.process_time(), 0
        while time.process_time() - began < 1:
            understand(letters[read % len(letters)])
            read += 1
        rates.append(read / (time.process_time() - began))
    size = sum(map(len, letters)) / len(letters) / 1000
    yield Figure(
        f"letters of {size:.0f} KB understood", "/s a core", Promise(at_least=700), rates,
        note="multipart/alternative with quotes, Cyrillic headers and a PDF; per second of CPU",
    )  # fmt: skip
    with folder() as place:
        _write_large(place / "letter")
        took, grown = zip(*(_large(place) for _ in range(2 if quick else 4)), strict=True)
    note = "read from a file, understood, its attachment stored; the letter itself counts too"
    yield Figure("a letter of 30 MB", "s", Promise(below=2), took)
    yield Figure("… memory for it", "MB", Promise(below=200), grown, note=note)


def backlog(*, quick: bool) -> Iterator[Figure]:
    """A mailbox full of letters, read by the whole program until each is a lead."""
    count = 1_000 if quick else 10_000
    with _full_mailbox(count) as server, folder() as place:
        settings = {
            "OPENLINES_DATA_DIR": str(place),
            "OPENLINES_HTTP__PORT": str(free_port()),
            "OPENLINES_EMAIL__ADDRESS": US,
            "OPENLINES_EMAIL__IMAP_URL": server.url,
            "OPENLINES_EMAIL__SINCE": "2020-01-01",
        }
        memory = list[tuple[int, float]]()  # how many leads there were, and megabytes
        with running("openlines", "run", settings=settings, said=place / "log") as program:
            program.wait_until(lambda: _leads(place) > 0)
            began, first = time.perf_counter(), _leads(place)
            while (filed := _leads(place)) < count:
                memory.append((filed, program.memory))
                time.sleep(0.1)
                program.wait_until(partial(_is_further, place, filed))
            took = time.perf_counter() - began
            memory.append((filed, program.memory))
    note = "IMAP server and program share the cores"
    rate = (count - first) / took
    yield Figure(f"{count:,} letters over IMAP to leads", "/s", Promise(at_least=150), [rate], note=note)
    # The writer of SQLite keeps 64 MB of the file in memory, and these letters fill them after two thirds of the
    # way; what grows from there on would grow for ever.
    late = next(megabytes for filed, megabytes in memory if filed >= count * 3 // 4)
    grown = memory[-1][1] - late
    note = f"until then {late - memory[0][1]:.0f} MB, of them SQLite's page cache: 64 MB when it is full"
    yield Figure("… memory grown in the last quarter", "MB", Promise(below=20), [max(grown, 0.0)], note=note)


@contextmanager
def _full_mailbox(count: int) -> Iterator[ImapServer]:
    """A mailbox with letters of so many strangers in it."""
    with ImapServer(US) as server:
        gc.disable()  # what lies in the mailbox is no garbage: looking it through costs more than putting it there
        server.fill(_strangers(count))
        gc.freeze()
        gc.enable()
        yield server
    gc.unfreeze()


def letter(number: int, *, size: int, attached: bytes = b"") -> bytes:
    """A letter of a stranger: two alternatives, a quote, and a PDF, of `size` bytes or `attached`; none without."""
    chance = random.Random(number)
    words = "Здравствуйте! Интересует поставка двадцати комплектов до конца месяца. "
    message = EmailMessage()
    message["From"] = f"Анна Иванова <anna.{number}@example.org>"
    message["To"] = US
    message["Subject"] = "Запрос коммерческого предложения"
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{chance.getrandbits(64):x}.{number}@example.org>"
    text = words * 8 + f"\n\n({number})\n\n> " + "Добрый день, чем можем помочь? \n> " * 10
    message.set_content(text, cte="8bit")
    paragraphs = "".join(f"<p>{words}</p>" for _ in range(8))
    message.add_alternative(
        f"<html><body>{paragraphs}<blockquote>Добрый день</blockquote></body></html>", subtype="html"
    )
    if content := attached or chance.randbytes(size):
        message.add_attachment(
            content, maintype="application", subtype="pdf", filename=f"Заявка {number}.pdf"
        )
    return message.as_bytes()


def _strangers(count: int) -> Iterator[bytes]:
    """Letters of so many strangers, each with an id, a sender and words of its own."""
    model = letter(MODEL, size=0)
    assert model.count(b"%d" % MODEL) == 3, "the sender, the id and the words"
    for number in range(count):
        yield model.replace(b"%d" % MODEL, b"%d" % (MODEL + 1 + number))


def understand(raw: bytes) -> Received:
    """A letter as the line understands it, with its files decoded."""
    received = normalise(
        raw, received_at=datetime.now(UTC), our_addresses=frozenset((US,)), our_domain="example.com",
        secret=b"benchmark", scope=US,
    )  # fmt: skip
    assert isinstance(received.understood, InboundMessage), received.understood
    return received


def _large(place: Path) -> tuple[float, float]:
    """Seconds and megabytes for the letter that lies there, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.letters", str(place)],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=120,
    )
    took, grown = json.loads(done.stdout)
    return took, grown


def _write_large(path: Path) -> None:
    """30 MB as a mail server hands them over: 22 MB of an attachment in lines of base64."""
    mark = b"benchmark " * 3
    head, marked, tail = letter(1, size=0, attached=mark).partition(base64.b64encode(mark))
    assert marked
    path.write_bytes(head + base64.encodebytes(random.Random(1).randbytes(22_000_000)) + tail)


async def _read_large(place: Path) -> tuple[float, float]:
    reader = Reader(FileStore(place / "files"), MailIdentity(US, b"benchmark"), US)
    await reader.read(
        [Arrived(letter(2, size=100), datetime.now(UTC))]
    )  # whatever is loaded at the first letter
    before = _memory("VmRSS")
    began = time.perf_counter()
    (ready,) = await reader.read([Arrived((place / "letter").read_bytes(), datetime.now(UTC))])
    took = time.perf_counter() - began
    message = ready.received.understood
    assert isinstance(message, InboundMessage), message
    assert message.files[0].size == 22_000_000, message.files
    return took, _memory("VmHWM") - before


def _memory(what: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith(what)).split()[1]) / 1024


def _is_further(place: Path, than: int) -> bool:
    return _leads(place) > than


def _leads(place: Path) -> int:
    """How many leads there are by now; a reader of its own beside the program."""
    path = place / "openlines.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM lead").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_read_large(Path(sys.argv[1])))))
