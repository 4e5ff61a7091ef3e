"""The restricted markup of messages: one source that becomes HTML and plain text.

    <message>
      <subject>Your order</subject>
      <heading>Thank you</heading>
      <paragraph>First line<break/>second line</paragraph>
      <table><row head="yes"><cell>Ticket</cell><cell align="end">Price</cell></row> ... </table>
    </message>

White space counts as one space, and `break` ends a line. There is nothing else: no link, no style, no raw HTML.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import zip_longest
from xml.etree import ElementTree as ET

_FONT = "font-family:Helvetica,Arial,sans-serif;color:#1f2933"


class MarkupError(ValueError):
    """The source is not a message in this markup."""


@dataclass(frozen=True, slots=True)
class Heading:
    """One line that stands out."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines of text, separated by line feeds."""

    text: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of text; `end` sets it to the right, as amounts are."""

    text: str
    end: bool


@dataclass(frozen=True, slots=True)
class Row:
    """Cells beside each other; `head` says that they name the columns below."""

    cells: tuple[Cell, ...]
    head: bool


@dataclass(frozen=True, slots=True)
class Table:
    """Rows, not all of one length."""

    rows: tuple[Row, ...]


Block = Heading | Paragraph | Table


@dataclass(frozen=True, slots=True)
class Document:
    """A subject on one line, and what follows it."""

    subject: str
    blocks: tuple[Block, ...]


def parse(source: str) -> Document:
    """The document in `source`.

    Raises:
        MarkupError: it is not well-formed, has an element that does not belong there, or no subject.
    """
    try:
        # The source is a template of this package, and what was filled in is escaped.
        root = ET.fromstring(source)  # noqa: S314
    except ET.ParseError as error:
        raise MarkupError(f"not well-formed: {error}") from None
    if root.tag != "message" or len(root) == 0 or root[0].tag != "subject":
        raise MarkupError("a message begins with its subject")
    title = _inline(root[0]).replace("\n", " ")
    if not title:
        raise MarkupError("the subject is empty")
    return Document(title, tuple(_block(element) for element in root[1:]))


def to_text(document: Document) -> str:
    """The document as plain text, without its subject."""
    return "\n\n".join(_block_text(block) for block in document.blocks) + "\n"


def to_html(document: Document, *, footer: str) -> str:
    """The document as a page of HTML that needs nothing from elsewhere."""
    body = "".join(_block_html(block) for block in document.blocks)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n'
        f'<head><meta charset="utf-8"><title>{escape(document.subject)}</title></head>\n'
        f'<body style="margin:0;padding:24px;background:#ffffff;{_FONT}">\n'
        f'<div style="max-width:600px;margin:0 auto">\n{body}'
        f'<p style="color:#627d98;font-size:13px;margin-top:32px">{escape(footer)}</p>\n</div>\n</body>\n</html>\n'
    )


def _block(element: ET.Element) -> Block:
    match element.tag:
        case "heading":
            return Heading(_inline(element).replace("\n", " "))
        case "paragraph":
            return Paragraph(_inline(element))
        case "table":
            return Table(tuple(_row(row) for row in element))
        case _:
            raise MarkupError(f"there is no block <{element.tag}>")


def _row(element: ET.Element) -> Row:
    if element.tag != "row" or any(cell.tag != "cell" for cell in element):
        raise MarkupError("a table has rows, and a row has cells")
    cells = tuple(Cell(_inline(cell).replace("\n", " "), cell.get("align") == "end") for cell in element)
    return Row(cells, element.get("head") == "yes")


def _inline(element: ET.Element) -> str:
    lines = [element.text or ""]
    for child in element:
        if child.tag != "break" or len(child) or child.text:
            raise MarkupError(f"there is no <{child.tag}> in a line")
        lines.append(child.tail or "")
    return "\n".join(" ".join(line.split()) for line in lines).strip()


def _block_text(block: Block) -> str:
    match block:
        case Heading(text):
            return f"{text}\n{'=' * len(text)}"
        case Paragraph(text):
            return text
        case Table(rows):
            return "\n".join(_aligned(row, _widths(rows)) for row in rows)


def _widths(rows: Sequence[Row]) -> list[int]:
    columns = zip_longest(*(row.cells for row in rows))
    return [max(len(cell.text) for cell in column if cell is not None) for column in columns]


def _aligned(row: Row, widths: Sequence[int]) -> str:
    cells = zip(row.cells, widths, strict=False)
    return "  ".join(
        cell.text.rjust(width) if cell.end else cell.text.ljust(width) for cell, width in cells
    ).rstrip()  # fmt: skip


def _block_html(block: Block) -> str:
    match block:
        case Heading(text):
            return f'<h1 style="font-size:22px;margin:24px 0 12px">{escape(text)}</h1>\n'
        case Paragraph(text):
            lines = "<br>\n".join(escape(line) for line in text.split("\n"))
            return f'<p style="font-size:16px;line-height:1.5;margin:0 0 16px">{lines}</p>\n'
        case Table(rows):
            body = "".join(_row_html(row) for row in rows)
            return f'<table width="100%" cellpadding="6" style="border-collapse:collapse">\n{body}</table>\n'


def _row_html(row: Row) -> str:
    tag = "th" if row.head else "td"
    cells = "".join(
        f'<{tag} align="{"right" if cell.end else "left"}" valign="top">{escape(cell.text)}</{tag}>'
        for cell in row.cells
    )
    return f"<tr>{cells}</tr>\n"
