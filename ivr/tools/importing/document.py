"""XML read as a stranger's: elements, attributes and texts, each with its place. Nothing in a document can reach out or grow.

Refused with one sentence: document types and entities, more than 1 MiB, 200 deep or 20,000 elements, and what is not XML at all.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.sax import SAXException, SAXParseException  # the exceptions only: what parses is defused
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

from defusedxml import DefusedXmlException, DTDForbidden
from defusedxml.sax import parseString

from ivr.core.marks import Mark
from ivr.errors import UserError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 200
MAX_ELEMENTS = 20_000


class NotReadable(UserError):
    """A document that is not carried over at all. Its text has the place and the reason."""

    def __init__(self, mark: Mark, sentence: str) -> None:
        super().__init__(f"{mark}: error: {sentence}")
        self.mark = mark
        self.sentence = sentence


@dataclass(slots=True, eq=False)
class Element:
    """One element. What is asked for with `take` counts as looked at; the rest is reported in the end."""

    tag: str
    attributes: dict[str, str]
    mark: Mark
    content: list[str | Element] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    marks: dict[str, Mark] = field(default_factory=dict)

    def take(self, name: str) -> str | None:
        """An attribute's value without spaces around it; None when it is not there."""
        self.taken.add(name)
        value = self.attributes.get(name)
        return None if value is None else value.strip()

    def place(self, name: str) -> Mark:
        """Where an attribute stands; where the element does if that cannot be told."""
        return self.marks.get(name, self.mark)

    @property
    def children(self) -> list[Element]:
        """The elements directly in it."""
        return [one for one in self.content if isinstance(one, Element)]

    @property
    def text(self) -> str:
        """The text directly in it."""
        return "".join(one for one in self.content if isinstance(one, str))

    def everything(self) -> Iterator[Element]:
        """It and all elements in it, in the order of the document."""
        waiting = [self]
        while waiting:
            one = waiting.pop()
            yield one
            waiting.extend(reversed(one.children))


def read_document(data: bytes, path: str) -> Element:
    """The root of a document. Raises NotReadable."""
    start = Mark(path, 1, 1)
    if len(data) > MAX_BYTES:
        raise NotReadable(start, "the file is larger than 1 MiB; no menu is that large")
    if not data.strip():
        raise NotReadable(start, "the file is empty")
    handler = _Handler(path)
    try:
        parseString(data, handler, forbid_dtd=True)
    except DTDForbidden:
        raise NotReadable(
            _place_of(b"<!DOCTYPE", data, path), "a document type (<!DOCTYPE ...>) is not read; take it out of the file"
        ) from None
    except DefusedXmlException:
        raise NotReadable(handler.here, "entities are not read; write out what they stand for") from None
    except SAXParseException as error:
        mark = Mark(path, error.getLineNumber() or 1, (error.getColumnNumber() or 0) + 1)
        raise NotReadable(mark, f"this is not XML: {error.getMessage()}") from None
    except (SAXException, LookupError, ValueError) as error:
        raise NotReadable(start, f"this is not XML: {error}") from None
    assert handler.root is not None
    _find_attributes(handler.root, data)
    return handler.root


def _place_of(what: bytes, data: bytes, path: str) -> Mark:
    """Where something first stands, whose place the parser does not tell."""
    before = data[: max(data.find(what), 0)]
    return Mark(path, before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))


class _Handler(ContentHandler):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.root: Element | None = None
        self._path = path
        self._open: list[Element] = []
        self._count = 0
        self._locator: Locator | None = None

    def setDocumentLocator(self, locator: Locator) -> None:
        self._locator = locator

    @property
    def here(self) -> Mark:
        line = self._locator.getLineNumber() if self._locator else None
        column = self._locator.getColumnNumber() if self._locator else None
        return Mark(self._path, line or 1, (column or 0) + 1)

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        element = Element(name, dict(attrs.items()), self.here)
        self._count += 1
        if len(self._open) >= MAX_DEPTH:
            raise NotReadable(element.mark, f"the document is nested more than {MAX_DEPTH} deep")
        if self._count > MAX_ELEMENTS:
            raise NotReadable(element.mark, f"the document has more than {MAX_ELEMENTS} elements; split it")
        if self._open:
            self._open[-1].content.append(element)
        else:
            self.root = element
        self._open.append(element)

    def endElement(self, name: str) -> None:
        self._open.pop()

    def characters(self, content: str) -> None:
        if self._open:
            self._open[-1].content.append(content)


_ATTRIBUTE = re.compile(r"""\s+([^\s=<>"'/]+)\s*=\s*(?:"[^"]*"|'[^']*')""")


def _find_attributes(root: Element, data: bytes) -> None:
    """The places of attributes, which the parser does not tell."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return
    starts = [0]
    for each in text.split("\n"):
        starts.append(starts[-1] + len(each) + 1)
    for element in root.everything():
        if not element.attributes or element.mark.line >= len(starts):
            continue
        position = starts[element.mark.line - 1] + element.mark.column + len(element.tag)
        while (found := _ATTRIBUTE.match(text, position)) is not None:
            line = bisect_right(starts, found.start(1))
            element.marks[found[1]] = Mark(element.mark.path, line, found.start(1) - starts[line - 1] + 1)
            position = found.end()
