"""What cancelling an order or a draw would do, before it is done; and the confirmation by what was shown."""

from time import perf_counter
from typing import Any

import pytest

from services.tickets.bulk.jobs import BulkRunner
from shared.contracts import PurchaseCompleted
from tests.support.http import ApiClient
from tests.support.partition import Partition
from tests.support.tickets import debited, payment_refused, prize_paid, purchase, states, ticket

pytestmark = pytest.mark.requirement("T5")

CLOSED = {"draw_closes_at": "2026-01-01T00:00:00Z", "draw_at": "2026-01-01T01:00:00Z"}
IN_EUROS = {"payment": PurchaseCompleted.example["payment"] | {"currency": "EUR"}}
REASON = {"reason": "The machine broke"}
ORDER = "/v1/orders/o1/cancellation/preview"
BULK = "/v1/bulk-cancellations"


async def draw_path(api: ApiClient, number: int = 4521) -> str:
    return f"/v1/lotteries/{(await api.get('/v1/lotteries')).body['items'][0]['lottery_id']}/draws/{number}"


async def preview_of_draw(api: ApiClient) -> dict[str, Any]:
    answer = await api.get(f"{await draw_path(api)}/cancellation/preview")
    assert answer.status == 200
    return dict(answer.body)


async def work_off(partition: Partition) -> None:
    bulk = BulkRunner(partition.unit_of_work)
    while await bulk.step():
        pass


async def test_an_order_is_previewed_as_it_is_then_cancelled(partition: Partition, api: ApiClient) -> None:
    late = ticket("t4", draw_number=9, **CLOSED)
    await partition.deliver(purchase("c1", "o1", "t1", "t2", "t3", late), debited("c1", "o1"))
    await partition.deliver(prize_paid("c1", "p1", "t2"))
    shown = (await api.get(ORDER)).body
    assert (shown["kind"], shown["order_id"], shown["possible"]) == ("order", "o1", True)
    assert (shown["total"], shown["accepted"], shown["amounts"]) == (4, 2, {"AUD": 2000})
    assert shown["refused"] == {"paid_out": 1, "draw_closed": 1}
    assert await states(partition) == dict.fromkeys(("t1", "t2", "t3", "t4"), "paid")
    body = REASON | {"order_id": "o1", "confirmation_token": shown["confirmation_token"]}
    started = await api.post(BULK, body, key="k")
    assert started.status == 202
    await work_off(partition)
    done = (await api.get(f"{BULK}/{started.body['bulk_id']}")).body
    assert {name: done[name] for name in ("total", "accepted", "refused")} == {
        name: shown[name] for name in ("total", "accepted", "refused")
    }


@pytest.mark.requirement("T9")
async def test_a_draw_is_previewed_however_late_with_money_by_currency(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(
        purchase("c1", "o1", ticket("t1", **CLOSED), ticket("t2", **CLOSED), ticket("x", draw_number=9)),
        purchase("c2", "o2", ticket("t3", price=250, **CLOSED), **IN_EUROS),
        purchase("c3", "o3", ticket("t4", **CLOSED)),
        debited("c1", "o1"), payment_refused("c3", "o3"), prize_paid("c1", "p1", "t2"),
    )  # fmt: skip
    shown = await preview_of_draw(api)
    assert (shown["kind"], shown["lottery"], shown["draw_number"]) == ("draw", "Saturday Lotto", 4521)
    assert (shown["total"], shown["accepted"], shown["amounts"]) == (4, 2, {"AUD": 1000, "EUR": 250})
    assert shown["refused"] == {"paid_out": 1, "ticket_in_limbo": 1}
    body = REASON | {"confirmation_token": shown["confirmation_token"]}
    started = await api.post(f"{await draw_path(api)}/cancellation", body, key="k")
    assert (started.status, started.body["draw"]["state"]) == (202, "cancelled")
    await work_off(partition)
    done = (await api.get(f"{BULK}/{started.body['bulk']['bulk_id']}")).body
    assert (done["total"], done["accepted"], done["refused"]) == (4, 2, shown["refused"])
    after = await preview_of_draw(api)
    assert (after["possible"], after["accepted"], after["amounts"]) == (True, 0, {})


async def test_a_token_of_other_numbers_or_another_person_is_outdated(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), purchase("c2", "o2", "t2"))
    path = f"{await draw_path(api)}/cancellation"
    of_order = (await api.get(ORDER)).body["confirmation_token"]
    of_draw = (await preview_of_draw(api))["confirmation_token"]
    for token, subject in ((of_order, "tester"), (of_draw, "somebody-else")):
        refused = await api.post(path, REASON | {"confirmation_token": token}, key=subject, subject=subject)
        assert (refused.status, refused.body["code"]) == (409, "confirmation_outdated")
    await partition.deliver(debited("c1", "o1"))
    assert (await preview_of_draw(api))["confirmation_token"] == of_draw
    await partition.deliver(purchase("c3", "o3", "t3"))
    body = REASON | {"confirmation_token": of_draw}
    assert (await api.post(path, body, key="k")).body["code"] == "confirmation_outdated"
    await api.post("/v1/tickets/t1/cancellation", REASON | {"confirm": True}, key="t1")
    again = await api.post(BULK, REASON | {"order_id": "o1", "confirmation_token": of_order}, key="o1")
    assert (again.status, again.body["code"]) == (409, "confirmation_outdated")
    assert await partition.fetch("select 1 from bulk_cancellations") == []
    assert (await api.get(await draw_path(api))).body["state"] == "open"


@pytest.mark.parametrize("confirmation", [{}, {"confirm": None}, {"confirm": False}])
async def test_neither_token_nor_flag_is_refused(api: ApiClient, confirmation: dict[str, Any]) -> None:
    for path, target in ((BULK, {"order_id": "o1"}), ("/v1/lotteries/lot-0/draws/1/cancellation", {})):
        answer = await api.post(path, REASON | target | confirmation, key="k")
        assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, ["body.confirm"])


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ({}, "order_id"),
        ({"order_id": "o1", "lottery_id": "lot-0", "draw_number": 1}, "order_id"),
        ({"lottery_id": "lot-0"}, "draw_number"),
        ({"draw_number": 1}, "lottery_id"),
    ],
)
async def test_a_target_that_is_not_one_names_the_field(api: ApiClient, target: dict[str, Any], field: str) -> None:
    answer = await api.post(BULK, REASON | {"confirm": True} | target, key="k")
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, [f"body.{field}"])


async def test_what_cannot_be_cancelled_says_so_and_has_no_token(partition: Partition, api: ApiClient) -> None:
    assert (await api.get(ORDER)).body["code"] == "order_not_found"
    assert (await api.get("/v1/lotteries/lot-0/draws/1/cancellation/preview")).body["code"] == "lottery_not_found"
    await partition.deliver(purchase("c1", "o1", ticket("t1", **CLOSED)))
    assert (await api.get(f"{await draw_path(api, 1)}/cancellation/preview")).body["code"] == "draw_not_found"
    await api.post(f"{await draw_path(api)}/drawing", {"confirm": True}, key="d")
    shown = await preview_of_draw(api)
    assert (shown["possible"], shown["code"], shown["confirmation_token"]) == (False, "draw_already_drawn", None)


async def test_a_draw_of_many_tickets_is_previewed_in_one_pass(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    await _multiply(partition, 20_000)
    path = f"{await draw_path(api)}/cancellation/preview"
    started = perf_counter()
    shown = (await api.get(path)).body
    assert perf_counter() - started < 1
    assert (shown["total"], shown["amounts"]) == (20_000, {"AUD": 20_000_000})


async def _multiply(partition: Partition, times: int) -> None:
    """Copies of the order o1 with its ticket t1, of other customers."""
    async with partition.unit_of_work.begin() as transaction:
        for table, columns in (("orders", "'{}'"), ("tickets", "jsonb_build_object('ticket_id', 't' || n)")):
            await transaction.connection.execute(
                f"""insert into {table}
                    select (jsonb_populate_record(r, {columns} || jsonb_build_object(
                        'order_id', 'o' || n, 'customer_id', 'c' || n))).*
                    from {table} r, generate_series(2, $1::int) n"""  # noqa: S608 - constants
                , times,
            )  # fmt: skip
