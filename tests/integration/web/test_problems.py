"""Every way a request can be wrong has its problem document."""

import gzip
import io
import json
import zlib
from typing import Any

import aiohttp
import asyncpg
import pytest

from shared.web import Problem
from tests.integration.web.sample import CONNECTION_FAULTS, SampleApi, bearer

BIG = 1024 * 1024 + 1
ORDER = {"amount_minor": 100}


async def problem_of(response: aiohttp.ClientResponse, status: int, code: str) -> dict[str, Any]:
    body = await response.read()
    assert response.status == status, body
    assert response.content_type == "application/problem+json"
    document: dict[str, Any] = json.loads(body)
    assert document["type"] == f"urn:recourse:problem:{code}"
    assert document["code"] == code
    assert document["status"] == status
    assert document["title"]
    assert document["request_id"] == response.headers["X-Request-Id"]
    return document


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body.amount_minor"),
        ({"amount_minor": "much"}, "body.amount_minor"),
        ({"amount_minor": "100"}, "body.amount_minor"),
        ({"amount_minor": True}, "body.amount_minor"),
        ({"amount_minor": 100.0}, "body.amount_minor"),
        ({"amount_minor": -1}, "body.amount_minor"),
        ({"amount_minor": 10**30}, "body.amount_minor"),
        (ORDER | {"surprise": 1}, "body.surprise"),
        (ORDER | {"note": ""}, "body.note"),
        (ORDER | {"note": "a\x00b"}, "body.note"),
        ([], "body"),
        ("text", "body"),
    ],
)
async def test_a_wrong_field_is_named(client: aiohttp.ClientSession, body: object, field: str) -> None:
    async with client.post("/v1/orders", json=body) as response:
        document = await problem_of(response, 422, "validation_failed")
    assert [error["field"] for error in document["errors"]] == [field]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=1000000000", "query.limit"),
        ("limit=0", "query.limit"),
        ("limit=ten", "query.limit"),
        ("limit=10.00", "query.limit"),
        ("limit=1_0", "query.limit"),
        ("limit=", "query.limit"),
        ("since=1700000000", "query.since"),
        ("limit=1&limit=2", "query.limit"),
        ("surprise=1", "query.surprise"),
        ("since=2026-01-01T00:00:00", "query.since"),
        ("since=0001-01-01T00:00:00%2B23:59", "query.since"),
        ("kind=a%00b", "query.kind.0"),
        ("kind=a&kind=b&kind=c&kind=d&kind=e&kind=f", "query.kind"),
        ("cursor=" + "x" * 1025, "query.cursor"),
    ],
)
async def test_a_wrong_parameter_is_named(client: aiohttp.ClientSession, query: str, field: str) -> None:
    async with client.get(f"/v1/customers/c1/entries?{query}") as response:
        document = await problem_of(response, 422, "validation_failed")
    assert [error["field"] for error in document["errors"]] == [field]


async def test_a_wrong_path_parameter_is_named(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/customers/not%20an%20id") as response:
        document = await problem_of(response, 422, "validation_failed")
    assert document["errors"][0]["field"] == "path.customer_id"


@pytest.mark.parametrize("body", [b"", b"{", b"{]", b"\xff\xfe", b'{"amount_minor": 1,}', b"[" * 100_000])
async def test_broken_json(client: aiohttp.ClientSession, body: bytes) -> None:
    async with client.post("/v1/orders", data=body, headers={"Content-Type": "application/json"}) as response:
        await problem_of(response, 400, "malformed_json")


_ORDER = b'{"amount_minor": 5}'
# The time in a gzip header would name a test differently in every worker.
_GZIPPED = gzip.compress(_ORDER, mtime=0)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", _GZIPPED),
        ("GZIP", _GZIPPED),
        ("deflate", zlib.compress(_ORDER)),
        ("deflate", zlib.compress(_ORDER)[2:-4]),
        ("identity", _ORDER),
    ],
)
async def test_a_compressed_body(client: aiohttp.ClientSession, coding: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    async with client.post("/v1/orders", data=body, headers=headers) as response:
        assert response.status == 201


@pytest.mark.parametrize("body", [b"not gzip", b"", _GZIPPED[:-9], _GZIPPED + b"more", zlib.compress(_ORDER)])
async def test_broken_compression(client: aiohttp.ClientSession, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with client.post("/v1/orders", data=body, headers=headers) as response:
        await problem_of(response, 400, "malformed_request")


async def test_nothing_is_unpacked_before_it_is_known_who_asks(client: aiohttp.ClientSession) -> None:
    headers = {"Authorization": "", "Content-Type": "application/json", "Content-Encoding": "zstd"}
    async with client.post("/v1/orders", data=b"{}", headers=headers) as response:
        await problem_of(response, 401, "unauthenticated")


@pytest.mark.parametrize("coding", ["br", "zstd"])
async def test_a_compression_that_is_not_read(client: aiohttp.ClientSession, coding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    async with client.post("/v1/orders", data=b"{}", headers=headers) as response:
        document = json.loads(await response.text())
        assert (response.status, response.headers["Accept-Encoding"]) == (415, "gzip, deflate")
    assert document["code"] == "unsupported_media_type"
    assert "Content-Encoding" in document["detail"]


async def test_a_body_over_one_megabyte(client: aiohttp.ClientSession) -> None:
    body = io.BytesIO(b" " * BIG)
    async with client.post("/v1/orders", data=body, headers={"Content-Type": "application/json"}) as response:
        await problem_of(response, 413, "body_too_large")


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/json; charset=latin-1"])
async def test_another_content_type(client: aiohttp.ClientSession, content_type: str) -> None:
    async with client.post("/v1/orders", data=b"{}", headers={"Content-Type": content_type}) as response:
        await problem_of(response, 415, "unsupported_media_type")


async def test_an_unknown_path(client: aiohttp.ClientSession) -> None:
    async with client.get("/v2/nothing") as response:
        await problem_of(response, 404, "not_found")


async def test_an_operation_s_own_problem(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/customers/c2") as response:
        document = await problem_of(response, 404, "customer_not_found")
    assert document["detail"] == "No customer has the id c2."


async def test_a_method_the_path_does_not_take(client: aiohttp.ClientSession) -> None:
    async with client.put("/v1/customers/c1") as response:
        await problem_of(response, 405, "method_not_allowed")
    assert response.headers["Allow"] == "DELETE, GET, HEAD, PATCH"


async def test_an_unknown_expectation(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/customers/c1", headers={"Expect": "the-unexpected"}) as response:
        assert response.status == 417
        assert (await response.json(content_type=None))["code"] == "expectation_failed"


async def test_an_unexpected_fault_tells_nothing_but_the_request_id(
    client: aiohttp.ClientSession, api: SampleApi
) -> None:
    api.fault = RuntimeError("secret of the house")
    async with client.post("/v1/failures") as response:
        document = await problem_of(response, 500, "internal_error")
        assert "secret" not in await response.text()
    assert document["request_id"]


@pytest.mark.parametrize("fault", CONNECTION_FAULTS, ids=lambda fault: type(fault).__name__)
async def test_an_unreachable_database_asks_to_come_back(
    client: aiohttp.ClientSession, api: SampleApi, fault: Exception
) -> None:
    api.fault = fault
    async with client.post("/v1/failures") as response:
        await problem_of(response, 503, "service_unavailable")
    assert response.headers["Retry-After"] == "1"


async def test_an_error_of_the_code_is_no_outage(client: aiohttp.ClientSession, api: SampleApi) -> None:
    api.fault = asyncpg.UndefinedTableError("no such table")
    async with client.post("/v1/failures") as response:
        await problem_of(response, 500, "internal_error")


async def test_a_problem_may_carry_members_of_its_own(client: aiohttp.ClientSession, api: SampleApi) -> None:
    api.fault = Problem(409, "balance_too_low", "The balance does not cover it", balance_minor=12)
    async with client.post("/v1/failures", headers=bearer()) as response:
        document = await problem_of(response, 409, "balance_too_low")
    assert document["balance_minor"] == 12
