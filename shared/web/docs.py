"""`/openapi.json` and `/docs`: the interface for programs and for people, without anything from elsewhere."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import orjson
from aiohttp import web

_TEMPLATES = Path(__file__).parent / "templates"
# The page has one inline style sheet and no script.
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


def documentation_routes(build: Callable[[], dict[str, Any]]) -> list[web.RouteDef]:
    """The routes that serve the OpenAPI document as JSON and as a page; each is made once, when first asked for."""
    document = cache(build)

    @cache
    def as_json() -> bytes:
        return orjson.dumps(document(), option=orjson.OPT_INDENT_2)

    @cache
    def as_page() -> bytes:
        return render_page(document()).encode()

    async def openapi(_request: web.Request) -> web.Response:
        return web.Response(body=as_json(), content_type="application/json")

    async def docs(_request: web.Request) -> web.Response:
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": _PAGE_POLICY}
        return web.Response(body=as_page(), headers=headers)

    return [web.get("/openapi.json", openapi), web.get("/docs", docs)]


def render_page(document: dict[str, Any]) -> str:
    """The OpenAPI document as one HTML page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["type_name"] = type_name
    return environment.get_template("docs.html.j2").render(document=document, sections=_sections(document))


def _sections(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations by their first tag, in the order of the document."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            section = next(iter(operation["tags"]), "other")
            sections.setdefault(section, []).append({"path": path, "method": method.upper(), **operation})
    return sections


def type_name(schema: dict[str, Any]) -> str:
    """A short name of a schema for people: `string`, `integer 1..100`, `Entry[]`, `string or null`."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[1])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " or ".join(dict.fromkeys(type_name(choice) for choice in schema[union]))
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return repr(schema["const"])
    if schema.get("type") == "array":
        return f"{type_name(schema.get('items', {}))}[]"
    return f"{schema.get('format') or schema.get('type', 'any')}{_bounds(schema)}"


def _bounds(schema: dict[str, Any]) -> str:
    low = schema.get("minimum", schema.get("minLength"))
    high = schema.get("maximum", schema.get("maxLength"))
    if low is None and high is None:
        return ""
    return f" {'' if low is None else low}..{'' if high is None else high}"
