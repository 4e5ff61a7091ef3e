"""The OpenAPI 3.1 document, from the same declarations that validate the requests."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from shared.web.models import RequestModel
from shared.web.problems import (
    ANSWER_ERASED,
    BODY_TOO_LARGE,
    IDEMPOTENCY_KEY_REQUIRED,
    IDEMPOTENCY_KEY_REUSED,
    INTERNAL_ERROR,
    INVALID_CURSOR,
    MALFORMED_JSON,
    MALFORMED_REQUEST,
    MEDIA_TYPE,
    PERMISSION_DENIED,
    PRECONDITION_FAILED,
    PRECONDITION_REQUIRED,
    REQUEST_IN_PROGRESS,
    SERVICE_UNAVAILABLE,
    UNAUTHENTICATED,
    UNSUPPORTED_MEDIA_TYPE,
    VALIDATION_FAILED,
    ProblemDocument,
    ProblemType,
)
from shared.web.signatures import Operation

JsonObject = dict[str, Any]
_REF = "#/components/schemas/{model}"
_PROBLEM = ("", "problem")


def build_openapi(*, title: str, version: str, description: str, operations: Sequence[Operation]) -> JsonObject:
    """The document that `/openapi.json` serves."""
    schemas, components = _schemas(operations)
    paths: dict[str, JsonObject] = {}
    for operation in operations:
        item = paths.setdefault(operation.declared.path, {})
        item[operation.declared.method.lower()] = _operation(operation, schemas)
    tags = dict.fromkeys(tag for operation in operations for tag in operation.declared.tags)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": description},
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _schemas(operations: Sequence[Operation]) -> tuple[dict[tuple[str, str], JsonObject], JsonObject]:
    inputs: list[tuple[tuple[str, str], JsonSchemaMode, TypeAdapter[Any]]] = [
        (_PROBLEM, "serialization", TypeAdapter(ProblemDocument))
    ]
    for operation in operations:
        name = operation.operation_id
        if operation.body is not None:
            inputs.append(((name, "body"), "validation", operation.body))
        if operation.response is not None:
            inputs.append(((name, "response"), "serialization", operation.response))
    by_key, definitions = TypeAdapter.json_schemas(inputs, ref_template=_REF)
    return {key: schema for (key, _mode), schema in by_key.items()}, definitions.get("$defs", {})


def _operation(operation: Operation, schemas: dict[tuple[str, str], JsonObject]) -> JsonObject:
    declared = operation.declared
    described: JsonObject = {
        "operationId": operation.operation_id,
        "summary": declared.summary,
        "description": _description(operation),
        "tags": list(declared.tags),
        "parameters": _parameters(operation),
        "responses": _responses(operation, schemas),
        "security": [{"bearer": []}] if declared.permission else [],
    }
    if declared.permission:
        described["x-permission"] = declared.permission
    if operation.body is not None:
        body = schemas[operation.operation_id, "body"]
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return described


def _description(operation: Operation) -> str:
    permission = operation.declared.permission
    needs = f"Needs the permission `{permission}`." if permission else "Open to everybody; needs no token."
    return f"{operation.description}\n\n{needs}".strip()


def _parameters(operation: Operation) -> list[JsonObject]:
    declared = operation.declared
    parameters = [*_fields(operation.path_model, "path"), *_fields(operation.query_model, "query")]
    if declared.idempotent:
        text = "A key unique to this request; a repeat with the same key gets the first answer again."
        parameters.append(_header("Idempotency-Key", text, required=True))
    if declared.if_match:
        required = declared.if_match is True
        parameters.append(_header("If-Match", "The ETag of what the edit starts from.", required=required))
    if operation.has_etag:
        text = "The ETag of a copy; answered 304 when it is current."
        parameters.append(_header("If-None-Match", text, required=False))
    return parameters


def _fields(model: type[RequestModel] | None, place: str) -> list[JsonObject]:
    if model is None:
        return []
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    required = schema.get("required", [])
    parameters = []
    for name, field in schema["properties"].items():
        parameter: JsonObject = {"name": name, "in": place, "required": place == "path" or name in required}
        parameter["schema"] = _inline(field, definitions)
        if "description" in field:
            parameter["description"] = field["description"]
        parameters.append(parameter)
    return parameters


def _inline(schema: Any, definitions: JsonObject) -> Any:
    """The schema of a parameter without references: its enumerations are small and used in one place."""
    if isinstance(schema, list):
        return [_inline(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return _inline(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions) | rest
    return {key: _inline(value, definitions) for key, value in schema.items()}


def _header(name: str, description: str, *, required: bool) -> JsonObject:
    schema = {"type": "string", "minLength": 1, "maxLength": 255}
    return {"name": name, "in": "header", "required": required, "description": description, "schema": schema}


def _responses(operation: Operation, schemas: dict[tuple[str, str], JsonObject]) -> JsonObject:
    declared = operation.declared
    responses: JsonObject = {str(declared.status): _success(operation, schemas)}
    if operation.has_etag:
        responses["304"] = {"description": "The copy named by If-None-Match is current."}
    by_status: dict[int, dict[str, str]] = {}
    for problem in [*_common_problems(operation), *declared.problems]:
        by_status.setdefault(problem.status, {})[problem.code] = problem.title
    for status, problems in sorted(by_status.items()):
        responses[str(status)] = {
            "description": "\n".join(f"- `{code}`: {title}" for code, title in problems.items()),
            "content": {MEDIA_TYPE: {"schema": schemas[_PROBLEM]}},
        }
    return responses


def _success(operation: Operation, schemas: dict[tuple[str, str], JsonObject]) -> JsonObject:
    declared = operation.declared
    success: JsonObject = {"description": HTTPStatus(declared.status).phrase}
    headers: JsonObject = {"X-Request-Id": _response_header("The id of this request.")}
    if operation.response is not None:
        schema = schemas[operation.operation_id, "response"]
        success["content"] = {declared.produces: {"schema": schema}}
    elif declared.produces != "application/json":
        success["content"] = {declared.produces: {"schema": {"type": "string"}}}
    if operation.is_paged:
        headers["Link"] = _response_header('The next page, as `<url>; rel="next"`; absent on the last.')
    if operation.has_etag:
        headers["ETag"] = _response_header("The version of what is shown: for If-None-Match, and If-Match of an edit.")
    if declared.if_match:
        headers["ETag"] = _response_header("The version after the edit.")
    if declared.idempotent:
        headers["Idempotency-Replayed"] = _response_header("`true` when this is the answer given before.")
    return success | {"headers": headers}


def _response_header(description: str) -> JsonObject:
    return {"description": description, "schema": {"type": "string"}}


def _common_problems(operation: Operation) -> list[ProblemType]:
    declared = operation.declared
    problems = [INTERNAL_ERROR, SERVICE_UNAVAILABLE]
    if declared.permission:
        problems += [UNAUTHENTICATED, PERMISSION_DENIED]
    if operation.body is not None:
        problems += [MALFORMED_JSON, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE]
    if operation.body is not None or operation.query_model or operation.path_model:
        problems.append(VALIDATION_FAILED)
    if operation.is_paged:
        problems.append(INVALID_CURSOR)
    if declared.method == "GET" or declared.if_match:
        # A request line that is too long, or an If-None-Match or If-Match that is no list of entity tags.
        problems.append(MALFORMED_REQUEST)
    if declared.idempotent:
        problems += [IDEMPOTENCY_KEY_REQUIRED, REQUEST_IN_PROGRESS, ANSWER_ERASED, IDEMPOTENCY_KEY_REUSED]
    if declared.if_match:
        problems.append(PRECONDITION_FAILED)
    if declared.if_match is True:
        problems.append(PRECONDITION_REQUIRED)
    return problems
