"""TwiML pages by the addresses that other pages lead to.

A page is known by its file's name: what `https://example.com/voice/menu.php?x=1` answers is in `menu.xml`. What it answers to the key 1
is in `menu-1.xml`, to a star in `menu-star.xml`, to the pound key in `menu-pound.xml`, and to silence in `menu-none.xml`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ivr.tools.importing.document import Element
from ivr.tools.importing.texts import stem_of

_KEYS = {"star": "*", "pound": "#", "hash": "#"}


@dataclass(slots=True, eq=False)
class Page:
    """One document. `node` is its first node, once something leads to it."""

    root: Element
    stem: str
    node: str = ""

    @property
    def path(self) -> str:
        """Its file."""
        return self.root.mark.path


class Pages:
    """All documents of an import."""

    def __init__(self, roots: Sequence[Element]) -> None:
        self.all = [Page(root, stem_of(root.mark.path)) for root in roots]

    def at(self, url: str) -> Page | None:
        """The page at an address; of several with its name, the one whose folders are most like it."""
        stem = stem_of(url).lower()
        found = [page for page in self.all if page.stem.lower() == stem]
        return max(found, key=lambda page: _alike(page.path, url)) if found and stem else None

    def answers(self, url: str) -> dict[str, Page]:
        """The pages that an address answers with to keys; "" stands for silence."""
        stem = stem_of(url)
        if not stem:
            return {}
        pattern = re.compile(re.escape(stem) + r"[-_.](?:([0-9]{1,4})|(star|pound|hash)|none)", re.IGNORECASE)
        found: dict[str, Page] = {}
        for page in self.all:
            if match := pattern.fullmatch(page.stem):
                found.setdefault(match[1] or _KEYS.get((match[2] or "").lower(), ""), page)
        return found


def _alike(path: str, url: str) -> int:
    """How many folders, from the last on, a file and an address have in common."""
    try:
        address = urlsplit(url).path
    except ValueError:
        address = url
    count = 0
    for here, there in zip(path.split("/")[-2::-1], address.split("/")[-2::-1], strict=False):
        if here != there:
            break
        count += 1
    return count
