"""AutoPlays over HTTP: created, shown, changed, paused, resumed, skipped, cancelled."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.contracts import (
    AutoplayCancelled,
    AutoplayChanged,
    AutoplayCreated,
    AutoplayPaused,
    AutoplayResumed,
    AutoplaySkipped,
)
from tests.support.autoplays import BODY, LOTTERY, OFFER, act, create, customer, detail, open_shop, runner, settle_down
from tests.support.http import ApiClient
from tests.support.partition import Partition

pytestmark = pytest.mark.requirement("T7")


@pytest.fixture
async def shop(partition: Partition) -> Partition:
    """A known customer, and a lottery whose draws are not due yet."""
    return await open_shop(partition, 1, 30, 54, 78)


async def test_a_new_autoplay_shows_its_next_run_and_cost(shop: Partition, api: ApiClient) -> None:
    answer = await create(api, spending_limit=5000)
    assert answer.status == 201
    body = answer.body
    assert answer.headers["Location"] == f"/v1/autoplays/{body['autoplay_id']}"
    assert await detail(api, body["autoplay_id"]) == body
    assert (body["status"], body["time_zone"], body["spent_this_month"]) == ("active", "Australia/Brisbane", 0)
    upcoming = body["next_run"]
    assert (upcoming["draw_number"], upcoming["cost"], upcoming["currency"]) == (1, 2000, "AUD")
    closes, runs = (datetime.fromisoformat(upcoming[name]) for name in ("draw_closes_at", "runs_at"))
    assert closes - runs == timedelta(hours=24)
    listed = (await api.get("/v1/customers/c1/autoplays")).body["items"]
    assert listed == [{name: body[name] for name in listed[0]}]
    assert (await api.get("/v1/customers/c1/autoplays", status="cancelled")).body["items"] == []
    (event,) = await shop.published(AutoplayCreated)
    assert (event["customer_id"], event["autoplay_id"]) == ("c1", body["autoplay_id"])
    assert (event["terms"]["lottery"], event["terms"]["games"], event["terms"]["spending_limit"]) == (LOTTERY, 2, 5000)


async def test_lists_page_and_the_same_key_creates_once(shop: Partition, api: ApiClient) -> None:
    first = await create(api, key="k0")
    assert (await create(api, key="k0")).body == first.body
    ids = [first.body["autoplay_id"]] + [(await create(api, key=f"k{n}")).body["autoplay_id"] for n in range(1, 5)]
    page = (await api.get("/v1/customers/c1/autoplays", limit=3)).body
    rest = (await api.get("/v1/customers/c1/autoplays", limit=3, cursor=page["next_cursor"])).body
    assert [each["autoplay_id"] for each in page["items"] + rest["items"]] == sorted(ids, reverse=True)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lottery": "None"}, "body.lottery"),
        ({"offer_id": "none"}, "body.offer_id"),
        ({"games": 0}, "body.games"),
        ({"time_zone": "Mars/Olympus"}, "body.time_zone"),
        ({"time_zone": "right/Europe/London"}, "body.time_zone"),
        ({"payment_method": "cash"}, "body.payment_method"),
        ({"spending_limit": -1}, "body.spending_limit"),
        ({"schedule": {"cadence": "weekdays"}}, "body.schedule.weekdays"),
        ({"schedule": {"cadence": "weekdays", "weekdays": []}}, "body.schedule.weekdays"),
        ({"schedule": {"cadence": "weekdays", "weekdays": ["monday", "funday"]}}, "body.schedule.weekdays.1"),
        ({"schedule": {"cadence": "monthly", "day_of_month": 32}}, "body.schedule.day_of_month"),
        ({"schedule": {"cadence": "every_draw", "every": 3}}, "body.schedule.every"),
        ({"schedule": {"cadence": "hourly"}}, "body.schedule"),
        ({"colour": "red"}, "body.colour"),
    ],
)
async def test_what_is_wrong_is_named(shop: Partition, api: ApiClient, changes: dict[str, Any], field: str) -> None:
    answer = await create(api, **changes)
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, [field])
    assert (await api.get("/v1/customers/c1/autoplays")).body["items"] == []


async def test_only_customers_who_are_known_and_may_play(shop: Partition, api: ApiClient) -> None:
    await shop.deliver(customer("c2", status="suspended"))
    unknown, suspended = await create(api, "c3"), await create(api, "c2")
    assert (unknown.status, unknown.body["code"]) == (404, "customer_not_found")
    assert (suspended.status, suspended.body["code"]) == (409, "customer_not_active")
    viewer = await api.post("/v1/customers/c1/autoplays", BODY, key="v", role="viewer")
    assert (viewer.status, viewer.body["permission"]) == (403, "subscriptions:write")
    for path in ("", "/runs", "/timeline"):
        missing = await api.get(f"/v1/autoplays/none{path}")
        assert (missing.status, missing.body["code"]) == (404, "autoplay_not_found")


async def test_terms_change_for_draws_to_come(shop: Partition, api: ApiClient) -> None:
    created = await create(api, spending_limit=5000)
    path = f"/v1/autoplays/{created.body['autoplay_id']}"
    changes = {
        "games": 3, "payment_method": "card", "spending_limit": None, "time_zone": "Europe/Berlin",
        "schedule": {"cadence": "every_nth", "every": 2, "first_draw_number": 2}, "reason": "Customer asked for it",
    }  # fmt: skip
    unseen = await api.patch(path, changes, etag=None)
    assert (unseen.status, unseen.body["code"]) == (428, "precondition_required")
    after = await api.patch(path, changes, etag=created.headers["Etag"], role="agent", subject="agent-7")
    assert after.status == 200
    body = after.body
    assert (body["games"], body["payment_method"], body["spending_limit"]) == (3, "card", None)
    assert (body["time_zone"], body["offer_id"]) == ("Europe/Berlin", OFFER)
    assert (body["next_run"]["draw_number"], body["next_run"]["cost"]) == (2, 3000)
    late = await api.patch(path, {"games": 9}, etag=created.headers["Etag"])
    assert (late.status, late.headers["Etag"]) == (412, after.headers["Etag"])
    for field in ("offer_id", "games", "schedule", "payment_method"):
        taken = await api.patch(path, {field: None}, etag=after.headers["Etag"])
        assert (taken.status, taken.body["errors"][0]["field"]) == (422, f"body.{field}")
    wrong = await api.patch(path, {"offer_id": "none"}, etag=after.headers["Etag"])
    assert (wrong.status, wrong.body["errors"][0]["field"]) == (422, "body.offer_id")
    same = await api.patch(path, {"games": 3, "reason": "Asked again"}, etag=after.headers["Etag"])
    assert (same.status, same.body, same.headers["Etag"]) == (200, after.body, after.headers["Etag"])
    (event,) = await shop.published(AutoplayChanged)
    assert (event["terms"]["games"], event["reason"]) == (3, "Customer asked for it")
    audited = await shop.fetch(
        "select actor, action, object_id, customer_id, before, after from audit_entries order by id"
    )
    assert [(row[1], row[2], row[3]) for row in audited] == [
        (action, created.body["autoplay_id"], "c1") for action in ("autoplays.create", "autoplays.change")
    ]
    assert (audited[1][0], audited[1][4]["games"], audited[1][5]["games"]) == ("agent-7", 2, 3)


async def test_the_timeline_says_what_became_different(shop: Partition, api: ApiClient) -> None:
    created = await create(api, spending_limit=5000)
    autoplay_id = created.body["autoplay_id"]
    await api.patch(f"/v1/autoplays/{autoplay_id}", {"games": 3, "spending_limit": None}, etag=created.headers["Etag"])
    until = (datetime.now(UTC) + timedelta(days=3)).date()
    paused = (await act(api, autoplay_id, "pause", {"until": until.isoformat()})).body
    await act(api, autoplay_id, "pause", {})
    await act(api, autoplay_id, "resumption", {})
    items = (await api.get(f"/v1/autoplays/{autoplay_id}/timeline")).body["items"]
    end = datetime.fromisoformat(paused["resumes_at"]).isoformat()
    assert [(item["event"], item["before"], item["after"]) for item in items[:-1]] == [
        ("resumed", {}, {}),
        ("paused", {"resumes_at": end}, {"resumes_at": None}),
        ("paused", {"resumes_at": None}, {"resumes_at": end}),
        ("changed", {"games": 2, "spending_limit": 5000}, {"games": 3, "spending_limit": None}),
    ]
    begun = items[-1]["after"]
    assert (items[-1]["event"], begun["offer_id"], begun["games"], begun["spending_limit"]) == (
        "created",
        OFFER,
        2,
        5000,
    )


async def test_a_pause_has_an_end_or_none(shop: Partition, api: ApiClient) -> None:
    autoplay_id = (await create(api)).body["autoplay_id"]
    # Whatever the time of day: between 38 and 62 hours from now, after the first draw and before the last.
    until = (datetime.now(UTC) + timedelta(days=3)).date()
    paused = await act(api, autoplay_id, "pause", {"reason": "On holiday", "until": until.isoformat()})
    assert (paused.status, paused.body["status"], paused.body["reason"]) == (200, "paused", "On holiday")
    # Midnight in Brisbane.
    assert paused.body["resumes_at"] == f"{until - timedelta(days=1)}T14:00:00Z"
    assert paused.body["next_run"]["draw_number"] > 1
    open_ended = await act(api, autoplay_id, "pause", {})
    assert (open_ended.body["resumes_at"], open_ended.body["next_run"]) == (None, None)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    past = await act(api, autoplay_id, "pause", {"until": yesterday})
    assert (past.status, past.body["errors"][0]["field"]) == (422, "body.until")
    resumed = await act(api, autoplay_id, "resumption", {"reason": "Back"})
    assert (resumed.body["status"], resumed.body["code"], resumed.body["next_run"]["draw_number"]) == (
        "active",
        None,
        1,
    )
    again = await act(api, autoplay_id, "resumption", {})
    assert (again.status, again.body["code"]) == (409, "autoplay_not_paused")
    pauses = await shop.published(AutoplayPaused)
    assert [(each["code"], each.get("until") is None) for each in pauses] == [("paused", False), ("paused", True)]
    assert [each["reason"] for each in await shop.published(AutoplayResumed)] == ["Back"]


async def test_a_pause_ends_by_itself(shop: Partition, api: ApiClient) -> None:
    autoplay_id = (await create(api)).body["autoplay_id"]
    until = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    await act(api, autoplay_id, "pause", {"until": until})
    assert await runner(shop).end_pauses() == 0
    async with shop.unit_of_work.begin() as transaction:
        await transaction.connection.execute("update autoplays set resume_at = now()")
    assert [await runner(shop).end_pauses() for _ in range(2)] == [1, 0]
    assert (await detail(api, autoplay_id))["status"] == "active"
    newest = (await api.get(f"/v1/autoplays/{autoplay_id}/timeline")).body["items"][0]
    assert (newest["event"], newest["actor"]) == ("pause_elapsed", "recourse/tickets")


async def test_the_next_draw_is_skipped_and_then_the_one_after_it(shop: Partition, api: ApiClient) -> None:
    autoplay_id = (await create(api)).body["autoplay_id"]
    seen = (await api.get(f"/v1/autoplays/{autoplay_id}")).headers["Etag"]
    for _ in range(2):
        # The same key and the ETag of before: a repetition, not a second skip.
        skipped = await api.post(f"/v1/autoplays/{autoplay_id}/skips", {"reason": "Away"}, key="s1", etag=seen)
        assert (skipped.status, skipped.body["next_run"]["draw_number"]) == (200, 2)
    assert (await act(api, autoplay_id, "skips", {})).body["next_run"]["draw_number"] == 3
    last = await act(api, autoplay_id, "skips", {})
    assert (last.status, last.body["next_run"]) == (200, None)
    none = await act(api, autoplay_id, "skips", {})
    assert (none.status, none.body["code"]) == (409, "no_next_draw")
    assert [each["draw_number"] for each in await shop.published(AutoplaySkipped)] == [1, 2, 3]
    runs = (await api.get(f"/v1/autoplays/{autoplay_id}/runs")).body["items"]
    assert [(run["draw_number"], run["status"]) for run in runs] == [(3, "skipped"), (2, "skipped"), (1, "skipped")]
    await settle_down(runner(shop))
    assert (await api.get(f"/v1/autoplays/{autoplay_id}/runs")).body["items"] == runs


async def test_a_cancelled_autoplay_stays_cancelled(shop: Partition, api: ApiClient) -> None:
    autoplay_id = (await create(api)).body["autoplay_id"]
    reasonless = await act(api, autoplay_id, "cancellation", {})
    assert (reasonless.status, reasonless.body["errors"][0]["field"]) == (422, "body.reason")
    cancelled = await act(api, autoplay_id, "cancellation", {"reason": "Moves abroad"})
    assert (cancelled.body["status"], cancelled.body["reason"]) == ("cancelled", "Moves abroad")
    assert cancelled.body["next_run"] is None
    for action in ("pause", "resumption", "skips"):
        refused = await act(api, autoplay_id, action, {})
        assert (refused.status, refused.body["code"]) == (409, "autoplay_cancelled")
    (event,) = await shop.published(AutoplayCancelled)
    assert (event["code"], event["reason"], event["actor"]) == ("cancelled", "Moves abroad", "agent-7")
    items = (await api.get(f"/v1/autoplays/{autoplay_id}/timeline")).body["items"]
    assert [(item["sequence"], item["event"], item["actor"]) for item in items] == [
        (2, "cancelled", "agent-7"), (1, "created", "tester"),
    ]  # fmt: skip
    assert [item["reason"] for item in items] == ["Moves abroad", None]
