"""Facts worth writing down about a step: what the journal keeps and what `why` explains. Never a secret, never a digit typed."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.core.flow import Mark


@dataclass(frozen=True, slots=True)
class NodeEntered:
    """The call came to a node."""

    node: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class ChoiceMade:
    """A menu's key matched; `universal` when the key is one that works everywhere."""

    node: str
    key: str
    target: str
    universal: bool


@dataclass(frozen=True, slots=True)
class ValueCollected:
    """A form was filled in; only the length of the entry is told."""

    node: str
    length: int


@dataclass(frozen=True, slots=True)
class PhraseHeard:
    """The caller said a phrase of the flow. `sure`: it counts; otherwise they are asked whether they meant it."""

    node: str
    phrase: str
    key: str
    confidence: float
    sure: bool


@dataclass(frozen=True, slots=True)
class ListeningFailed:
    """Nobody could listen, so the caller is told to use the keys."""

    node: str
    reason: str


@dataclass(frozen=True, slots=True)
class InputRejected:
    """The caller was silent (`noinput`) or fitted no choice (`nomatch`)."""

    node: str
    reason: str
    tries: int


@dataclass(frozen=True, slots=True)
class TriesExhausted:
    """The caller failed once too often."""

    node: str
    target: str


@dataclass(frozen=True, slots=True)
class ConditionHeld:
    """A branch went this way; `condition` is None for `else`."""

    node: str
    condition: str | None
    target: str


@dataclass(frozen=True, slots=True)
class HoursChecked:
    """The clock was asked; `state` is open, closed or holiday."""

    node: str
    hours: str
    state: str
    target: str


@dataclass(frozen=True, slots=True)
class PageTurned:
    """A page of a list is read; pages count from 1."""

    node: str
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class MilestoneReached:
    """The call came to a node that stands for something the flow's owner counts."""

    node: str
    milestone: str


@dataclass(frozen=True, slots=True)
class OutcomeReached:
    """What the call has come to so far, in the words of the flow's owner."""

    node: str
    outcome: str


@dataclass(frozen=True, slots=True)
class LanguageChosen:
    """The caller goes on in another language."""

    node: str
    language: str


@dataclass(frozen=True, slots=True)
class MannerChosen:
    """The caller is spoken to in another manner from here on."""

    node: str
    slower: bool
    louder: bool


@dataclass(frozen=True, slots=True)
class LimitExceeded:
    """The call has become too much: `limit` is duration, tries or calls."""

    node: str
    limit: str
    target: str


@dataclass(frozen=True, slots=True)
class StepFailed:
    """Something went wrong at a node, and where the call went instead."""

    node: str
    reason: str
    target: str


@dataclass(frozen=True, slots=True)
class TicketPromised:
    """The promise is about to be spoken: its ticket is committed, or its intent is on disk (no reference yet)."""

    node: str
    reference: str | None


Note = (
    NodeEntered
    | ChoiceMade
    | ValueCollected
    | PhraseHeard
    | ListeningFailed
    | InputRejected
    | TriesExhausted
    | ConditionHeld
    | HoursChecked
    | PageTurned
    | MilestoneReached
    | OutcomeReached
    | LanguageChosen
    | MannerChosen
    | LimitExceeded
    | StepFailed
    | TicketPromised
)
