"""The lotteries that calls name by their ids, opened before anything is killed."""

from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.chaos.shop import CANCELLED_LOTTERY, CURRENCY

# AutoPlays buy its draws, and nobody else does.
AUTOPLAY_LOTTERY = "Daily Draw"
OFFER = {"offer_id": "book-1", "label": "1 x ticket book", "price": 500, "currency": CURRENCY}


@dataclass(frozen=True)
class Catalogue:
    """The ids of the lotteries whose draws are cancelled, and played by AutoPlays."""

    cancelled: str
    autoplay: str


async def open_catalogue(url: str, token: str) -> Catalogue:
    """Create both lotteries at the tickets service, and what AutoPlays buy."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(url, headers=headers, raise_for_status=True) as http:
        ids = [await _open_lottery(http, name) for name in (CANCELLED_LOTTERY, AUTOPLAY_LOTTERY)]
        await _post(http, f"/v1/lotteries/{ids[1]}/offers", OFFER, key="open the offer")
    return Catalogue(*ids)


async def _open_lottery(http: aiohttp.ClientSession, name: str) -> str:
    answer = await _post(http, "/v1/lotteries", {"name": name}, key=f"open {name}")
    return str(answer["lottery_id"])


async def _post(http: aiohttp.ClientSession, path: str, body: dict[str, Any], *, key: str) -> dict[str, Any]:
    async with http.post(path, json=body, headers={"Idempotency-Key": key}) as response:
        found: dict[str, Any] = await response.json()
        return found
