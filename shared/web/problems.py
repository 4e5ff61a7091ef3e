"""Errors as the caller sees them: RFC 9457 problem documents with a stable code.

Declare a problem type once beside the operations that answer it, list it in their `problems`, raise it so:

    CUSTOMER_NOT_FOUND = ProblemType(404, "customer_not_found", "No such customer")
    raise CUSTOMER_NOT_FOUND(f"No customer has the id {customer_id}.")
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NotRequired

import orjson
from pydantic import BaseModel

# Before Python 3.12 pydantic takes no other.
from typing_extensions import TypedDict

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:recourse:problem:"


class FieldError(TypedDict):
    """What is wrong with one field: `field` is `body.x`, `query.x`, `path.x` or `header.x`."""

    field: str
    message: str


class ProblemDocument(TypedDict):
    """The body of an error (RFC 9457). `code` is stable; `title` and `detail` are for people."""

    type: str
    title: str
    status: int
    code: str
    detail: NotRequired[str]
    errors: NotRequired[list[FieldError]]
    request_id: NotRequired[str]


class Problem(Exception):  # noqa: N818  (the term of RFC 9457)
    """An error answer. Raise it anywhere below an operation; a transaction it passes through rolls back."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str | None = None,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(f"{status} {code}: {detail or title or ''}")
        self.status = status
        self.code = code
        self.title = title or HTTPStatus(status).phrase
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.extra = extra

    def render(self, request_id: str | None = None) -> bytes:
        """The problem document as JSON."""
        document: dict[str, Any] = {
            "type": TYPE_PREFIX + self.code,
            "title": self.title,
            "status": self.status,
            "code": self.code,
        }
        if self.detail:
            document["detail"] = self.detail
        if self.errors:
            document["errors"] = self.errors
        if request_id:
            document["request_id"] = request_id
        return orjson.dumps(document | self.extra, default=_plain)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of problem; calling it makes one to raise."""

    status: int
    code: str
    title: str

    def __call__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> Problem:
        return Problem(self.status, self.code, self.title, detail, errors=errors, headers=headers, **extra)


MALFORMED_JSON = ProblemType(400, "malformed_json", "The body is not valid JSON")
MALFORMED_REQUEST = ProblemType(400, "malformed_request", "The request is malformed")
INVALID_CURSOR = ProblemType(400, "invalid_cursor", "The cursor does not belong to this list")
IDEMPOTENCY_KEY_REQUIRED = ProblemType(400, "idempotency_key_required", "The Idempotency-Key header is required")
UNAUTHENTICATED = ProblemType(401, "unauthenticated", "A valid bearer token is required")
PERMISSION_DENIED = ProblemType(403, "permission_denied", "The permission is missing")
NOT_FOUND = ProblemType(404, "not_found", "There is nothing at this path")
METHOD_NOT_ALLOWED = ProblemType(405, "method_not_allowed", "The path does not take this method")
REQUEST_IN_PROGRESS = ProblemType(409, "request_in_progress", "A request with this Idempotency-Key is in progress")
ANSWER_ERASED = ProblemType(409, "answer_erased", "The answer to this Idempotency-Key was erased with its customer")
PRECONDITION_FAILED = ProblemType(412, "precondition_failed", "It was changed since it was read")
BODY_TOO_LARGE = ProblemType(413, "body_too_large", "The body is too large")
UNSUPPORTED_MEDIA_TYPE = ProblemType(415, "unsupported_media_type", "The body must be application/json")
VALIDATION_FAILED = ProblemType(422, "validation_failed", "The request has invalid fields")
IDEMPOTENCY_KEY_REUSED = ProblemType(422, "idempotency_key_reused", "The Idempotency-Key was used for another request")
PRECONDITION_REQUIRED = ProblemType(428, "precondition_required", "The If-Match header is required")
INTERNAL_ERROR = ProblemType(500, "internal_error", "Something went wrong on our side")
SERVICE_UNAVAILABLE = ProblemType(503, "service_unavailable", "The service cannot answer right now")


def wrong_field(field: str, message: str) -> Problem:
    """422: one field of the request is wrong, named as in `FieldError`, for a reason that its model cannot know."""
    return VALIDATION_FAILED(errors=[{"field": field, "message": message}])
