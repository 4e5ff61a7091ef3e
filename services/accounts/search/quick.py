"""The search box: what a text may be is looked up in turn, exact identifiers first."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest

from services.accounts.search import domain, pieces_store, store
from services.accounts.search.domain import Kind, Sought
from services.accounts.search.folding import words_of
from services.accounts.search.parts import parts_of_text
from shared.db import Connection

# So many customers of a name are looked at to find the closest ones.
_CANDIDATES = 400
_WORDS_EACH = 60
# Of words that begin alike there are more than are looked at closely.
_WORDS_BEGINNING = 1000
# So many ids of a kind that begin alike are looked at, and so many of them shown of a customer.
_IDS_EACH = 200
_MATCHES_EACH = 5

# A text in E.164, if it is a number.
NumberOf = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Match:
    """Why a customer was found."""

    kind: Kind
    value: str | None = None
    exact: bool = True


@dataclass(slots=True)
class Results:
    """Customers in the order of the results, each with why."""

    customers: dict[str, store.Customer] = field(default_factory=dict)
    matches: dict[str, list[Match]] = field(default_factory=dict)

    def add(self, customer: store.Customer, match: Match) -> None:
        """A customer that was found, maybe once more."""
        self.customers.setdefault(customer.customer_id, customer)
        found = self.matches.setdefault(customer.customer_id, [])
        if match not in found:
            found.append(match)

    def add_all(self, others: "Results") -> None:
        """The customers of other results, behind these."""
        for customer_id, customer in others.customers.items():
            for match in others.matches[customer_id]:
                self.add(customer, match)

    def only(self, customer_id: str) -> "Results":
        """One customer of these."""
        return self._of([customer_id])

    def first(self, limit: int) -> "Results":
        """The first customers of these."""
        return self._of([*islice(self.customers, limit)])

    def put_first(self, customer_id: str, match: Match) -> None:
        """Show a customer before all others, who fits in one more way."""
        self.add(self.customers[customer_id], match)
        self.customers = {customer_id: self.customers[customer_id], **self.customers}

    def _of(self, customer_ids: Sequence[str]) -> "Results":
        return Results(
            {each: self.customers[each] for each in customer_ids}, {each: self.matches[each] for each in customer_ids}
        )


async def search(connection: Connection, text: str, *, number_of: NumberOf, limit: int) -> Results:
    """Up to `limit` customers and one more, if there are more: by all of the text, else by what stands in it."""
    results = await _by_all(connection, text, number_of, limit)
    return results if results.customers else await _by_parts(connection, text, number_of, limit)


async def _by_all(connection: Connection, text: str, number_of: NumberOf, limit: int) -> Results:
    sought = domain.classify(text)
    results = Results()
    await _by_identifier(connection, sought, results, limit + 1)
    await _by_details(connection, sought, number_of(text), results, limit + 1)
    if len(results.customers) <= limit:
        await _by_pieces(connection, sought, results, limit + 1)
    # What is an identifier with digits is hardly a name as well.
    if sought.words and not (sought.has_digits and results.customers) and len(results.customers) <= limit:
        await _by_name(connection, sought.words, results, with_errors=not sought.has_digits, limit=limit + 1)
        if not results.customers and not sought.has_digits:
            await _by_other_words(connection, domain.one_left_out(sought.words), results, limit + 1)
    if not results.customers and not sought.has_digits:
        results.add_all(await _by_id_beginning(connection, sought, limit + 1))
    if not results.customers or (sought.looks_like_email and len(results.customers) <= limit):
        await _by_email_beginning(connection, text, results, limit + 1)
    return results


async def _by_parts(connection: Connection, text: str, number_of: NumberOf, limit: int) -> Results:
    """Customers with a detail that stands in the text and, when none of them has the name in it, those of the name."""
    parts = parts_of_text(text)
    results = Results()
    for detail in parts.details:
        sought = domain.classify(detail)
        # All of the text was looked up before, in vain.
        if detail != text:
            await _by_identifier(connection, sought, results, limit + 1)
            await _by_details(connection, sought, number_of(detail), results, limit + 1)
        if sought.email and not results.customers:
            # With another end, such as .com in the place of .com.au.
            await _by_email_beginning(connection, sought.email.rpartition("@")[0] + "@", results, limit + 1)
    typed = sorted(parts.words, key=len, reverse=True)
    if parts.words not in {(), domain.classify(text).words} and not _put_namesakes_first(results, typed):
        named = Results()
        among = _CANDIDATES if parts.ends else limit + 1
        await _by_name(connection, typed, named, with_errors=True, limit=among)
        _put_ends_first(named, parts.ends)
        results.add_all(named)
    for detail in parts.details if not results.customers else ():
        await _by_pieces(connection, domain.classify(detail), results, limit + 1)
    return results


def _put_namesakes_first(results: Results, typed: list[str]) -> bool:
    """Whether any of the customers is called so."""
    ranks = {
        customer_id: rank
        for customer_id, customer in results.customers.items()
        if (rank := domain.rank(typed, words_of(customer.last_name, customer.first_name))) is not None
    }
    for customer_id in sorted(ranks, key=ranks.__getitem__, reverse=True):
        results.put_first(customer_id, Match("name", exact=ranks[customer_id] == 0))
    return bool(ranks)


def _put_ends_first(results: Results, ends: tuple[str, ...]) -> None:
    found = [
        customer_id for customer_id, customer in results.customers.items() if (customer.phone_key or "").endswith(ends)
    ]
    for customer_id in reversed(found):
        results.put_first(customer_id, Match("phone", exact=False))


async def _by_identifier(connection: Connection, sought: Sought, results: Results, limit: int) -> None:
    if sought.identifier is None:
        return
    found = await store.find_identifier(connection, sought.identifier, sought.entry_id, limit=limit)
    customers = await store.customers(connection, {each.customer_id for each in found}) if found else {}
    for each in sorted(found, key=lambda each: (each.value != sought.identifier, each.customer_id, each.kind)):
        if each.customer_id in customers:
            results.add(customers[each.customer_id], Match(each.kind, each.value))


async def _by_details(connection: Connection, sought: Sought, number: str | None, results: Results, limit: int) -> None:
    found: list[tuple[str, Match]] = []
    if sought.email is not None:
        owners = await store.find_details(connection, store.Details(email=sought.email), limit=limit)
        found += [(each.customer_id, Match("email")) for each in owners]
    if sought.phone is not None:
        typed = domain.TypedNumber(sought.phone, number)
        owners = await store.find_details(connection, store.Details(phone=typed), limit=limit)
        same = [each for each in owners if domain.fits(typed, each.phone_key)]
        found += [(each.customer_id, Match("phone")) for each in same]
    customers = await store.customers(connection, {customer_id for customer_id, _ in found}) if found else {}
    for customer_id, match in found:
        results.add(customers[customer_id], match)


async def _by_pieces(connection: Connection, sought: Sought, results: Results, limit: int) -> None:
    """By the last digits of a number and, unless it is a whole one, by the beginning of an id, in turn."""
    beginnings = Results()
    if sought.has_digits and not results.customers:
        beginnings = await _by_id_beginning(connection, sought, limit)
    ends = await _by_phone_end(connection, sought, limit)
    for pair in zip_longest(ends.customers, beginnings.customers):
        for customer_id, found in zip(pair, (ends, beginnings), strict=True):
            if customer_id is not None:
                results.add_all(found.only(customer_id))


async def _by_phone_end(connection: Connection, sought: Sought, limit: int) -> Results:
    results = Results()
    if sought.phone_end is not None:
        found = await pieces_store.find_phone_end(connection, sought.phone_end, limit=limit)
        customers = await store.customers(connection, found) if found else {}
        for customer_id in found:
            results.add(customers[customer_id], Match("phone", exact=False))
    return results


async def _by_id_beginning(connection: Connection, sought: Sought, limit: int) -> Results:
    results = Results()
    beginning = domain.id_beginning(sought.identifier)
    if beginning is not None:
        among = domain.uuids_beginning(beginning)
        found = await pieces_store.find_id_beginning(connection, beginning, among, limit=_IDS_EACH)
        customers = await store.customers(connection, {each.customer_id for each in found}) if found else {}
        for each in sorted(found, key=lambda each: (len(each.value), each.value, each.kind, each.customer_id)):
            if each.customer_id in customers and len(results.matches.get(each.customer_id, ())) < _MATCHES_EACH:
                results.add(customers[each.customer_id], Match(each.kind, each.value, exact=False))
    return results.first(limit)


async def _by_name(
    connection: Connection, given: Sequence[str], results: Results, *, with_errors: bool, limit: int
) -> None:
    """Names that have all words first; those that begin with them, contain them or differ a little only then.

    Of those that are as close, the ones with fewer other words come first.
    """
    typed = sorted(given, key=len, reverse=True)
    found = await store.find_exact_name(connection, typed, limit=limit)
    if not found:
        await _by_other_words(connection, await _set_apart_otherwise(connection, given), results, limit)
    if len(found) < limit:
        found += await _similar(connection, typed, with_errors=with_errors, limit=limit)
    customers = await store.customers(connection, found)
    ranked = sorted(
        (rank, len(words), words, customer_id)
        for customer_id, customer in customers.items()
        if (rank := _rank(typed, customer_id, customer, words := words_of(customer.last_name, customer.first_name)))
        is not None
    )
    for rank, _, _, customer_id in ranked[:limit]:
        results.add(customers[customer_id], Match("name", exact=rank == 0))


async def _set_apart_otherwise(connection: Connection, typed: Sequence[str]) -> list[tuple[str, ...]]:
    parts: set[str] = set().union(*map(domain.parts_of, typed))
    return domain.set_apart_otherwise(typed, await store.known_words(connection, parts) if parts else ())


async def _by_other_words(connection: Connection, names: Iterable[Sequence[str]], results: Results, limit: int) -> None:
    """Names that have all the words of one of `names`."""
    found: list[str] = []
    for name in names:
        found += await store.find_exact_name(connection, [*dict.fromkeys(name)], limit=limit)
        if len(found) >= limit:
            break
    customers = await store.customers(connection, found) if found else {}
    for customer_id in [*dict.fromkeys(found)][:limit]:
        results.add(customers[customer_id], Match("name", exact=False))


async def _by_email_beginning(connection: Connection, text: str, results: Results, limit: int) -> None:
    beginning = domain.email_beginning(text)
    found = await pieces_store.find_email_beginning(connection, beginning, limit=limit) if beginning else []
    customers = await store.customers(connection, found) if found else {}
    for customer_id in found:
        if customer_id not in results.customers:
            results.add(customers[customer_id], Match("email", exact=False))


def _rank(typed: list[str], found_id: str, customer: store.Customer, words: tuple[str, ...]) -> int | None:
    rank = domain.rank(typed, words)
    # Found by the name of somebody who was merged into this customer.
    return domain.TWO_ERRORS if rank is None and found_id != customer.customer_id else rank


async def _similar(connection: Connection, typed: list[str], *, with_errors: bool, limit: int) -> list[str]:
    alone = len(typed) == 1
    firsts = await _meant(connection, typed[0], with_errors=with_errors, alone=alone)
    seconds = [] if alone else await _meant(connection, typed[1], with_errors=with_errors, alone=alone)
    # Further words are only compared, so that there must be more to choose from.
    each = limit if len(typed) < 3 else _CANDIDATES
    beginning = typed[1] if len(typed) > 1 else ""
    found = await store.find_similar_name(connection, firsts, seconds, beginning, each=each, limit=_CANDIDATES)
    if len(found) < limit and len(firsts) == _WORDS_EACH and beginning:
        found += await pieces_store.find_name_beginnings(
            connection, typed[0], beginning, words=_WORDS_BEGINNING, limit=each
        )
    return found


async def _meant(connection: Connection, typed: str, *, with_errors: bool, alone: bool) -> list[str]:
    """Words of names that the typed one may mean, the closest first."""
    variants = domain.one_error_away(typed) if with_errors and domain.errors_allowed(typed, alone=alone) else []
    variants.append(domain.without_umlauts(typed))
    close = {
        word: closeness
        for word in [typed, *await store.dictionary(connection, typed, variants)]
        if (closeness := domain.closeness(typed, word, alone=alone)) is not None
    }
    return sorted(close, key=lambda word: (close[word], len(word), word))[:_WORDS_EACH]
