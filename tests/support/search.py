"""Asking the search box and the search form."""

from typing import Any
from urllib.parse import quote

from tests.support.accounts import Accounts, purchase


async def search(accounts: Accounts, text: str, **options: Any) -> list[tuple[str, str, bool]]:
    """(customer id, kinds that matched, whether exactly) of each result."""
    answer = await accounts.call("GET", f"/v1/search?q={quote(text)}", status=200, **options)
    return [
        (item["customer_id"], ",".join(match["kind"] for match in item["matches"]), item["matches"][0]["exact"])
        for item in answer["items"]
    ]


async def form(accounts: Accounts, query: str) -> list[str]:
    """Ids of all pages, two on each."""
    return [each["customer_id"] for each in await accounts.items("/v1/customers", query, limit=2)]


async def names(accounts: Accounts, *given: str) -> None:
    """Customers c0, c1, ... with these names."""
    parted = [name.partition(" ") for name in given]
    await accounts.apply(
        *[purchase(f"c{n}", f"o{n}", first_name=first, last_name=last) for n, (first, _, last) in enumerate(parted)]
    )
