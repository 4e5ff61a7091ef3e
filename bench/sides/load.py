"""HTTP load: a closed loop on each of so many connections, cheap enough to leave the processor to the server.

Answers are only read as far as their status and length. Prints requests a second, median and 99th percentile in
milliseconds, and how many answers had another status than expected. With several paths, each connection asks for one
after the other, and there are percentiles for each (`p50`, `p99`, `p50 2`, `p99 2`), and for all together (`all p50`,
`all p95`): what slows the machine down for a moment slows all of them.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import uvloop

from bench.figures import percentile
from bench.processes import parameters

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Client(asyncio.Protocol):
    """One connection: sends a request when the answer to the one before is complete, until `ends`."""

    def __init__(self, makers: Sequence[Callable[[], bytes]], *, status: bytes, ends: float) -> None:
        self._makers = makers
        self._status = status
        self._ends = ends
        self._buffer = b""
        self._sent_at = 0.0
        self._transport: Any = None
        self._turn = 0
        self.seconds: list[list[float]] = [[] for _ in makers]
        self.failures = 0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Note an answer that is complete, and send the next request."""
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not separator or length is None or len(body) < int(length[1]):
            return
        now = time.perf_counter()
        self.seconds[self._turn % len(self._makers)].append(now - self._sent_at)
        self._turn += 1
        self.failures += not head.startswith(self._status, 9)
        self._buffer = b""
        if now < self._ends:
            self._send()
        elif not self.finished.done():
            self.finished.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """A server that hangs up spoils the measurement."""
        if not self.finished.done():
            self.finished.set_exception(error or ConnectionError("the server closed the connection"))

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._makers[self._turn % len(self._makers)]())


def request_maker(path: str, told: dict[str, Any]) -> Callable[[], bytes]:
    """A function that returns the next request: `@n` in the path goes through `customers`, `@key` is unique."""
    body = told.get("body", "")
    headers = "".join(f"{name}: {value}\r\n" for name, value in told["headers"].items())
    text = f"{told['method']} {path} HTTP/1.1\r\nHost: bench\r\n{headers}"
    text += f"Content-Length: {len(body)}\r\n\r\n{body}" if body else "\r\n"
    parts = re.split(r"(@n|@key)", text)
    prefix, customers, number = secrets.token_hex(6), int(told.get("customers", 1)), 0

    def make() -> bytes:
        nonlocal number
        number += 1
        values = {"@n": str(number % customers), "@key": f"{prefix}-{number}"}
        return "".join(values.get(part, part) for part in parts).encode()

    return make


async def run(
    *, port: int, connections: int, seconds: float, status: int, paths: list[str], warm_up: float = 1.0, **told: Any
) -> dict[str, float]:
    """The figures of the whole load, without the warm-up."""
    makers = [request_maker(path, told) for path in paths]
    await _load(port, connections, warm_up, makers, status)
    started = time.perf_counter()
    clients = await _load(port, connections, seconds, makers, status)
    took = time.perf_counter() - started
    figures = {
        "rate": sum(len(values) for client in clients for values in client.seconds) / took,
        "failures": float(sum(client.failures for client in clients)),
    }
    every = [value * 1000 for client in clients for values in client.seconds for value in values]
    figures |= {"all p50": percentile(every, 0.5), "all p95": percentile(every, 0.95)}
    for number in range(len(makers)):
        latencies = [value * 1000 for client in clients for value in client.seconds[number]]
        suffix = f" {number + 1}" if number else ""
        if latencies:
            figures |= {f"p50{suffix}": percentile(latencies, 0.5), f"p99{suffix}": percentile(latencies, 0.99)}
    return figures


async def _load(
    port: int, connections: int, seconds: float, makers: Sequence[Callable[[], bytes]], status: int
) -> list[Client]:
    loop, ends = asyncio.get_running_loop(), time.perf_counter() + seconds
    opened = [
        await loop.create_connection(lambda: Client(makers, status=str(status).encode(), ends=ends), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(client.finished for _, client in opened))
    for transport, _ in opened:
        transport.close()
    return [client for _, client in opened]


if __name__ == "__main__":
    print(json.dumps(uvloop.run(run(**parameters()))))
