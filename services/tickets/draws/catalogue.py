"""Operations on lotteries and their game offers."""

from dataclasses import replace
from datetime import timedelta

from services.tickets.draws import store
from services.tickets.draws.domain import Lottery, Offer
from services.tickets.draws.models import (
    LotteryChanges,
    LotteryPath,
    LotteryQuery,
    LotteryView,
    NewLottery,
    NewOffer,
    OfferChanges,
    OfferPath,
    OfferQuery,
    OfferView,
)
from shared import audit
from shared.db import Connection
from shared.messaging import UnitOfWork
from shared.web import Keyset, Page, ProblemType, RenderedReply, Reply, RequestContext, operation

LOTTERY_NOT_FOUND = ProblemType(404, "lottery_not_found", "No such lottery")
LOTTERY_EXISTS = ProblemType(409, "lottery_exists", "There is a lottery of this name")
OFFER_NOT_FOUND = ProblemType(404, "offer_not_found", "No such game offer")
OFFER_EXISTS = ProblemType(409, "offer_exists", "The lottery has an offer of this id")
_BY_NAME = Keyset(tuple[str])
_BY_ID = Keyset(tuple[str])


async def existing_lottery(connection: Connection, lottery_id: str, *, lock: bool = False) -> Lottery:
    """The lottery of this id. Raises Problem: 404 `lottery_not_found`."""
    found = await store.lottery(connection, lottery_id, lock=lock)
    if found is None:
        raise LOTTERY_NOT_FOUND(f"No lottery has the id {lottery_id}.")
    return found


class LotteriesApi:
    """Lotteries and offers: listed, added, changed."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work
        self._database = unit_of_work.database

    @operation("GET", "/v1/lotteries", permission="draws:read", summary="Lotteries", tags=("lotteries",))
    async def list_lotteries(self, ctx: RequestContext, query: LotteryQuery) -> Page[LotteryView]:
        """Every lottery that was set up here or named by a purchase, by name."""
        (after,) = _BY_NAME.position(ctx, query) or (None,)
        async with self._database.read() as connection:
            found = await store.lotteries(connection, name=query.name, after=after, limit=query.limit + 1)
        return _BY_NAME.page(ctx, query, found, key=lambda row: (row.lottery,), item=LotteryView.of)

    @operation("POST", "/v1/lotteries", permission="draws:write", status=201, idempotent=True,
               summary="Add a lottery", tags=("lotteries",), problems=(LOTTERY_EXISTS,))  # fmt: skip
    async def add_lottery(self, ctx: RequestContext, body: NewLottery) -> RenderedReply[LotteryView]:
        """A lottery is known by its name, which purchases give; one that they named before is changed instead."""
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection

            async def add() -> Reply[LotteryView]:
                added = await store.add_lottery(
                    connection, body.name, description=body.description,
                    cancellation_window=timedelta(minutes=body.cancellation_window_minutes),
                )  # fmt: skip
                if added is None:
                    known = await store.lottery_named(connection, body.name)
                    raise LOTTERY_EXISTS(
                        f"The lottery {body.name} exists already.",
                        errors=[{"field": "body.name", "message": "Already in use."}],
                        lottery_id=known.lottery_id if known else None,
                    )
                await audit.record(connection, ctx, _lottery_change("lotteries.add", None, added))
                return _lottery_reply(added, location=True)

            return await ctx.once(connection, add)

    @operation("GET", "/v1/lotteries/{lottery_id}", permission="draws:read", summary="A lottery",
               tags=("lotteries",), problems=(LOTTERY_NOT_FOUND,))  # fmt: skip
    async def get_lottery(self, path: LotteryPath) -> Reply[LotteryView]:
        """A lottery with its cancellation window."""
        async with self._database.read() as connection:
            return _lottery_reply(await existing_lottery(connection, path.lottery_id))

    @operation("PATCH", "/v1/lotteries/{lottery_id}", permission="draws:write", if_match=True,
               summary="Change a lottery", tags=("lotteries",), problems=(LOTTERY_NOT_FOUND,))  # fmt: skip
    async def change_lottery(self, ctx: RequestContext, path: LotteryPath, body: LotteryChanges) -> Reply[LotteryView]:
        """A new cancellation window counts at once, for tickets that are sold already too."""
        async with self._unit_of_work.begin() as transaction:
            before = await existing_lottery(transaction.connection, path.lottery_id, lock=True)
            ctx.require_version(before.version)
            after = before
            if "description" in body.model_fields_set:
                after = replace(after, description=body.description)
            if body.cancellation_window_minutes is not None:
                after = replace(after, cancellation_window=timedelta(minutes=body.cancellation_window_minutes))
            if after != before:
                after = await store.save_lottery(transaction.connection, after)
                await audit.record(transaction.connection, ctx, _lottery_change("lotteries.edit", before, after))
            return _lottery_reply(after)

    @operation("GET", "/v1/lotteries/{lottery_id}/offers", permission="draws:read", summary="Game offers",
               tags=("offers",), problems=(LOTTERY_NOT_FOUND,))  # fmt: skip
    async def list_offers(self, ctx: RequestContext, path: LotteryPath, query: OfferQuery) -> Page[OfferView]:
        """The game offers of a lottery, by id."""
        (after,) = _BY_ID.position(ctx, query) or (None,)
        async with self._database.read() as connection:
            lottery = await existing_lottery(connection, path.lottery_id)
            found = await store.offers(
                connection, lottery.lottery, active=query.active, after=after, limit=query.limit + 1
            )
        return _BY_ID.page(
            ctx, query, found, key=lambda row: (row.offer_id,), item=lambda row: OfferView.of(lottery, row)
        )

    @operation("POST", "/v1/lotteries/{lottery_id}/offers", permission="draws:write", status=201, idempotent=True,
               summary="Add a game offer", tags=("offers",),
               problems=(LOTTERY_NOT_FOUND, OFFER_EXISTS))  # fmt: skip
    async def add_offer(self, ctx: RequestContext, path: LotteryPath, body: NewOffer) -> RenderedReply[OfferView]:
        """An offer that a purchase named before is changed instead."""
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection

            async def add() -> Reply[OfferView]:
                lottery = await existing_lottery(connection, path.lottery_id)
                added = await store.add_offer(
                    connection, lottery.lottery, body.offer_id, label=body.label, price=body.price,
                    currency=body.currency,
                )  # fmt: skip
                if added is None:
                    raise OFFER_EXISTS(
                        f"{lottery.lottery} has an offer {body.offer_id}.",
                        errors=[{"field": "body.offer_id", "message": "Already in use."}],
                    )
                await audit.record(connection, ctx, _offer_change("offers.add", lottery, None, added))
                return _offer_reply(lottery, added, location=True)

            return await ctx.once(connection, add)

    @operation("GET", "/v1/lotteries/{lottery_id}/offers/{offer_id}", permission="draws:read", summary="A game offer",
               tags=("offers",), problems=(LOTTERY_NOT_FOUND, OFFER_NOT_FOUND))  # fmt: skip
    async def get_offer(self, path: OfferPath) -> Reply[OfferView]:
        """A game offer with its price."""
        async with self._database.read() as connection:
            lottery, offer = await _existing_offer(connection, path)
        return _offer_reply(lottery, offer)

    @operation("PATCH", "/v1/lotteries/{lottery_id}/offers/{offer_id}", permission="draws:write", if_match=True,
               summary="Change a game offer", tags=("offers",),
               problems=(LOTTERY_NOT_FOUND, OFFER_NOT_FOUND))  # fmt: skip
    async def change_offer(self, ctx: RequestContext, path: OfferPath, body: OfferChanges) -> Reply[OfferView]:
        """What was bought keeps its price; what is bought from now on by AutoPlay has the new one."""
        async with self._unit_of_work.begin() as transaction:
            lottery, before = await _existing_offer(transaction.connection, path, lock=True)
            ctx.require_version(before.version)
            after = replace(before, **body.model_dump(exclude_none=True))
            if after != before:
                after = await store.save_offer(transaction.connection, after)
                await audit.record(transaction.connection, ctx, _offer_change("offers.edit", lottery, before, after))
            return _offer_reply(lottery, after)


async def _existing_offer(connection: Connection, path: OfferPath, *, lock: bool = False) -> tuple[Lottery, Offer]:
    lottery = await existing_lottery(connection, path.lottery_id)
    offer = await store.offer(connection, lottery.lottery, path.offer_id, lock=lock)
    if offer is None:
        raise OFFER_NOT_FOUND(f"{lottery.lottery} has no offer {path.offer_id}.")
    return lottery, offer


def _lottery_reply(lottery: Lottery, *, location: bool = False) -> Reply[LotteryView]:
    headers = {"Location": f"/v1/lotteries/{lottery.lottery_id}"} if location else {}
    return Reply(LotteryView.of(lottery), headers=headers, version=lottery.version)


def _offer_reply(lottery: Lottery, offer: Offer, *, location: bool = False) -> Reply[OfferView]:
    headers = {"Location": f"/v1/lotteries/{lottery.lottery_id}/offers/{offer.offer_id}"} if location else {}
    return Reply(OfferView.of(lottery, offer), headers=headers, version=offer.version)


def _lottery_change(action: str, before: Lottery | None, after: Lottery) -> audit.Change:
    names = ("name", "description", "cancellation_window_minutes")
    return audit.Change(
        action,
        f"lottery:{after.lottery_id}",
        before=LotteryView.of(before).model_dump(include={*names}) if before else {},
        after=LotteryView.of(after).model_dump(include={*names}),
    )


def _offer_change(action: str, lottery: Lottery, before: Offer | None, after: Offer) -> audit.Change:
    names = ("label", "price", "currency", "active")
    return audit.Change(
        action,
        f"offer:{lottery.lottery_id}/{after.offer_id}",
        before={name: getattr(before, name) for name in names} if before else {},
        after={name: getattr(after, name) for name in names},
    )
