"""Hostile and broken documents: one sentence with its place, quickly, and nothing is opened, expanded or run."""

from __future__ import annotations

import re
import time

import pytest

from ivr.core.marks import Mark
from ivr.errors import UserError
from ivr.tools.importing import Source, import_flow
from ivr.tools.importing.document import read_document

LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Response><Say>&b;</Say></Response>'


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "x.xml:1:1: error: the file is empty"),
        (b" \n ", "x.xml:1:1: error: the file is empty"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "x.xml:1:1: error: this is not XML: not well-formed (invalid token)"),
        (b"\x00" * 100, "x.xml:1:1: error: this is not XML: "),
        (b"<Response>\n  <Say>Hi</Response>", "x.xml:2:12: error: this is not XML: mismatched tag"),
        (b"<Response>", "x.xml:1:11: error: this is not XML: no element found"),
        (b"<Response/><Response/>", "x.xml:1:12: error: this is not XML: junk after document element"),
        (b"<Response><Say>\xff\xfe</Say></Response>", "x.xml:1:16: error: this is not XML: not well-formed (invalid token)"),
        (b'<?xml version="1.0" encoding="nonsense"?><Response/>', "x.xml:1:1: error: this is not XML: "),
        (LAUGHS.encode(), "x.xml:1:1: error: a document type (<!DOCTYPE ...>) is not read; take it out of the file"),
        (
            b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><Response/>',
            "x.xml:1:1: error: a document type (<!DOCTYPE ...>) is not read; take it out of the file",
        ),
        (b"<Response>&x;</Response>", "x.xml:1:11: error: this is not XML: undefined entity"),
        (b"<Say>" * 300 + b"</Say>" * 300, "x.xml:1:1001: error: the document is nested more than 200 deep"),
        (b"<r>" + b"<e/>" * 30_000 + b"</r>", "x.xml:1:80000: error: the document has more than 20000 elements; split it"),
        (b"<r>" + b"x" * 1_100_000 + b"</r>", "x.xml:1:1: error: the file is larger than 1 MiB; no menu is that large"),
        (b"<html/>", "x.xml:1:1: error: <html> is the beginning of no format that is known here: "),
        (b"<include/>", "x.xml:1:1: error: there is no <menu> in it, so there is nothing to carry over"),
    ],
    ids=lambda value: re.sub(r"\W+", "-", value[-40:]) if isinstance(value, str) else "",
)
def test_a_document_that_is_not_read_gives_one_sentence(data: bytes, sentence: str):
    begun = time.process_time()

    with pytest.raises(UserError) as caught:
        import_flow([Source("x.xml", data)])

    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
    assert time.process_time() - begun < 1


def test_pages_that_are_said_to_be_of_another_format_are_refused():
    with pytest.raises(UserError, match="there is no <Response> in it, so there is nothing to carry over"):
        import_flow([Source("x.xml", b"<menu name='a'/>")], form="twiml")


def test_a_flow_of_too_many_nodes_is_refused_by_its_place():
    verbs = "".join(f"<Say>{'a' * (number % 9 + 1)} {number}</Say><Record/>" for number in range(1100))

    with pytest.raises(UserError, match=r"^x\.xml:1:\d+: error: the flow would have more than 1000 nodes; import a part of it$"):
        import_flow([Source("x.xml", f"<Response>{verbs}</Response>".encode())])


def test_a_flow_that_would_be_too_large_is_refused():
    pages = "".join(f"<Say>{'2 ' * 20}</Say>" for _ in range(10_000))

    with pytest.raises(UserError, match=r"^x\.xml:1:1: error: too much for one flow: .*; import a part of it$"):
        import_flow([Source("x.xml", f"<Response>{pages}</Response>".encode())])
    with pytest.raises(UserError, match=r"^x\.xml:1:11: error: too much for one flow: there are more than 500,000 characters to be said"):
        import_flow([Source("x.xml", f"<Response><Say>{'1-1 ' * 200_000}</Say></Response>".encode())])


def test_a_line_has_a_name_that_a_line_can_have():
    with pytest.raises(UserError, match="'a line' cannot name a line: up to 32 letters, digits, - and _"):
        import_flow([Source("x.xml", b"<Response/>")], line="a line")


def test_elements_and_attributes_know_their_places():
    root = read_document("<r>\n  <é\n    a=\"1\"\n b = '2'>text</é>\n</r>".encode(), "x.xml")

    child = root.children[0]

    assert child.mark == Mark("x.xml", 2, 3)
    assert (child.place("a"), child.place("b"), child.place("c")) == (Mark("x.xml", 3, 5), Mark("x.xml", 4, 2), child.mark)


def test_documents_in_other_encodings_are_read():
    root = read_document('<?xml version="1.0" encoding="utf-16"?><r a="é"/>'.encode("utf-16"), "x.xml")

    assert root.take("a") == "é"
