"""Idempotency-Key on the real database: one effect, one answer, whatever is repeated, together or apart."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from pydantic import Field

from shared.db import Connection, Database, GroupCommit, MigrationSource, migrate
from shared.web import (
    MIGRATIONS,
    IdempotentRequest,
    Outcome,
    Problem,
    ProblemType,
    RenderedReply,
    Reply,
    RequestContext,
    RequestModel,
    ResponseModel,
    claim,
    forget_before,
    operation,
    record,
)
from tests.integration.web.sample import bearer, running
from tests.integration.web.test_problems import problem_of
from tests.support.stack import Infra

REFUSED = ProblemType(409, "refused", "Refused")
KEY = "Idempotency-Key"


class Deposit(RequestModel):
    amount: int = Field(ge=0, le=1000)


class Balance(ResponseModel):
    balance: int


class LedgerApi:
    """Adds deposits up; refuses the amount 13, and 7 when it is there. `together` does so in shared commits."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._commits = GroupCommit(self._commit)
        self.entered = asyncio.Event()
        self.may_finish = asyncio.Event()
        self.may_finish.set()

    @operation("POST", "/v1/deposits", permission="ledger:withdraw", status=201, idempotent=True, summary="D")
    async def deposit(self, ctx: RequestContext, body: Deposit) -> RenderedReply[Balance]:
        async with self._database.transaction() as connection:

            async def effect() -> Reply[Balance]:
                self.entered.set()
                await self.may_finish.wait()
                if body.amount == 7:
                    await self._require_no_seven(connection)
                await connection.execute("insert into deposits (amount) values ($1)", body.amount)
                if body.amount == 13:
                    raise REFUSED("This amount is refused.")
                balance = await connection.fetchval("select sum(amount) from deposits")
                return Reply(Balance(balance=balance), headers={"Location": "/v1/deposits/1"})

            return await ctx.once(connection, effect)

    async def _require_no_seven(self, connection: Connection) -> None:
        await connection.execute("lock table deposits in exclusive mode")
        if await connection.fetchval("select exists (select from deposits where amount = 7)"):
            raise REFUSED("There is such a deposit.")

    @operation("POST", "/v1/shared", permission="ledger:withdraw", status=201, idempotent=True, summary="S")
    async def together(self, ctx: RequestContext, body: Deposit) -> RenderedReply[Balance]:
        return await self._commits.submit((ctx.idempotent_request, body.amount, ctx.render))

    async def _commit(
        self, group: Sequence[tuple[IdempotentRequest, int, Callable[[Balance], RenderedReply[Balance]]]]
    ) -> Sequence[RenderedReply[Balance] | Exception]:
        async with self._database.transaction() as connection:
            claimed = await claim(connection, [request for request, _, _ in group])
            fresh = [item for item, earlier in zip(group, claimed, strict=True) if earlier is None]
            await connection.executemany("insert into deposits (amount) values ($1)", [(a,) for _, a, _ in fresh])
            done = [Outcome(request, render(Balance(balance=a))) for request, a, render in fresh]
            await record(connection, done)
        answers = iter(done)
        return [next(answers).reply if earlier is None else earlier for earlier in claimed]


async def prepare(dsn: str) -> None:
    await migrate(dsn, [MigrationSource("web", MIGRATIONS)])
    database = await Database.connect(dsn, application="tests")
    async with database.transaction() as connection:
        await connection.execute("create table deposits (amount integer not null)")
    await database.close()


@pytest_asyncio.fixture(loop_scope="session")
async def database(infra: Infra) -> AsyncIterator[Database]:
    async with infra.prepared_database("web", prepare) as url:
        database = await Database.connect(url, application="tests")
        yield database
        await database.close()


@pytest.fixture
def ledger(database: Database) -> LedgerApi:
    return LedgerApi(database)


@pytest_asyncio.fixture(loop_scope="session")
async def service(ledger: LedgerApi, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    async with running(ledger, tmp_path) as client:
        yield client


async def total(database: Database) -> int:
    async with database.read() as connection:
        return int(await connection.fetchval("select coalesce(sum(amount), 0) from deposits"))


Answer = tuple[int, bytes, bool]


async def deposit(service: aiohttp.ClientSession, amount: int, key: str, path: str = "/v1/deposits") -> Answer:
    async with service.post(path, json={"amount": amount}, headers={KEY: key}) as response:
        replayed = response.headers.get("Idempotency-Replayed") == "true"
        return response.status, await response.read(), replayed


both_ways = pytest.mark.parametrize("path", ["/v1/deposits", "/v1/shared"])


@both_ways
async def test_a_repeat_gets_the_first_answer(service: aiohttp.ClientSession, database: Database, path: str) -> None:
    first = await deposit(service, 5, "k1", path)
    again = await deposit(service, 5, "k1", path)
    assert first[0] == 201
    assert again == (first[0], first[1], True)
    assert not first[2]
    assert await total(database) == 5


async def test_a_replay_has_the_headers_of_the_first_answer(service: aiohttp.ClientSession) -> None:
    await deposit(service, 5, "k1")
    async with service.post("/v1/deposits", json={"amount": 5}, headers={KEY: "k1"}) as response:
        assert response.headers["Location"] == "/v1/deposits/1"
        assert response.content_type == "application/json"


@both_ways
async def test_another_request_under_the_key_is_refused(
    service: aiohttp.ClientSession, database: Database, path: str
) -> None:
    await deposit(service, 5, "k1", path)
    async with service.post(path, json={"amount": 6}, headers={KEY: "k1"}) as response:
        await problem_of(response, 422, "idempotency_key_reused")
    assert await total(database) == 5


async def test_the_key_is_required_and_must_be_usable(service: aiohttp.ClientSession) -> None:
    async with service.post("/v1/deposits", json={"amount": 5}) as response:
        await problem_of(response, 400, "idempotency_key_required")
    for key in ("x" * 256, "", '""', "schlüssel"):
        async with service.post("/v1/deposits", json={"amount": 5}, headers={KEY: key}) as response:
            await problem_of(response, 400, "malformed_request")


async def test_an_error_leaves_nothing_and_may_be_tried_again(
    service: aiohttp.ClientSession, database: Database
) -> None:
    for _ in range(2):
        async with service.post("/v1/deposits", json={"amount": 13}, headers={KEY: "k1"}) as response:
            await problem_of(response, 409, "refused")
    assert await total(database) == 0
    assert (await deposit(service, 5, "k1"))[0] == 201


async def test_keys_of_different_callers_are_their_own(service: aiohttp.ClientSession, database: Database) -> None:
    await deposit(service, 5, "k1")
    other = {**bearer(subject="agent-2"), KEY: "k1"}
    async with service.post("/v1/deposits", json={"amount": 6}, headers=other) as response:
        assert response.status == 201
    assert await total(database) == 11


@both_ways
async def test_many_at_once_have_one_effect(service: aiohttp.ClientSession, database: Database, path: str) -> None:
    answers = await asyncio.gather(*(deposit(service, 5, "k1", path) for _ in range(20)))
    assert {status for status, _, _ in answers} == {201}
    assert len({body for _, body, _ in answers}) == 1
    assert sorted(replayed for _, _, replayed in answers) == [False] + [True] * 19
    assert await total(database) == 5


async def test_a_shared_commit_answers_each_for_itself(service: aiohttp.ClientSession, database: Database) -> None:
    answers = await asyncio.gather(*(deposit(service, n, f"k{n % 40}", "/v1/shared") for n in range(80)))
    assert sorted(status for status, _, _ in answers) == [201] * 40 + [422] * 40
    accepted = [body for status, body, _ in answers if status == 201]
    assert await total(database) == sum(int(body.split(b":")[1].rstrip(b"}")) for body in accepted)


async def test_a_repeat_waits_only_so_long(
    service: aiohttp.ClientSession, ledger: LedgerApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("shared.web.app.WAIT_SECONDS", 0.05)
    async with running(ledger, tmp_path) as impatient:
        ledger.may_finish.clear()
        first = asyncio.create_task(deposit(impatient, 5, "k1"))
        await ledger.entered.wait()
        async with impatient.post("/v1/deposits", json={"amount": 5}, headers={KEY: "k1"}) as response:
            await problem_of(response, 409, "request_in_progress")
            assert response.headers["Retry-After"] == "1"
        ledger.may_finish.set()
        assert (await first)[0] == 201


@pytest.mark.parametrize("amount", [5, 7])
async def test_two_processes_with_one_key_have_one_effect(
    service: aiohttp.ClientSession, ledger: LedgerApi, database: Database, tmp_path: Path, amount: int
) -> None:
    """The second server knows nothing of the first one's requests: only the database stands between them."""
    other_ledger = LedgerApi(database)
    async with running(other_ledger, tmp_path) as other:
        ledger.may_finish.clear()
        other_ledger.may_finish.clear()
        answers = [asyncio.create_task(deposit(one, amount, "k1")) for one in (service, other)]
        await ledger.entered.wait()
        await other_ledger.entered.wait()
        ledger.may_finish.set()
        other_ledger.may_finish.set()
        (status, body, replayed), (other_status, other_body, other_replayed) = await asyncio.gather(*answers)
    assert status == other_status == 201
    assert body == other_body
    assert {replayed, other_replayed} == {True, False}
    assert await total(database) == amount


def _request(number: int) -> IdempotentRequest:
    return IdempotentRequest("agent-1 deposit", f"k{number}", bytes([number]) * 32)


async def test_claims_answer_in_the_order_of_the_requests(database: Database) -> None:
    outcomes = [Outcome(_request(n), RenderedReply(201, {"X-Number": str(n)}, bytes([n]))) for n in (3, 1)]
    async with database.transaction() as connection:
        await record(connection, outcomes)
        await record(connection, [])
    reused = IdempotentRequest("agent-1 deposit", "k1", b"another")
    async with database.read() as connection:
        claimed: list[Any] = await claim(connection, [_request(0), _request(1), _request(2), _request(3), reused])
    assert [getattr(item, "body", None) for item in claimed] == [None, b"\x01", None, b"\x03", None]
    assert isinstance(claimed[4], Problem)
    assert claimed[1].headers == {"X-Number": "1", "Idempotency-Replayed": "true"}


async def test_old_keys_are_forgotten_in_portions(database: Database) -> None:
    outcomes = [Outcome(_request(n), RenderedReply(200, {}, b"")) for n in range(5)]
    async with database.transaction() as connection:
        await record(connection, outcomes)
    async with database.transaction() as connection:
        assert await forget_before(connection, datetime.now(UTC) - timedelta(hours=1)) == 0
        later = datetime.now(UTC) + timedelta(hours=1)
        assert await forget_before(connection, later, limit=3) == 3
        assert await forget_before(connection, later) == 2
