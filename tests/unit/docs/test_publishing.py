"""docs/publishing.md names what the code reads and writes."""

import re

from tests.support.containers import ROOT

TEXT = (ROOT / "docs" / "publishing.md").read_text()


def test_every_header_of_a_dead_letter_is_explained() -> None:
    written = set(re.findall(r'"(dead-letter-[a-z]+)"', (ROOT / "shared/messaging/dead_letters.py").read_text()))
    assert written == set(re.findall(r"`(dead-letter-[a-z]+)`", TEXT))


def test_every_header_of_an_event_is_explained() -> None:
    source = (ROOT / "shared/messaging/cloudevents.py").read_text()
    read = set(re.findall(r'headers\.get\("([a-z_-]+)"', source)) - {"ce_traceparent"}
    assert read == set(re.findall(r"^\| header `([a-z_-]+)`", TEXT, flags=re.MULTILINE))
