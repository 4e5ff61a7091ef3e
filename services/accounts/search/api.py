"""HTTP operations that find customers."""

from functools import partial

from services.accounts.customers.phones import Phones
from services.accounts.search import domain, form, quick
from services.accounts.search.folding import words_of
from services.accounts.search.models import CustomerResult, FormQuery, FoundView, MatchView, SearchQuery, SearchResults
from services.accounts.search.store import Details, Place
from shared.db import Database
from shared.web import Keyset, Page, RequestContext, operation, wrong_field

_BY_PLACE = Keyset(Place)


class SearchApi:
    """Search box and search form."""

    def __init__(self, database: Database, phones: Phones) -> None:
        self._database = database
        self._phones = phones

    @operation("GET", "/v1/search", permission="customers:read", summary="Find customers by anything",
               tags=("customers",))  # fmt: skip
    async def search(self, query: SearchQuery) -> SearchResults:
        """One box for every identifying detail; nothing says of which kind it is, the results say what matched.

        Names are found in any order of their words, with or without accents, by a part, and with typing errors.
        """
        async with self._database.read() as connection:
            results = await quick.search(
                connection, query.q, number_of=partial(_number, self._phones), limit=query.limit
            )
        found = list(results.customers.values())
        items = [
            FoundView(
                **dict(CustomerResult.model_validate(customer)),
                matches=[MatchView.model_validate(match) for match in results.matches[customer.customer_id]],
            )
            for customer in found[: query.limit]
        ]
        return SearchResults(items=items, more=len(found) > query.limit)

    @operation("GET", "/v1/customers", permission="customers:read", summary="Find customers by several details",
               tags=("customers",))  # fmt: skip
    async def find_customers(self, ctx: RequestContext, query: FormQuery) -> Page[CustomerResult]:
        """Customers whom all the given details fit; in the order of names when only a name is given, else by id."""
        after = _BY_PLACE.position(ctx, query)
        asked = _form(query, self._phones)
        async with self._database.read() as connection:
            rows = await form.find(
                connection, asked, after=Place(*after) if after else form.START, limit=query.limit + 1
            )
        return _BY_PLACE.page(
            ctx, query, rows, key=lambda row: row[0], item=lambda row: CustomerResult.model_validate(row[1])
        )


def _form(query: FormQuery, phones: Phones) -> form.Form:
    digits = domain.phone_digits(query.phone) if query.phone else None
    if query.phone and digits is None:
        raise wrong_field("query.phone", "Not a phone number.")
    typed = tuple(sorted(words_of(query.name), key=len, reverse=True)) if query.name else ()
    if query.name and not typed:
        raise wrong_field("query.name", "There is no letter in it.")
    email = domain.untagged_email(query.email) if query.email else None
    phone = domain.TypedNumber(digits, _number(phones, query.phone)) if query.phone and digits else None
    return form.Form(Details(email, phone, query.receipt_id), typed)


def _number(phones: Phones, text: str) -> str | None:
    return phones.number(domain.typed_phone(text))
