"""Whether an event type may change so: every older reader and every older writer must go on working.

An older reader has to take what a newer writer sends, so nothing it checks may be widened, made optional or taken
away; a newer reader has to take what an older writer sent, so nothing may be narrowed or newly required. What is
left is to add optional fields. Everything else is a new version of the type, beside the old one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_ANNOTATIONS = frozenset({"title", "description", "default", "examples", "$schema", "$id", "$defs", "deprecated"})
_LOWER = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
_UPPER = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
_STRUCTURE = frozenset({"properties", "required", "items", "additionalProperties", "anyOf", "enum", "const"})

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Break:
    """A change at `field` that somebody cannot take: `whom` is the older readers, the older writers, or both."""

    event_type: str
    field: str
    change: str
    whom: str

    def __str__(self) -> str:
        return f"{self.event_type}: {self.field}: {self.change}: breaks older {self.whom}"


def breaks(golden: dict[str, Schema], current: dict[str, Schema]) -> list[Break]:
    """What the current schemas break of the golden ones, both by event type. A new type breaks nothing."""
    found = []
    for name, old in golden.items():
        if name not in current:
            found.append(Break(name, "event", "the type is gone", "writers and readers"))
            continue
        new = current[name]
        for field, change, whom in _compare(_resolve(old, old), _resolve(new, new), "event"):
            found.append(Break(name, field, change, whom))
    return found


def _resolve(schema: Any, root: Schema) -> Any:
    """The schema without references and without what only people read."""
    if isinstance(schema, list):
        return [_resolve(part, root) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if reference := schema.get("$ref"):
        return _resolve(root["$defs"][reference.rpartition("/")[2]], root)
    resolved = {key: part for key, part in schema.items() if key not in _ANNOTATIONS and key != "properties"}
    resolved = {key: _resolve(part, root) for key, part in resolved.items()}
    # The names of fields are no keywords: a field may be called `title`.
    if "properties" in schema:
        resolved["properties"] = {name: _resolve(part, root) for name, part in schema["properties"].items()}
    if "const" in resolved:
        resolved["enum"] = [resolved.pop("const")]
    return resolved


Found = Iterator[tuple[str, str, str]]
BOTH, READERS, WRITERS = "readers and writers", "readers", "writers"


def _compare(old: Schema, new: Schema, field: str) -> Found:
    if "anyOf" in old or "anyOf" in new:
        yield from _compare_alternatives(old, new, field)
        return
    yield from _compare_values(old, new, field)
    yield from _compare_bounds(old, new, field)
    yield from _compare_fields(old, new, field)
    for part in ("items", "additionalProperties"):
        yield from _compare_part(old.get(part, True), new.get(part, True), f"{field}.*", part)
    known = _LOWER | _UPPER | _STRUCTURE
    for keyword in sorted((old.keys() | new.keys()) - known):
        if old.get(keyword) != new.get(keyword):
            yield field, f"{keyword} was {old.get(keyword)!r} and is {new.get(keyword)!r}", BOTH


def _compare_alternatives(old: Schema, new: Schema, field: str) -> Found:
    before, after = _alternatives(old), _alternatives(new)
    for kind in sorted(before.keys() - after.keys()):
        yield field, f"it may no longer be {kind}", WRITERS
    for kind in sorted(after.keys() - before.keys()):
        yield field, f"it may now be {kind}", READERS
    for kind in sorted(before.keys() & after.keys()):
        yield from _compare(before[kind], after[kind], field)


def _alternatives(schema: Schema) -> dict[str, Schema]:
    return {str(each.get("type", "anything")): each for each in schema.get("anyOf", [schema])}


def _compare_values(old: Schema, new: Schema, field: str) -> Found:
    before, after = old.get("enum"), new.get("enum")
    if before is not None and after is None:
        yield field, "it is no longer limited to some values", READERS
    elif before is None and after is not None:
        yield field, f"it is now limited to {after}", WRITERS
    elif before is not None and after is not None:
        if gone := [value for value in before if value not in after]:
            yield field, f"the values {gone} are gone", WRITERS
        if added := [value for value in after if value not in before]:
            yield field, f"the values {added} are new", READERS


def _compare_bounds(old: Schema, new: Schema, field: str) -> Found:
    for keyword in sorted((_LOWER | _UPPER) & (old.keys() | new.keys())):
        before, after = old.get(keyword), new.get(keyword)
        if before == after:
            continue
        is_narrower = before is None or (after is not None and (after > before) == (keyword in _LOWER))
        change = f"{keyword} was {_shown(before)} and is {_shown(after)}"
        yield field, change, WRITERS if is_narrower else READERS


def _shown(bound: float | None) -> str:
    return "not set" if bound is None else str(bound)


def _compare_fields(old: Schema, new: Schema, field: str) -> Found:
    before, after = old.get("properties", {}), new.get("properties", {})
    must_before, must_now = set(old.get("required", ())), set(new.get("required", ()))
    for name in before:
        place = f"{field}.{name}"
        if name not in after:
            yield place, "the field is gone", READERS
            continue
        if name in must_before - must_now:
            yield place, "the field is no longer required", READERS
        if name in must_now - must_before:
            yield place, "the field is now required", WRITERS
        yield from _compare(before[name], after[name], place)
    for name in after.keys() - before.keys():
        if name in must_now:
            yield f"{field}.{name}", "a new field is required", WRITERS


def _compare_part(old: Any, new: Any, field: str, part: str) -> Found:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _compare(old, new, field)
    elif old != new:
        yield field, f"{part} was {old!r} and is {new!r}", BOTH
