"""Where one call is and what it knows: everything the interpreter remembers between two events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import attrgetter

from ivr.core.flow import Target
from ivr.core.values import AS_USUAL, Manner, SpokenValue, Text, Value


class Phase(StrEnum):
    """What the call is waiting for."""

    NEW = "new"  # the call's start
    SPEAKING = "speaking"  # a prompt, before the node's own work
    ASKING = "asking"  # keys
    LOOKING_UP = "looking_up"
    RECORDING = "recording"
    TRANSFERRING = "transferring"
    TEXTING = "texting"
    RELEASING = "releasing"
    OVER = "over"


class Disposition(StrEnum):
    """How a call ended."""

    SELF_SERVED = "self_served"
    TICKET_OPENED = "ticket_opened"
    TRANSFERRED = "transferred"
    ABANDONED = "abandoned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Passed:
    """A menu or form on the way, and the sub-flows the call was in when it passed."""

    node: Target
    returns: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class CallState:
    """One call. Frozen: it can be printed, compared, stored, and replayed from the middle."""

    phase: Phase = Phase.NEW
    node: Target = ""
    language: str = ""
    manner: Manner = AS_USUAL
    variables: Mapping[str, Value] = field(default_factory=dict, repr=False)
    pending: tuple[Text | SpokenValue, ...] = field(default=(), repr=False)  # to be said with what comes next
    heard: tuple[Text | SpokenValue, ...] = field(default=(), repr=False)  # said since the caller's last key: what "repeat" repeats
    keys: str = field(default="", repr=False)  # pressed before they were asked for
    partial: str = field(default="", repr=False)  # the beginning of an entry that was typed ahead
    noinputs: int = 0
    nomatches: int = 0
    history: tuple[Passed, ...] = ()  # menus and forms passed on the way here: where "back" goes
    returns: tuple[Target, ...] = ()  # the `call` nodes of the sub-flows the call is in
    asked: tuple[Text | SpokenValue, ...] = field(default=(), repr=False)  # the words of the last question
    offered: tuple[str, ...] = ()  # keys that may have been meant by what was said; the caller is being asked about the first
    deaf: tuple[str, ...] = ()  # the languages in which nobody could listen, so that only keys are asked for in them from then on
    page: int = 0  # of the list that is being read, counted from 0
    messages: Mapping[str, int] = field(default_factory=dict)  # how many each message node has taken
    references: tuple[str | None, ...] = ()  # promises made in this call
    texts: Mapping[str, int] = field(default_factory=dict)  # how many text messages each node has sent
    outcome: str = ""  # the last one of the flow's own
    started_at: dt.datetime | None = None
    rejected: int = 0  # failed tries of the whole call, where the flow limits them
    limited: bool = False  # a limit was exceeded, which happens once
    served: bool = False  # a value from the account has been spoken
    awaits_person: bool = False  # was to be put through, and nobody has answered
    transferred: bool = False
    hung_up: bool = False
    failures: int = 0
    trouble: int = 0  # failures in a row, with nothing that went well in between

    @property
    def over(self) -> bool:
        """Nothing is left to do."""
        return self.phase is Phase.OVER

    @property
    def disposition(self) -> Disposition:
        """How the call ended, or would if it ended now."""
        if self.references:
            return Disposition.TICKET_OPENED
        if self.transferred:
            return Disposition.TRANSFERRED
        if self.failures:
            return Disposition.FAILED
        wanted_more = self.awaits_person or self.messages  # a person, or to leave a message, and there was none of it
        return Disposition.SELF_SERVED if self.served and not wanted_more else Disposition.ABANDONED


_values = attrgetter(*(one.name for one in fields(CallState)))


def copy_of(state: CallState) -> CallState:
    """The same once more, several times quicker than `dataclasses.replace`: it is made at each step of a call."""
    return CallState(*_values(state))
