"""The check of compatibility finds what it must find, and nothing else."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, create_model

from shared.contracts.compatibility import breaks


class Part(BaseModel):
    label: Annotated[str, Field(max_length=10)]


FIELDS: dict[str, Any] = {
    "name": (Annotated[str, Field(min_length=2, max_length=10, pattern="^a")], ...),
    "amount": (Annotated[int, Field(ge=0, le=100)], ...),
    "note": (str | None, None),
    "kind": (Literal["a", "b"], "a"),
    "part": (Part, ...),
    "parts": (Annotated[list[Part], Field(max_length=5)], ...),
    "data": (dict[str, int | str], ...),
}


def _schema(**changed: Any) -> dict[str, dict[str, Any]]:
    fields = {name: field for name, field in (FIELDS | changed).items() if field is not None}
    return {"x.v1": create_model("Event", **fields).model_json_schema()}


def _found(**changed: Any) -> list[tuple[str, str]]:
    return [(each.field, each.whom) for each in breaks(_schema(), _schema(**changed))]


class OtherPart(BaseModel):
    label: Annotated[str, Field(max_length=9)]


WRITERS, READERS, BOTH = "writers", "readers", "readers and writers"


@pytest.mark.parametrize(
    ("change", "field", "whom"),
    [
        ({"note": None}, "event.note", READERS),
        ({"name": None, "title": FIELDS["name"]}, "event.name", READERS),
        ({"name": None, "title": FIELDS["name"]}, "event.title", WRITERS),
        ({"extra": (str, ...)}, "event.extra", WRITERS),
        ({"note": (str | None, ...)}, "event.note", WRITERS),
        ({"amount": (Annotated[int, Field(ge=0, le=100)], 5)}, "event.amount", READERS),
        ({"amount": (str, ...)}, "event.amount", BOTH),
        ({"amount": (Annotated[int, Field(ge=1, le=100)], ...)}, "event.amount", WRITERS),
        ({"amount": (Annotated[int, Field(ge=-1, le=100)], ...)}, "event.amount", READERS),
        ({"amount": (Annotated[int, Field(ge=0, le=99)], ...)}, "event.amount", WRITERS),
        ({"amount": (Annotated[int, Field(ge=0, le=101)], ...)}, "event.amount", READERS),
        ({"amount": (Annotated[int, Field(ge=0)], ...)}, "event.amount", READERS),
        ({"amount": (Annotated[int, Field(ge=0, le=100, multiple_of=5)], ...)}, "event.amount", BOTH),
        ({"name": (Annotated[str, Field(min_length=2, max_length=10, pattern="^b")], ...)}, "event.name", BOTH),
        ({"name": (Annotated[str, Field(min_length=3, max_length=10, pattern="^a")], ...)}, "event.name", WRITERS),
        ({"note": (Annotated[str, Field(max_length=5)] | None, None)}, "event.note", WRITERS),
        ({"note": (str, "")}, "event.note", WRITERS),
        ({"note": (str | int | None, None)}, "event.note", READERS),
        ({"kind": (Literal["a"], "a")}, "event.kind", WRITERS),
        ({"kind": (Literal["a", "b", "c"], "a")}, "event.kind", READERS),
        ({"kind": (str, "a")}, "event.kind", READERS),
        ({"part": (OtherPart, ...)}, "event.part.label", WRITERS),
        ({"parts": (Annotated[list[OtherPart], Field(max_length=5)], ...)}, "event.parts.*.label", WRITERS),
        ({"parts": (Annotated[list[Part], Field(max_length=4)], ...)}, "event.parts", WRITERS),
        ({"data": (dict[str, int], ...)}, "event.data.*", WRITERS),
    ],
)  # fmt: skip
def test_what_somebody_cannot_take_is_found_and_named(change: dict[str, Any], field: str, whom: str) -> None:
    assert (field, whom) in _found(**change)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"extra": (str | None, None)},
        {"extra": (Part | None, None)},
        {"kind": (Literal["b", "a"], "b")},
        {"amount": (Annotated[int, Field(ge=0, le=100, title="Other", description="Other")], ...)},
    ],
)
def test_optional_fields_and_words_may_change(change: dict[str, Any]) -> None:
    assert _found(**change) == []


def test_a_type_may_come_but_not_go() -> None:
    one, two = _schema(), {**_schema(), "y.v1": _schema()["x.v1"]}
    assert breaks(one, two) == []
    assert [(each.event_type, each.change) for each in breaks(two, one)] == [("y.v1", "the type is gone")]


def test_a_break_says_where_and_for_whom() -> None:
    (found,) = breaks(_schema(), _schema(kind=(Literal["a"], "a")))
    assert str(found) == "x.v1: event.kind: the values ['b'] are gone: breaks older writers"
