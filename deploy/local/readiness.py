"""Questions that tell whether a server really answers, not merely whether its port is open."""

from __future__ import annotations

import socket
import struct
import urllib.error
import urllib.request

_TIMEOUT_SECONDS = 2.0
_METADATA_KEY = 3
_METADATA_VERSION = 1


def http_ok(url: str) -> bool:
    """Whether `url` answers with a status below 400."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS):  # noqa: S310 - loopback http only
            return True
    except (OSError, urllib.error.HTTPError):
        return False


def kafka_brokers(host: str, port: int) -> int:
    """How many live brokers the broker at `host`:`port` knows; 0 while it does not answer.

    One Metadata request (version 1, no topics) spoken by hand: a client library would retry for seconds.
    """
    client = b"recourse"
    body = struct.pack(">hhih", _METADATA_KEY, _METADATA_VERSION, 1, len(client)) + client + struct.pack(">i", 0)
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT_SECONDS) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            answer = _read_exactly(connection, 12)
    except OSError:
        return 0
    _size, _correlation, brokers = struct.unpack(">iii", answer)
    return int(brokers)


def _read_exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise ConnectionError("closed early")
        data += chunk
    return data
