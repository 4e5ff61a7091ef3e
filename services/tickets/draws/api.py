"""Operations on draws."""

from dataclasses import replace
from datetime import datetime

from services.tickets.autoplay.run_store import walk_again
from services.tickets.clock import database_time
from services.tickets.draws import store
from services.tickets.draws.catalogue import LOTTERY_NOT_FOUND, existing_lottery
from services.tickets.draws.domain import Draw, DrawEvent, DrawRefused, DrawState, Lottery, decide
from services.tickets.draws.models import DrawAction, DrawChanges, DrawPath, DrawQuery, DrawView, LotteryPath, NewDraw
from shared import audit
from shared.db import Connection
from shared.messaging import UnitOfWork
from shared.web import Keyset, Page, ProblemType, RenderedReply, Reply, RequestContext, etag_of, operation, wrong_field

DRAW_NOT_FOUND = ProblemType(404, "draw_not_found", "No such draw")
DRAW_EXISTS = ProblemType(409, "draw_exists", "The lottery has a draw of this number")
DRAW_REFUSALS = {
    DrawRefused.NOT_CLOSED: ProblemType(409, DrawRefused.NOT_CLOSED, "The draw is not closed yet"),
    DrawRefused.ALREADY_DRAWN: ProblemType(409, DrawRefused.ALREADY_DRAWN, "The draw was drawn"),
    DrawRefused.ALREADY_CANCELLED: ProblemType(409, DrawRefused.ALREADY_CANCELLED, "The draw was cancelled"),
}
_LATEST_FIRST = Keyset(tuple[datetime, int])
_NAMES = (LOTTERY_NOT_FOUND, DRAW_NOT_FOUND)


async def existing_draw(connection: Connection, path: DrawPath, *, lock: bool = False) -> tuple[Lottery, Draw]:
    """The draw that a path names. Raises Problem: 404 `lottery_not_found` or `draw_not_found`.

    `lock` holds its lottery too, and first: what AutoPlays buy of it now, they buy by the draws as they are.
    """
    lottery = await existing_lottery(connection, path.lottery_id, lock=lock)
    draw = await store.draw(connection, lottery.lottery, path.draw_number, lock=lock)
    if draw is None:
        raise DRAW_NOT_FOUND(f"{lottery.lottery} has no draw {path.draw_number}.")
    return lottery, draw


class DrawsApi:
    """Draws: listed, scheduled, moved, drawn, cancelled."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work
        self._database = unit_of_work.database

    @operation("GET", "/v1/lotteries/{lottery_id}/draws", permission="draws:read", summary="Draws of a lottery",
               tags=("draws",), problems=(LOTTERY_NOT_FOUND,))  # fmt: skip
    async def list_draws(self, ctx: RequestContext, path: LotteryPath, query: DrawQuery) -> Page[DrawView]:
        """The latest first; the state is that of this moment by the database's clock."""
        after = _LATEST_FIRST.position(ctx, query)
        wanted = store.DrawFilter(query.state, query.since, query.until)
        async with self._database.read() as connection:
            lottery = await existing_lottery(connection, path.lottery_id)
            now = await database_time(connection)
            found = await store.draws(connection, lottery.lottery, wanted, now=now, after=after, limit=query.limit + 1)
        return _LATEST_FIRST.page(
            ctx, query, found, key=lambda row: (row.draw_at, row.draw_number),
            item=lambda row: DrawView.of(lottery, row, now),
        )  # fmt: skip

    @operation("POST", "/v1/lotteries/{lottery_id}/draws", permission="draws:write", status=201, idempotent=True,
               summary="Schedule a draw", tags=("draws",), problems=(LOTTERY_NOT_FOUND, DRAW_EXISTS))  # fmt: skip
    async def add_draw(self, ctx: RequestContext, path: LotteryPath, body: NewDraw) -> RenderedReply[DrawView]:
        """A draw that a purchase named before is changed instead."""
        _check_times(body.opens_at, body.closes_at, body.draw_at)
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection

            async def add() -> Reply[DrawView]:
                lottery = await existing_lottery(connection, path.lottery_id)
                added = await store.add_draw(
                    connection, lottery.lottery, body.draw_number, opens_at=body.opens_at, closes_at=body.closes_at,
                    draw_at=body.draw_at,
                )  # fmt: skip
                if added is None:
                    raise DRAW_EXISTS(
                        f"{lottery.lottery} has a draw {body.draw_number}.",
                        errors=[{"field": "body.draw_number", "message": "Already in use."}],
                    )
                await audit.record(connection, ctx, change_of("draws.add", lottery, None, added))
                now = await database_time(connection)
                return _reply(lottery, added, now, location=True)

            return await ctx.once(connection, add)

    @operation("GET", "/v1/lotteries/{lottery_id}/draws/{draw_number}", permission="draws:read", summary="A draw",
               tags=("draws",), problems=_NAMES)  # fmt: skip
    async def get_draw(self, path: DrawPath) -> Reply[DrawView]:
        """A draw as it stands now; its ETag changes with its state too."""
        async with self._database.read() as connection:
            lottery, draw = await existing_draw(connection, path)
            return _reply(lottery, draw, await database_time(connection))

    @operation("PATCH", "/v1/lotteries/{lottery_id}/draws/{draw_number}", permission="draws:write", if_match=True,
               summary="Move a draw", tags=("draws",), problems=(*_NAMES, *DRAW_REFUSALS.values()))  # fmt: skip
    async def change_draw(self, ctx: RequestContext, path: DrawPath, body: DrawChanges) -> Reply[DrawView]:
        """From then on its tickets show its times and are archived and cancellable by them, however they were sold."""
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            lottery, before = await existing_draw(connection, path, lock=True)
            now = await database_time(connection)
            _require_etag(ctx, before, now)
            refuse(before, DrawEvent.RESCHEDULED, now)
            given = body.model_dump(exclude_none=True)
            if "opens_at" in body.model_fields_set:
                given["opens_at"] = body.opens_at
            after = replace(before, **given)
            _check_times(after.opens_at, after.closes_at, after.draw_at)
            if after != before:
                after = await store.save_draw(connection, after)
                await walk_again(connection, lottery.lottery)
                await audit.record(connection, ctx, change_of("draws.edit", lottery, before, after))
            return _reply(lottery, after, now)

    @operation("POST", "/v1/lotteries/{lottery_id}/draws/{draw_number}/drawing", permission="draws:write",
               idempotent=True, summary="Say that a draw was drawn", tags=("draws",),
               problems=(*_NAMES, *DRAW_REFUSALS.values()))  # fmt: skip
    async def complete_draw(self, ctx: RequestContext, path: DrawPath, body: DrawAction) -> RenderedReply[DrawView]:
        """Only a draw that is closed; its tickets can be cancelled no more."""
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection

            async def complete() -> Reply[DrawView]:
                lottery, before = await existing_draw(connection, path, lock=True)
                now = await database_time(connection)
                refuse(before, DrawEvent.DRAWN, now)
                after = await store.save_draw(
                    connection, decided(before, DrawState.DRAWN, now, ctx.principal.subject, body.reason)
                )
                await audit.record(connection, ctx, change_of("draws.draw", lottery, before, after))
                return _reply(lottery, after, now)

            return await ctx.once(connection, complete)


def refuse(draw: Draw, event: DrawEvent, now: datetime) -> None:
    """Raise Problem: 409 with the code of the refusal, when the table of states refuses the event."""
    if (refusal := decide(draw, event, now)) is not None:
        raise DRAW_REFUSALS[refusal](f"Draw {draw.draw_number} of {draw.lottery} is {draw.state(now)}.")


def decided(draw: Draw, outcome: DrawState, now: datetime, by: str, reason: str | None) -> Draw:
    """The draw, drawn or cancelled."""
    return replace(draw, outcome=outcome, decided_at=now, decided_by=by, reason=reason)


def change_of(action: str, lottery: Lottery, before: Draw | None, after: Draw) -> audit.Change:
    """What was done with a draw, for the audit trail."""
    names = ("opens_at", "closes_at", "draw_at", "outcome")
    return audit.Change(
        action,
        f"draw:{lottery.lottery_id}/{after.draw_number}",
        before={name: getattr(before, name) for name in names} if before else {},
        after={name: getattr(after, name) for name in names},
        reason=after.reason,
    )


def _check_times(opens_at: datetime | None, closes_at: datetime, draw_at: datetime) -> None:
    if opens_at is not None and opens_at >= closes_at:
        raise wrong_field("body.opens_at", "Not before closes_at.")
    if closes_at > draw_at:
        raise wrong_field("body.closes_at", "Later than draw_at.")


def _etag(draw: Draw, now: datetime) -> str:
    # The clock changes the state and not the version.
    return f'"{draw.version}.{draw.state(now)}"'


def _require_etag(ctx: RequestContext, draw: Draw, now: datetime) -> None:
    tags = ctx.if_match or frozenset()
    if _etag(draw, now) not in tags and etag_of(draw.version) not in tags:
        ctx.require_version(draw.version)


def _reply(lottery: Lottery, draw: Draw, now: datetime, *, location: bool = False) -> Reply[DrawView]:
    place = f"/v1/lotteries/{lottery.lottery_id}/draws/{draw.draw_number}"
    headers = {"ETag": _etag(draw, now)} | ({"Location": place} if location else {})
    return Reply(DrawView.of(lottery, draw, now), headers=headers)
