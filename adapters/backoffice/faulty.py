"""A back office that is slow or fails, on purpose: what callers hear then is tested with it."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping

from ivr.calls.ports import BackOffice
from ivr.core.values import LookupSignature, Value
from ivr.errors import BackOfficeFailed


class FaultyBackOffice:
    """Another back office, `delay` later; with `failure`, that is all it answers."""

    def __init__(self, inner: BackOffice, delay: dt.timedelta = dt.timedelta(0), failure: str | None = None) -> None:
        self._inner = inner
        self._delay = delay
        self._failure = failure

    @property
    def signatures(self) -> Mapping[str, LookupSignature]:
        return self._inner.signatures

    async def look_up(self, name: str, arguments: Mapping[str, Value]) -> Value:
        await asyncio.sleep(self._delay.total_seconds())
        if self._failure is not None:
            raise BackOfficeFailed(self._failure)
        return await self._inner.look_up(name, arguments)
