"""Personal data in answers: fields say that they are personal, callers without `personal_data:read` get them masked.

    class CustomerView(ResponseModel):
        email: Annotated[str | None, Personal("email")]

Nothing is done for callers who may see, and nothing for answers without such a field. For the others the answer is
copied, masked, before it becomes bytes: as a model, in a page, in lists and mappings, in the members of a problem.
What an operation streams it masks itself, unless `RequestContext.sees_personal_data`.
"""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from shared.web.masks import MASKS, Kind
from shared.web.permissions import Permission

T = TypeVar("T")

SEES_PERSONAL_DATA: Permission = "personal_data:read"
MARK = "x-personal"

_known_owners: dict[type[Any], dict[str, Kind]] = {}
_DESCRIPTIONS: dict[Kind, str] = {
    "email": "Personal: `a•••@example.com` without the permission `personal_data:read`.",
    "phone": "Personal: `+61 ••• ••• 123` without the permission `personal_data:read`.",
    "text": "Personal: only its first character without the permission `personal_data:read`.",
    "prose": "Addresses and phone numbers in it are masked without the permission `personal_data:read`.",
    "details": "Personal members are masked without the permission `personal_data:read`.",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Personal:
    """Marks a field of an answer as personal, in `Annotated`: `kind` says how it is masked."""

    kind: Kind

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = handler(schema)
        text = f"{described.get('description', '')}\n{_DESCRIPTIONS[self.kind]}".strip()
        return {**described, MARK: self.kind, "description": text}


def is_personal(schema: Any) -> bool:
    """Whether a JSON schema has a personal field anywhere."""
    if isinstance(schema, dict):
        return MARK in schema or any(is_personal(part) for part in schema.values())
    return isinstance(schema, list) and any(is_personal(part) for part in schema)


def masked(value: T) -> T:
    """A copy of an answer with its personal fields masked; `value` itself where there is none in it."""
    result: Any = value
    if isinstance(value, BaseModel):
        changes = _changes(value, {name: getattr(value, name) for name in type(value).model_fields})
        result = value.model_copy(update=changes) if changes else value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = _changes(value, {field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
        result = dataclasses.replace(value, **changes) if changes else value
    elif isinstance(value, Mapping):
        result = {name: masked(item) for name, item in value.items()}
    elif isinstance(value, list | tuple):
        result = [masked(item) for item in value]
    return result  # type: ignore[no-any-return]


def _changes(owner: object, fields: Mapping[str, Any]) -> dict[str, Any]:
    personal = personal_fields(type(owner))
    changes: dict[str, Any] = {}
    for name, value in fields.items():
        kind = personal.get(name)
        if kind is None:
            changed = masked(value)
        elif value is None:
            continue
        else:
            many = isinstance(value, list | tuple)
            changed = type(value)(map(MASKS[kind], value)) if many else MASKS[kind](value)
        if changed is not value:
            changes[name] = changed
    return changes


def personal_fields(owner: type[Any]) -> dict[str, Kind]:
    """The fields of a model or dataclass that are marked as personal, and how each is masked."""
    found = _known_owners.get(owner)
    if found is None:
        hints = get_type_hints(owner, include_extras=True)
        found = {name: mark.kind for name, hint in hints.items() if (mark := _mark(hint)) is not None}
        _known_owners[owner] = found
    return found


def _mark(hint: Any) -> Personal | None:
    """The mark on a field, also inside of unions and lists: `list[Annotated[str, Personal("email")]]`."""
    if get_origin(hint) is Annotated:
        for extra in get_args(hint)[1:]:
            if isinstance(extra, Personal):
                return extra
    return next((mark for part in get_args(hint) if (mark := _mark(part)) is not None), None)
