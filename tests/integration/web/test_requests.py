"""What a correct request gets: bodies, pages, versions, ids, health, documents, a graceful end."""

import asyncio
import os
import signal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from shared.telemetry import parse_traceparent
from shared.web import serving, stop_on_signals
from tests.integration.web.sample import ENTRIES, SampleApi, application, running
from tests.integration.web.test_problems import problem_of

HISTORY = "/v1/customers/c1/entries"


async def test_a_created_resource(client: aiohttp.ClientSession) -> None:
    async with client.post("/v1/orders", json={"amount_minor": 100, "note": "für Ada"}) as response:
        assert response.status == 201
        assert response.headers["Location"] == "/v1/orders/1"
        assert await response.json() == {"amount_minor": 100, "note": "für Ada"}


async def test_a_list_is_walked_by_its_links(client: aiohttp.ClientSession) -> None:
    url: str | None = f"{HISTORY}?limit=25"
    numbers: list[int] = []
    while url is not None:
        async with client.get(url) as response:
            page = await response.json()
        numbers += [item["number"] for item in page["items"]]
        link = response.links.get("next")
        url = None if link is None else str(link["url"])
        cursor = None if url is None else parse_qs(urlsplit(url).query)["cursor"][0]
        assert page["next_cursor"] == cursor
    assert numbers == list(range(ENTRIES))


@pytest.mark.parametrize(
    "other", ["/v1/customers/c1/entries?kind=deposit&cursor={}", "/v1/customers/c2/entries?cursor={}"]
)
async def test_a_cursor_of_another_list_is_refused(client: aiohttp.ClientSession, other: str) -> None:
    async with client.get(HISTORY) as response:
        cursor = (await response.json())["next_cursor"]
    async with client.get(f"{HISTORY}?limit=7&cursor={cursor}") as response:
        assert response.status == 200
    async with client.get(other.format(cursor)) as response:
        if response.status != 404:
            document = await problem_of(response, 400, "invalid_cursor")
            assert document["errors"][0]["field"] == "query.cursor"


async def test_a_copy_that_is_current_is_not_sent_again(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/customers/c1") as response:
        etag = response.headers["ETag"]
        assert response.headers["Cache-Control"] == "private, no-cache"
    async with client.get("/v1/customers/c1", headers={"If-None-Match": f'"0", W/{etag}'}) as response:
        assert response.status == 304
        assert response.headers["ETag"] == etag
        assert await response.read() == b""
    async with client.get("/v1/customers/c1", headers={"If-None-Match": '"0"'}) as response:
        assert response.status == 200


async def test_an_edit_of_what_was_read(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/customers/c1") as response:
        read = response.headers["ETag"]
    async with client.patch("/v1/customers/c1", json={"name": "Grace"}, headers={"If-Match": read}) as response:
        assert response.status == 200
        written = response.headers["ETag"]
        assert written != read
    async with client.patch("/v1/customers/c1", json={"name": "Eve"}, headers={"If-Match": read}) as response:
        await problem_of(response, 412, "precondition_failed")
        assert response.headers["ETag"] == written
    async with client.patch("/v1/customers/c1", json={"name": "Eve"}) as response:
        await problem_of(response, 428, "precondition_required")
    async with client.patch("/v1/customers/c1", json={"name": "Eve"}, headers={"If-Match": "7"}) as response:
        await problem_of(response, 400, "malformed_request")


async def test_the_request_id_is_taken_over_or_made(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/seen", headers={"X-Request-Id": "desk-42"}) as response:
        assert response.headers["X-Request-Id"] == (await response.json())["request_id"] == "desk-42"
    async with client.get("/v1/seen", headers={"X-Request-Id": "not a {sane} id"}) as response:
        assert len(response.headers["X-Request-Id"]) == 32


async def test_the_trace_goes_on_through_the_handler(client: aiohttp.ClientSession) -> None:
    parent = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    assert parent is not None
    async with client.get("/v1/seen", headers={"traceparent": parent.traceparent}) as response:
        seen = (await response.json())["traceparent"]
    assert response.headers["traceparent"] == seen
    span = parse_traceparent(seen)
    assert span is not None
    assert span.trace_id == parent.trace_id
    assert span.span_id != parent.span_id


async def test_an_answer_without_a_body(client: aiohttp.ClientSession) -> None:
    async with client.delete("/v1/customers/c1") as response:
        assert response.status == 200
        assert await response.read() == b""


async def test_an_answer_that_is_not_json(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/page", headers={"Authorization": ""}) as response:
        assert response.content_type == "text/html"
        assert await response.read() == b"<p>hello</p>"


async def test_head_is_get_without_the_body(client: aiohttp.ClientSession) -> None:
    async with client.head("/v1/customers/c1") as response:
        assert response.status == 200
        assert int(response.headers["Content-Length"]) > 0


async def test_answers_carry_the_security_headers(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/seen") as response:
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        assert "aiohttp" not in response.headers["Server"]


async def test_the_openapi_document_is_valid_and_says_what_is_needed(client: aiohttp.ClientSession) -> None:
    async with client.get("/openapi.json", headers={"Authorization": ""}) as response:
        document = await response.json()
    OpenAPIV31SpecValidator(document).validate()
    history = document["paths"]["/v1/customers/{customer_id}/entries"]["get"]
    assert history["x-permission"] == "ledger:read"
    assert {"customer_id", "limit", "cursor", "kind", "since"} <= {item["name"] for item in history["parameters"]}
    assert "Link" in history["responses"]["200"]["headers"]
    assert "If-None-Match" not in {item["name"] for item in history["parameters"]}
    assert "304" not in history["responses"]
    assert "customer_not_found" in history["responses"]["404"]["description"]
    read = document["paths"]["/v1/customers/{customer_id}"]["get"]
    assert "If-None-Match" in {item["name"] for item in read["parameters"]}
    assert "ETag" in read["responses"]["200"]["headers"]
    assert "304" in read["responses"]
    rename = document["paths"]["/v1/customers/{customer_id}"]["patch"]
    assert "If-Match" in {item["name"] for item in rename["parameters"]}
    assert {"412", "415", "422", "428"} <= rename["responses"].keys()


async def test_the_docs_page_shows_every_operation_without_anything_from_elsewhere(
    client: aiohttp.ClientSession,
) -> None:
    async with client.get("/openapi.json") as response:
        document = await response.json()
    async with client.get("/docs", headers={"Authorization": ""}) as response:
        assert response.content_type == "text/html"
        page = await response.text()
    for item in document["paths"].values():
        for operation in item.values():
            assert f'id="{operation["operationId"]}"' in page
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in page
    assert "<script" not in page
    assert "http:" not in page
    assert "https:" not in page


async def test_health_names_what_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.web.health.CHECK_TIMEOUT_SECONDS", 0.05)
    broken: set[str] = set()

    async def database() -> None:
        if "database" in broken:
            raise ConnectionRefusedError

    async def broker() -> None:
        if "broker" in broken:
            await asyncio.Event().wait()

    checks = {"database": database, "broker": broker}
    async with running(SampleApi(), tmp_path, checks) as client:
        async with client.get("/health/ready") as response:
            assert response.status == 200
            assert await response.json() == {
                "status": "ready",
                "checks": {"database": "ok", "broker": "ok", "keys": "ok"},
            }
        broken |= checks.keys()
        async with client.get("/health/ready") as response:
            assert response.status == 503
            document = await response.json()
            assert document["failed"] == ["broker", "database"]
            assert document["checks"] == {
                "database": "ConnectionRefusedError",
                "broker": "timed out",
                "keys": "ok",
            }
        async with client.get("/health/live") as response:
            assert response.status == 200


async def test_a_check_that_cannot_be_cancelled_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.web.health.CHECK_TIMEOUT_SECONDS", 0.05)
    answered, asked = asyncio.Event(), 0

    async def database() -> None:
        nonlocal asked
        asked += 1
        try:
            await answered.wait()
        except asyncio.CancelledError:
            await answered.wait()
            raise

    async with running(SampleApi(), tmp_path, {"database": database}) as client:
        for _ in range(3):
            async with asyncio.timeout(5), client.get("/health/ready") as response:
                assert (await response.json())["checks"]["database"] == "timed out"
        assert asked == 1
        answered.set()
        async with client.get("/health/ready") as response:
            assert response.status == 200


async def test_metrics_count_by_route_and_never_by_path(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/customers/c1"), client.request("PROPFIND", "/v1/teapot"):
        pass
    async with client.get("/metrics", headers={"Authorization": ""}) as response:
        text = await response.text()
    assert 'route="/v1/customers/{customer_id}",status="200"' in text
    assert 'method="other",route="unmatched"' in text
    assert "c1" not in text
    assert "teapot" not in text


async def test_stopping_finishes_what_is_in_flight_and_accepts_no_more(tmp_path: Path) -> None:
    api, stop = SampleApi(), asyncio.Event()
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def serve() -> None:
        async with serving(application(api, tmp_path), "127.0.0.1", 0) as url:
            listening.set_result(url)
            await stop.wait()

    async with aiohttp.ClientSession() as client:
        server = asyncio.create_task(serve())
        url = await listening
        in_flight = asyncio.create_task(_status_of(client, f"{url}/v1/slow"))
        await api.started.wait()
        stop.set()
        await _until_refused(url)
        assert not in_flight.done()
        api.release.set()
        assert await in_flight == 200
        await server


async def _status_of(client: aiohttp.ClientSession, url: str) -> int:
    async with client.get(url) as response:
        return response.status


async def _until_refused(url: str) -> None:
    address = urlsplit(url)
    while True:
        try:
            _, writer = await asyncio.open_connection(address.hostname, address.port)
        except ConnectionError:
            return
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_asks_to_stop(number: signal.Signals) -> None:
    stop = stop_on_signals()
    try:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await stop.wait()
    finally:
        for handled in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(handled)
