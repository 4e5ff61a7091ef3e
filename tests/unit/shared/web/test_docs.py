"""The docs page: names of types for people, and text of the interface as text."""

import pytest

from shared.web.docs import render_page, type_name


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "format": "date-time"}, "date-time"),
        ({"type": "integer", "minimum": 1, "maximum": 100}, "integer 1..100"),
        ({"type": "string", "maxLength": 64}, "string ..64"),
        ({"$ref": "#/components/schemas/Entry"}, "Entry"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Entry"}}, "Entry[]"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"enum": ["paid", "limbo"]}, "paid | limbo"),
        ({"const": 7}, "7"),
        ({}, "any"),
    ],
)
def test_types_have_short_names(schema: dict[str, object], expected: str) -> None:
    assert type_name(schema) == expected


def test_text_of_the_document_is_never_markup() -> None:
    operation = {
        "operationId": "a",
        "summary": "<b>bold</b>",
        "description": "<script>alert(1)</script>",
        "tags": ["t"],
        "parameters": [],
        "responses": {"204": {"description": "<i>gone</i>"}},
    }
    page = render_page(
        {
            "info": {"title": "<u>T</u>", "version": "1", "description": ""},
            "paths": {"/v1/a": {"get": operation}},
            "components": {"schemas": {"State": {"enum": ["paid", "limbo"]}}},
        }
    )
    for markup in ("<b>", "<script", "<i>", "<u>"):
        assert markup not in page
    assert "paid | limbo" in page
