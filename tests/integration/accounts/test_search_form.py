"""Finding customers with the search form, which combines details."""

from typing import Any

import pytest

from tests.support.accounts import Accounts, customer, purchase
from tests.support.search import form

pytestmark = pytest.mark.requirement("A2")


async def test_the_form_combines_its_fields(accounts: Accounts) -> None:
    same: dict[str, Any] = {"email": "home@example.com", "phone": "+61 491 570 156"}
    await accounts.apply(
        purchase("c1", "o1", **same), purchase("c2", "o2", first_name="Bob", **same), purchase("c3", "o3"),
        # A number without its country may be of any.
        purchase("c4", "o4", first_name="Adam", last_name="Adamson", phone="0491 570 156"),
    )  # fmt: skip
    assert await form(accounts, "email=HOME%2Bx@example.com") == ["c1", "c2"]
    assert await form(accounts, "phone=0491570156") == ["c1", "c2", "c4"]
    assert await form(accounts, "phone=%2B61%20491570156") == ["c1", "c2", "c4"]
    assert await form(accounts, "phone=%2B44%20491570156") == []
    assert await form(accounts, "phone=0491570156&name=ada") == ["c1", "c4"]
    assert await form(accounts, "name=nov%20ada") == ["c1", "c3"]
    assert await form(accounts, "name=ada") == ["c1", "c3", "c4"]
    assert await form(accounts, "name=ada%20adam") == ["c4"]
    assert await form(accounts, "receipt_id=rcp-552190") == ["c1", "c2", "c3", "c4"]
    assert await form(accounts, "receipt_id=rcp-552190&email=home@example.com&name=bob") == ["c2"]
    assert await form(accounts, "receipt_id=%20RCP-552190%20&name=bob") == ["c2"]
    assert await form(accounts, "receipt_id=rcp-1&name=ada") == []


async def test_pages_of_the_form_show_everybody_once(accounts: Accounts) -> None:
    people = [customer(f"c{n:03}", first_name=f"Ann{n % 7}", last_name="Annand Novák") for n in range(260)]
    await accounts.apply(*[purchase(each["id"], f"o{n}", **each) for n, each in enumerate(people)])
    for query in ("name=ann", "name=ann%20nov", "name=nov%20ann%20annand", "receipt_id=rcp-552190&name=ann"):
        found = await form(accounts, query)
        assert sorted(found) == [each["id"] for each in people]


@pytest.mark.parametrize("query", ["", "limit=5", "phone=abc", "name=!!", "receipt_id=a%20b", "name=", "q=ada"])
async def test_a_bad_form_is_a_clear_problem(accounts: Accounts, query: str) -> None:
    problem = await accounts.call("GET", f"/v1/customers?{query}", status=422)
    assert problem["errors"][0]["field"].startswith("query")
