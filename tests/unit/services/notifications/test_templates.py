"""Templates: HTML and plain text out of one source, with nothing of what is filled in taken for markup."""

import html
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.correspondence.markup import MarkupError, parse, to_html, to_text
from services.notifications.correspondence.templates import (
    FOLDER,
    TemplateDataError,
    Templates,
    UnknownTemplateError,
)
from shared.money import format_money

TEMPLATES = Templates(organisation="Lotto & Co")
TICKET = {
    "id": "tic-1", "lottery": "Saturday Lotto", "draw_number": 4521, "draw_at": "2026-11-28T09:30:00Z", "price": 1000,
}  # fmt: skip
PERSON = {"first_name": "Ada", "time_zone": "Australia/Brisbane"}
EXAMPLES: dict[str, dict[str, Any]] = {
    "order_confirmation": PERSON
    | {
        "order_id": "o-1", "paid_at": "2026-11-22T09:30:00Z", "currency": "AUD", "receipt_id": None,
        "payment_transaction_id": "txn-1", "payment_amount": 900, "total": 1000, "tickets": [TICKET],
    },
    "cancellation_notice": PERSON
    | {"order_id": "o-1", "cancelled_at": "2026-11-22T09:30:00Z", "currency": "AUD", "ticket": TICKET},
    "plain_message": PERSON | {"subject": "Results", "text": "First\nsecond\n\nThird"},
}  # fmt: skip


class _Words(HTMLParser):
    """The text of a page, without its head."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def read(page: str) -> _Words:
    reader = _Words()
    reader.feed(page.partition("</head>")[2])
    return reader


def test_every_template_has_an_example_here() -> None:
    assert set(EXAMPLES) == set(TEMPLATES.names()) == {path.name for path in FOLDER.iterdir()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_both_forms_say_the_same(name: str) -> None:
    for version in TEMPLATES.versions(name):
        rendered = TEMPLATES.render(name, EXAMPLES[name], version=version)
        assert rendered.template_version == version
        assert rendered.subject
        page = read(rendered.html)
        said = [word for word in rendered.text.split() if set(word) != {"="}]
        assert page.words == [*said, "Lotto", "&", "Co"]
        assert page.tags <= {"body", "div", "h1", "p", "br", "table", "tr", "td", "th"}


def test_an_order_confirmation_reads_well() -> None:
    rendered = TEMPLATES.render("order_confirmation", EXAMPLES["order_confirmation"])
    assert rendered.subject == "Your order o-1 is confirmed"
    # What was charged, which is not what the tickets cost by themselves.
    assert "Your payment of AUD 9.00 has arrived and your ticket is in the draw" in rendered.text
    assert "No. 4521, 28 November 2026, 19:30 AEST  AUD 10.00" in rendered.text
    assert "Receipt" not in rendered.text


def test_an_order_of_which_no_charge_was_told_names_none() -> None:
    data = EXAMPLES["order_confirmation"] | {"payment_amount": None}
    text = TEMPLATES.render("order_confirmation", data).text
    assert "Your payment has arrived and your ticket is in the draw" in text


@pytest.mark.parametrize("zone", [None, "No/Where", "../../etc/passwd"])
def test_a_zone_that_is_not_known_means_utc(zone: str | None) -> None:
    data = EXAMPLES["order_confirmation"] | {"time_zone": zone}
    assert "28 November 2026, 09:30 UTC" in TEMPLATES.render("order_confirmation", data).text


@given(st.text(), st.text())
def test_whatever_is_filled_in_stays_text(subject: str, text: str) -> None:
    data = PERSON | {"subject": f"s{subject}", "text": text, "first_name": text}
    rendered = TEMPLATES.render("plain_message", data)
    page = read(rendered.html)
    assert page.tags <= {"body", "div", "h1", "p", "br"}
    assert "\n" not in rendered.subject
    assert html.escape(rendered.subject) in rendered.html


@pytest.mark.parametrize(
    "data", [{}, PERSON | {"subject": "s"}, PERSON | {"subject": "s", "text": 5}, PERSON | {"subject": "", "text": "t"}]
)
def test_data_that_does_not_fit_is_named_as_such(data: dict[str, Any]) -> None:
    with pytest.raises(TemplateDataError, match="plain_message v1"):
        TEMPLATES.render("plain_message", data)


def test_what_is_said_of_data_that_does_not_fit_names_no_value() -> None:
    with pytest.raises(TemplateDataError, match=r"order_confirmation v2: a time is not in ISO 8601$"):
        TEMPLATES.render("order_confirmation", EXAMPLES["order_confirmation"] | {"paid_at": "ada@example.com"})


def test_an_unknown_template_is_named_as_such() -> None:
    with pytest.raises(UnknownTemplateError):
        TEMPLATES.render("../plain_message", {})


def test_templates_cannot_reach_out_of_their_sandbox(tmp_path: Path) -> None:
    (tmp_path / "evil").mkdir()
    source = "<message><subject>{{ subject.__class__.__mro__ }}</subject></message>"
    (tmp_path / "evil" / "v1.xml.j2").write_text(source)
    with pytest.raises(TemplateDataError):
        Templates(organisation="x", folder=tmp_path).render("evil", {"subject": "s"})


def test_the_newest_version_is_used_unless_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    for version in (1, 2, 10):
        (tmp_path / "t" / f"v{version}.xml.j2").write_text(f"<message><subject>version {version}</subject></message>")
    templates = Templates(organisation="x", folder=tmp_path)
    assert templates.render("t", {}).subject == "version 10"
    assert templates.render("t", {}, version=2).subject == "version 2"


@pytest.mark.parametrize(
    "source",
    [
        "<message>",
        "<message/>",
        "<letter><subject>s</subject></letter>",
        "<message><paragraph>p</paragraph></message>",
        "<message><subject> </subject></message>",
        "<message><subject>s</subject><script/></message>",
        "<message><subject>s</subject><paragraph><b>x</b></paragraph></message>",
        "<message><subject>s</subject><table><cell/></table></message>",
        '<!DOCTYPE m [<!ENTITY e SYSTEM "file:///etc/passwd">]><message><subject>&e;</subject></message>',
    ],
)
def test_other_markup_is_refused(source: str) -> None:
    with pytest.raises(MarkupError):
        parse(source)


def test_tables_align_in_plain_text_and_mark_their_head_in_html() -> None:
    document = parse(
        "<message><subject>s</subject><table>"
        '<row head="yes"><cell>A</cell><cell align="end">Price</cell></row>'
        '<row><cell>long one</cell><cell align="end">5</cell></row><row><cell>x</cell></row>'
        "</table></message>"
    )
    assert to_text(document) == "A         Price\nlong one      5\nx\n"
    page = to_html(document, footer="f")
    assert '<th align="right" valign="top">Price</th>' in page
    assert '<td align="right" valign="top">5</td>' in page


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (123450, "AUD", "AUD 1,234.50"),
        (5, "EUR", "EUR 0.05"),
        (-1999, "USD", "-USD 19.99"),
        (1234567, "JPY", "JPY 1,234,567"),
        (1234, "KWD", "KWD 1.234"),
        (0, "CLF", "CLF 0.0000"),
    ],
)
def test_money_has_the_digits_of_its_currency(amount: int, currency: str, text: str) -> None:
    assert format_money(amount, currency) == text
