"""The telephones of those who answer callers: what they register with, and whether they are there."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.console.ports import Registration
from adapters.storage.accounts import SqlAccountStore
from adapters.telephony.ami import AmiQueue, Manager
from adapters.telephony.asterisk_config import QUEUE, secret
from adapters.telephony.seats import password_of, telephone_of
from ivr.bootstrap.engine import LOOPBACK, now
from ivr.bootstrap.people import at_gate
from ivr.config import Settings
from ivr.desk.board import SharedReading
from ivr.desk.gate import Gate
from ivr.desk.people import Action
from ivr.desk.seats import SeatNow
from ivr.errors import UserError

ASTERISK_ANSWERS = 0.8  # seconds; who opens a page waits a second for it at most


def queue_of(settings: Settings) -> AmiQueue:
    """The queue and its seats, asked for with an account of Asterisk's that can do nothing else."""
    return AmiQueue(Manager(LOOPBACK, settings.ami_port, "board", secret(settings, "ami_board"), ASTERISK_ANSWERS), QUEUE)


class SeatsOfPeople:
    """The port SeatTelephones."""

    def __init__(self, settings: Settings, accounts: SqlAccountStore) -> None:
        self._settings = settings
        self._accounts = accounts
        self._queue = queue_of(settings)
        self._seats: SharedReading[Mapping[int, SeatNow] | None] = SharedReading(lambda _: self._queue.seats(), now)

    async def registration(self, name: str, *, web: bool) -> Registration | None:
        if (seat := await self._accounts.seat_of(name)) is None:
            return None
        user = telephone_of(seat, web=web)
        server = f"{self._settings.host}:{self._settings.sip_port}"
        return Registration(server, user, password_of(secret(self._settings, "agent"), user))

    async def now(self, name: str) -> SeatNow:
        if (seat := await self._accounts.seat_of(name)) is None:
            return SeatNow.NONE
        return (await self._seats.get() or {}).get(seat, SeatNow.UNKNOWN)


def tell_telephone(settings: Settings, name: str, actor: str) -> Registration:
    """The telephone of somebody's seat, which is written down. Raises UserError when they have none."""

    async def errand(gate: Gate, store: SqlAccountStore) -> Registration:
        told = await SeatsOfPeople(settings, store).registration(name, web=False)
        if told is None:
            raise UserError(f"{name} has no seat: agents and supervisors have one, as long as there are free ones (IVR_SEATS)")
        await gate.write_down(actor, Action.TELEPHONE_TOLD, told.user, "")
        return told

    return at_gate(settings, errand)
