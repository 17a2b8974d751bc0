"""`python -m benchmarks.client PORT PATH KIND SECONDS CLIENTS`: posts from many connections at once.

Bare sockets: on two cores a comfortable client would take what is to be measured. Bodies are made beforehand.
Prints JSON: how many requests were answered, how many that is a second, and how long each took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator

from benchmarks.customers import FORM_KEY, SECRET, form_post, telegram_update

HEADERS = {
    "form": f"Content-Type: application/json\r\nX-Form-Key: {FORM_KEY}\r\n",
    "telegram": f"Content-Type: application/json\r\nX-Telegram-Bot-Api-Secret-Token: {SECRET}\r\n",
}
EXPECTED = {"/lines/main/telegram": b"200"}
FASTEST = 15_000  # requests a second that nothing here exceeds: so many bodies are made for each second


async def post_all(port: int, path: str, kind: str, seconds: float, clients: int) -> dict[str, object]:
    """Post for so many seconds over `clients` connections, each the next one as soon as its last is answered."""
    requests = [_request(path, kind) for _ in range(int(FASTEST * seconds))]
    expected = b"HTTP/1.1 " + EXPECTED.get(path, b"202")
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(clients)]
    latencies = list[float]()
    began = time.perf_counter()
    waiting = _until(began + seconds, requests)
    await asyncio.gather(*(_client(*each, waiting, expected, latencies) for each in connections))
    took = time.perf_counter() - began
    for _, writer in connections:
        writer.close()
    rounded = [round(latency, 6) for latency in latencies]
    return {"count": len(latencies), "rate": len(latencies) / took, "latencies": rounded}


def _until(moment: float, requests: list[bytes]) -> Iterator[bytes]:
    for request in requests:
        if time.perf_counter() > moment:
            return
        yield request


async def _client(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    waiting: Iterator[bytes],
    expected: bytes,
    latencies: list[float],
) -> None:
    for request in waiting:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        fields = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in fields if line.startswith(b"content-length:")), 0)
        body = await reader.readexactly(length)
        latencies.append(time.perf_counter() - began)
        if not head.startswith(expected):
            raise RuntimeError(f"{head!r} {body[:500]!r}")


def _request(path: str, kind: str) -> bytes:
    body = form_post() if kind == "form" else json.dumps(telegram_update(), ensure_ascii=False).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{HEADERS[kind]}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


if __name__ == "__main__":
    port, path, kind, seconds, clients = sys.argv[1:]
    print(json.dumps(asyncio.run(post_all(int(port), path, kind, float(seconds), int(clients)))))
