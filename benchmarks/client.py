"""`python -m benchmarks.client PORT PATH KIND COUNT CLIENTS`: posts from many connections at once.

Bare sockets: on two cores a comfortable client would take what is to be measured. Bodies are made beforehand.
Prints JSON: requests a second and how long each took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator

from benchmarks.customers import form_post, telegram_update
from benchmarks.programs import FORM_KEY, SECRET

HEADERS = {
    "form": f"Content-Type: application/json\r\nX-Form-Key: {FORM_KEY}\r\n",
    "telegram": f"Content-Type: application/json\r\nX-Telegram-Bot-Api-Secret-Token: {SECRET}\r\n",
}
EXPECTED = {"/lines/main/telegram": b"200"}


async def post_all(port: int, path: str, kind: str, count: int, clients: int) -> dict[str, object]:
    """Post `count` bodies over `clients` connections, each the next one as soon as its last is answered."""
    requests = [_request(path, kind) for _ in range(count)]
    expected = b"HTTP/1.1 " + EXPECTED.get(path, b"202")
    waiting, latencies = iter(requests), list[float]()
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(clients)]
    began = time.perf_counter()
    await asyncio.gather(*(_client(*each, waiting, expected, latencies) for each in connections))
    took = time.perf_counter() - began
    for _, writer in connections:
        writer.close()
    return {"rate": count / took, "latencies": [round(latency, 6) for latency in latencies]}


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
        length = next(
            (line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), b":0"
        )
        body = await reader.readexactly(int(length.split(b":")[1]))
        latencies.append(time.perf_counter() - began)
        if not head.startswith(expected):
            raise RuntimeError(f"{head!r} {body[:500]!r}")


def _request(path: str, kind: str) -> bytes:
    body = form_post() if kind == "form" else json.dumps(telegram_update(), ensure_ascii=False).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{HEADERS[kind]}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


if __name__ == "__main__":
    given = sys.argv[1:]
    print(json.dumps(asyncio.run(post_all(int(given[0]), given[1], given[2], int(given[3]), int(given[4])))))
