"""The order history: every column, filters, every sort on the server page by page, the archive, and the export."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any, get_args

import pytest

from services.tickets.orders.history import Column, Direction, HistoryFilter, history, position
from shared.db import Connection
from tests.support.autoplays import customer
from tests.support.http import ApiClient
from tests.support.partition import Partition
from tests.support.reads import rows_read
from tests.support.tickets import debited, payment_refused, purchase, ticket

pytestmark = pytest.mark.requirement("T1", "T2")

HISTORY = "/v1/customers/c1/orders"
NOW = datetime.now(UTC).replace(microsecond=0)
COLUMNS = {
    "ticket_id", "lottery", "draw_number", "offer_id", "offer_label", "draw_at", "ordered_at", "status",
    "created_from_autoplay", "checkout_id", "customer_name",
}  # fmt: skip


def drawn(days: float) -> dict[str, str]:
    moment = NOW + timedelta(days=days)
    return {"draw_at": moment.isoformat(), "draw_closes_at": (moment - timedelta(hours=1)).isoformat()}


async def bought(partition: Partition) -> None:
    """Nine tickets in six orders: two lotteries, draws past and to come, paid, purchased and in limbo."""
    await partition.deliver(
        purchase("c1", "o1", ticket("t1", price=300, **drawn(-40)), ticket("t2", **drawn(-40)), checkout_id="chk-9"),
        purchase("c1", "o2", ticket("t3", lottery="Car Draw", draw_number=7, **drawn(-1)), minute=1),
        purchase("c1", "o3", ticket("t4", autoplay_id="auto-1", **drawn(2)), minute=2, checkout_id="chk-5"),
        purchase("c1", "o4", ticket("t5", offer_label="=1+2", **drawn(3)), ticket("t6", **drawn(4)), minute=2),
        purchase("c1", "o5", ticket("t7", draw_number=9, **drawn(5)), minute=4, checkout_id="chk-1"),
        purchase("c1", "o6", ticket("t8", autoplay_id="auto-2", **drawn(-33)), ticket("t9", **drawn(6)), minute=5),
        purchase("c2", "o7", "x1"),
        debited("c1", "o1"), debited("c1", "o3"), payment_refused("c1", "o5"),
    )  # fmt: skip


async def pages(api: ApiClient, limit: int, **query: Any) -> list[dict[str, Any]]:
    return await api.items(HISTORY, limit=limit, **query)


async def test_every_ticket_is_listed_with_every_column(partition: Partition, api: ApiClient) -> None:
    await bought(partition)
    items = await pages(api, 4)
    assert [item["ticket_id"] for item in items] == ["t9", "t8", "t7", "t6", "t5", "t4", "t3", "t2", "t1"]
    assert all(set(item) >= COLUMNS for item in items)
    assert items[-1] == {
        "ticket_id": "t1", "order_id": "o1", "checkout_id": "chk-9", "customer_id": "c1", "customer_name": "Ada Novák",
        "lottery": "Saturday Lotto", "draw_number": 4521, "draw_at": drawn(-40)["draw_at"].replace("+00:00", "Z"),
        "draw_closes_at": drawn(-40)["draw_closes_at"].replace("+00:00", "Z"), "offer_id": "book-6",
        "offer_label": "6 x ticket book $10.00", "price": 300, "currency": "AUD", "ordered_at": "2026-11-22T12:00:00Z",
        "status": "paid", "created_from_autoplay": False, "autoplay_id": None, "archived": True,
    }  # fmt: skip


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("column", get_args(Column))
async def test_every_column_sorts_on_the_server(
    partition: Partition, api: ApiClient, column: str, direction: str
) -> None:
    await bought(partition)
    items = await pages(api, 2, sort=column, direction=direction)
    assert sorted(item["ticket_id"] for item in items) == [f"t{n}" for n in range(1, 10)]
    keys = [(item[column], item["order_id"] if column == "ordered_at" else "", item["ticket_id"]) for item in items]
    assert keys == sorted(keys, reverse=direction == "desc")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": "limbo"}, "t7"),
        ({"status": "paid"}, "t4 t2 t1"),
        ({"lottery": "Car Draw"}, "t3"),
        ({"draw_number": 9}, "t7"),
        ({"created_from_autoplay": "true"}, "t8 t4"),
        ({"autoplay_id": "auto-1"}, "t4"),
        ({"since": "2026-11-22T12:02:00Z", "until": "2026-11-22T12:05:00Z"}, "t7 t6 t5 t4"),
        ({"drawn_since": NOW.isoformat(), "drawn_until": (NOW + timedelta(days=3)).isoformat()}, "t4"),
        ({"lottery": "Saturday Lotto", "status": "paid", "created_from_autoplay": "false"}, "t2 t1"),
        ({"lottery": "None"}, ""),
    ],
)
@pytest.mark.parametrize("sort", [{}, {"sort": "draw_at"}])
async def test_filters_choose_in_every_order(
    partition: Partition, api: ApiClient, query: dict[str, Any], expected: str, sort: dict[str, str]
) -> None:
    await bought(partition)
    found = [item["ticket_id"] for item in await pages(api, 3, **query, **sort)]
    assert sorted(found) == sorted(expected.split())
    if not sort:
        assert found == expected.split()


@pytest.mark.requirement("T10")
async def test_the_archive_is_the_same_list_with_the_old_draws(partition: Partition, api: ApiClient) -> None:
    await bought(partition)
    archived = await pages(api, 2, archived="true")
    current = await pages(api, 2, archived="false")
    assert [item["ticket_id"] for item in archived] == ["t8", "t2", "t1"]
    assert all(item["archived"] for item in archived)
    assert [item["ticket_id"] for item in current] == ["t9", "t7", "t6", "t5", "t4", "t3"]
    assert not any(item["archived"] for item in current)
    assert (await api.get("/v1/tickets/t1")).status == 200


async def test_what_is_wrong_with_a_query_is_named(api: ApiClient) -> None:
    for query, field in (
        ({"sort": "secret"}, "query.sort"),
        ({"direction": "up"}, "query.direction"),
        ({"since": "yesterday"}, "query.since"),
        ({"archived": "maybe"}, "query.archived"),
    ):
        answer = await api.get(HISTORY, **query)
        assert (answer.status, answer.body["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize("prefix", ["", "drawn_"])
async def test_a_period_that_ends_before_it_begins_is_named(api: ApiClient, prefix: str) -> None:
    period = {f"{prefix}since": "2026-02-01T00:00:00Z", f"{prefix}until": "2026-01-01T00:00:00Z"}
    for ending in ("", ".csv", ".jsonl"):
        answer = await api.get(f"/v1/customers/c1/orders{ending}", **period)
        assert (answer.status, answer.body["errors"][0]["field"]) == (422, f"query.{prefix}until")


async def test_a_cursor_belongs_to_its_order(partition: Partition, api: ApiClient) -> None:
    await bought(partition)
    cursor = (await api.get(HISTORY, limit=2, sort="price")).body["next_cursor"]
    other = await api.get(HISTORY, limit=2, sort="draw_number", cursor=cursor)
    assert (other.status, other.body["code"]) == (400, "invalid_cursor")


async def test_the_export_is_the_filtered_list_complete_and_harmless(
    partition: Partition, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.tickets.orders.export.PIECE", 2)
    await bought(partition)
    lines = (await api.text(f"{HISTORY}.jsonl")).splitlines()
    assert [json.loads(line) for line in lines] == await pages(api, 100)
    rows = list(csv.DictReader(io.StringIO((await api.text(f"{HISTORY}.csv")).removeprefix("\ufeff"))))
    assert [row["ticket_id"] for row in rows] == ["t9", "t8", "t7", "t6", "t5", "t4", "t3", "t2", "t1"]
    assert (rows[4]["offer"], rows[0]["price"], rows[1]["archived"]) == ("'=1+2", "10.00", "yes")
    assert (rows[3]["autoplay_id"], rows[5]["autoplay_id"]) == ("", "auto-1")
    assert set(rows[0]) >= {"lottery", "draw_number", "offer_id", "draw_at", "status", "checkout_id", "customer_name"}
    filtered = (await api.text(f"{HISTORY}.csv", archived="true")).splitlines()
    assert len(filtered) == 4
    assert (await api.text("/v1/customers/nobody/orders.jsonl")) == ""


async def test_merged_customers_have_one_history(partition: Partition, api: ApiClient) -> None:
    await bought(partition)
    await partition.deliver(
        purchase("c2", "o8", ticket("x2", price=500, **drawn(-50)), minute=3), customer("c2", 2, merged_into="c1")
    )
    items = await pages(api, 3)
    assert [item["ticket_id"] for item in items] == ["t9", "t8", "t7", "x2", "t6", "t5", "t4", "t3", "x1", "t2", "t1"]
    assert {item["customer_id"] for item in items if item["ticket_id"] in {"x1", "x2"}} == {"c2"}
    assert (await api.get("/v1/customers/c2/orders", limit=100)).body["items"] == items
    assert [json.loads(line) for line in (await api.text(f"{HISTORY}.jsonl")).splitlines()] == items
    for column in get_args(Column):
        ascending = await pages(api, 2, sort=column, direction="asc")
        assert ascending == (await pages(api, 4, sort=column))[::-1]
        assert len({item["ticket_id"] for item in ascending}) == len(items)
    await partition.deliver(customer("c2", 3))
    assert len(await pages(api, 100)) == len(items) - 2


@pytest.mark.parametrize("direction", ["asc", "desc"])
async def test_merged_customers_of_different_names_sort_by_name(
    partition: Partition, api: ApiClient, direction: str
) -> None:
    await partition.deliver(
        purchase("c1", "o1", "t1", "t4", first_name="Éva"),
        purchase("c2", "o2", "t2", first_name="Ada"),
        purchase("c3", "o3", "t3", first_name="Zoe"),
        customer("c2", 2, merged_into="c1", first_name="Ann"),
        customer("c3", 2, merged_into="c1", first_name="Zoe"),
    )
    items = await pages(api, 1, sort="customer_name", direction=direction)
    keys = [(item["customer_name"], item["ticket_id"]) for item in items]
    assert keys == sorted(keys, reverse=direction == "desc")
    assert [name for name, _ in sorted(keys)] == ["Ann Novák", "Zoe Novák", "Éva Novák", "Éva Novák"]


async def _many_tickets(partition: Partition) -> None:
    """300 of c1 among 30,000, then 5,000 of others for a draw that the database's statistics do not know."""
    async with partition.unit_of_work.begin() as transaction:
        await _copy(transaction.connection, "old", 30_000, 100)
        await transaction.connection.execute("analyze orders, tickets")
        await _copy(transaction.connection, "new", 5_000, 10_000)
        await transaction.connection.execute("update tickets set draw_number = 77 where ticket_id like 'new%'")


async def _copy(connection: Connection, name: str, count: int, every: int) -> None:
    """As many copies of a ticket of c2; one of `every` is c1's."""
    await connection.execute(
        """with copies as (
               select $1::text || n as id, case when n % $3::int = 0 then 'c1' else 'c2' end as customer_id
               from generate_series(1, $2::int) n),
           orders as (
               insert into orders
               select (jsonb_populate_record(
                   o, jsonb_build_object('order_id', c.id, 'customer_id', c.customer_id))).*
               from orders o, copies c where o.order_id = 'o7')
           insert into tickets
           select (jsonb_populate_record(
               t, jsonb_build_object('order_id', c.id, 'ticket_id', c.id, 'customer_id', c.customer_id))).*
           from tickets t, copies c where t.ticket_id = 'x1'""",
        name, count, every,
    )  # fmt: skip


async def test_a_page_in_any_order_reads_the_tickets_of_its_customer_alone(partition: Partition) -> None:
    await bought(partition)
    await _many_tickets(partition)
    for column, direction in product(get_args(Column), get_args(Direction)):
        async with partition.unit_of_work.begin() as transaction:
            ask = partial(
                history,
                transaction.connection,
                ["c1"],
                HistoryFilter(NOW),
                column=column,
                direction=direction,
                limit=25,
            )
            before = await rows_read(transaction.connection, "tickets")
            first = await ask(after=None)
            await ask(after=position(column, first[-1]))
            assert await rows_read(transaction.connection, "tickets") - before < 1_000, (column, direction)


@pytest.mark.parametrize("column", ["ordered_at", "price"])
async def test_a_customers_tickets_for_a_draw_are_found_without_those_of_others(
    partition: Partition, column: Column
) -> None:
    await bought(partition)
    await _many_tickets(partition)
    wanted = HistoryFilter(NOW, lottery="Saturday Lotto", draw_number=77)
    async with partition.unit_of_work.begin() as transaction:
        before = await rows_read(transaction.connection, "tickets")
        await history(transaction.connection, ["c1"], wanted, column=column, after=None, limit=25)
        assert await rows_read(transaction.connection, "tickets") - before < 1_000


@pytest.mark.parametrize("direction", get_args(Direction))
@pytest.mark.parametrize("wanted", [{"lottery": "Saturday Lotto"}, {"drawn_since": NOW - timedelta(days=50)}])
async def test_a_page_of_what_most_tickets_are_looks_up_the_orders_of_that_page_alone(
    partition: Partition, wanted: dict[str, Any], direction: Direction
) -> None:
    await bought(partition)
    async with partition.unit_of_work.begin() as transaction:
        await _copy(transaction.connection, "many", 30_000, 10)
        # Of many customers few tickets are the same one's: PostgreSQL expects that of each.
        for table in ("orders", "tickets"):
            await transaction.connection.execute(
                f"update {table} set customer_id = order_id where customer_id = 'c2'"  # noqa: S608 - constants
            )
        await transaction.connection.execute("analyze customers, orders, tickets")
    async with partition.unit_of_work.begin() as transaction:
        ask = partial(history, transaction.connection, ["c1"], HistoryFilter(NOW, **wanted), direction=direction)
        before = await rows_read(transaction.connection, "orders")
        page = await ask(after=None, limit=25)
        assert len(page) == 25
        assert await rows_read(transaction.connection, "orders") - before < 100
