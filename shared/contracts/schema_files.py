"""The golden JSON Schemas: what each event type's data was promised to be, beside the models."""

import json
from pathlib import Path
from typing import Any

from shared.contracts.base import Event, registry

SCHEMAS = Path(__file__).parent / "schemas"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(contract: type[Event]) -> dict[str, Any]:
    """The JSON Schema of the event's data, as its model has it now."""
    schema = contract.model_json_schema()
    return {"$schema": _DIALECT, "$id": f"urn:recourse:schema:{contract.type}", **schema}


def golden_schemas(folder: Path = SCHEMAS) -> dict[str, dict[str, Any]]:
    """The schemas on file, by event type."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def current_schemas() -> dict[str, dict[str, Any]]:
    """The schemas of the models, by event type."""
    return {name: schema_of(contract) for name, contract in sorted(registry().items())}


def write_golden(schemas: dict[str, dict[str, Any]], folder: Path = SCHEMAS) -> list[Path]:
    """Make the files say what `schemas` says; returns those that changed, removed ones too."""
    changed = []
    for name, schema in schemas.items():
        path = folder / f"{name}.json"
        text = render(schema)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    for path in folder.glob("*.json"):
        if path.stem not in schemas:
            path.unlink()
            changed.append(path)
    return changed


def render(document: dict[str, Any]) -> str:
    """JSON as it stands in files."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
