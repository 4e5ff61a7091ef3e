"""What the search takes and answers."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from services.accounts.search.domain import Kind
from shared.web import PageQuery, Personal, RequestModel, ResponseModel

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254)]


class SearchQuery(RequestModel):
    """One box."""

    q: _Text = Field(
        description="A name or a part of it, an e-mail address or how it begins, a phone number or its "
        "last four to six digits, or the id of a customer, an order, a ticket, a receipt, a transaction or a checkout "
        "or four characters or more of its beginning; also several of these, or with a label."
    )
    limit: int = Field(default=20, ge=1, le=50, description="Customers at most.")


class FormQuery(PageQuery):
    """Details that all must fit; at least one is given."""

    name: _Text | None = Field(default=None, description="Words of the name, or how they begin, in any order.")
    email: _Text | None = Field(default=None, description="In any case, with or without its tag.")
    phone: _Text | None = Field(default=None, description="Written in any usual way.")
    receipt_id: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9._:-]{1,64}$")] | None = (
        None
    )

    @model_validator(mode="after")
    def _something_is_given(self) -> Self:
        if not any((self.name, self.email, self.phone, self.receipt_id)):
            raise ValueError("Give one of name, email, phone, receipt_id.")
        return self


class MatchView(ResponseModel):
    """What of a customer fitted."""

    kind: Kind
    value: str | None = Field(
        description="The id that fitted, all of it; null for what the customer shows: e-mail, phone, name."
    )
    exact: bool = Field(
        description="False for a name that begins so, contains it, or has other letters, for a number that ends so, "
        "and for an address or an id that begins so."
    )


class CustomerResult(ResponseModel):
    """A customer in a list of results."""

    customer_id: str
    first_name: str
    last_name: str
    email: Annotated[str | None, Personal("email")]
    phone: Annotated[str | None, Personal("phone")]
    status: Literal["active", "suspended", "closed"]


class FoundView(CustomerResult):
    """A customer that was found, and by what."""

    matches: list[MatchView]


class SearchResults(ResponseModel):
    """The best results, exact identifiers first; `more` says that there are others."""

    items: list[FoundView]
    more: bool
