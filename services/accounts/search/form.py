"""The search form: several details that all must fit, page by page."""

from dataclasses import dataclass

from services.accounts.search import domain, store
from services.accounts.search.folding import words_of
from services.accounts.search.store import Customer, Details, Place
from shared.db import Connection

START = Place("", "", "")
_LEAST_READ = 100

Row = tuple[Place, Customer]


@dataclass(frozen=True, slots=True)
class Form:
    """What was filled in. `typed` are the words of the name, the longest first."""

    details: Details
    typed: tuple[str, ...]

    @property
    def by_details(self) -> bool:
        """Whether more than a name is given."""
        return any(value is not None for value in self.details)


async def find(connection: Connection, form: Form, *, after: Place, limit: int) -> list[Row]:
    """Customers whom the form fits, each with its place in the order, after the place `after`."""
    found: list[Row] = []
    while len(found) < limit:
        wanted = max(limit, _LEAST_READ)
        rows = await _read(connection, form, after, wanted)
        found += await _with_survivors(connection, form, [row for row in rows if _fits(form, row)])
        if len(rows) < wanted:
            break
        after = rows[-1][0]
    return found[:limit]


async def _with_survivors(connection: Connection, form: Form, rows: list[Row]) -> list[Row]:
    """Whoever was merged into another one is shown as that one, unless the form finds that one anyway."""
    if not any(customer.merged_into for _, customer in rows):
        return rows
    shown = await store.customers(connection, [customer.customer_id for _, customer in rows])
    return [
        (place, survivor)
        for place, customer in rows
        for survivor in [shown[customer.customer_id]]
        if survivor.customer_id == customer.customer_id or not _found_itself(form, survivor)
    ]


def _found_itself(form: Form, customer: Customer) -> bool:
    email, phone, receipt_id = form.details
    return (
        receipt_id is None
        and (email is None or domain.untagged_email(customer.email or "") == email)
        and (phone is None or domain.fits(phone, customer.phone_key))
        and _is_named(form, customer)
    )


def _is_named(form: Form, customer: Customer) -> bool:
    words = words_of(customer.first_name, customer.last_name)
    return all(any(word.startswith(typed) for word in words) for typed in form.typed)


async def _read(connection: Connection, form: Form, after: Place, limit: int) -> list[Row]:
    if not form.by_details:
        first, second = (*form.typed, "")[:2]
        return await store.walk_names(connection, first, second, after=after, limit=limit)
    found = await store.find_details(connection, form.details, after=after.customer_id, limit=limit)
    return [(Place("", "", each.customer_id), each) for each in found]


def _fits(form: Form, row: Row) -> bool:
    place, customer = row
    phone = form.details.phone
    if phone is not None and not domain.fits(phone, customer.phone_key):
        return False
    if not _is_named(form, customer):
        return False
    return form.by_details or place[:2] == _first_pair(form.typed, words_of(customer.first_name, customer.last_name))


def _first_pair(typed: tuple[str, ...], words: tuple[str, ...]) -> tuple[str, str]:
    """Where in the index a customer comes first, of all the pairs of words that fit."""
    first, second = (*typed, "")[:2]
    fitting = [pair for pair in domain.word_pairs(words) if pair[0].startswith(first) and pair[1].startswith(second)]
    return min(fitting, default=("", ""))
