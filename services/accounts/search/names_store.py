"""The words of names that customers are found by, in PostgreSQL. No function commits."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from services.accounts.search.domain import word_pairs
from services.accounts.search.folding import VERSION, words_before, words_of
from shared.db import Connection, array, insert_rows

_NAME_TYPES = {"word": "text", "other": "text", "customer_id": "text"}


class Named(NamedTuple):
    """A customer's name."""

    customer_id: str
    first_name: str
    last_name: str


async def index_names(connection: Connection, names: Sequence[Named], *, are_new: bool) -> None:
    """Make customers findable by their names, instead of the names that are stored; the caller holds their locks."""
    pairs = _pairs(names, words_of)
    if not are_new:
        named = await _names(connection, [each.customer_id for each in names])
        stored = _pairs(named, words_of)
        await _remove(connection, (stored | _pairs(named, words_before)) - pairs)
        pairs -= stored
    if pairs:
        await insert_rows(connection, "customer_names", _NAME_TYPES, sorted(pairs))
        await _add_words(connection, {word for word, _, _ in pairs})


async def _names(connection: Connection, customer_ids: Sequence[str]) -> list[Named]:
    rows = await connection.fetch(
        "select customer_id, first_name, last_name from customers where customer_id = any($1::text[])", customer_ids
    )
    return [Named(*row) for row in rows]


def _pairs(names: Iterable[Named], words: Callable[..., tuple[str, ...]]) -> set[tuple[str, str, str]]:
    return {
        (*pair, each.customer_id)
        for each in names
        if (found := words(each.first_name, each.last_name))
        for pair in word_pairs(found)
    }


async def _remove(connection: Connection, pairs: Iterable[tuple[str, str, str]]) -> None:
    rows = list(pairs)
    if not rows:
        return
    await connection.execute(
        """delete from customer_names n using unnest($1::text[], $2::text[], $3::text[]) as e (word, other, id)
           where n.word = e.word and n.other = e.other and n.customer_id = e.id""",
        *zip(*rows, strict=True),
    )
    words = sorted({word for word, _, _ in rows})
    # Of two customers who give up the same word at once, the later one waits here, and then sees that nobody has it.
    await connection.execute(
        "select from name_words where word = any($1::text[]) order by word, ctid for update", words
    )
    # The dictionary keeps no name of somebody who is no longer called so, unless others are.
    await connection.execute(
        """delete from name_words w where word = any($1::text[])
             and not exists (select from customer_names n where n.word = w.word offset 0)""",
        words,
    )


async def _add_words(connection: Connection, words: Iterable[str]) -> None:
    # `offset 0`: a look-up by key for each word, whatever the planner knows of the size of the dictionary.
    await connection.execute(
        """insert into name_words (word) select word from unnest($1::text::text[]) as new (word)
           where not exists (select from name_words w where w.word = new.word offset 0)""",
        array(sorted(words)),
    )


async def lock_folds(connection: Connection) -> str | None:
    """The customer id after which names are still to be folded anew; the transaction holds this place.

    None when all are folded, or when another transaction holds it.
    """
    await connection.execute("insert into name_folds (version, after) values ($1, '') on conflict do nothing", VERSION)
    row = await connection.fetchrow("select version, after, done_at from name_folds for update skip locked")
    if row is None or (row["version"] >= VERSION and row["done_at"] is not None):
        return None
    return str(row["after"]) if row["version"] == VERSION else ""


async def move_folds(connection: Connection, after: str | None) -> None:
    """Note after which customer id to go on; None when all are done."""
    await connection.execute(
        """update name_folds
           set version = $1, after = coalesce($2, ''), done_at = case when $2::text is null then now() end""",
        VERSION, after,
    )  # fmt: skip


async def names_after(connection: Connection, after: str, *, limit: int) -> list[Named]:
    """Names of customers behind the id `after`, by id."""
    rows = await connection.fetch(
        """select customer_id, first_name, last_name from customers where customer_id > $1
           order by customer_id limit $2""",
        after, limit,
    )  # fmt: skip
    return [Named(*row) for row in rows]


async def index_anew(connection: Connection, customer_ids: Sequence[str]) -> None:
    """Make customers findable by their names as these are folded now; the caller holds their locks."""
    names = await _names(connection, customer_ids)
    pairs = _pairs(names, words_of)
    await _remove(connection, _pairs(names, words_before) - pairs)
    if pairs:
        await connection.execute(
            """insert into customer_names (word, other, customer_id)
               select * from unnest($1::text[], $2::text[], $3::text[]) on conflict do nothing""",
            *zip(*sorted(pairs), strict=True),
        )
        await _add_words(connection, {word for word, _, _ in pairs})
