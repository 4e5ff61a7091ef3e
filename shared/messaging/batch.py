"""What a handler is given and what a service declares about it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from shared.contracts import Event
from shared.db import Connection
from shared.messaging.outbox import Prepared
from shared.messaging.records import Received
from shared.messaging.unit_of_work import Transaction

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event that its handler cannot apply, now or ever: `code` is stable, `detail` is for people."""

    event: Received[Event]
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Wait:
    """An event that came before its cause."""

    event: Received[Event]
    cause: str
    timeout: timedelta | None


class Batch(Generic[E]):
    """Events of one type, in order per customer, and the transaction to apply them in.

    A handler applies all of them with set-based SQL. It may `reject` an event (it becomes a dead letter, the others
    go on), let it `wait` for a cause, and say which causes have `arrived`. An exception undoes the whole
    transaction; the consumer then finds the event that causes it and makes that one a dead letter.
    """

    def __init__(self, transaction: Transaction, events: Sequence[Received[E]]) -> None:
        self.transaction = transaction
        self.events = events
        self.rejections: list[Rejection] = []
        self.waits: list[Wait] = []
        self.causes: list[str] = []

    @property
    def connection(self) -> Connection:
        """The open transaction's connection."""
        return self.transaction.connection

    def publish(self, event: Event | Prepared, *, cause: Received[E]) -> None:
        """Publish an event when the transaction commits, as a consequence of `cause`."""
        self.transaction.publish(event, cause=cause)

    def reject(self, event: Received[E], code: str, detail: str) -> None:
        """Make the event a dead letter. What the handler wrote for it stays its own affair: write nothing."""
        self.rejections.append(Rejection(event, code, detail))

    def wait(self, event: Received[E], cause: str, *, timeout: timedelta | None = None) -> None:
        """Keep the event until `cause` arrives; after `timeout` it comes back with `overdue` set."""
        self.waits.append(Wait(event, cause, timeout))

    def arrived(self, *causes: str) -> None:
        """Say that these causes are in effect: events that wait for them follow in this transaction."""
        self.causes.extend(causes)


Apply = Callable[[Batch[E]], Awaitable[None]]
Lock = Callable[[Connection, Sequence[str]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Handler(Generic[E]):
    """How a service applies one type of event.

    `ordered` says that later events of a customer must wait when one of this type becomes a dead letter.
    """

    contract: type[E]
    apply: Apply[E]
    ordered: bool = True


AnyHandler = Handler[Any]
