"""What the platform says after the faults: over its public APIs, in the mail folder, and what is left in its queues."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import aiohttp
import asyncpg
from aiokafka import TopicPartition

from deploy.local.mailserver.mailbox import Mailbox
from deploy.local.stack import Stack
from shared.messaging import KafkaSettings, Received
from shared.messaging.follow import follow
from shared.messaging.kafka import make_consumer
from tests.chaos.calling import gather_in_turn
from tests.chaos.catalogue import Catalogue
from tests.support.messaging import eventually

AT_ONCE = 16
HELD_STATES = ("pending", "approved", "rejected")
LEFTOVERS = ("outbox", "dead_letters", "parked_keys", "parked_events")


async def published_purchases(kafka: KafkaSettings) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Every record of the topic, as it stands there: the purchases, and the prizes."""
    purchases: list[dict[str, Any]] = []
    prizes: list[dict[str, Any]] = []
    async for item in follow(kafka, "purchases", from_beginning=True, to_present=True):
        assert isinstance(item, Received), item
        record = item.record
        (prizes if ".prize." in item.type else purchases).append(
            {
                "partition": record.partition,
                "offset": record.offset,
                "event_id": item.id,
                "type": item.type,
                "data": json.loads(record.value or b""),
            }
        )
    return purchases, prizes


class Quiet:
    """Quiet: all that was published is applied, all that was committed is published, no mail or report waits."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
        self._client = make_consumer(self._kafka, group=None, client_id="chaos-quiet")
        self.waiting_for = ""

    async def wait(self, *, seconds: float) -> float:
        """Seconds until it is quiet. Raises TimeoutError when it does not become so; `waiting_for` says why."""
        started = time.monotonic()
        await self._client.start()
        try:
            await eventually(self._is_quiet, seconds=seconds)
        finally:
            await self._client.stop()
        return time.monotonic() - started

    async def _is_quiet(self) -> bool:
        # A report may come long after its mail, and has to be applied once the mail server has published it.
        return await self._services_are_done() and await self._all_is_reported() and await self._services_are_done()

    async def _services_are_done(self) -> bool:
        # Outboxes first: what is published after the look at the offsets would otherwise be missed.
        reasons = await asyncio.gather(*(self._left_in(service) for service in self._stack.config.services))
        self.waiting_for = "; ".join(reason for reason in reasons if reason)
        return not self.waiting_for

    async def _all_is_reported(self) -> bool:
        reports = await asyncio.to_thread(self._unpublished_reports)
        self.waiting_for = f"mail: {reports} reports to publish" if reports else ""
        return not reports

    def _unpublished_reports(self) -> int:
        mailbox = Mailbox(self._stack.config.state_dir / "mail", slow_seconds=0)
        return sum(len(journal.pending) for journal in mailbox.journals())

    async def _left_in(self, service: str) -> str:
        connection = await asyncpg.connect(self._stack.database_url(service))
        try:
            outbox = await connection.fetchval("select count(*) from outbox")
            offsets = await connection.fetch("select topic, partition, next_offset from consumer_offsets")
            own = await connection.fetchval(_UNFINISHED[service]) if service in _UNFINISHED else 0
        finally:
            await connection.close()
        behind = await self._behind(offsets)
        return f"{service}: {outbox} to publish, {behind} to apply, {own} unfinished" if outbox + behind + own else ""

    async def _behind(self, offsets: Sequence[Any]) -> int:
        ends = await self._client.end_offsets([self._partition(*row[:2]) for row in offsets])
        return sum(max(0, ends[self._partition(*row[:2])] - row[2]) for row in offsets)

    def _partition(self, topic: str, partition: int) -> TopicPartition:
        return TopicPartition(self._kafka.full_name(topic), partition)


_UNFINISHED = {
    "tickets": """select
        (select count(*) from tickets where state in ('purchased', 'cancelling'))
        + (select count(*) from bulk_cancellations where state <> 'completed')
        + (select count(*) from autoplays where recheck)
        + (select count(*) from autoplay_runs r join autoplays a using (customer_id, autoplay_id)
           where r.state = 'pending' or (r.state = 'retrying' and a.state in ('active', 'retrying')))
        + (select count(*) from draws d
           where d.outcome is distinct from 'cancelled'
             and exists (select from autoplays a where a.lottery = d.lottery and a.state in ('active', 'retrying')
                             and a.running_since < d.closes_at)
             and not exists (select from autoplay_draws w where w.lottery = d.lottery
                                 and w.draw_number = d.draw_number and w.finished_at is not null))""",
    "notifications": """select (select count(*) from outgoing)
        + (select count(*) from correspondence where status = 'pending')""",
}


class Observer:
    """Reads everything about every customer."""

    def __init__(self, stack: Stack, http: aiohttp.ClientSession) -> None:
        self._stack = stack
        self._http = http
        self._customers: dict[str, dict[str, Any]] = {}

    async def observe(self, customers: Sequence[str], catalogue: Catalogue) -> dict[str, Any]:
        """The document that the model compares with."""
        await gather_in_turn([lambda name=name: self._customer(name) for name in customers], at_once=AT_ONCE)  # type: ignore[misc]
        await gather_in_turn(
            [
                lambda seen=seen, ticket=row["ticket_id"]: self._timeline(seen, ticket)  # type: ignore[misc]
                for seen in self._customers.values()
                for row in seen["tickets"]
            ],
            at_once=AT_ONCE,
        )
        leftovers = {service: await self._leftovers(service) for service in self._stack.config.services}
        known, total = await self._accounts()
        held = [await self._all("accounts", "/v1/withdrawals", state=state) for state in HELD_STATES]
        return {
            "customers": self._customers,
            "mails": await asyncio.to_thread(self._mails),
            "held_withdrawals": [each for some in held for each in some or ()],
            "bulk_cancellations": await self._bulk_cancellations(),
            "merges": await self._merges(),
            "draws": await self._all("tickets", f"/v1/lotteries/{catalogue.cancelled}/draws"),
            "autoplay_draws": await self._all("tickets", f"/v1/lotteries/{catalogue.autoplay}/draws"),
            "leftovers": leftovers,
            "known_customers": known,
            "sum_of_balances": total,
        }

    async def _customer(self, name: str) -> None:
        path = f"/v1/customers/{name}"
        transactions = await self._all("accounts", f"{path}/transactions")
        if transactions is None:
            return
        points = await self._all("loyalty", f"{path}/points/history") or []
        lists = {
            "tickets": await self._all("tickets", f"{path}/orders") or [],
            "autoplays": await self._all("tickets", f"{path}/autoplays") or [],
            "correspondence": await self._all("notifications", f"{path}/correspondence") or [],
        }
        keys = {"tickets": "ticket_id", "autoplays": "autoplay_id", "correspondence": "id"}
        own = {what: [row for row in rows if row["customer_id"] == name] for what, rows in lists.items()}
        self._customers[name] = {
            "transactions": transactions[::-1],
            "balance": await self._get("accounts", f"{path}/balance"),
            "profile": await self._get("accounts", path),
            "united": {what: [row[keys[what]] for row in rows] for what, rows in lists.items()},
            "tickets": own["tickets"],
            "timelines": {},
            "autoplays": await self._autoplays(own["autoplays"]),
            "points": points[::-1],
            "points_balance": await self._get("loyalty", f"{path}/points"),
            "correspondence": own["correspondence"],
        }

    async def _timeline(self, seen: dict[str, Any], ticket: str) -> None:
        entries = await self._all("tickets", f"/v1/tickets/{ticket}/timeline") or []
        seen["timelines"][ticket] = entries[::-1]

    async def _autoplays(self, autoplays: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Each with its runs and its timeline."""
        for autoplay in autoplays:
            path = f"/v1/autoplays/{autoplay['autoplay_id']}"
            autoplay["runs"] = await self._all("tickets", f"{path}/runs")
            autoplay["timeline"] = (await self._all("tickets", f"{path}/timeline") or [])[::-1]
        return autoplays

    async def _merges(self) -> list[dict[str, Any]]:
        """What the audit trail says of merges and partings, oldest first."""
        actions = ("customers.merge", "customers.unmerge")
        found = [await self._all("accounts", "/v1/audit", action=action) for action in actions]
        return sorted((entry for some in found for entry in some or []), key=lambda entry: str(entry["id"]))

    async def _bulk_cancellations(self) -> list[dict[str, Any]]:
        """All jobs, each with the tickets that it refused."""
        path = "/v1/bulk-cancellations"
        jobs = await self._all("tickets", path) or []
        for job in jobs:
            job["refusals"] = await self._all("tickets", f"{path}/{job['bulk_id']}/refusals")
        return jobs

    async def _all(self, service: str, path: str, **query: str) -> list[dict[str, Any]] | None:
        """All pages of a list; None when there is no such thing."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = await self._get(service, path, **query, **({"cursor": cursor} if cursor else {}), limit="100")
            if page is None:
                return None
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items

    async def _get(self, service: str, path: str, **query: str) -> Any:
        async with self._http.get(self._stack.service_url(service) + path, params=query) as response:
            if response.status == 404:
                return None
            response.raise_for_status()
            return await response.json()

    def _mails(self) -> list[dict[str, Any]]:
        mailbox = Mailbox(self._stack.config.state_dir / "mail", slow_seconds=0)
        return [
            {
                "message_id": journal.message_id, "customer_id": journal.customer_id, "subject": journal.subject,
                "recipients": journal.recipients,
            }
            for journal in mailbox.journals()
        ]  # fmt: skip

    async def _leftovers(self, service: str) -> dict[str, int]:
        connection = await asyncpg.connect(self._stack.database_url(service))
        try:
            return {
                table: await connection.fetchval(f"select count(*) from {table}")  # noqa: S608 - constants
                for table in LEFTOVERS
            }
        finally:
            await connection.close()

    async def _accounts(self) -> tuple[list[str], int]:
        connection = await asyncpg.connect(self._stack.database_url("accounts"))
        try:
            known = await connection.fetch("select customer_id from customers")
            total = await connection.fetchval("select coalesce(sum(balance), 0)::bigint from accounts")
            return [row[0] for row in known], total
        finally:
            await connection.close()
