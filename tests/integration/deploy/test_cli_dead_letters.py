"""`recourse dead-letters` against the API of a service with letters."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from shared.dead_letters import DeadLettersApi
from shared.web import operations_of, serving
from tests.support.dead_letters import Faults, Ward, run, ward_of
from tests.support.http import ApiClient, serving_operations
from tests.support.poison import event_headers, payload, record, violation
from tests.support.stack import Infra

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
async def ward(infra: Infra) -> AsyncIterator[Ward]:
    """Three customers with a letter each and an event behind it."""
    async with ward_of(infra, Faults(throws=lambda _, entry: int(entry) == 1)) as running:
        for customer in ("c1", "c2", "c3"):
            await running.deliver(*run(customer, (1, 2)))
        yield running


@pytest.fixture
async def api(ward: Ward, tmp_path: Path) -> AsyncIterator[ApiClient]:
    operations = operations_of(DeadLettersApi(ward.partition.unit_of_work, ward.partition.processor))
    async with serving_operations(operations, tmp_path) as client:
        yield client


async def _call(
    api: ApiClient, *arguments: str, role: str = "supervisor", columns: str = "300"
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RECOURSE_TOKEN": api.token(role), "COLUMNS": columns}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "deploy.cli.main", "dead-letters", *arguments, "--service", "loyalty", "--url", api.url],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_letters_are_listed_and_shown(ward: Ward, api: ApiClient) -> None:
    letters = await ward.letters()
    listed = await _call(api, "list")
    assert listed.returncode == 0, listed.stderr
    assert "handler_failed: ValueError: cannot take entry 000001" in listed.stdout
    assert all(str(letter) in listed.stdout for letter in letters)
    shown = json.loads((await _call(api, "show", str(letters[0]))).stdout)
    assert (shown["customer_id"], shown["value"]["encoding"]) == ("c1", "text")
    nothing = await _call(api, "list", "--state", "discarded")
    assert (nothing.stdout, nothing.stderr) == ("", "loyalty has no discarded letters.\n")


async def test_what_publishers_wrote_is_shown_as_it_is(ward: Ward, api: ApiClient) -> None:
    await ward.deliver(record(payload(), event_headers("list[int] [/b] \x1b[2J")))
    listed = await _call(api, "list")
    assert listed.returncode == 0, listed.stderr
    assert "unknown_type: list[int] [/b] \\x1b[2J is no type of event known here" in listed.stdout


@pytest.mark.parametrize(
    ("status", "body"), [(502, "<html>Bad Gateway</html>"), (200, "<html></html>"), (404, ""), (500, "[]")]
)
async def test_an_answer_of_something_else_is_told(ward: Ward, api: ApiClient, status: int, body: str) -> None:
    del ward

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type="text/html")

    proxy = web.Application()
    proxy.router.add_get("/{path:.*}", answer)
    async with serving(proxy, "127.0.0.1", 0) as url:
        api.url = url
        told = await _call(api, "list")
    assert told.returncode == 1
    assert told.stderr == f"{url} answers {status}, but not as a service does: is it the right URL?\n"


async def test_letters_are_replayed_and_discarded(ward: Ward, api: ApiClient) -> None:
    first, second, third = await ward.letters()
    again = await _call(api, "replay", str(first), "--note", "try")
    assert again.returncode == 3
    assert f"{first} is dead: handler_failed" in again.stderr
    discarded = await _call(api, "discard", str(second), "--note", "a test order")
    assert (discarded.returncode, discarded.stderr) == (0, f"{second} is discarded\n")
    assert await ward.effects("c2") == [2]
    ward.faults.mend()
    fingerprint = (await api.get("/v1/dead-letters")).body["items"][0]["fingerprint"]
    group = await _call(api, "replay", "--fingerprint", fingerprint, "--note", "mended")
    assert (group.returncode, group.stderr) == (0, "2 letters were replayed, 0 are still dead.\n")
    assert await ward.effects("c1") == await ward.effects("c3") == [1, 2]
    settled = await _call(api, "replay", str(third), "--note", "again")
    assert settled.returncode == 1
    assert "The letter is replayed already." in settled.stderr


async def test_a_group_is_discarded(ward: Ward, api: ApiClient) -> None:
    fingerprint = (await api.get("/v1/dead-letters")).body["items"][0]["fingerprint"]
    group = await _call(api, "discard", "--fingerprint", fingerprint, "--note", "test orders")
    assert (group.returncode, group.stderr) == (0, "3 letters were discarded.\n")
    assert await ward.effects("c1") == await ward.effects("c3") == [2]
    assert (await _call(api, "discard", "--note", "x")).stderr.startswith("Name either a letter or a group")


async def test_what_the_other_commands_are_given_is_never_cut(ward: Ward, api: ApiClient) -> None:
    letters = (await api.get("/v1/dead-letters")).body["items"]
    listed = await _call(api, "list", columns="80")
    for each in letters:
        row = [each["id"], f"{each['created_at'][:19]}Z", each["fingerprint"], "1", each["customer_id"]]
        assert row in [line.split() for line in listed.stdout.splitlines()]


async def test_with_a_group_only_that_one_is_listed(ward: Ward, api: ApiClient) -> None:
    await ward.deliver(violation("c4"))
    (other,) = [each for each in (await api.get("/v1/dead-letters/groups")).body["items"] if each["count"] == 1]
    listed = await _call(api, "list", "--fingerprint", other["fingerprint"])
    assert "schema_violation" in listed.stdout
    assert "handler_failed" not in listed.stdout


async def test_what_is_refused_is_one_sentence(ward: Ward, api: ApiClient) -> None:
    (letter, *_) = await ward.letters()
    forbidden = await _call(api, "list", role="agent")
    assert forbidden.returncode == 1
    assert forbidden.stderr == "The permission is missing: The role agent does not include dead_letters:read.\n"
    both = await _call(api, "replay", str(letter), "--fingerprint", "0" * 16, "--note", "x")
    assert (both.returncode, both.stderr) == (1, "Name either a letter or a group with --fingerprint.\n")
    empty = await _call(api, "discard", str(letter), "--note", "")
    assert "body.note: String should have at least 1 character" in empty.stderr
    assert len(await ward.letters()) == 3
