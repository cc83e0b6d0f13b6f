"""What became of a document: each thing is carried over, carried over with a note, or left out with a sentence for the designer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ivr.core.marks import Mark
from ivr.tools.importing.document import Element


class Kind(StrEnum):
    """Note: it is there, but look at it. Left out: it is not there, and the designer has to do something about it, or to do without."""

    NOTE = "note"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """One line of the report."""

    mark: Mark
    kind: Kind
    sentence: str

    def __str__(self) -> str:
        return f"{self.mark}: {self.kind}: {self.sentence}"


class Report:
    """Kept while a document is carried over. `finish` tells of everything that nobody has looked at, so that nothing goes unsaid."""

    def __init__(self) -> None:
        self._items: dict[Item, None] = {}
        self._carried: dict[Element, None] = {}
        self._left_out: dict[Element, None] = {}

    def carried(self, *elements: Element) -> None:
        """These elements are in the flow."""
        self._carried.update(dict.fromkeys(elements))

    def note(self, place: Element | Mark, sentence: str) -> None:
        """Something to look at. An element with a note is carried over, too."""
        if isinstance(place, Element):
            self.carried(place)
        self._add(place, Kind.NOTE, sentence)

    def left_out(self, place: Element | Mark, sentence: str) -> None:
        """Something that is not in the flow; of an element, all that is in it."""
        if isinstance(place, Element):
            self._left_out.update(dict.fromkeys(place.everything()))
        self._add(place, Kind.LEFT_OUT, sentence)

    def passed_over(self, elements: Iterable[Element], place: Mark, sentence: str) -> None:
        """Many things of a kind that nobody needs, told in one line."""
        self._left_out.update((one, None) for element in elements for one in element.everything())
        self._add(place, Kind.LEFT_OUT, sentence)

    def attributes(self, element: Element, sentences: dict[str, str]) -> None:
        """Attributes that have no counterpart, each with what to tell about it. Empty ones say nothing."""
        for name, sentence in sentences.items():
            if element.take(name):
                self.left_out(element.place(name), sentence)

    def finish(self, roots: Iterable[Element]) -> None:
        """Tell of all elements and attributes that were not looked at."""
        for root in roots:
            for element in root.everything():
                if element in self._left_out:
                    continue
                if element not in self._carried:
                    self.left_out(element, f"<{element.tag}> means nothing to this importer{_and_more(element)}")
                    continue
                for name in element.attributes.keys() - element.taken:
                    if element.attributes[name].strip():
                        sentence = f"the attribute '{name}' of <{element.tag}> means nothing to this importer"
                        self.left_out(element.place(name), sentence)

    @property
    def carried_elements(self) -> frozenset[Element]:
        """The elements that are in the flow, with or without a note."""
        return frozenset(self._carried.keys() - self._left_out.keys())

    @property
    def left_out_elements(self) -> frozenset[Element]:
        """The elements that are not."""
        return frozenset(self._left_out)

    def items(self, paths: Iterable[str]) -> tuple[Item, ...]:
        """The report in the order of the files and of the places in them."""
        order = {path: number for number, path in enumerate(paths)}
        return tuple(sorted(self._items, key=lambda item: (order.get(item.mark.path, len(order)), item.mark.line, item.mark.column)))

    def _add(self, place: Element | Mark, kind: Kind, sentence: str) -> None:
        mark = place.mark if isinstance(place, Element) else place
        self._items.setdefault(Item(mark, kind, sentence))


def in_rows(names: Iterable[str], quote: str = "") -> str:
    """Names told in short: '1001 to 1019, 1025 and 1030'. A row has a first and a last name, and all that are between them."""
    rows: list[list[tuple[str, str]]] = []
    for before, number in sorted((_numbered(name) for name in names), key=lambda name: (name[0], len(name[1]), name[1])):
        last = rows[-1][-1] if rows else ("", "")
        follows = number and last[1] and last[0] == before and len(last[1]) == len(number) and int(last[1]) + 1 == int(number)
        if follows:
            rows[-1].append((before, number))
        else:
            rows.append([(before, number)])
    told: list[str] = []
    for row in rows:
        named = [f"{quote}{before}{number}{quote}" for before, number in row]
        told += named if len(named) < 3 else [f"{named[0]} to {named[-1]}"]
    return " and ".join(filter(None, (", ".join(told[:-1]), told[-1])))


def _numbered(name: str) -> tuple[str, str]:
    """What is before the number at a name's end, and the number."""
    number = re.search(r"[0-9]*$", name)
    assert number is not None
    return name[: number.start()], number[0]


def _and_more(element: Element) -> str:
    inside = sum(1 for _ in element.everything()) - 1
    return f", nor {'does' if inside == 1 else 'do'} the {inside} element{'s' * (inside != 1)} in it" if inside else ""
