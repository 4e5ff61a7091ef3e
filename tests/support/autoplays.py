"""AutoPlays for tests: a lottery with draws around now, and the runner."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from services.tickets.autoplay.jobs import AutoplayRunner
from services.tickets.autoplay.run_contexts import RunContexts
from shared.contracts import CustomerChanged, PurchaseCompleted
from tests.support.http import Answer, ApiClient
from tests.support.partition import Partition

LOTTERY = "Saturday Lotto"
OFFER = "book-6"
PRICE = 1000
LEAD = timedelta(hours=24)
BODY: dict[str, Any] = {
    "lottery": LOTTERY,
    "offer_id": OFFER,
    "games": 2,
    "schedule": {"cadence": "every_draw"},
    "payment_method": "balance",
}


def customer(customer_id: str, version: int = 1, **changes: Any) -> CustomerChanged:
    """What accounts says of a customer."""
    data = CustomerChanged.example | {"customer_id": customer_id, "version": version} | changes
    return CustomerChanged.model_validate_json(orjson.dumps(data))


async def open_shop(partition: Partition, customers: int, *hours: float) -> Partition:
    """So many known customers, `c1` and on, and a lottery with draws that close so many hours from now."""
    await partition.deliver(*(customer(f"c{n}") for n in range(1, customers + 1)))
    await sell(partition, *hours)
    return partition


async def sell(partition: Partition, *hours: float, lottery: str = LOTTERY, first: int = 1, price: int = PRICE) -> None:
    """A lottery with an offer and draws, numbered from `first`, that close so many hours from now."""
    now = datetime.now(UTC)
    async with partition.unit_of_work.begin() as transaction:
        connection = transaction.connection
        await connection.execute(
            "insert into lotteries (lottery, origin) values ($1, 'api') on conflict do nothing", lottery
        )
        await connection.execute(
            """insert into offers (lottery, offer_id, label, price, currency, origin)
               values ($1, $2, '6 x ticket book', $3, 'AUD', 'api') on conflict do nothing""",
            lottery, OFFER, price,
        )  # fmt: skip
        for number, hour in enumerate(hours, first):
            closes_at = now + timedelta(hours=hour)
            await connection.execute(
                """insert into draws (lottery, draw_number, closes_at, draw_at, origin)
                   values ($1, $2, $3, $4, 'api')""",
                lottery, number, closes_at, closes_at + timedelta(hours=1),
            )  # fmt: skip


async def shift(partition: Partition, table: str, column: str, by: timedelta) -> None:
    """Move a time in every row, as if so much time had passed."""
    async with partition.unit_of_work.begin() as transaction:
        await transaction.connection.execute(f"update {table} set {column} = {column} + $1::interval", by)  # noqa: S608


async def create(api: ApiClient, customer_id: str = "c1", key: str | None = None, **changes: Any) -> Answer:
    """A new AutoPlay."""
    return await api.post(
        f"/v1/customers/{customer_id}/autoplays", BODY | changes, key=key or f"create-{customer_id}", role="agent"
    )


async def act(api: ApiClient, autoplay_id: str, action: str, body: dict[str, Any], key: str | None = None) -> Answer:
    """An action on what the detail shows now."""
    seen = await api.get(f"/v1/autoplays/{autoplay_id}")
    return await api.post(
        f"/v1/autoplays/{autoplay_id}/{action}", body, key=key or f"{action}-{seen.headers['Etag']}",
        etag=seen.headers["Etag"], role="agent", subject="agent-7",
    )  # fmt: skip


def runner(partition: Partition, **options: Any) -> AutoplayRunner:
    """The runner as a replica has it."""
    return AutoplayRunner(partition.unit_of_work, RunContexts("UTC"), lead=LEAD, pause=0.1, **options)


async def settle_down(*runners: AutoplayRunner) -> None:
    """Let the runners do all there is to do."""
    while any([await step() for each in runners for step in (each.end_pauses, each.recheck, each.walk, each.retry)]):
        pass


async def purchases(partition: Partition) -> list[PurchaseCompleted]:
    """The orders that were published, as any shop's."""
    found = await partition.published(PurchaseCompleted)
    return [PurchaseCompleted.model_validate_json(orjson.dumps(each)) for each in found]


async def detail(api: ApiClient, autoplay_id: str) -> dict[str, Any]:
    """What is shown of an AutoPlay."""
    found: dict[str, Any] = (await api.get(f"/v1/autoplays/{autoplay_id}")).body
    return found


async def runs(api: ApiClient, autoplay_id: str) -> list[tuple[int, str, int, str | None]]:
    """Its runs in their order: draw number, status, attempts, code."""
    items = (await api.get(f"/v1/autoplays/{autoplay_id}/runs")).body["items"]
    return [(run["draw_number"], run["status"], run["attempts"], run["code"]) for run in reversed(items)]


async def events(api: ApiClient, autoplay_id: str) -> list[str]:
    """What happened to it, in order."""
    items = (await api.get(f"/v1/autoplays/{autoplay_id}/timeline")).body["items"]
    return [item["event"] for item in reversed(items)]
