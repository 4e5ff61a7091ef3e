"""The AsyncAPI document is current, valid, and true."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from shared.contracts import registry
from shared.messaging.admin import topic_names
from shared.messaging.asyncapi import build_asyncapi
from tests.contracts.test_schemas import WRITE

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads((ROOT / "docs/asyncapi.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_the_document_on_file_is_current(document: dict[str, Any]) -> None:
    assert document == json.loads(json.dumps(build_asyncapi())), WRITE


def test_it_is_valid_by_the_official_schema(document: dict[str, Any]) -> None:
    schema = json.loads((Path(__file__).parent / "asyncapi-3.0.0.json").read_text(encoding="utf-8"))
    errors = [f"{error.json_path}: {error.message}"[:300] for error in Draft7Validator(schema).iter_errors(document)]
    assert errors == []


def test_the_official_schema_can_refuse(document: dict[str, Any]) -> None:
    schema = json.loads((Path(__file__).parent / "asyncapi-3.0.0.json").read_text(encoding="utf-8"))
    broken = document | {"operations": {"x": {"action": "shout", "channel": {"$ref": "#/channels/tickets"}}}}
    assert not Draft7Validator(schema).is_valid(broken)


def test_every_topic_and_every_event_type_is_there(document: dict[str, Any]) -> None:
    assert {channel["address"] for channel in document["channels"].values()} == set(topic_names())
    messages = document["components"]["messages"]
    assert set(messages) == {*registry(), "dead_letter"}
    for contract in registry().values():
        channel = document["channels"][contract.topic]
        assert {"$ref": f"#/components/messages/{contract.type}"} in channel["messages"].values()


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = list(_references(document))
    assert len(references) > 50
    for reference in references:
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_examples_are_valid_for_headers_and_payload(document: dict[str, Any]) -> None:
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    root: Registry[Any] = Registry().with_resource("urn:asyncapi", resource)
    headers = document["components"]["messageTraits"]["event"]["headers"]
    for name, message in document["components"]["messages"].items():
        for example in message.get("examples", []):
            reference = {"$ref": f"urn:asyncapi{message['payload']['$ref']}"}
            Draft202012Validator(reference, registry=root).validate(example["payload"])
            Draft202012Validator(headers).validate(example["headers"])
            assert example["headers"]["ce_type"] == name


def _references(part: Any) -> Any:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)
