"""Times as texts: written out, never as a number in quotes."""

import re
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, SchemaValidator, core_schema

_PATTERN = r"^[0-9]{4}-"
_written_out = re.compile(_PATTERN).match
# A plus that a client did not escape is a blank in a query.
_UNESCAPED_PLUS = re.compile(r"(?<=[0-9]) (?=[0-9]{2}:?[0-9]{2}$)")
_CODE = "not_a_time"
_MESSAGE = "Input should be a time with its zone, from 1900 to 9998, such as 2026-11-22T09:30:00Z"


class WrittenOut:
    """Annotates a time: a text of it begins with the year.

    pydantic also takes digits for seconds since 1970, so that `"20261122"` would be a day of that year.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Texts of JSON are checked where they are read, those of queries by a function; strict Python has none."""
        schema = handler(source)
        checked = core_schema.no_info_before_validator_function(_check, schema)
        return core_schema.json_or_python_schema(
            core_schema.custom_error_schema(_text_of(schema), custom_error_type=_CODE, custom_error_message=_MESSAGE),
            core_schema.lax_or_strict_schema(lax_schema=checked, strict_schema=schema),
        )

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """That of every time."""
        return handler(core_schema.datetime_schema())


def _text_of(schema: CoreSchema) -> CoreSchema:
    """A text, then the time that it says: to the second step the text is a value of Python, which it takes when lax.

    A call that says `strict` overrules that, so it gets a validator of its own.
    """
    text = core_schema.str_schema(pattern=_PATTERN, strict=True)
    lax: Any = {**schema, "strict": False}
    overruling = core_schema.no_info_plain_validator_function(SchemaValidator(lax).validate_python)
    return core_schema.lax_or_strict_schema(
        lax_schema=core_schema.chain_schema([text, lax]),
        strict_schema=core_schema.chain_schema([text, overruling]),
        strict=False,
    )


def _check(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not _written_out(value):
        raise PydanticCustomError(_CODE, _MESSAGE)
    return _UNESCAPED_PLUS.sub("+", value)
