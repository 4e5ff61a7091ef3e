"""What all contracts have in common: the event base class, the registry and the value types."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from shared.contracts.moments import WrittenOut
from shared.money import LARGEST_BALANCE, known_currency

# PostgreSQL's text cannot hold U+0000, so no contract lets it in.
NO_NUL = r"^[^\x00]*$"

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=NO_NUL)]
EmailAddress = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")]
PhoneNumber = Annotated[str, StringConstraints(min_length=3, max_length=40, pattern=r"^[0-9+() ./-]+$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
# What others say: the first movement fixes the currency of an account, so a mistyped one must not come in.
KnownCurrency = Annotated[Currency, AfterValidator(known_currency)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
MinorUnits = Annotated[int, Field(ge=0, le=1_000_000_000_000, description="Money in minor units")]
SignedMinorUnits = Annotated[
    int, Field(ge=-LARGEST_BALANCE, le=LARGEST_BALANCE, description="Minor units, may be negative")
]
Points = Annotated[int, Field(ge=0, le=1_000_000_000_000)]
# The ends of the calendar cannot be moved to every zone, and what cannot be read is worse than what is refused.
FIRST_MOMENT, END_OF_TIME = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
Moment = Annotated[AwareDatetime, Field(ge=FIRST_MOMENT, lt=END_OF_TIME), WrittenOut()]
PaymentMethod = Literal["card", "bank_transfer", "cash", "balance"]

_registry: dict[str, type["Event"]] = {}


class Contract(BaseModel):
    """A value inside an event: strict about types, silent about fields it does not know, immutable."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Event(Contract):
    """An event of one customer. Subclasses name their CloudEvents type, their topic and one example.

    `type` ends in the major version (`.v1`): a change that an older reader cannot take gets a new type.
    """

    type: ClassVar[str]
    topic: ClassVar[str]
    example: ClassVar[dict[str, Any]]

    def key(self) -> str:
        """The id of the customer: Kafka's message key, so that one writer handles one customer in order."""
        raise NotImplementedError

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        event_type = cls.__dict__.get("type")
        if event_type is not None:
            if event_type in _registry:
                raise TypeError(f"two contracts claim the event type {event_type}")
            _registry[event_type] = cls


class CustomerEvent(Event):
    """An event that names its customer in `customer_id`."""

    customer_id: Identifier

    def key(self) -> str:
        """The customer's id."""
        return self.customer_id


def registry() -> dict[str, type[Event]]:
    """All contracts by event type."""
    return dict(_registry)


def event_types() -> set[str]:
    """The event types without their version, to tell an unknown version from an unknown type."""
    return {name.rsplit(".v", 1)[0] for name in _registry}


def topics() -> dict[str, list[type[Event]]]:
    """All contracts by topic."""
    found: dict[str, list[type[Event]]] = {}
    for contract in _registry.values():
        found.setdefault(contract.topic, []).append(contract)
    return found
