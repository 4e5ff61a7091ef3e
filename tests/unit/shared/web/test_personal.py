"""Fields marked as personal, in every shape that an answer has, and in the schema that describes it."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import TypeAdapter

from shared.web import Page, Personal, ResponseModel
from shared.web.personal import is_personal, masked


class Contact(ResponseModel):
    name: str
    email: Annotated[str | None, Personal("email")] = None
    phones: tuple[Annotated[str, Personal("phone")], ...] = ()


class Other(ResponseModel):
    number: int


class Holder(ResponseModel):
    contact: Contact | Other
    by_name: dict[str, Contact] | None = None


@dataclass(frozen=True)
class Plain:
    address: Annotated[str, Personal("text")]
    details: Annotated[dict[str, Any] | None, Personal("details")] = None


ADA = Contact(name="Ada", email="ada@example.com", phones=("+61 491 570 156",))
MASKED = Contact(name="Ada", email="a•••@example.com", phones=("+61 ••• ••• 156",))


def test_a_model_is_masked_wherever_it_stands() -> None:
    assert masked(ADA) == MASKED
    assert masked(Page([ADA], "next")) == Page([MASKED], "next")
    assert masked(Holder(contact=ADA, by_name={"a": ADA})) == Holder(contact=MASKED, by_name={"a": MASKED})
    assert masked({"customers": [ADA]}) == {"customers": [MASKED]}
    assert masked(Plain("1 High Street", {"email": "ada@example.com"})) == Plain("1•••", {"email": "a•••@example.com"})


def test_what_holds_nothing_personal_stays_itself() -> None:
    for value in (Other(number=1), Contact(name="Ada"), Holder(contact=Other(number=1)), 7, "ada@example.com", None):
        assert masked(value) == value


def test_the_schema_says_what_is_personal() -> None:
    assert is_personal(TypeAdapter(Page[Holder]).json_schema(mode="serialization"))
    assert not is_personal(TypeAdapter(Page[Other]).json_schema(mode="serialization"))
    field = Contact.model_json_schema()["properties"]["email"]
    assert field["x-personal"] == "email"
    assert "personal_data:read" in field["description"]
