"""Answers as they go over the wire: head and body in one piece.

aiohttp's own response makes a dozen headers anew for each answer; of ours most are always the same.
"""

import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import cache, lru_cache
from http import HTTPStatus

from aiohttp import HttpVersion, HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict

CONSTANT_HEADERS: dict[str, str] = {
    "Server": "recourse",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_CONSTANT_NAMES = (*CONSTANT_HEADERS, hdrs.CACHE_CONTROL)
_WITHOUT_BODY = frozenset({204, 304})
_LARGE = 64 * 1024


def constant_headers(*, has_etag: bool) -> dict[str, str]:
    """What every answer says unless it says something else."""
    # Customers' data must not stay in caches; what has an ETag may be kept by the caller and checked.
    return CONSTANT_HEADERS | {hdrs.CACHE_CONTROL: "private, no-cache" if has_etag else "no-store"}


class WireResponse(web.StreamResponse):
    """An answer whose body is bytes. `headers` are its own ones, up to the moment when it is sent."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        # Not what aiohttp's class makes beyond this: nothing reads it.
        self._headers = CIMultiDict(headers)
        self._status = status
        self._bytes = body

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send the whole of it."""
        if self._eof_sent:
            return None
        self._eof_sent = True
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        writer, transport = request.writer, request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the caller is gone")
        data = self._head(request.version)
        if request.method != hdrs.METH_HEAD and self._status not in _WITHOUT_BODY:
            data += self._bytes
        transport.write(data)
        writer.output_size += len(data)
        if len(data) > _LARGE:
            await writer.drain()
        return writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to send."""

    def _head(self, version: HttpVersion) -> bytes:
        headers = self._headers
        own_names = tuple([name for name in _CONSTANT_NAMES if name in headers])
        constant = _constant_lines(self._status, version, own_names, has_etag=hdrs.ETAG in headers)
        own = "\r\n".join([f"{name}: {value}" for name, value in headers.items()])
        if own.count("\r") != len(headers) - 1 or own.count("\n") != len(headers) - 1 or "\0" in own:
            raise ValueError("a header holds a control character")
        length = "" if self._status in _WITHOUT_BODY else f"Content-Length: {len(self._bytes)}\r\n"
        return f"{constant}{length}Date: {_date(int(time.time()))}\r\n{self._connection(version)}{own}\r\n\r\n".encode()

    def _connection(self, version: HttpVersion) -> str:
        if self._keep_alive:
            return "Connection: keep-alive\r\n" if version == HttpVersion10 else ""
        return "Connection: close\r\n" if version == HttpVersion11 else ""


@cache
def _constant_lines(status: int, version: HttpVersion, own_names: tuple[str, ...], *, has_etag: bool) -> str:
    headers = constant_headers(has_etag=has_etag).items()
    lines = [f"{name}: {value}\r\n" for name, value in headers if name not in own_names]
    return f"HTTP/{version.major}.{version.minor} {status} {HTTPStatus(status).phrase}\r\n{''.join(lines)}"


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
