"""Lotteries, draws and offers: set over HTTP, learned from purchases, and where a draw stands."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.tickets.clock import database_time
from services.tickets.draws import store
from services.tickets.draws.domain import DrawState
from tests.support.http import Answer, ApiClient
from tests.support.partition import Partition
from tests.support.tickets import purchase, ticket

pytestmark = pytest.mark.requirement("T9")

NOW = datetime.now(UTC).replace(microsecond=0)


def at(**after: float) -> str:
    return (NOW + timedelta(**after)).isoformat().replace("+00:00", "Z")


async def add_lottery(api: ApiClient, name: str = "House Draw", **fields: Any) -> str:
    answer = await api.post("/v1/lotteries", {"name": name} | fields, key=f"add-{len(name)}")
    assert answer.status == 201, answer.body
    assert answer.headers["Location"] == f"/v1/lotteries/{answer.body['lottery_id']}"
    return str(answer.body["lottery_id"])


async def add_draw(api: ApiClient, lottery_id: str, number: int = 1, **times: str) -> Answer:
    body = {"draw_number": number, "closes_at": at(days=1), "draw_at": at(days=2)} | times
    return await api.post(f"/v1/lotteries/{lottery_id}/draws", body, key=f"{lottery_id}-{number}")


async def test_a_lottery_is_added_listed_changed(api: ApiClient) -> None:
    lottery_id = await add_lottery(api, cancellation_window_minutes=30)
    await add_lottery(api, "Car / Draw é")
    listed = (await api.get("/v1/lotteries", role="viewer")).body["items"]
    assert [each["name"] for each in listed] == ["Car / Draw é", "House Draw"]
    named = (await api.get("/v1/lotteries", name="House Draw")).body["items"]
    assert [each["lottery_id"] for each in named] == [lottery_id]
    assert (await api.get("/v1/lotteries", name="House")).body["items"] == []
    shown = await api.get(f"/v1/lotteries/{lottery_id}")
    assert (shown.body["cancellation_window_minutes"], shown.body["origin"]) == (30, "api")
    changed = await api.patch(
        f"/v1/lotteries/{lottery_id}", {"cancellation_window_minutes": 45}, etag=shown.headers["Etag"]
    )
    assert (changed.status, changed.body["cancellation_window_minutes"]) == (200, 45)
    late = await api.patch(f"/v1/lotteries/{lottery_id}", {"description": "x"}, etag=shown.headers["Etag"])
    assert (late.status, late.body["code"]) == (412, "precondition_failed")
    again = await api.post("/v1/lotteries", {"name": "House Draw"}, key="another")
    assert (again.status, again.body["code"], again.body["lottery_id"]) == (409, "lottery_exists", lottery_id)
    unknown = await api.get("/v1/lotteries/lot-0")
    assert (unknown.status, unknown.body["code"]) == (404, "lottery_not_found")


@pytest.mark.parametrize("name", [" ", "House Draw ", "\tHouse Draw", "House\0Draw", ""])
async def test_a_name_that_no_purchase_gives_is_refused(api: ApiClient, name: str) -> None:
    answer = await api.post("/v1/lotteries", {"name": name}, key="k")
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, ["body.name"])


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("price", True), ("price", "1000"), ("price", 10.5), ("price", -1), ("currency", "aud"), ("label", 6)],
)
async def test_an_offer_with_a_wrong_value_names_the_field(api: ApiClient, field: str, wrong: object) -> None:
    body = {"offer_id": "book-6", "label": "6 x ticket book $10.00", "price": 1000, "currency": "AUD"}
    answer = await api.post(f"/v1/lotteries/{await add_lottery(api)}/offers", body | {field: wrong}, key="k")
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, [f"body.{field}"])


async def test_what_has_to_be_there_is_not_taken_away(api: ApiClient) -> None:
    lottery_id = await add_lottery(api)
    path = f"/v1/lotteries/{lottery_id}"
    assert (await add_draw(api, lottery_id)).status == 201
    offer = {"offer_id": "book-6", "label": "6 x ticket book", "price": 1000, "currency": "AUD"}
    assert (await api.post(f"{path}/offers", offer, key="offer")).status == 201
    for place, fields in {
        "": ["cancellation_window_minutes"],
        "/draws/1": ["closes_at", "draw_at"],
        "/offers/book-6": ["label", "price", "currency", "active"],
    }.items():
        for field in fields:
            answer = await api.patch(f"{path}{place}", {field: None}, etag="*")
            assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, [f"body.{field}"])


async def test_an_offer_is_added_listed_changed(api: ApiClient) -> None:
    lottery_id = await add_lottery(api)
    offers = f"/v1/lotteries/{lottery_id}/offers"
    body = {"offer_id": "book-6", "label": "6 x ticket book $10.00", "price": 1000, "currency": "AUD"}
    added = await api.post(offers, body, key="k")
    assert (added.status, added.body["price"], added.body["active"]) == (201, 1000, True)
    again = await api.post(offers, body, key="k2")
    assert (again.status, again.body["code"]) == (409, "offer_exists")
    changed = await api.patch(f"{offers}/book-6", {"price": 1200, "active": False}, etag=added.headers["Etag"])
    assert (changed.body["price"], changed.body["label"], changed.body["active"]) == (1200, body["label"], False)
    assert [each["offer_id"] for each in (await api.get(offers)).body["items"]] == ["book-6"]
    assert (await api.get(offers, active="true")).body["items"] == []
    assert (await api.get(f"{offers}/none")).body["code"] == "offer_not_found"


async def test_the_clock_opens_and_closes_a_draw(api: ApiClient) -> None:
    lottery_id = await add_lottery(api)
    await add_draw(api, lottery_id, 1, opens_at=at(hours=12))
    await add_draw(api, lottery_id, 2)
    await add_draw(api, lottery_id, 3, closes_at=at(days=-1))
    listed = (await api.get(f"/v1/lotteries/{lottery_id}/draws")).body["items"]
    states = {each["draw_number"]: each["state"] for each in listed}
    assert states == {1: "scheduled", 2: "open", 3: "closed"}
    for number, state in states.items():
        chosen = (await api.get(f"/v1/lotteries/{lottery_id}/draws", state=state)).body["items"]
        assert [each["draw_number"] for each in chosen] == [number]
    draw = f"/v1/lotteries/{lottery_id}/draws/2"
    etag = (await api.get(draw)).headers["Etag"]
    moved = await api.patch(draw, {"closes_at": at(minutes=-1)}, etag=etag)
    assert (moved.status, moved.body["state"]) == (200, "closed")


async def test_a_draw_is_drawn_once_and_only_after_it_closed(api: ApiClient) -> None:
    lottery_id = await add_lottery(api)
    await add_draw(api, lottery_id, 1)
    await add_draw(api, lottery_id, 2, closes_at=at(days=-1))
    body = {"confirm": True, "reason": "numbers are out"}
    early = await api.post(f"/v1/lotteries/{lottery_id}/draws/1/drawing", body, key="k1")
    assert (early.status, early.body["code"]) == (409, "draw_not_closed")
    drawn = await api.post(f"/v1/lotteries/{lottery_id}/draws/2/drawing", body, key="k2")
    assert (drawn.status, drawn.body["state"], drawn.body["decided_by"]) == (200, "drawn", "tester")
    again = await api.post(f"/v1/lotteries/{lottery_id}/draws/2/drawing", body, key="k3")
    assert (again.status, again.body["code"]) == (409, "draw_already_drawn")
    moved = await api.patch(f"/v1/lotteries/{lottery_id}/draws/2", {"draw_at": at(days=1)}, etag="*")
    assert (moved.status, moved.body["code"]) == (409, "draw_already_drawn")
    asked = await api.post(f"/v1/lotteries/{lottery_id}/draws/2/drawing", {"reason": "x"}, key="k4")
    assert (asked.status, asked.body["errors"][0]["field"]) == (422, "body.confirm")


@pytest.mark.parametrize(
    ("times", "field"),
    [
        ({"opens_at": at(days=1)}, "body.opens_at"),
        ({"closes_at": at(days=3)}, "body.closes_at"),
        ({"draw_at": "2026-01-01T00:00:00"}, "body.draw_at"),
    ],
)
async def test_times_that_contradict_each_other_are_named(api: ApiClient, times: dict[str, str], field: str) -> None:
    lottery_id = await add_lottery(api)
    answer = await add_draw(api, lottery_id, 1, **times)
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, field)


@pytest.mark.requirement("T8")
async def test_purchases_teach_what_nobody_set_up(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(
        purchase("c1", "o1", "t1", ticket("t2", lottery="Car Draw", draw_number=318, offer_id="book-3", price=500))
    )
    listed = (await api.get("/v1/lotteries")).body["items"]
    assert [(each["name"], each["origin"]) for each in listed] == [("Car Draw", "event"), ("Saturday Lotto", "event")]
    draws = (await api.get(f"/v1/lotteries/{listed[0]['lottery_id']}/draws")).body["items"]
    assert [(each["draw_number"], each["closes_at"], each["state"]) for each in draws] == [
        (318, ticket("t2")["draw_closes_at"], "open")
    ]
    offers = (await api.get(f"/v1/lotteries/{listed[0]['lottery_id']}/offers")).body["items"]
    assert [(each["offer_id"], each["price"], each["currency"]) for each in offers] == [("book-3", 500, "AUD")]


@pytest.mark.requirement("T8")
async def test_a_purchase_overwrites_nothing(partition: Partition, api: ApiClient) -> None:
    lottery_id = await add_lottery(api, "Saturday Lotto", cancellation_window_minutes=5)
    await add_draw(api, lottery_id, 4521)
    offer = {"offer_id": "book-6", "label": "Six", "price": 1100, "currency": "AUD"}
    await api.post(f"/v1/lotteries/{lottery_id}/offers", offer, key="k")
    await partition.deliver(purchase("c1", "o1", "t1"))
    lottery = (await api.get(f"/v1/lotteries/{lottery_id}")).body
    assert (lottery["cancellation_window_minutes"], lottery["origin"]) == (5, "api")
    draw = (await api.get(f"/v1/lotteries/{lottery_id}/draws/4521")).body
    assert (draw["closes_at"], draw["origin"]) == (at(days=1), "api")
    assert (await api.get(f"/v1/lotteries/{lottery_id}/offers/book-6")).body["price"] == 1100


async def test_batches_that_learn_the_same_at_once_all_succeed(partition: Partition) -> None:
    await asyncio.gather(
        *(
            partition.deliver_beside(
                *(
                    purchase(f"c{n}", f"o{n}-{m}", ticket(f"t{n}-{m}", draw_number=(m * (1 if n % 2 else -1)) % 20))
                    for m in range(20)
                )
            )
            for n in range(6)
        )
    )
    assert await partition.fetch("select count(*) from draws") == [(20,)]


async def test_the_database_chooses_the_draws_of_a_state_as_the_rules_name_it(
    partition: Partition, api: ApiClient
) -> None:
    lottery_id = await add_lottery(api)
    await add_draw(api, lottery_id, 1, opens_at=at(hours=1))
    await add_draw(api, lottery_id, 2)
    for number in (3, 4):
        await add_draw(api, lottery_id, number, closes_at=at(days=-1))
    await add_draw(api, lottery_id, 5)
    body = {"confirm": True, "reason": "as planned"}
    await api.post(f"/v1/lotteries/{lottery_id}/draws/4/drawing", body, key="drawn")
    await api.post(f"/v1/lotteries/{lottery_id}/draws/5/cancellation", body, key="cancelled")
    states = dict(enumerate(DrawState, start=1))
    async with partition.database.read() as connection:
        now = await database_time(connection)
        for wanted in [None, *DrawState]:
            listed = await store.draws(
                connection, "House Draw", store.DrawFilter(wanted), now=now, after=None, limit=10
            )
            assert {draw.draw_number: draw.state(now) for draw in listed} == {
                number: state for number, state in states.items() if wanted in (None, state)
            }


async def test_who_may_change_draws(api: ApiClient) -> None:
    for role in ("viewer", "agent", "supervisor"):
        answer = await api.post("/v1/lotteries", {"name": "x"}, key="k", role=role)
        assert (answer.status, answer.body["permission"]) == (403, "draws:write")
    assert (await api.get("/v1/lotteries", role="viewer")).status == 200


async def test_each_change_is_audited(partition: Partition, api: ApiClient) -> None:
    lottery_id = await add_lottery(api)
    await add_draw(api, lottery_id, 1, closes_at=at(days=-1))
    draw = f"/v1/lotteries/{lottery_id}/draws/1"
    await api.patch(draw, {"draw_at": at(days=3)}, etag="*")
    await api.post(f"{draw}/drawing", {"confirm": True, "reason": "numbers are out"}, key="k", subject="ann")
    rows = await partition.fetch(
        "select actor, action, object_id, before, after, reason from audit_entries order by id"
    )
    assert [row[1] for row in rows] == ["lotteries.add", "draws.add", "draws.edit", "draws.draw"]
    assert rows[-1] == (
        "ann", "draws.draw", f"{lottery_id}/1", {"outcome": None}, {"outcome": "drawn"}, "numbers are out",
    )  # fmt: skip
    assert set(rows[2][3]) == {"draw_at"}
