"""What an audit entry is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Self
from uuid import UUID

from shared.web import RequestContext


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and in which request."""

    subject: str
    role: str
    request_id: str

    @classmethod
    def of(cls, context: RequestContext) -> Self:
        """The caller of a request."""
        principal = context.principal
        return cls(principal.subject, str(principal.role or "none"), context.request_id)


@dataclass(frozen=True, slots=True)
class Change:
    """What a person did: `action` is `<what>.<verb>`, `object` is `<kind>:<id>`.

    `before` and `after` hold JSON values by field; `personal` names the fields that an erasure takes away.
    """

    action: str
    object: str
    customer_id: str | None = None
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    personal: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.personal and self.customer_id is None:
            raise ValueError("personal fields belong to a customer")

    def differing(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The fields of `before` and of `after` that are not the same in both."""
        before, after = self.before, self.after
        return (
            {name: value for name, value in before.items() if name not in after or after[name] != value},
            {name: value for name, value in after.items() if name not in before or before[name] != value},
        )


class Entry(NamedTuple):
    """An audit entry as it is stored; personal values that were erased are missing."""

    id: UUID
    at: datetime
    actor: str
    role: str
    action: str
    object_kind: str
    object_id: str
    customer_id: str | None
    before: dict[str, Any]
    after: dict[str, Any]
    personal_fields: list[str]
    reason: str | None
    request_id: str
