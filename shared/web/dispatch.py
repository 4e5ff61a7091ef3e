"""One operation answering requests: who asks, what they ask, the handler, the answer as bytes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiohttp import hdrs, web
from pydantic import TypeAdapter

from shared.web.auth import ANONYMOUS, Principal, TokenVerifier
from shared.web.context import REQUEST_ID, RequestContext
from shared.web.etag import etag_of, is_not_modified, parse_entity_tags
from shared.web.idempotency import IdempotencyRaceError, IdempotentRequest, InFlight, hash_request, read_key
from shared.web.paging import Page, Rows
from shared.web.personal import SEES_PERSONAL_DATA, masked
from shared.web.problems import PRECONDITION_REQUIRED, REQUEST_IN_PROGRESS, Problem
from shared.web.replies import RenderedReply, Reply, Stream
from shared.web.signatures import Operation
from shared.web.validation import parse_body, parse_path, parse_query, read_body
from shared.web.wire import WireResponse

_RACE_ATTEMPTS = 3
_JSON = "application/json"


class Dispatcher:
    """Answers the requests to one operation."""

    def __init__(self, operation: Operation, verifier: TokenVerifier, in_flight: InFlight) -> None:
        self._operation = operation
        self._declared = operation.declared
        self._verifier = verifier
        self._in_flight = in_flight

    @property
    def route(self) -> str:
        """The template of the path."""
        return self._declared.path

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request that aiohttp's router found."""
        return await self.answer(request, path_values=request.match_info)

    async def answer(self, request: web.Request, *, path_values: Mapping[str, str]) -> web.StreamResponse:
        """Answer one request; what is wrong with it is raised as a Problem."""
        principal = await self._authorize(request)
        context = RequestContext(
            http_request=request,
            path_values=path_values,
            operation_id=self._operation.operation_id,
            principal=principal,
            request_id=request[REQUEST_ID],
            renderer=lambda result: self._render(request, principal, result),
        )
        arguments = await self._arguments(request, context)
        try:
            if context.idempotency is None:
                result = await self._operation.handler(**arguments)
                if isinstance(result, Stream):
                    return self._stream(result)
                reply = context.render(result)
            else:
                await self._in_flight.enter(context.idempotency)
                try:
                    reply = await self._run_idempotent(context, arguments)
                finally:
                    self._in_flight.leave(context.idempotency)
        except Problem as problem:
            problem.extra = context.visible(problem.extra)
            raise
        return _respond(request, reply)

    async def _authorize(self, request: web.Request) -> Principal:
        permission = self._declared.permission
        if permission is None:
            return ANONYMOUS
        principal = await self._verifier.authenticate(request.headers.get(hdrs.AUTHORIZATION))
        principal.require(permission)
        return principal

    async def _arguments(self, request: web.Request, context: RequestContext) -> dict[str, Any]:
        operation = self._operation
        arguments: dict[str, Any] = {}
        if operation.path_model is not None:
            arguments["path"] = parse_path(operation.path_model, context.path_values)
        if operation.query_model is not None:
            arguments["query"] = parse_query(operation.query_model, request)
        if self._declared.if_match:
            context.if_match = _if_match(request, required=self._declared.if_match is True)
        key = read_key(request.headers.get("Idempotency-Key")) if self._declared.idempotent else None
        body = b""
        if operation.body is not None:
            body = await read_body(request)
            arguments["body"] = parse_body(operation.body, body)
        if key is not None:
            scope = f"{context.principal.subject} {operation.operation_id}"
            context.idempotency = IdempotentRequest(scope, key, hash_request(request.raw_path, body))
        if "ctx" in operation.arguments:
            arguments["ctx"] = context
        return arguments

    async def _run_idempotent(self, context: RequestContext, arguments: dict[str, Any]) -> RenderedReply[Any]:
        for _attempt in range(_RACE_ATTEMPTS):
            try:
                return context.render(await self._operation.handler(**arguments))
            except IdempotencyRaceError:
                continue
        raise REQUEST_IN_PROGRESS(headers={"Retry-After": "1"})

    def _render(self, request: web.Request, principal: Principal, result: Any) -> RenderedReply[Any]:
        if isinstance(result, RenderedReply):
            return result
        if not isinstance(result, Reply):
            result = Reply(result)
        if self._operation.is_personal and SEES_PERSONAL_DATA not in principal.permissions:
            content = result.content.page() if isinstance(result.content, Rows) else result.content
            return _masked_reply(self._render_model(request, replace(result, content=masked(content))))
        return self._render_model(request, result)

    def _stream(self, stream: Stream) -> web.Response:
        headers = {hdrs.CONTENT_TYPE: self._declared.produces, **stream.headers}
        return web.Response(status=self._declared.status, headers=headers, body=stream.chunks)

    def _render_model(self, request: web.Request, reply: Reply[Any]) -> RenderedReply[Any]:
        headers = dict(reply.headers)
        if reply.version is not None:
            headers[hdrs.ETAG] = etag_of(reply.version)
        content = reply.content
        if isinstance(content, Page | Rows) and content.next_cursor:
            url = request.rel_url.update_query(cursor=content.next_cursor)
            headers[hdrs.LINK] = f'<{url}>; rel="next"'
        status = self._declared.status
        adapter: TypeAdapter[Any] | None = self._operation.response
        if adapter is None:
            return RenderedReply(status, headers, b"")
        headers[hdrs.CONTENT_TYPE] = _JSON
        body = content.json() if isinstance(content, Rows) else adapter.dump_json(content)
        return RenderedReply(status, headers, body)


def _masked_reply(reply: RenderedReply[Any]) -> RenderedReply[Any]:
    """Under an entity tag of its own: a clear copy in a cache is not current for a caller who may not see it."""
    etag = reply.headers.get(hdrs.ETAG)
    return reply if etag is None else replace(reply, headers={**reply.headers, hdrs.ETAG: f'{etag[:-1]}-masked"'})


def _if_match(request: web.Request, *, required: bool) -> frozenset[str] | None:
    header = request.headers.get(hdrs.IF_MATCH)
    if header is not None:
        return parse_entity_tags(header, name=hdrs.IF_MATCH)
    if required:
        raise PRECONDITION_REQUIRED("Send the ETag of what you read as If-Match.")
    return None


def _respond(request: web.Request, reply: RenderedReply[Any]) -> web.StreamResponse:
    etag = reply.headers.get(hdrs.ETAG)
    if_none_match = request.headers.get(hdrs.IF_NONE_MATCH)
    if etag and if_none_match and request.method in {"GET", "HEAD"} and is_not_modified(if_none_match, etag):
        return WireResponse(304, {hdrs.ETAG: etag}, b"")
    return WireResponse(reply.status, reply.headers, reply.body)
