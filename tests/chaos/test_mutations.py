"""Each claim of the messaging core holds, and fails when the mechanism behind it is switched off.

A claim whose check passes either way would prove nothing. The mechanisms are switched off here, in the test's process,
and nowhere in the product.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partialmethod
from typing import Any

import pytest

from shared.contracts import Event
from shared.db import Connection
from shared.messaging import Received, Relay, processor
from shared.messaging.breaker import Breaker
from shared.messaging.progress import Move
from tests.chaos import claims
from tests.support import messaging
from tests.support.messaging import Probe


@dataclass(frozen=True)
class Mutation:
    """A mechanism, the claim that rests on it, and how to do without it."""

    mechanism: str
    claim: Callable[[Probe], Awaitable[None]]
    switch_off: Callable[[pytest.MonkeyPatch], None]


def _without_inbox(patch: pytest.MonkeyPatch) -> None:
    async def claim_all(
        _connection: Connection, *, consumer: str, events: Sequence[Received[Event]]
    ) -> list[Received[Event]]:
        return list(events)

    patch.setattr(processor, "claim_events", claim_all)


def _without_compare_and_set(patch: pytest.MonkeyPatch) -> None:
    async def set_offsets(connection: Connection, *, consumer: str, moves: Sequence[Move]) -> None:
        await connection.executemany(
            "update consumer_offsets set next_offset = $4 where consumer = $1 and topic = $2 and partition = $3",
            [(consumer, move.topic, move.partition, move.target) for move in moves],
        )

    patch.setattr(processor, "move_offsets", set_offsets)


def _without_relay_lock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Relay, "__init__", partialmethod(Relay.__init__, exclusive=False))


def _without_parking(patch: pytest.MonkeyPatch) -> None:
    async def nobody(_connection: Connection, *, consumer: str, keys: Sequence[str]) -> set[str]:
        return set()

    patch.setattr(processor, "parked_keys", nobody)


def _without_customer_lock(patch: pytest.MonkeyPatch) -> None:
    async def lock_nothing(_connection: Connection, _keys: Sequence[str]) -> None:
        return

    patch.setattr(messaging, "lock_customers", lock_nothing)


def _without_breaker(patch: pytest.MonkeyPatch) -> None:
    def ignore(_self: Breaker, _event_type: str) -> None:
        return

    patch.setattr(Breaker, "failed", ignore)


MUTATIONS = (
    Mutation("inbox", claims.duplicates_take_effect_once, _without_inbox),
    Mutation("compare-and-set", claims.a_zombie_commits_nothing, _without_compare_and_set),
    Mutation("relay lock", claims.each_event_is_published_once, _without_relay_lock),
    Mutation("parking", claims.later_events_wait_behind_a_dead_letter, _without_parking),
    Mutation("customer lock", claims.publishing_follows_the_order_of_commits, _without_customer_lock),
    Mutation("breaker", claims.a_bad_deploy_stops, _without_breaker),
)


def _named(mutation: Any) -> str:
    return str(mutation.mechanism).replace(" ", "-")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=_named)
async def test_the_claim_holds(probe: Probe, mutation: Mutation) -> None:
    await mutation.claim(probe)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=_named)
async def test_the_claim_fails_without_its_mechanism(
    probe: Probe, mutation: Mutation, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutation.switch_off(monkeypatch)
    with pytest.raises(AssertionError):
        await mutation.claim(probe)
