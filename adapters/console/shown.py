"""What pages have shown lately, in memory: a page that looks again by itself asks neither audit nor database for the same once more."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence

from markupsafe import Markup

from adapters.console.audio import peaks
from adapters.console.pages import part
from ivr.desk.callbacks import Listed, Queue

_NOTES = 2000
_OUTLINES = 200
_READINGS = 6  # of the list, whose rows are kept written: the three filters in both languages


class Notes:
    """What has been written down lately, so that a page which looks again by itself does not fill the audit."""

    def __init__(self) -> None:
        self._latest: OrderedDict[tuple[str, ...], None] = OrderedDict()

    def is_new(self, *what: str) -> bool:
        """Whether it has not been written down; from now on it has."""
        known = what in self._latest
        self._latest[what] = None
        self._latest.move_to_end(what)
        while len(self._latest) > _NOTES:
            self._latest.popitem(last=False)
        return not known

    def knows(self, *what: str) -> bool:
        """Whether it has been written down."""
        return what in self._latest


class Outlines:
    """The outlines of messages that pages have shown: a page that refreshes does not read and unseal the recording again."""

    def __init__(self) -> None:
        self._latest: OrderedDict[str, str] = OrderedDict()

    async def of(self, message: str, audio: Callable[[], Awaitable[bytes]]) -> str:
        """The outline of a message by its key, as JSON. Raises what `audio` raises."""
        if message not in self._latest:
            self._latest[message] = json.dumps(await asyncio.to_thread(peaks, await audio()))
        self._latest.move_to_end(message)
        while len(self._latest) > _OUTLINES:
            self._latest.popitem(last=False)
        return self._latest[message]


class Rows:
    """The rows of the list as they are written: once for everybody who sees the same reading of it in the same language."""

    def __init__(self, write: Callable[..., Markup] = part) -> None:
        self._write = write
        self._latest: OrderedDict[tuple[int, str], tuple[Queue, Mapping[str, Markup]]] = OrderedDict()

    def of(self, queue: Queue, seen: Sequence[Listed], language: str) -> Markup:
        """Those rows of the list that somebody sees."""
        key = (id(queue), language)
        if key not in self._latest:  # the queue is kept with its rows, so that no other one has its id
            self._latest[key] = queue, self._written(queue, language)
        while len(self._latest) > _READINGS:
            self._latest.popitem(last=False)
        _, rows = self._latest[key]
        return Markup("").join(rows[one.line.reference] for one in seen)

    def _written(self, queue: Queue, language: str) -> Mapping[str, Markup]:
        return {one.line.reference: self._write("desk_row.html", language, queue=queue, one=one) for one in queue.listed}
