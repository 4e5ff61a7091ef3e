"""Until when a ticket can be cancelled: its draw's closing time, the lottery's window, and what became of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.http import ApiClient
from tests.support.partition import Partition
from tests.support.tickets import debited, payment_refused, purchase, states, ticket

pytestmark = pytest.mark.requirement("T5")

BODY = {"reason": "Customer bought the wrong draw", "confirm": True}


def times(**closes_in: float) -> dict[str, Any]:
    closes = datetime.now(UTC) + timedelta(**closes_in)
    return {"draw_closes_at": closes.isoformat(), "draw_at": (closes + timedelta(hours=1)).isoformat()}


async def lottery_of(api: ApiClient) -> str:
    return str((await api.get("/v1/lotteries")).body["items"][0]["lottery_id"])


async def test_after_the_draw_closed_it_is_too_late(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", ticket("t1", **times(seconds=-1))), debited("c1", "o1"))
    preview = (await api.get("/v1/tickets/t1/cancellation/preview")).body
    assert (preview["possible"], preview["code"], preview["amount"]) == (False, "draw_closed", 1000)
    answer = await api.post("/v1/tickets/t1/cancellation", BODY, key="k1")
    assert (answer.status, answer.body["code"]) == (409, "draw_closed")
    assert answer.body["cancellable_until"] is not None
    assert await states(partition) == {"t1": "paid"}


async def test_the_window_of_a_lottery_ends_it_earlier(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", ticket("t1", **times(minutes=20)), ticket("t2", **times(hours=2))))
    lottery = f"/v1/lotteries/{await lottery_of(api)}"
    assert (await api.get("/v1/tickets/t1/cancellation/preview")).body["possible"] is True
    await api.patch(lottery, {"cancellation_window_minutes": 30}, etag="*")
    answer = await api.post("/v1/tickets/t1/cancellation", BODY, key="k1")
    assert (answer.status, answer.body["code"]) == (409, "cancellation_window_over")
    await api.patch(lottery, {"cancellation_window_minutes": 10}, etag="*")
    assert (await api.post("/v1/tickets/t1/cancellation", BODY, key="k1")).status == 202


async def test_the_times_that_somebody_set_for_the_draw_count(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", ticket("t1", **times(hours=1)), ticket("t2", **times(hours=1))))
    draw = f"/v1/lotteries/{await lottery_of(api)}/draws/4521"
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    assert (await api.patch(draw, {"closes_at": past}, etag="*")).status == 200
    assert (await api.post("/v1/tickets/t1/cancellation", BODY, key="k1")).body["code"] == "draw_closed"
    assert (await api.post(f"{draw}/drawing", {"confirm": True}, key="d")).status == 200
    drawn = await api.post("/v1/tickets/t1/cancellation", BODY, key="k1")
    assert (drawn.status, drawn.body["code"]) == (409, "draw_drawn")


@pytest.mark.requirement("T9", "T1", "T2")
async def test_tickets_follow_their_draw_when_it_is_moved(partition: Partition, api: ApiClient) -> None:
    sold = times(hours=1)
    other = ticket("t2", draw_number=9, **times(hours=2))
    await partition.deliver(purchase("c1", "o1", ticket("t1", **sold), other), debited("c1", "o1"))
    draw = f"/v1/lotteries/{await lottery_of(api)}/draws/4521"
    before = await api.get("/v1/tickets/t1")
    ends, latest = "2020-01-01T08:00:00Z", "2126-11-28T09:30:00Z"
    for closes_at, draw_at, archived in (("2020-01-01T07:00:00Z", ends, True), (ends, latest, False)):
        moved = await api.patch(draw, {"closes_at": closes_at, "draw_at": draw_at}, etag="*")
        assert moved.status == 200
        detail = await api.get("/v1/tickets/t1")
        assert (detail.body["draw_at"], detail.body["draw_closes_at"]) == (draw_at, closes_at)
        assert detail.headers["Etag"] != before.headers["Etag"]
        preview_of = (await api.get("/v1/tickets/t1/cancellation/preview")).body
        assert (preview_of["code"], preview_of["cancellable_until"]) == ("draw_closed", closes_at)
        history = (await api.get("/v1/customers/c1/orders", archived=str(archived).lower())).body["items"]
        assert ("t1", draw_at, archived) in [(item["ticket_id"], item["draw_at"], item["archived"]) for item in history]
        order = (await api.get("/v1/orders/o1")).body["tickets"]
        assert [item["draw_at"] for item in order] == [draw_at, other["draw_at"].replace("+00:00", "Z")]
    by_date = (await api.get("/v1/customers/c1/orders", sort="draw_at", limit=1)).body
    assert [item["ticket_id"] for item in by_date["items"]] == ["t1"]
    rest = (await api.get("/v1/customers/c1/orders", sort="draw_at", cursor=by_date["next_cursor"])).body["items"]
    assert [item["ticket_id"] for item in rest] == ["t2"]
    since = (await api.get("/v1/customers/c1/orders", drawn_since="2126-01-01T00:00:00Z")).body["items"]
    assert [item["ticket_id"] for item in since] == ["t1"]
    await api.patch(draw, {"closes_at": latest}, etag="*")
    assert (await api.post("/v1/tickets/t1/cancellation", BODY, key="k1")).status == 202


async def test_a_ticket_of_a_cancelled_draw_can_be_cancelled_however_late(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", ticket("t1", **times(days=-3))))
    draw = f"/v1/lotteries/{await lottery_of(api)}/draws/4521"
    body = {"reason": "machine broken", "confirm": True, "cancel_tickets": False}
    cancelled = await api.post(f"{draw}/cancellation", body, key="d")
    assert (cancelled.status, cancelled.body["draw"]["state"], cancelled.body["bulk"]) == (202, "cancelled", None)
    assert (await api.post("/v1/tickets/t1/cancellation", BODY, key="k1")).status == 202


async def test_its_own_status_is_told_before_the_draws(partition: Partition, api: ApiClient) -> None:
    closed = times(days=-1)
    await partition.deliver(purchase("c1", "o1", ticket("t1", **closed)), payment_refused("c1", "o1"))
    assert (await api.post("/v1/tickets/t1/cancellation", BODY, key="k1")).body["code"] == "ticket_in_limbo"
    preview = (await api.get("/v1/tickets/t1/cancellation/preview")).body
    assert (preview["code"], preview["status"]) == ("ticket_in_limbo", "limbo")
    assert (await api.get("/v1/tickets/none/cancellation/preview")).status == 404


async def preview(api: ApiClient, ticket_id: str) -> dict[str, Any]:
    return dict((await api.get(f"/v1/tickets/{ticket_id}/cancellation/preview")).body)


async def test_what_a_preview_showed_is_confirmed_by_its_token(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1", "t2"), debited("c1", "o1"))
    token = (await preview(api, "t1"))["confirmation_token"]
    body = {"reason": "wrong draw", "confirmation_token": token}
    for other, subject in (("t2", "tester"), ("t1", "somebody-else")):
        refused = await api.post(f"/v1/tickets/{other}/cancellation", body, key=f"{other}-{subject}", subject=subject)
        assert (refused.status, refused.body["code"]) == (409, "confirmation_outdated")
    assert await states(partition) == {"t1": "paid", "t2": "paid"}
    accepted = await api.post("/v1/tickets/t1/cancellation", body, key="k1")
    assert (accepted.status, accepted.body["status"]) == (202, "cancelling")
    assert (await api.post("/v1/tickets/t1/cancellation", body, key="k1")).body == accepted.body
    again = await api.post("/v1/tickets/t1/cancellation", body, key="k2")
    assert (again.status, again.body["code"]) == (409, "confirmation_outdated")
    assert (await preview(api, "t1"))["confirmation_token"] is None


async def test_a_token_of_another_status_is_outdated(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    body = {"reason": "wrong draw", "confirmation_token": (await preview(api, "t1"))["confirmation_token"]}
    await partition.deliver(debited("c1", "o1"))
    refused = await api.post("/v1/tickets/t1/cancellation", body, key="k1")
    assert (refused.status, refused.body["code"]) == (409, "confirmation_outdated")
    # What a token says has to hold, whatever else confirms it.
    assert (await api.post("/v1/tickets/t1/cancellation", body | {"confirm": True}, key="k1")).status == 409
    assert await states(partition) == {"t1": "paid"}
    assert await partition.fetch("select 1 from cancellations") == []
    missing = await api.post("/v1/tickets/none/cancellation", body, key="k1")
    assert (missing.status, missing.body["code"]) == (404, "ticket_not_found")


@pytest.mark.parametrize(
    ("confirmation", "field"),
    [
        ({}, "body.confirm"),
        ({"confirm": None}, "body.confirm"),
        ({"confirm": False}, "body.confirm"),
        ({"confirm": 1}, "body.confirm"),
        ({"confirmation_token": "made up"}, "body.confirmation_token"),
    ],
)
async def test_a_cancellation_without_confirmation_is_refused(
    api: ApiClient, confirmation: dict[str, Any], field: str
) -> None:
    answer = await api.post("/v1/tickets/t1/cancellation", {"reason": "wrong draw"} | confirmation, key="k1")
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, [field])
