"""What the console's pages need beside the gate, and what the composition root puts into them."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ivr.desk.answers import AnswerStore
from ivr.desk.callbacks import CallbackDesk
from ivr.desk.elsewhere import Elsewhere
from ivr.desk.gate import Clock, Gate
from ivr.desk.lines import Lines
from ivr.desk.pace import Pace
from ivr.desk.people import AccountStore
from ivr.desk.programs import Programs
from ivr.desk.seats import SeatNow
from ivr.desk.supervising import Statements, Supervision
from ivr.desk.tokens import Tokens
from ivr.desk.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whom the telephone in the browser can be: a sample subscriber, or one who withholds the number ("")."""

    number: str
    zh: str
    en: str


class Telephone(Protocol):
    """The line, as the telephone in the browser reaches and watches it."""

    @property
    def socket(self) -> str:
        """Where SIP over WebSocket is spoken; nobody but the console knows."""

    def lines(self) -> Sequence[str]:
        """The numbers that are answered, the line's own first."""

    def callers(self) -> Sequence[Caller]:
        """Who can call."""

    def rung(self) -> Collection[str]:
        """The numbers at which the telephone in the browser may be called back; none on a line that calls back elsewhere."""

    def allow(self, caller: str) -> str:
        """Let one call be placed by that caller; its name. Raises OSError."""

    def watch(self, call: str) -> AsyncIterator[Mapping[str, object]]:
        """What the call does, fact by fact, as it does it, until it is over. Ends at once for a call that is not known."""


class Recordings(Protocol):
    """What callers have said."""

    async def wav(self, reference: str, number: int) -> bytes:
        """A message of a ticket, counted from 1, as a WAV file. Raises StoreFailed when it is not there."""


class WayOut(enum.StrEnum):
    """Where callers are called back."""

    TRUNK = "trunk"  # on the telephone network
    BROWSER = "browser"  # on the telephone in the browser, as long as there is no trunk
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class BoardPages:
    """What the pages for supervisors and operators stand on."""

    desk: Supervision
    lines: Lines


@dataclass(frozen=True, slots=True)
class Api:
    """What the programs' side stands on."""

    tokens: Tokens
    tickets: Programs
    elsewhere: Elsewhere
    webhooks: Webhooks
    answers: AnswerStore
    people: AccountStore
    statements: Statements
    recordings: Recordings
    pace: Pace
    clock: Clock


@dataclass(frozen=True, slots=True)
class Registration:
    """What a telephone registers with."""

    server: str
    user: str
    password: str = field(repr=False)


class SeatTelephones(Protocol):
    """The telephones of those who answer callers."""

    async def registration(self, name: str, *, web: bool) -> Registration | None:
        """What the telephone of that person's seat registers with, or the one in the page; None for who has no seat. Raises StoreFailed."""

    async def now(self, name: str) -> SeatNow:
        """How the telephones of that person's seat are, within a second. Raises StoreFailed."""


@dataclass(frozen=True, slots=True)
class Console:
    """Everything that the pages stand on."""

    gate: Gate
    telephone: Telephone
    board: BoardPages
    desk: CallbackDesk
    seats: SeatTelephones
    port: int  # cookies are of a machine, not of a port: their names have it in them
    form_secret: bytes = field(repr=False)
    phone_key: str = field(repr=False)  # who shows it may use the telephone without signing in
    api: Api
    names: tuple[str, ...] = ()  # of this console, beside those of this machine
    calls_out: WayOut = WayOut.TRUNK
