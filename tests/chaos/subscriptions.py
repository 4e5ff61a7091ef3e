"""AutoPlays under chaos: created, paused, resumed, skipped and cancelled, and new draws for them all the while."""

import random
from datetime import UTC, datetime, timedelta

from tests.chaos import requests
from tests.chaos.calling import Caller
from tests.chaos.catalogue import AUTOPLAY_LOTTERY
from tests.chaos.requests import Draw
from tests.chaos.shop import Shop

# How long before a draw closes its tickets are bought: longer than anything is down.
LEAD = timedelta(minutes=6)
# One draw for each of these, due when it ends.
DRAW_EVERY = timedelta(seconds=4)
# Each of them buys all draws.
MOST = 24


class Subscriptions:
    """What agents do with AutoPlays. `lottery_id` must be that of `AUTOPLAY_LOTTERY` before they do."""

    def __init__(self, rng: random.Random, shop: Shop, caller: Caller, *, agent: str, boss: str) -> None:
        self.lottery_id = ""
        self._rng = rng
        self._shop = shop
        self._caller = caller
        self._agent = agent
        self._boss = boss
        self._created: list[str] = []

    async def create(self) -> None:
        """One more, or the same asked for again."""
        if len(self._created) >= MOST:
            return
        customer = self._rng.choice(self._shop.sold[-300:]).customer_id
        # Few balances cover many draws: the first one is sure to be paid.
        games, method = self._rng.choice((1, 1, 2)), self._rng.choice(("card", "balance")) if self._created else "card"
        answers = await self._caller.vary(
            lambda: requests.new_autoplay(self._agent, self._caller.key("autoplay"), customer, games, method)
        )
        found = {answer["autoplay_id"] for answer in answers}
        self._created += sorted(found - set(self._created))

    async def act(self) -> None:
        """Of every second one only: the others must have bought every draw."""
        touched = self._created[1::2]
        if touched:
            autoplay = self._rng.choice(touched)
            (what,) = self._rng.choices(("pause", "resumption", "skips", "cancellation"), (6, 9, 6, 1))
            await self._caller.vary(
                lambda: requests.autoplay_action(self._agent, self._caller.key(what), autoplay, what)
            )

    def draw(self, *, ago: int = 0) -> Draw:
        """The one that is due next, or one that was due so many before."""
        number = (datetime.now(UTC) - self._shop.opened_at) // DRAW_EVERY + 1
        return Draw(self.lottery_id, AUTOPLAY_LOTTERY, max(number - ago, 1))

    async def add_draw(self) -> None:
        """The next one, which may have been added by somebody else."""
        draw = self.draw()
        closes_at = self._shop.opened_at + draw.number * DRAW_EVERY + LEAD
        await self._caller.vary(lambda: requests.new_draw(self._boss, self._caller.key("draw"), draw, closes_at))
