"""The operations on the dead letters of the service that serves them."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from shared import audit
from shared.audit import Change
from shared.dead_letters.models import (
    GroupDiscarded,
    GroupQuery,
    GroupReplayed,
    Letter,
    LetterDetail,
    LetterGroup,
    LetterGroups,
    LetterPath,
    LetterQuery,
    Settled,
    SettleGroupRequest,
    SettleRequest,
)
from shared.messaging import Transaction, UnitOfWork
from shared.messaging.deferred import parked_count
from shared.messaging.operator import (
    LetterSummary,
    Outcome,
    dead_in_group,
    discard_letters,
    get_letter,
    letter_groups,
    list_letters,
    replay_letters,
)
from shared.messaging.processor import Processor
from shared.web import Keyset, Page, ProblemType, RenderedReply, RequestContext, operation

LETTER_NOT_FOUND = ProblemType(404, "dead_letter_not_found", "There is no such dead letter")
LETTER_SETTLED = ProblemType(409, "dead_letter_settled", "The dead letter was replayed or discarded before")

_NEWEST_FIRST = Keyset(tuple[datetime, UUID])
_TAGS = ("dead letters",)

Settle = Callable[..., Awaitable[list[Outcome]]]


class DeadLettersApi:
    """Lists, shows and settles dead letters, and tells who settled them."""

    def __init__(self, unit_of_work: UnitOfWork, processor: Processor) -> None:
        self._unit_of_work = unit_of_work
        self._database = unit_of_work.database
        self._processor = processor

    @operation(
        "GET", "/v1/dead-letters/groups", permission="dead_letters:read",
        summary="Dead letters by cause", tags=_TAGS,
    )  # fmt: skip
    async def dead_letter_groups(self, query: GroupQuery) -> LetterGroups:
        """The largest groups first. Letters of a group share topic, type, code and the shape of the detail."""
        async with self._database.read() as connection:
            groups = await letter_groups(connection, state=query.state)
        return LetterGroups(items=[LetterGroup.model_validate(group) for group in groups])

    @operation(
        "GET", "/v1/dead-letters", permission="dead_letters:read", summary="Dead letters", tags=_TAGS,
    )  # fmt: skip
    async def dead_letters(self, ctx: RequestContext, query: LetterQuery) -> Page[Letter]:
        """Letters without their content, the newest first."""
        async with self._database.read() as connection:
            rows = await list_letters(
                connection,
                state=query.state,
                fingerprint=query.fingerprint,
                before=_NEWEST_FIRST.position(ctx, query),
                limit=query.limit + 1,
            )
        return _NEWEST_FIRST.page(
            ctx, query, rows, key=lambda row: (row.created_at, row.id), item=Letter.model_validate
        )

    @operation(
        "GET", "/v1/dead-letters/{letter_id}", permission="dead_letters:read",
        summary="A dead letter with its record", tags=_TAGS, problems=(LETTER_NOT_FOUND,),
    )  # fmt: skip
    async def dead_letter(self, path: LetterPath) -> LetterDetail:
        """The record as it came: it may hold personal data."""
        async with self._database.read() as connection:
            letter = await get_letter(connection, path.letter_id)
            if letter is None:
                raise _not_found(path.letter_id)
            parked = 0
            if letter.ordering_key is not None:
                parked = await parked_count(connection, consumer=letter.consumer, key=letter.ordering_key)
        return LetterDetail.of(letter, parked_events=parked)

    @operation(
        "POST", "/v1/dead-letters/{letter_id}/replay", permission="dead_letters:manage", idempotent=True,
        summary="Apply a dead letter again", tags=_TAGS, problems=(LETTER_NOT_FOUND, LETTER_SETTLED),
    )  # fmt: skip
    async def replay_dead_letter(
        self, ctx: RequestContext, path: LetterPath, body: SettleRequest
    ) -> RenderedReply[Settled]:
        """Applies it, then what waits behind it, in order. When it fails again its state stays `dead`."""
        return await self._settle_one(ctx, path.letter_id, body, replay_letters, "dead_letters.replay")

    @operation(
        "POST", "/v1/dead-letters/{letter_id}/discard", permission="dead_letters:manage", idempotent=True,
        summary="Give a dead letter up", tags=_TAGS, problems=(LETTER_NOT_FOUND, LETTER_SETTLED),
    )  # fmt: skip
    async def discard_dead_letter(
        self, ctx: RequestContext, path: LetterPath, body: SettleRequest
    ) -> RenderedReply[Settled]:
        """It will never be applied; what waits behind it is applied now, in order."""
        return await self._settle_one(ctx, path.letter_id, body, discard_letters, "dead_letters.discard")

    @operation(
        "POST", "/v1/dead-letters/replay", permission="dead_letters:manage", idempotent=True,
        summary="Apply a group of dead letters again, step by step", tags=_TAGS,
    )  # fmt: skip
    async def replay_dead_letter_group(
        self, ctx: RequestContext, body: SettleGroupRequest
    ) -> RenderedReply[GroupReplayed]:
        """Replays the oldest letters of a group; repeat with `next_after` until it is null."""
        async with self._unit_of_work.begin() as transaction:

            async def effect() -> GroupReplayed:
                states, after = await self._step(ctx, transaction, body, replay_letters, "dead_letters.replay")
                return GroupReplayed(
                    replayed=states.count("replayed"), still_dead=states.count("dead"), next_after=after
                )

            return await ctx.once(transaction.connection, effect)

    @operation(
        "POST", "/v1/dead-letters/discard", permission="dead_letters:manage", idempotent=True,
        summary="Give a group of dead letters up, step by step", tags=_TAGS,
    )  # fmt: skip
    async def discard_dead_letter_group(
        self, ctx: RequestContext, body: SettleGroupRequest
    ) -> RenderedReply[GroupDiscarded]:
        """Discards the oldest letters of a group; repeat with `next_after` until it is null."""
        async with self._unit_of_work.begin() as transaction:

            async def effect() -> GroupDiscarded:
                states, after = await self._step(ctx, transaction, body, discard_letters, "dead_letters.discard")
                return GroupDiscarded(discarded=states.count("discarded"), next_after=after)

            return await ctx.once(transaction.connection, effect)

    async def _step(
        self, ctx: RequestContext, transaction: Transaction, body: SettleGroupRequest, settle: Settle, action: str
    ) -> tuple[list[str], UUID | None]:
        """The states of the letters that nobody else settled meanwhile, and behind which one to go on."""
        step, has_more = await dead_in_group(
            transaction.connection, body.fingerprint, after=body.after, limit=body.limit
        )
        outcomes = await self._settle(ctx, transaction, step, body.note, settle, action)
        states = [outcome.after.state for outcome in outcomes if not outcome.was_settled]
        return [*states], step[-1] if has_more else None

    async def _settle_one(
        self, ctx: RequestContext, letter_id: UUID, body: SettleRequest, settle: Settle, action: str
    ) -> RenderedReply[Settled]:
        async with self._unit_of_work.begin() as transaction:

            async def effect() -> Settled:
                outcomes = await self._settle(ctx, transaction, [letter_id], body.note, settle, action)
                if not outcomes:
                    raise _not_found(letter_id)
                if outcomes[0].was_settled:
                    raise LETTER_SETTLED(f"The letter is {outcomes[0].before.state} already.")
                return Settled.model_validate(outcomes[0].after)

            return await ctx.once(transaction.connection, effect)

    async def _settle(
        self,
        ctx: RequestContext,
        transaction: Transaction,
        letter_ids: Sequence[UUID],
        note: str,
        settle: Settle,
        action: str,
    ) -> list[Outcome]:
        actor = ctx.principal.subject
        outcomes = await settle(self._processor, transaction, letter_ids, actor=actor, note=note)
        changes = [_change(outcome, action, note) for outcome in outcomes if not outcome.was_settled]
        await audit.record_all(transaction.connection, [(ctx, change) for change in changes])
        return outcomes


def _change(outcome: Outcome, action: str, note: str) -> Change:
    return Change(
        action,
        f"dead_letter:{outcome.before.id}",
        customer_id=outcome.before.ordering_key,
        before=_facts(outcome.before),
        after=_facts(outcome.after),
        reason=note,
    )


def _facts(letter: LetterSummary) -> dict[str, Any]:
    return {"state": letter.state, "attempts": letter.attempts, "code": letter.code}


def _not_found(letter_id: UUID) -> Exception:
    return LETTER_NOT_FOUND(f"No dead letter of this service has the id {letter_id}.")
