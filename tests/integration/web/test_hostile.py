"""Hostile input: whatever arrives on the socket, the answer is never a 500."""

import asyncio
import base64
import json
import logging
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_from_bytes

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.web.sample import token

fuzzed = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# Bytes that may stand in a header or a request line without ending it.
line_bytes = st.binary(max_size=60).map(lambda data: data.replace(b"\r", b"").replace(b"\n", b""))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
order_like = st.fixed_dictionaries(
    {"amount_minor": st.integers() | st.floats() | st.text() | st.just(5)}, optional={"note": json_values}
)


async def send(client: aiohttp.ClientSession, request: bytes) -> int:
    """The status of the answer to a request given byte by byte."""
    base = client._base_url
    assert base is not None
    assert base.host is not None
    reader, writer = await asyncio.open_connection(base.host, base.port)
    try:
        writer.write(request)
        await writer.drain()
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        status = int(head.split()[1])
        if status >= 400:
            assert b"application/problem+json" in head
            assert json.loads(body)["status"] == status
        return status
    finally:
        writer.close()
        await writer.wait_closed()


def raw(method: bytes, target: bytes, headers: Mapping[str, bytes], body: bytes = b"") -> bytes:
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: localhost", b"Connection: close"]
    lines += [name.encode() + b": " + value for name, value in headers.items()]
    lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


def authorized(**headers: bytes) -> dict[str, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"Authorization": f"Bearer {token()}".encode(), "Content-Type": b"application/json"} | named


@fuzzed
@given(
    name=st.sampled_from(
        ["If-Match", "If-None-Match", "X-Request-Id", "traceparent", "Content-Type", "Idempotency-Key", "Accept"]
    ),
    value=line_bytes,
)
async def test_any_header(client: aiohttp.ClientSession, name: str, value: bytes) -> None:
    for method, target in ((b"GET", b"/v1/customers/c1"), (b"PATCH", b"/v1/customers/c1"), (b"POST", b"/v1/orders")):
        request = raw(method, target, authorized() | {name: value}, b'{"amount_minor": 1}')
        assert await send(client, request) < 500


@fuzzed
@given(line_bytes)
async def test_any_credentials(client: aiohttp.ClientSession, value: bytes) -> None:
    for credentials in (value, b"Bearer " + value, b"Bearer " + base64.urlsafe_b64encode(value) + b".e30.AA"):
        request = raw(b"GET", b"/v1/customers/c1", {"Authorization": credentials})
        assert await send(client, request) in {400, 401}


@fuzzed
@given(line_bytes)
async def test_any_request_target(client: aiohttp.ClientSession, target: bytes) -> None:
    quoted = quote_from_bytes(target, safe="").encode()
    for path in (b"/" + target, b"/v1/customers/" + quoted, b"/v1/customers/c1/entries?" + target):
        assert await send(client, raw(b"GET", path, authorized())) < 500


@fuzzed
@given(
    name=st.sampled_from(["limit", "cursor", "kind", "since"]) | st.text(max_size=10),
    value=st.text(max_size=60) | st.integers().map(str),
)
async def test_any_query(client: aiohttp.ClientSession, name: str, value: str) -> None:
    query = f"{quote(name, errors='replace')}={quote(value, errors='replace')}"
    target = f"/v1/customers/c1/entries?{query}".encode()
    assert await send(client, raw(b"GET", target, authorized())) < 500


@fuzzed
@given(json_values)
async def test_any_cursor(client: aiohttp.ClientSession, key: Any) -> None:
    async with client.get("/v1/customers/c1/entries") as response:
        genuine = (await response.json())["next_cursor"]
    version, fingerprint, _ = json.loads(base64.urlsafe_b64decode(genuine + "=="))
    cursor = base64.urlsafe_b64encode(json.dumps([version, fingerprint, [key]]).encode()).decode()
    async with client.get("/v1/customers/c1/entries", params={"cursor": cursor}) as response:
        assert response.status in {200, 400, 422}


@fuzzed
@given(st.binary(max_size=200) | (json_values | order_like).map(lambda value: json.dumps(value).encode()))
async def test_any_body(client: aiohttp.ClientSession, body: bytes) -> None:
    assert await send(client, raw(b"POST", b"/v1/orders", authorized(), body)) in {201, 400, 422}
    compressed = authorized(Content_Encoding=b"gzip")
    assert await send(client, raw(b"POST", b"/v1/orders", compressed, body)) < 500


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount_minor": ' + b"9" * 5000 + b"}",
        b'{"amount_minor": 1e400}',
        b'{"amount_minor": NaN}',
        b'{"\\ud800": 1}',
        b'{"note": "\\ud800", "amount_minor": 1}',
        b'{"note": "\\u0000", "amount_minor": 1}',
        b'{"\\u0000": 1, "amount_minor": 1}',
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b"[" + b"1," * 200_000 + b"1]",
        b'{"amount_minor": 1, "amount_minor": "x"}',
        b"\xef\xbb\xbf{}",
    ],
)
async def test_bodies_that_have_broken_others(client: aiohttp.ClientSession, body: bytes) -> None:
    assert await send(client, raw(b"POST", b"/v1/orders", authorized(), body)) in {400, 422}


async def test_a_compressed_bomb_is_too_large(client: aiohttp.ClientSession) -> None:
    squeezed = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = squeezed.compress(b" " * (200 * 1024 * 1024)) + squeezed.flush()
    assert len(bomb) < 1024 * 1024
    request = raw(b"POST", b"/v1/orders", authorized(Content_Encoding=b"gzip"), bomb)
    assert await send(client, request) in {400, 413}


@pytest.mark.parametrize(
    "content_type", [pytest.param(b"application/json", id="read"), pytest.param(b"text/plain", id="left")]
)
async def test_a_body_that_cannot_be_decoded_is_no_fault_of_ours(
    client: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, content_type: bytes
) -> None:
    headers = authorized(Content_Encoding=b"gzip", Content_Type=content_type)
    assert await send(client, raw(b"POST", b"/v1/orders", headers, b"this is not gzip")) in (400, 415)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
