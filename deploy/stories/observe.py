"""Watching a customer over all four services: what changed since the last look, as steps a person can read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from deploy.stories.platform import Platform, UnexpectedAnswerError

POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Step:
    """Something that happened, `seconds` after the story began."""

    seconds: float
    service: str
    text: str


Show = Callable[[Step], None]


@dataclass
class View:
    """A customer as the four services show it now, the newest entries first."""

    tickets: list[dict[str, Any]] = field(default_factory=list)
    transactions: list[dict[str, Any]] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    correspondence: list[dict[str, Any]] = field(default_factory=list)

    def statuses(self) -> dict[str, str]:
        """Ticket statuses by ticket id."""
        return {ticket["ticket_id"]: ticket["status"] for ticket in self.tickets}

    def balance(self) -> int:
        """The running balance of the newest booked entry, in minor units."""
        booked = [entry for entry in self.transactions if entry["status"] == "booked"]
        return int(booked[0]["balance"]) if booked else 0

    def points_balance(self) -> int:
        """The points left after the newest entry."""
        return int(self.points[0]["balance"]) if self.points else 0

    def mail_statuses(self) -> dict[str, str]:
        """The status of each correspondence by its subject."""
        return {mail["subject"]: mail["status"] for mail in self.correspondence}


async def look(platform: Platform, customer_id: str) -> View:
    """Ask all four services at once."""
    customer = f"/v1/customers/{customer_id}"
    found = await asyncio.gather(
        platform.items("tickets", f"{customer}/orders"),
        platform.items("accounts", f"{customer}/transactions"),
        platform.items("loyalty", f"{customer}/points/history"),
        platform.items("notifications", f"{customer}/correspondence"),
    )
    return View(*found)


class Observer:
    """Looks again and again, and shows each change once."""

    def __init__(self, platform: Platform, customer_id: str, show: Show) -> None:
        self._platform = platform
        self._customer_id = customer_id
        self._show = show
        self._started = time.monotonic()
        self._seen: dict[tuple[str, str], str] = {}
        self.view = View()

    def say(self, service: str, text: str) -> None:
        """Show a step of the story itself."""
        self._show(Step(time.monotonic() - self._started, service, text))

    async def until(self, condition: Callable[[View], bool], *, what: str, seconds: float = 30.0) -> View:
        """Watch until the condition holds. Raises TimeoutError, naming `what`, when it does not in time."""
        try:
            async with asyncio.timeout(seconds):
                while not condition(await self._look()):  # noqa: ASYNC110 - the view lives in other processes
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise TimeoutError(f"{what}: not seen within {seconds:.0f} s; seen: {self.view}") from None
        return self.view

    async def _look(self) -> View:
        try:
            self.view = await look(self._platform, self._customer_id)
        except (aiohttp.ClientError, UnexpectedAnswerError) as error:
            # A service that restarts, or whose database does, is looked at again.
            if isinstance(error, UnexpectedAnswerError) and error.status != 503:
                raise
            return self.view
        for describe in (self._tickets, self._transactions, self._points, self._correspondence):
            describe()
        return self.view

    def _tickets(self) -> None:
        for ticket in reversed(self.view.tickets):
            text = f"{ticket['lottery']} draw {ticket['draw_number']}, ticket {ticket['ticket_id']}: "
            self._changed("tickets", ticket["ticket_id"], ticket["status"], text)

    def _transactions(self) -> None:
        for entry in reversed(self.view.transactions):
            amounts = f"{_money(entry, 'amount_in', '+')}{_money(entry, 'amount_out', '-')}"
            line = f"{entry['kind']} {amounts}, balance {int(entry['balance']) / 100:.2f} ({entry['description']})"
            self._changed("accounts", str(entry["entry_id"]), line)

    def _points(self) -> None:
        for entry in reversed(self.view.points):
            line = f"{entry['kind']} {entry['points']:+d} points, {entry['balance']} now (ticket {entry['ticket_id']})"
            self._changed("loyalty", str(entry["id"]), line)

    def _correspondence(self) -> None:
        for mail in reversed(self.view.correspondence):
            text = f"“{mail['subject']}” to {mail['recipient_address']}: "
            self._changed("notifications", str(mail["id"]), mail["status"], text)

    def _changed(self, service: str, identity: str, now: str, prefix: str = "") -> None:
        before = self._seen.get((service, identity))
        if before != now:
            self._seen[service, identity] = now
            self.say(service, prefix + (f"{before} → {now}" if before else now))


def _money(entry: Mapping[str, Any], name: str, sign: str) -> str:
    return f"{sign}{int(entry[name]) / 100:.2f}" if entry.get(name) else ""
