"""A small web page that shows the mails; HTML bodies are shown in a sandbox without scripts."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage
from itertools import islice

import jinja2
from aiohttp import web

from deploy.local.mailserver.mailbox import Journal, Mailbox, parse

LIST_LIMIT = 200
_HTML_POLICY = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_MAILBOX = web.AppKey("mailbox", Mailbox)
_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("deploy.local.mailserver"), autoescape=True, undefined=jinja2.StrictUndefined
)


def build_page(mailbox: Mailbox) -> web.Application:
    """The pages: newest mails, one mail with its HTML and its source; `/mails.json` lists the newest for programs."""
    app = web.Application()
    app[_MAILBOX] = mailbox
    app.add_routes(
        [
            web.get("/", _list),
            web.get("/mails.json", _list_json),
            web.get("/mails/{mail_id}", _show),
            web.get("/mails/{mail_id}/html", _html),
            web.get("/mails/{mail_id}/raw", _raw),
            web.get("/health/ready", _ready),
        ]
    )
    return app


async def _ready(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _list(request: web.Request) -> web.Response:
    mails = await asyncio.to_thread(_newest, request.app[_MAILBOX])
    return _render("list.html", mails=mails, limit=LIST_LIMIT)


async def _list_json(request: web.Request) -> web.Response:
    mails = await asyncio.to_thread(_newest, request.app[_MAILBOX])
    return web.json_response([mail.model_dump(mode="json") for mail in mails])


async def _show(request: web.Request) -> web.Response:
    journal, message = await _find(request)
    text = message.get_body(("plain",))
    return _render(
        "mail.html",
        mail=journal,
        headers=[(name, str(value)) for name, value in message.items()],
        text=text.get_content() if text else None,
        has_html=message.get_body(("html",)) is not None,
    )


async def _html(request: web.Request) -> web.Response:
    _journal, message = await _find(request)
    body = message.get_body(("html",))
    if body is None:
        raise web.HTTPNotFound(text="This mail has no HTML part.")
    return web.Response(
        text=body.get_content(), content_type="text/html", headers={"Content-Security-Policy": _HTML_POLICY}
    )


async def _raw(request: web.Request) -> web.Response:
    content = await asyncio.to_thread(request.app[_MAILBOX].content, request.match_info["mail_id"])
    if content is None:
        raise web.HTTPNotFound(text="There is no such mail.")
    return web.Response(body=content, content_type="text/plain", charset="utf-8")


async def _find(request: web.Request) -> tuple[Journal, EmailMessage]:
    mailbox, mail_id = request.app[_MAILBOX], request.match_info["mail_id"]
    journal = await asyncio.to_thread(mailbox.journal, mail_id)
    content = await asyncio.to_thread(mailbox.content, mail_id)
    if journal is None or content is None:
        raise web.HTTPNotFound(text="There is no such mail.")
    return journal, parse(content)


def _newest(mailbox: Mailbox) -> list[Journal]:
    return list(islice(mailbox.journals(), LIST_LIMIT))


def _render(template: str, **values: object) -> web.Response:
    text = _TEMPLATES.get_template(template).render(**values)
    return web.Response(text=text, content_type="text/html")
