"""What a handler gets of its request besides the validated models."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
from aiohttp import web

from shared.db import Connection
from shared.web.auth import Principal
from shared.web.etag import check_if_match
from shared.web.idempotency import IdempotencyRaceError, IdempotentRequest, Outcome, claim, record
from shared.web.personal import SEES_PERSONAL_DATA, masked
from shared.web.problems import Problem
from shared.web.replies import RenderedReply, Reply

T = TypeVar("T")

REQUEST_ID = web.RequestKey("request_id", str)
_PAGE_PARAMETERS = frozenset({"cursor", "limit"})


@dataclass(slots=True)
class RequestContext:
    """One request to one operation: who asks, under which ids, and how to answer it once."""

    http_request: web.Request
    operation_id: str
    principal: Principal
    request_id: str
    renderer: Callable[[Any], RenderedReply[Any]]
    idempotency: IdempotentRequest | None = None
    if_match: frozenset[str] | None = None
    path_values: Mapping[str, str] = field(default_factory=dict)

    @property
    def idempotent_request(self) -> IdempotentRequest:
        """The request under its Idempotency-Key; the operation is declared `idempotent`."""
        if self.idempotency is None:
            raise TypeError(f"operation {self.operation_id} is not declared idempotent")
        return self.idempotency

    @property
    def list_identity(self) -> bytes:
        """Operation, path and filters: what a cursor of this list is bound to."""
        request = self.http_request
        filters = sorted(pair for pair in request.query.items() if pair[0] not in _PAGE_PARAMETERS)
        return orjson.dumps([self.operation_id, dict(self.path_values), filters])

    def require_version(self, version: int) -> None:
        """Refuse an edit of anything but what the caller has seen; call it with the row locked.

        Raises:
            Problem: 412 `precondition_failed`.
        """
        if self.if_match is not None:
            check_if_match(self.if_match, version)

    @property
    def sees_personal_data(self) -> bool:
        """Whether personal fields are clear to the caller."""
        return SEES_PERSONAL_DATA in self.principal.permissions

    def visible(self, value: T) -> T:
        """The value as the caller may see it: for what an operation renders itself."""
        return value if self.sees_personal_data else masked(value)

    def render(self, content: T | Reply[T]) -> RenderedReply[T]:
        """The answer as bytes, to record it with its effect."""
        return self.renderer(content)

    async def once(self, connection: Connection, effect: Callable[[], Awaitable[T | Reply[T]]]) -> RenderedReply[T]:
        """Run `effect` once per Idempotency-Key, in this transaction; its answer, or the recorded one.

        Raises:
            Problem: 422 `idempotency_key_reused`, or what the effect raises (then nothing is recorded).
            IdempotencyRaceError: another process was first with the key: roll back and run again.
        """
        request = self.idempotent_request
        (earlier,) = await claim(connection, [request])
        if isinstance(earlier, Problem):
            raise earlier
        if earlier is not None:
            return earlier
        try:
            reply = self.render(await effect())
        except Problem:
            # Refused perhaps because another process did it under this key, while the effect waited for a lock.
            if (await claim(connection, [request]))[0] is not None:
                raise IdempotencyRaceError from None
            raise
        await record(connection, [Outcome(request, reply)])
        return reply
