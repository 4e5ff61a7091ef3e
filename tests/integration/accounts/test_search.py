"""Finding customers with the search box: by ids, addresses and numbers, in what order, and for whom."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from shared.contracts import CheckoutCompleted
from shared.web import Role
from tests.support.accounts import Accounts, cancellation, failed_purchase, purchase
from tests.support.search import form, names, search

pytestmark = pytest.mark.requirement("A1")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("cus-1", "customer"), ("CUS-1", "customer"), ("ord-1", "order"), ("ord-1-2", "ticket"),
        ("txn-ord-1", "transaction"), ("rcp-552190", "receipt"), ("RCP-552190", "receipt"), ("chk-7f3a", "checkout"),
        ("cus-1@example.com", "email"), (" CUS-1@Example.com ", "email"), ("cus-1+lotto@example.com", "email"),
        ("+61 491 570 156", "phone"), ("0491 570 156", "phone"), ("(0491) 570-156", "phone"),
        ("0061491570156", "phone"), ("61491570156", "phone"), ("+61 (0)491.570.156", "phone"), ("Novak", "name"),
    ],
)  # fmt: skip
async def test_one_box_finds_by_every_kind(accounts: Accounts, text: str, kind: str) -> None:
    other: dict[str, Any] = {"first_name": "Bob", "last_name": "Stone", "phone": "+61 491 570 157"}
    await accounts.apply(
        purchase("cus-1", "ord-1", phone="+61 491 570 156"), failed_purchase("cus-2", "ord-2", **other)
    )
    await accounts.apply(purchase("cus-3", "ord-3", **other))
    found = await search(accounts, text)
    expected = [each for each in found if each[0] == "cus-1"]
    assert expected == [("cus-1", kind, True)]
    # All three came with the same receipt and checkout: these belong to all of them.
    assert len(found) == (3 if kind in {"receipt", "checkout"} else 1)


async def test_numbers_without_a_country_are_found_with_it_and_addresses_with_another_tag(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1", phone="0491 570 156", email="ada+x@example.com"))
    for text in ("+61 491 570 156", "491570156", "ada@example.com", "Ada+Y@example.com"):
        assert [each[0] for each in await search(accounts, text)] == ["c1"]


async def test_entries_are_found_by_their_ids(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), cancellation("c1", "o1"))
    for entry in await accounts.entries("c1"):
        assert await search(accounts, str(entry["entry_id"])) == [("c1", "transaction", True)]
        assert await search(accounts, str(entry["entry_id"]).upper()) == [("c1", "transaction", True)]


async def test_a_fact_under_another_event_id_and_a_failure_after_it_are_found_once(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), purchase("c1", "o1"))
    await accounts.apply(purchase("c1", "o1"), failed_purchase("c2", "o2"), failed_purchase("c2", "o2"))
    assert len(await accounts.fetch("select from identifiers where value = 'o1'")) == 1
    assert await search(accounts, "o2") == [("c2", "order", True)]


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("Jane Doe <Jane.Doe@Example.com>", True), ("mailto:jane.doe@example.com", True),
        ("<jane.doe@example.com>.", True), ("jane.doe@", False), ("JANE.DOE@exam", False), ("jane.d", False),
        ("jane.doe", False),
    ],
)  # fmt: skip
async def test_addresses_are_found_as_mail_programs_copy_them_and_by_how_they_begin(
    accounts: Accounts, text: str, *, exact: bool
) -> None:
    await accounts.apply(purchase("c1", "o1", email="jane.doe@example.com"), purchase("c2", "o2"))
    assert await search(accounts, text) == [("c1", "email", exact)]


@pytest.mark.parametrize(
    "text",
    ["+61 2 9374 4000 ext 12", "0293744000 x12", "(02) 9374-4000;ext=5", "tel:+61-2-9374-4000", "Tel. 02 9374 4000",
     "\u202a+61 2 9374 4000\u202c", "02\u20139374\u00a04000", "+６１ 2 9374 4000 #12", "WhatsApp: +61293744000"],
)  # fmt: skip
async def test_numbers_are_found_with_what_is_written_around_them(accounts: Accounts, text: str) -> None:
    await accounts.apply(purchase("c1", "o1", phone="+61 2 9374 4000"), purchase("c2", "o2"))
    assert await search(accounts, text) == [("c1", "phone", True)]
    assert await form(accounts, f"phone={quote(text)}") == ["c1"]


@pytest.mark.parametrize("text", ["#o1", '"o1"', "<O1>", "o1,", "(o1)"])
async def test_ids_are_found_as_they_are_quoted(accounts: Accounts, text: str) -> None:
    await accounts.apply(purchase("c1", "o1"))
    assert await search(accounts, text) == [("c1", "order", True)]


@pytest.mark.parametrize(
    "text",
    ["customer cus-1", "Customer ID: cus-1", "ID:cus-1", "`cus-1`", "cus-1.", "\u200bcus-1", "cus\u20111",
     "Ada Novák (cus-1)", "cus-1\tAda Novak", "https://console.example/customers/cus-1?tab=1#top",
     "/v1/customers/cus-1", "customers%2Fcus-1", "ticket #ord-1-1", "Order no. ord-1", "ord-1-1, ord-1-2",
     "txn 552 190 777", "receipt: 552190777"],
)  # fmt: skip
async def test_ids_are_found_in_what_they_are_pasted_with(accounts: Accounts, text: str) -> None:
    await accounts.apply(purchase("cus-1", "ord-1"), purchase("cus-2", "ord-2", first_name="Bob", last_name="Stone"))
    await accounts.apply(*[failed_purchase("cus-1", "552190777", last_name="Novák")])
    found = await search(accounts, text)
    assert [each[0] for each in found] == ["cus-1"]
    assert found[0][2]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ada.king@example.co", ["c1"]), ("Ada King <ada.king@exmaple.com>", ["c1"]),
        # An address that was misheard, in which the name is heard.
        ("adaa.king@example.com", ["c1"]), ("king.ada1815@example.com", ["c1"]),
        ("nobody@example.com", []), ("1815@example.com", []), ("k@example.com", []), ("no.body@example.com", []),
    ],
)  # fmt: skip
async def test_an_address_that_nobody_has_leads_to_one_like_it(accounts: Accounts, text: str, found: list[str]) -> None:
    await accounts.apply(
        purchase("c1", "o1", last_name="King", email="ada.king@example.com"),
        purchase("c2", "o2", first_name="Bob", last_name="Stone"),
    )
    assert [each[0] for each in await search(accounts, text)] == found
    assert not any(each[2] for each in await search(accounts, text) if "name" not in each[1])


@pytest.mark.parametrize("text", ["o'neil@example.com", "O’Neil@Example.com", "'o'neil@example.com'"])
async def test_an_address_with_an_apostrophe_is_found(accounts: Accounts, text: str) -> None:
    await accounts.apply(
        purchase("c1", "o1", email="o'neil@example.com"), purchase("c2", "o2", email="neil@example.com")
    )
    assert await search(accounts, text) == [("c1", "email", True)]
    assert await form(accounts, f"email={quote(text)}") == ["c1"]


async def test_a_checkout_is_found_before_its_purchase_comes_and_once_after_it(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    item = {"lottery": "Lotto", "draw_number": 1, "offer_id": "b", "offer_label": "B", "price": 1000, "quantity": 2}
    told = {
        "customer_id": "c1", "checkout_id": "chk-9", "purchase_id": "o9", "occurred_at": "2026-11-22T09:00:00Z",
        "amount": 2000, "currency": "AUD", "items": [item],
    }  # fmt: skip
    await accounts.apply(CheckoutCompleted.model_validate_json(json.dumps(told)))
    await accounts.apply(CheckoutCompleted.model_validate_json(json.dumps(told)))
    assert await search(accounts, "CHK-9") == [("c1", "checkout", True)]
    assert await search(accounts, "o9") == [("c1", "order", True)]
    await accounts.apply(purchase("c1", "o9"))
    assert await search(accounts, "o9") == [("c1", "order", True)]
    assert len(await accounts.fetch("select from identifiers where value = 'chk-9'")) == 1


async def test_what_fits_exactly_comes_first(accounts: Accounts) -> None:
    await names(accounts, "Johnny Marks", "Jon Mark", "John Mark", "Joan Marr", "Bob Johns")
    assert await search(accounts, "john mark") == [
        ("c2", "name", True), ("c1", "name", False), ("c0", "name", False), ("c3", "name", False),
    ]  # fmt: skip
    await accounts.apply(purchase("bob", "o9", first_name="Zoe", last_name="Zimmer"))
    assert await search(accounts, "bob") == [("bob", "customer", True), ("c4", "name", True)]


@pytest.mark.parametrize("text", ["Cus-AbC", "cus-abc", "CUS-ABC", "cUS-aBc"])
async def test_ids_are_found_in_any_case_however_they_are_stored(accounts: Accounts, text: str) -> None:
    await accounts.apply(purchase("Cus-AbC", "Ord-AbC"), purchase("other", "o2"))
    assert await search(accounts, text) == [("Cus-AbC", "customer", True)]
    assert await search(accounts, text.lower().replace("cus", "oRd")) == [("Cus-AbC", "order", True)]
    assert await search(accounts, f"ord-{text[4:]}-1") == [("Cus-AbC", "ticket", True)]


async def test_a_limit_says_that_there_are_more(accounts: Accounts) -> None:
    await names(accounts, *[f"Ada N{letter}vak" for letter in "abcdefg"])
    answer = await accounts.call("GET", "/v1/search?q=ada&limit=5", status=200)
    assert (len(answer["items"]), answer["more"]) == (5, True)
    answer = await accounts.call("GET", "/v1/search?q=ada&limit=7", status=200)
    assert (len(answer["items"]), answer["more"]) == (7, False)


async def test_own_writes_are_found_at_once_and_old_names_no_more(accounts: Accounts) -> None:
    body = {"first_name": "Ada", "last_name": "Xylander", "email": "Ada@Example.com", "phone": "+61 491 570 156"}
    created = await accounts.call("POST", "/v1/customers", body, status=201, Idempotency_Key="k")
    customer_id = created["customer_id"]
    assert await search(accounts, "xilander") == [(customer_id, "name", False)]
    changes = {"last_name": "Novák", "email": "eve@example.com", "phone": "0400 000 000"}
    await accounts.call("PATCH", f"/v1/customers/{customer_id}", changes, status=200, If_Match="*")
    for text in ("novak ada", "eve@example.com", "+61400000000"):
        assert [each[0] for each in await search(accounts, text)] == [customer_id]
    for text in ("xylander", "xilander", "ada@example.com", "+61 491 570 156"):
        assert await search(accounts, text) == []
    assert await accounts.fetch("select from name_words where word = 'xylander'") == []


async def test_viewers_get_details_masked_and_others_nothing_without_a_token(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1", phone="+61 491 570 156"))
    for path in ("/v1/search?q=novak", "/v1/customers?name=novak"):
        seen = await accounts.call("GET", path, status=200, role=Role.VIEWER)
        assert "c1@" not in str(seen)
        assert "491570" not in str(seen).replace(" ", "")
        assert "c1@example.com" in str(await accounts.call("GET", path, status=200))
        async with accounts.client.get(path) as response:
            assert response.status == 401


@pytest.mark.parametrize("query", ["", "q=", "q=%20", f"q={'x' * 255}", "q=a&limit=0", "q=a&limit=51", "q=a&kind=name"])
async def test_a_bad_search_is_a_clear_problem(accounts: Accounts, query: str) -> None:
    problem = await accounts.call("GET", f"/v1/search?{query}", status=422)
    assert problem["errors"][0]["field"].startswith("query")


@pytest.mark.parametrize(
    "text", ["%", "_", "\\", "'", "é", "--", "(((((", "\U0010ffff", "a" * 254, "漢字", "%a%", "0" * 254]
)
async def test_strange_texts_find_nothing_and_break_nothing(accounts: Accounts, text: str) -> None:
    await accounts.apply(purchase("c1", "o1"))
    assert await search(accounts, text) in ([], [("c1", "name", False)])


@pytest.mark.requirement("A2")
async def test_what_was_merged_away_leads_to_the_survivor(accounts: Accounts) -> None:
    other: dict[str, Any] = {"first_name": "Adam", "last_name": "Nowicki"}
    await accounts.apply(purchase("old", "o1", **other), purchase("new", "o2"), purchase("c3", "o3"))
    async with accounts.unit_of_work.begin() as transaction:
        await transaction.connection.execute("update customers set merged_into = 'new' where customer_id = 'old'")
    for text in ("old", "o1", "o1-2", "old@example.com", "adam nowicki", "nowicky"):
        assert [each[0] for each in await search(accounts, text)] == ["new"]
    assert [each[0] for each in await search(accounts, "rcp-552190")] == ["c3", "new"]
    for query in ("email=old@example.com", "name=nowicki", "name=ada%20nowicki"):
        assert await form(accounts, query) == ["new"]
    assert await form(accounts, "name=ada") == ["c3", "new"]


async def test_the_last_digits_of_a_number_find_it_behind_exact_identifiers(accounts: Accounts) -> None:
    await accounts.apply(
        purchase("c1", "o1", phone="+61 491 574 471"), purchase("c2", "4471", phone="+61 491 570 156"),
        purchase("c3", "o3", phone="0491 514 471"), purchase("c4", "o4", phone="+61 491 544 710"),
    )  # fmt: skip
    assert await search(accounts, "4471") == [
        ("c2", "order", True), ("c3", "phone", False), ("c1", "phone", False)
    ]  # fmt: skip
    for text in ("74471", "574 471", "ends in 74471", "...7 4471", "customer ending 74471"):
        assert await search(accounts, text) == [("c1", "phone", False)], text
    assert await search(accounts, "471") == []
    answer = await accounts.call("GET", "/v1/search?q=4471&limit=2", status=200)
    assert (len(answer["items"]), answer["more"]) == (2, True)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("cus-a", "customer"), ("CUS-A", "customer"), ("ord-1", "order"), ("txn-ord-1", "transaction"),
        ("RCP-55", "receipt"), ("chk-7f", "checkout"), ("order ord-1", "order"), ("ord-1234-", "ticket"),
    ],
)  # fmt: skip
async def test_an_id_is_found_by_how_it_begins(accounts: Accounts, text: str, kind: str) -> None:
    await accounts.apply(purchase("cus-ab1", "ord-1234"))
    (found,) = (await accounts.call("GET", f"/v1/search?q={quote(text)}", status=200))["items"]
    (match, *_) = found["matches"]
    assert (match["kind"], match["exact"]) == (kind, False)
    assert match["value"].lower().startswith(text.lower().removeprefix("order "))


async def test_the_beginning_of_an_id_has_any_case_and_some_length(accounts: Accounts) -> None:
    await accounts.apply(purchase("MiXed-77", "shop-99"))
    assert await search(accounts, "mixed-") == [("MiXed-77", "customer", False)]
    assert await search(accounts, "sho") == []


async def test_what_is_an_id_is_not_the_beginning_of_others(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "ord-12"), purchase("c2", "ord-123"))
    assert [each[0] for each in await search(accounts, "ord-12")] == ["c1"]
    assert [each[0] for each in await search(accounts, "ord-1")] == ["c1", "c2"]


async def test_entries_are_found_by_how_their_ids_begin(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), cancellation("c1", "o1"))
    entry_id = str((await accounts.entries("c1"))[0]["entry_id"])
    for text in (entry_id[:8], entry_id[:15].upper(), entry_id.replace("-", "")[:20]):
        (found,) = await search(accounts, text)
        assert (found[0], found[1].split(",")[0], found[2]) == ("c1", "transaction", False)


async def test_endings_and_beginnings_take_turns(accounts: Accounts) -> None:
    await accounts.apply(
        *[purchase(f"e{n}", f"o{n}", phone=f"+61 491 57{n} 123") for n in range(4)],
        *[purchase(f"b{n}", f"{n}1234{n}", phone="+61 491 570 156") for n in range(4)],
        purchase("b9", "01239", phone="+61 491 570 156"), purchase("b8", "01238", phone="+61 491 570 156"),
    )  # fmt: skip
    assert [each[0] for each in await search(accounts, "0123")] == ["e0", "b8", "b9", "b0"]


async def test_an_escaped_nul_in_a_text_is_no_part_of_a_detail(accounts: Accounts) -> None:
    await names(accounts, "Ada Novak")
    for text in ("%00c0@example.com", "mail c0@example.com%00", "c0%00@example.com c0@example.com"):
        assert [each[0] for each in await search(accounts, text)] == ["c0"]
