"""Finding customers by name with the search box."""

import asyncio
from itertools import permutations

import pytest

from services.accounts.search.folding import VERSION, words_before
from services.accounts.search.jobs import NameFolds
from services.accounts.search.names_store import Named, index_names
from tests.support.accounts import Accounts, purchase
from tests.support.messaging import eventually
from tests.support.search import names, search

pytestmark = pytest.mark.requirement("A1")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ada novak", ["c0"]), ("Novák Ada", ["c0"]), ("NOVAK", ["c0", "c1"]), ("eva", ["c1"]),
        ("nvoak ada", ["c0"]), ("adda nowak", ["c0"]), ("nov ad", ["c0"]), ("a nov", ["c0"]), ("o'brien", ["c2"]),
        ("obrien sean", ["c2"]), ("brien", ["c2"]), ("Seán O’Brien", ["c2"]), ("cristopher", ["c3"]),
        ("christopfre strauss", ["c3"]), ("strauß", ["c3"]), ("maria garcia lopez", ["c4"]),
        ("lopez del carmen", ["c4"]), ("garsia maria lopes", ["c4"]), ("anne", ["c5"]), ("marie-anne", ["c5"]),
        ("jhon", ["c6"]),
        ("zzz", []),
        ("ada strauss", []), ("sukarno", ["c7"]), ("sukarmo", ["c7"]),
    ],
)  # fmt: skip
async def test_names_in_any_order_with_accents_errors_and_in_part(
    accounts: Accounts, text: str, found: list[str]
) -> None:
    await names(
        accounts, "Ada Novák", "Eva Novak", "Seán O'Brien", "Christopher Strauß", "María del Carmen García López",
        "Anne-Marie Dubois", "John Smith", "Sukarno Sukarno",
    )  # fmt: skip
    assert [each[0] for each in await search(accounts, text)] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("o brien", ["c0"]), ("brien o sean", ["c0"]), ("vanderberg", ["c1"]), ("pieter vanderberg", ["c1"]),
        ("annemarie", ["c2"]), ("anne marie dupont durand", ["c2"]), ("joseangel garcia", ["c3"]),
        ("田中さくら", ["c4"]), ("عبدالله", ["c5"]), ("William J. Smith", ["c6"]), ("mr william smith", ["c6"]),
        ("Перов", ["c7"]), ("Петрав", ["c7"]), ("Παπαδοπυλος", ["c8"]),
        ("Παπαδπολος", ["c8"]), ("αδοπουλ", ["c8"]), ("zz william", []),
    ],
)  # fmt: skip
async def test_names_are_found_however_they_are_set_apart_and_in_any_script(
    accounts: Accounts, text: str, found: list[str]
) -> None:
    await names(
        accounts, "Sean O'Brien", "Pieter van der Berg", "Anne-Marie Dupont-Durand", "José Ángel García", "さくら 田中",
        "محمد عبد الله", "William Smith", "Иван Петров", "Γιώργος Παπαδόπουλος",
    )  # fmt: skip
    assert [each[0] for each in await search(accounts, text)] == found


async def test_an_error_in_a_short_word_is_forgiven_beside_another_word(accounts: Accounts) -> None:
    await names(accounts, "Laura Lee", "John Ali", "Laura Li", "Mei Liu")
    for text, found in (("laura ee", ["c0"]), ("john ai", ["c1"]), ("mei lu", ["c3"]), ("ee", [])):
        assert [each[0] for each in await search(accounts, text)] == found


async def test_a_name_set_apart_otherwise_comes_before_those_with_errors(accounts: Accounts) -> None:
    await names(accounts, "Matteo Landerberg", "Pieter van der Berg", "Zdeněk Vanberberg")
    assert [each[0] for each in await search(accounts, "vanderberg")] == ["c1", "c0", "c2"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ada Novak 02 9374 4000", ["c0"]), ("Novák, Ada; +61 2 9374 4000", ["c0"]), ("p: 02 9374 4000", ["c0"]),
        ("ada novak ada@example.com", ["c0"]), ("novak 4000", ["c0", "c1"]), ("novak 4001", ["c1", "c0"]),
        # The detail and the name are of two customers, or the detail is nobody's.
        ("Ada Novak 02 9374 4001", ["c1", "c0"]), ("eva novak 0491 570 110", ["c1"]),
        ("ada novak other@example.com", ["c0"]), ("Mrs. Stone", ["c2"]), ("Herr Stone", ["c2"]),
        ("mr zzzzzz", []), ("p-20261122-7", []), ("Ada Novak (c2)", ["c2", "c0"]),
    ],
)  # fmt: skip
async def test_a_name_is_found_beside_another_detail(accounts: Accounts, text: str, found: list[str]) -> None:
    await accounts.apply(
        purchase("c0", "o0", phone="+61 2 9374 4000", email="ada@example.com"),
        purchase("c1", "o1", first_name="Eva", phone="+61 2 9374 4001"),
        purchase("c2", "o2", first_name="Bob", last_name="Stone"),
        purchase("c3", "o3", first_name="Pia", last_name="Peters"),
    )
    assert [each[0] for each in await search(accounts, text)] == found


async def test_the_beginnings_of_two_words_find_a_name_however_many_begin_like_one_of_them(accounts: Accounts) -> None:
    alike = [f"Eva Farg{first}{second}" for first, second in permutations("abdelmnor", 2)]
    await names(accounts, *alike, "Olivia Fargiville", "Oliver Fargodale")
    assert {each[0] for each in await search(accounts, "oli farg")} == {f"c{len(alike)}", f"c{len(alike) + 1}"}


async def test_an_initial_that_is_not_on_record_is_no_reason_to_show_another_name_first(accounts: Accounts) -> None:
    await names(accounts, "William Smith-Jones", "William Smith", "William J Smith", "William Smithers", "Wilma Smith")
    for text in ("William J. Smith", "smith, william j"):
        found = [(each[0], each[2]) for each in await search(accounts, text)]
        assert found[:3] == [("c2", True), ("c1", False), ("c0", False)]
    assert [each[0] for each in await search(accounts, "William Smith")][:3] == ["c1", "c2", "c0"]


async def test_the_dictionary_stays_small(accounts: Accounts) -> None:
    for batch in range(3):
        await accounts.apply(*[purchase(f"c{batch}-{n}", f"o{batch}-{n}") for n in range(60)])
    words = await accounts.fetch("select word from name_words order by word")
    assert [row["word"] for row in words] == ["ada", "novak"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("علی کریمی", ["c0"]), ("علي كريمي", ["c0"]), ("عَلِي", ["c0"]), ("محمد", ["c1"]), ("たなか", ["c2"]),
        ("ﾀﾅｶ ｻｸﾗ", ["c2"]), ("isik", ["c3"]), ("IŞIK", ["c3"]), ("Федор", ["c4"]), ("Strauss", ["c5"]),
    ],
)  # fmt: skip
async def test_names_are_found_by_letters_that_are_taken_for_the_same(
    accounts: Accounts, text: str, found: list[str]
) -> None:
    await names(
        accounts, "علی کریمی", "محـمد عباس", "タナカ さくら", "Deniz Işık", "Фёдор Сова", "Eva Strauß",
    )  # fmt: skip
    assert [(each[0], each[2]) for each in await search(accounts, text)] == [(each, True) for each in found]


async def test_both_spellings_of_an_umlaut_come_before_other_names(accounts: Accounts) -> None:
    await names(accounts, "Eva Mullers", "Eva Mueller", "Eva Muler", "Eva Müller", "Eva Mullerova")
    for text, first in (("eva müller", ["c3", "c1"]), ("eva mueller", ["c1", "c3"]), ("eva muller", ["c3", "c1"])):
        assert [each[0] for each in await search(accounts, text)][:2] == first


async def _fold_as_before(accounts: Accounts, first_name: str, last_name: str) -> None:
    async with accounts.unit_of_work.begin() as transaction:
        await transaction.connection.execute("delete from customer_names where customer_id = 'c0'")
        await transaction.connection.execute("delete from name_words where word <> all (array['ada', 'novak'])")
        for word, other in permutations(words_before(first_name, last_name)):
            await transaction.connection.execute("insert into customer_names values ($1, $2, 'c0')", word, other)
            await transaction.connection.execute("insert into name_words (word) values ($1)", word)


async def test_names_from_before_a_change_of_the_rule_are_folded_anew(accounts: Accounts) -> None:
    await names(accounts, "علی کریمی", "Ada Novák")
    pairs = await accounts.fetch("select word, other, customer_id from customer_names order by 1, 2")
    await _fold_as_before(accounts, "علی", "کریمی")
    assert await search(accounts, "علي كريمي") == []
    await asyncio.gather(NameFolds(accounts.unit_of_work).fold(), NameFolds(accounts.unit_of_work).fold())
    (progress,) = await accounts.fetch("select version, done_at from name_folds")
    assert progress["version"] == VERSION
    assert progress["done_at"] is not None
    assert await accounts.fetch("select word, other, customer_id from customer_names order by 1, 2") == pairs
    words = await accounts.fetch("select word from name_words order by word")
    assert [each["word"] for each in words] == sorted({pair["word"] for pair in pairs})
    assert [each[0] for each in await search(accounts, "علي كريمي")] == ["c0"]


async def test_an_edit_takes_away_the_words_of_the_earlier_rule(accounts: Accounts) -> None:
    await names(accounts, "علی کریمی")
    await _fold_as_before(accounts, "علی", "کریمی")
    name = {"first_name": "Ada", "last_name": "Novak"}
    await accounts.call("PATCH", "/v1/customers/c0", name, status=200, If_Match="*")
    rows = await accounts.fetch("select word from customer_names union all select word from name_words order by word")
    assert [row["word"] for row in rows] == ["ada", "ada", "novak", "novak"]


async def test_two_who_give_up_one_name_at_once_leave_no_word_of_it(accounts: Accounts) -> None:
    await names(accounts, "Ada Novak", "Ada Novak")
    nobody = [Named(f"c{n}", "", "") for n in range(2)]
    async with accounts.unit_of_work.begin() as first:
        await index_names(first.connection, [nobody[0]], are_new=False)

        async def second() -> None:
            async with accounts.unit_of_work.begin() as transaction:
                await index_names(transaction.connection, [nobody[1]], are_new=False)

        async def has_come() -> bool:
            return other.done() or bool(await accounts.fetch("select from pg_locks where not granted"))

        other = asyncio.create_task(second())
        await eventually(has_come)
    await other
    assert await accounts.fetch("select word from name_words") == []
