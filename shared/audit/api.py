"""The audit trail over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.audit import store
from shared.audit.entries import Entry
from shared.contracts.base import NO_NUL, Identifier
from shared.db import Database
from shared.web import Instant, Keyset, Page, PageQuery, RequestContext, ResponseModel, operation, require_order

_BY_ID = Keyset(tuple[UUID])
Word = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=NO_NUL)]


class AuditQuery(PageQuery):
    """Which entries."""

    actor: Word | None = Field(default=None, description="Only what this person did: the subject of the token.")
    action: Annotated[str, StringConstraints(pattern=r"^[a-z_]+(\.[a-z_]+)+$", max_length=100)] | None = Field(
        default=None, description="Only this action, such as `ledger.withdraw`."
    )
    object: Annotated[str, StringConstraints(pattern=r"^[a-z_]+:[^\x00]+$", max_length=255)] | None = Field(
        default=None, description="Only what was done to this object: `<kind>:<id>`."
    )
    customer_id: Identifier | None = Field(default=None, description="Only what concerns this customer.")
    since: Instant | None = Field(default=None, description="Not before this time.")
    until: Instant | None = Field(default=None, description="Before this time.")

    _in_order = require_order(("since", "until"))

    def filters(self) -> store.Filters:
        """The same for the store."""
        kind, _, object_id = (self.object or "").partition(":")
        return store.Filters(
            actor=self.actor,
            action=self.action,
            objects=(kind, [object_id]) if self.object else None,
            customer_id=self.customer_id,
            since=self.since,
            until=self.until,
        )


class AuditEntry(ResponseModel):
    """Who did what, when and why. `before` and `after` have what changed, `erased_fields` what was erased since."""

    id: UUID
    at: datetime
    actor: str
    role: str
    action: str
    object: str
    customer_id: str | None
    before: dict[str, Any]
    after: dict[str, Any]
    erased_fields: list[str]
    reason: str | None
    request_id: str

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """The entry as HTTP shows it."""
        fields = entry._asdict() | {
            "object": f"{entry.object_kind}:{entry.object_id}",
            "erased_fields": [
                name for name in entry.personal_fields if name not in entry.before and name not in entry.after
            ],
        }
        return cls.model_validate(fields)


class AuditApi:
    """Reads the audit trail of the service that serves it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @operation("GET", "/v1/audit", permission="audit:read", summary="Who changed what", tags=("audit",))
    async def audit_trail(self, ctx: RequestContext, query: AuditQuery) -> Page[AuditEntry]:
        """Every change by a person, the newest first."""
        (before,) = _BY_ID.position(ctx, query) or (None,)
        async with self._database.read() as connection:
            found = await store.entries(connection, query.filters(), before=before, limit=query.limit + 1)
        return _BY_ID.page(ctx, query, found, key=lambda entry: (entry.id,), item=AuditEntry.of)
