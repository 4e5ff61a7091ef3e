"""What customers are found by, in PostgreSQL. No function commits."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from services.accounts.search.domain import PHONE_END, IdKind, TypedNumber
from shared.db import Connection, insert_rows

_IDENTIFIER_TYPES = {"value": "text", "kind": "text", "customer_id": "text"}
# Trigrams and parts of words mean something from this length on.
_TRIGRAM = 3
_DICTIONARY_LIMIT = 100
# Above every word in the byte order of the database.
END = "\U0010ffff"
# Its index finds numbers by any of their last digits.
PHONE_BACKWARDS = f"reverse(right(phone_key, {PHONE_END}))"
# In a subquery: with the order of the page beside this condition, the planner would read all customers in that order.
_BY_ENDS = (
    "customer_id = any (array(select c.customer_id from customers c where "  # noqa: S608 - constants
    f"{PHONE_BACKWARDS} = any(${{}}::text[]) and phone_key is not null))"
)
# Each has an index in the order of the page. Many customers may share an address: with both in one condition, all of
# them would be sorted for each page.
_BY_EMAIL = ("email_key = ${}", r"regexp_replace(email_key, '\+[^@]*', '') = ${} and email_key like '%+%'")


class Found(NamedTuple):
    """A customer to whom an identifier belongs."""

    kind: IdKind
    value: str
    customer_id: str


class Customer(NamedTuple):
    """A customer as results show it."""

    customer_id: str
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    status: str
    email_key: str | None
    phone_key: str | None
    merged_into: str | None


_COLUMNS = ", ".join(Customer._fields)


async def add_identifiers(connection: Connection, rows: Sequence[tuple[str, IdKind, str]]) -> None:
    """Make customers findable by ids that are new: (value, kind, customer id) of each."""
    await insert_rows(connection, "identifiers", _IDENTIFIER_TYPES, rows)


async def add_missing_identifiers(connection: Connection, rows: Sequence[tuple[str, IdKind, str]]) -> None:
    """Make customers findable by ids that may be on record already: (value, kind, customer id) of each."""
    if rows:
        await connection.execute(
            """insert into identifiers (value, kind, customer_id)
               select distinct value, kind, customer_id
               from unnest($1::text[], $2::text[], $3::text[]) as given (value, kind, customer_id)
               where not exists (
                   select from identifiers i
                   where lower(i.value) = lower(given.value) and i.value = given.value and i.kind = given.kind
                     and i.customer_id = given.customer_id)""",
            *zip(*rows, strict=True),
        )


async def find_identifier(connection: Connection, value: str, entry_id: UUID | None, *, limit: int) -> list[Found]:
    """Customers by an id of theirs or of something of theirs, in any case of its letters."""
    # Materialized: with the limit in sight, the planner would rather read a table that it knows little of.
    rows = await connection.fetch(
        """with found as materialized (select kind, value, customer_id from identifiers where lower(value) = $3)
           select 'customer', customer_id, customer_id from customers where customer_id = any($1::text[])
           union
           select 'customer', customer_id, customer_id from customers
           where lower(customer_id) = $3 and customer_id <> lower(customer_id) and customer_id <> upper(customer_id)
           union
           select 'transaction', entry_id::text, customer_id from ledger_entries where entry_id = $2
           union
           (select * from found limit $4)""",
        [value, value.lower(), value.upper()], entry_id, value.lower(), limit,
    )  # fmt: skip
    return [Found(*row) for row in rows]


async def find_exact_name(connection: Connection, words: Sequence[str], *, limit: int) -> list[str]:
    """Ids of customers with all of these words in their names."""
    first, *others = words
    rows = await connection.fetch(
        """select distinct customer_id from (
               select customer_id from customer_names n
               where word = $1 and ($2::text is null or other = $2)
                 and not exists (
                     select from unnest($3::text[]) as more (word)
                     where not exists (select from customer_names m
                                       where m.word = n.word and m.other = more.word
                                         and m.customer_id = n.customer_id))
               order by word, other, customer_id limit $4) as found""",
        first, others[0] if others else None, others[1:], limit,
    )  # fmt: skip
    return [row[0] for row in rows]


async def known_words(connection: Connection, words: Iterable[str]) -> set[str]:
    """Those of the words that are in use."""
    rows = await connection.fetch("select distinct word from name_words where word = any($1::text[])", list(words))
    return {row[0] for row in rows}


async def dictionary(connection: Connection, typed: str, one_error_away: Sequence[str]) -> list[str]:
    """Words in use that may be meant by what was typed: they begin with it, contain it, or are similar.

    A database whose `lc_ctype` is C knows no trigrams of other letters than the Latin ones: it would read all words.
    """
    part = typed if len(typed) >= _TRIGRAM else None
    rows = await connection.fetch(
        """select word from name_words where word = any($2::text[])
           union
           (select word from name_words where word >= $1 and word < $1 || $4
            group by word order by length(word), word limit $5)
           union
           (select word from name_words where word like '%' || $3 || '%'
            group by word order by length(word), word limit $5)
           union
           (select word from name_words where word % $3 and show_trgm($3) <> '{}'
            group by word order by similarity(word, $3) desc, word limit $5)""",
        typed, one_error_away, part, END, _DICTIONARY_LIMIT,
    )  # fmt: skip
    return [row[0] for row in rows]


async def find_similar_name(
    connection: Connection, firsts: Sequence[str], seconds: Sequence[str], beginning: str, *, each: int, limit: int
) -> list[str]:
    """Ids of customers with one of `firsts` in the name, the earlier ones first, and beside it one of `seconds` or a
    word that begins with `beginning`: `each` at most for each of `firsts`."""
    rows = await connection.fetch(
        """select customer_id from (
               select customer_id, n from unnest($1::text[]) with ordinality as first (word, n)
               cross join lateral (
                   (select customer_id from customer_names c
                    where c.word = first.word and c.other = any($2::text[]) limit $5)
                   union all
                   (select customer_id from customer_names c
                    where c.word = first.word and c.other >= $3 and c.other < $3 || $4 limit $5)) as beside
               limit $6) as found
           group by customer_id order by min(n), customer_id""",
        firsts, seconds, beginning, END, each, limit,
    )  # fmt: skip
    return [row[0] for row in rows]


async def customers(connection: Connection, customer_ids: Iterable[str]) -> dict[str, Customer]:
    """The customers to show for these ids, by the id asked for; of a merged one that is the survivor."""
    rows = await connection.fetch(
        f"""select asked.customer_id, {", ".join(f"shown.{name}" for name in Customer._fields)}
            from customers asked
            join customers shown on shown.customer_id = coalesce(asked.merged_into, asked.customer_id)
            where asked.customer_id = any($1::text[])""",  # noqa: S608 - constants
        list(customer_ids),
    )
    return {row[0]: Customer(*row[1:]) for row in rows}


class Details(NamedTuple):
    """Exact details to look for, in the form that they are compared in; all that are given must fit."""

    email: str | None = None
    phone: TypedNumber | None = None
    receipt_id: str | None = None


async def find_details(connection: Connection, wanted: Details, *, after: str = "", limit: int) -> list[Customer]:
    """Customers whom all the given details fit, by id, after the id `after`; a number only in its last digits."""
    ends = [end[::-1] for end in wanted.phone.ends] if wanted.phone else []
    conditions = {
        f"{PHONE_BACKWARDS} = ${{}} and phone_key is not null": ends[0] if len(ends) == 1 else None,
        _BY_ENDS: ends if len(ends) > 1 else None,
        "customer_id = any (array(select i.customer_id from identifiers i where lower(i.value) = ${} "
        "and i.kind = 'receipt'))": wanted.receipt_id.lower() if wanted.receipt_id else None,
    }  # fmt: skip
    given = {condition: value for condition, value in conditions.items() if value is not None}
    values = [after, limit, *given.values()]
    where = [condition.format(number) for number, condition in enumerate(given, start=3)]
    ways = [where]
    if wanted.email is not None:
        values.append(wanted.email)
        ways = [[by_email.format(len(values)), *where] for by_email in _BY_EMAIL]
    pages = [
        f"(select {_COLUMNS} from customers where customer_id > $1 and {' and '.join(way)} "  # noqa: S608 - constants
        "order by customer_id limit $2)"
        for way in ways
    ]
    rows = await connection.fetch(
        f"select * from ({' union '.join(pages)}) as found order by customer_id limit $2",  # noqa: S608 - constants
        *values,
    )
    return [Customer(*row) for row in rows]


class Place(NamedTuple):
    """A place in the index of names, as pages go through it."""

    word: str
    other: str
    customer_id: str


async def walk_names(
    connection: Connection, first: str, second: str, *, after: Place, limit: int
) -> list[tuple[Place, Customer]]:
    """Customers by a word of their name that begins with `first` and another that begins with `second`, after a place.

    A customer comes once for each pair of words that fits; `second` may be empty.
    """
    # A single lower bound: of two, PostgreSQL may begin to read at the lower one, at worst where the index begins.
    start = max(after, Place(first, "", ""))
    rows = await connection.fetch(
        f"""with found as materialized (
                select word, other, customer_id from customer_names
                where (word, other, customer_id) > ($4, $5, $6) and word < $1 || $3
                  and other >= $2 and other < $2 || $3
                order by word, other, customer_id limit $7)
            select word, other, {_COLUMNS} from found join customers using (customer_id)
            order by word, other, customer_id""",  # noqa: S608 - constants
        first, second, END, *start, limit,
    )  # fmt: skip
    return [(Place(row[0], row[1], row[2]), Customer(*row[2:])) for row in rows]
