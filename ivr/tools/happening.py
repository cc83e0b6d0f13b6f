"""What can happen to a call in a state: each event that may answer what the line was told to do, and what it costs the search.

Costs are there to find the plainest call first: what callers and the back office do costs least, then what fails, and last what
conversations have no word for.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from ivr.core import listening
from ivr.core.commands import AskDigits, Command, Lookup, Play, Release, SendText, TakeMessage, Transfer
from ivr.core.events import (
    BUSY,
    CALLBACK,
    NOBODY,
    CallerHungUp,
    CallStarted,
    CommandFailed,
    DigitsEntered,
    Event,
    Hypothesis,
    LookupAnswered,
    MessageKept,
    MessageNotKept,
    NothingHeard,
    PromptPlayed,
    Released,
    SpeechHeard,
    SpeechUnavailable,
    TextQueued,
    TransferEnded,
)
from ivr.core.flow import BACK, Asks, Collect, Menu, ReadsList, TransfersCall, keys_at
from ivr.core.state import CallState, Phase
from ivr.tools.abstraction import Abstraction
from ivr.tools.moments import WHENEVER
from ivr.tools.witnesses import CANARY, REFERENCE, Answer, Decisions

SESSION = "00000000-0000-4000-8000-000000000000"
KEYS = "0123456789*#"
RARE, UNTOLD = 3, 10  # what failures cost, and events that conversations have no word for; others cost one and so are tried first


class Happening:
    """What can happen in the calls of a flow."""

    def __init__(self, abstraction: Abstraction) -> None:
        self._known = abstraction
        self._flow = abstraction.flow
        self._serial = count(1)
        self._ahead = self._keys_ahead()

    def events(self, state: CallState, command: Command | None) -> Iterator[tuple[Event, int]]:
        """Everything that can happen in a state, and what it costs."""
        match command:
            case None if state.phase is Phase.NEW:
                yield from self._starts()
            case Play():
                yield PromptPlayed(WHENEVER), 1
                if command.barge_in:
                    yield from ((PromptPlayed(WHENEVER, key), UNTOLD) for key in self._may_press(state))
                yield from ((CommandFailed(WHENEVER, "audio", key), UNTOLD) for key in ("", *self._may_press(state)))
                yield CallerHungUp(WHENEVER), UNTOLD
            case AskDigits():
                yield from ((event, 1) for event in self._entries(state, command))
                yield from self._said(state)
                yield NothingHeard(WHENEVER), 1
                yield CallerHungUp(WHENEVER), 1
                yield from ((CommandFailed(WHENEVER, "audio", key), UNTOLD if key else RARE) for key in ("", *self._may_press(state)))
            case Lookup():
                yield from self._answers(state, command)
            case TakeMessage():
                yield MessageKept(WHENEVER, REFERENCE), 1
                yield MessageKept(WHENEVER, REFERENCE, hung_up=True), 1
                yield MessageNotKept(WHENEVER, "too_short"), 1
                yield MessageNotKept(WHENEVER, "disk_full"), 1
                yield MessageKept(WHENEVER, None), RARE
                yield MessageKept(WHENEVER, None, hung_up=True), UNTOLD
                yield MessageNotKept(WHENEVER, "too_short", hung_up=True), UNTOLD
                yield MessageNotKept(WHENEVER, "storage", hung_up=True), UNTOLD
                yield CommandFailed(WHENEVER, "recording"), RARE
                yield CallerHungUp(WHENEVER), UNTOLD
            case SendText():
                yield from ((TextQueued(WHENEVER, key), UNTOLD if key else 1) for key in ("", *self._may_press(state)))
                yield from ((CommandFailed(WHENEVER, "outbox", key), UNTOLD if key else 1) for key in ("", *self._may_press(state)))
                if not state.hung_up:
                    yield CallerHungUp(WHENEVER), UNTOLD
            case Transfer():
                yield TransferEnded(WHENEVER, answered=False), 1
                yield TransferEnded(WHENEVER, answered=True), 1
                node = self._flow.nodes[state.node]
                assert isinstance(node, TransfersCall)
                others = ((BUSY, node.busy), (NOBODY, node.nobody))
                yield from ((TransferEnded(WHENEVER, False, reason), 1) for reason, target in others if target is not None)
                if command.wait is not None:
                    yield TransferEnded(WHENEVER, False, CALLBACK, REFERENCE), 1
                    yield TransferEnded(WHENEVER, False, CALLBACK, None), RARE
                yield CallerHungUp(WHENEVER), 1
                yield CommandFailed(WHENEVER, "transfer"), RARE
            case Release():
                yield Released(WHENEVER), 1
                yield CommandFailed(WHENEVER, "hangup"), UNTOLD
                yield CallerHungUp(WHENEVER), UNTOLD

    def _starts(self) -> Iterator[tuple[Event, int]]:
        flow = self._flow
        languages = ("", *flow.languages[1:]) if flow.remembers_language else ("",)
        for crowded in (False, True) if flow.limits.crowded is not None else (False,):
            for language in languages:
                for number, caller in enumerate(self._known.callers):
                    for other, dialled in enumerate(self._known.dialled):
                        cost = 1 + bool(number) + bool(language) + crowded + UNTOLD * bool(other)
                        yield CallStarted(WHENEVER, SESSION, caller, dialled, language, crowded), cost

    def _answers(self, state: CallState, command: Lookup) -> Iterator[tuple[Event, int]]:
        witnessed = self._known.lookups.get(command.name)
        if witnessed is not None:
            for key in ("", *self._may_press(state)):
                answer = Answer(witnessed, Decisions(command.name, next(self._serial), {}))
                yield LookupAnswered(WHENEVER, answer, key), UNTOLD if key else 1
        if witnessed is None or command.name in self._known.not_found:
            yield LookupAnswered(WHENEVER, None), 1
        yield CommandFailed(WHENEVER, "back_office"), 1
        yield CommandFailed(WHENEVER, "deadline"), 1
        yield from ((CommandFailed(WHENEVER, "back_office", key), UNTOLD) for key in self._may_press(state))
        if not state.hung_up:
            yield CallerHungUp(WHENEVER), UNTOLD

    def _said(self, state: CallState) -> Iterator[tuple[Event, int]]:
        """What is heard where the line listens: nothing that fits, and each phrase so unsurely that the caller is asked about it."""
        node, speech = self._flow.nodes[state.node], self._flow.speech
        assert isinstance(node, Asks)
        grammar = listening.grammar(self._flow, state, node)
        if grammar is None or speech is None:
            return
        yield SpeechHeard(WHENEVER), RARE
        yield SpeechUnavailable(WHENEVER, "full"), RARE
        unsure = [Hypothesis(phrase, (speech.unsure + speech.sure) / 2) for phrase in grammar.phrases]
        unsure = [one for one in unsure if not any(found.sure for found in listening.understood(self._flow, state, node, (one,)))]
        by_key = {found.entry: one for one in unsure for found in listening.understood(self._flow, state, node, (one,))}
        yield from ((SpeechHeard(WHENEVER, (one,)), RARE) for one in by_key.values())
        if len(by_key) > 1:
            yield SpeechHeard(WHENEVER, tuple(by_key.values())[:2]), UNTOLD

    def _entries(self, state: CallState, command: AskDigits) -> Iterator[DigitsEntered]:
        node, begun = self._flow.nodes[state.node], state.partial
        if state.offered and self._flow.speech is not None:
            answers = (self._flow.speech.yes, self._flow.speech.no)
            entries = [*answers, *(key for key in self._flow.universals if key not in answers)]
            entries += [next(key for key in "8" + KEYS if key not in entries)]
        elif isinstance(node, Menu | ReadsList):
            choices = keys_at(node)
            entries = [*choices, *(key for key in self._flow.universals if key not in choices)]
            wrong = self._no_choice(node)
            entries += [wrong] if wrong is not None else []
        else:
            assert isinstance(node, Collect)
            digits = CANARY if node.secret else "5" * node.max_digits
            short = [digits[: node.min_digits - 1]] if node.min_digits > 1 else []
            entries = [*self._known.entries[node.name], *self._flow.universals, *short, "#"]
        for entry in dict.fromkeys(entries):
            if begun and not (entry.startswith(begun) and len(entry) > len(begun)):
                continue
            rest = entry[len(begun) :]
            if command.max_digits == 1 and len(rest) == 1:
                yield DigitsEntered(WHENEVER, rest)
            else:
                typed, ended, _ = rest.partition("#")
                short_of = len(typed) < command.max_digits and isinstance(node, Collect)
                yield DigitsEntered(WHENEVER, typed, terminated=bool(ended) or (short_of and typed.isdigit()))
        if begun:
            yield DigitsEntered(WHENEVER, "8")

    def _no_choice(self, node: Menu | ReadsList) -> str | None:
        taken = (*keys_at(node), *self._flow.universals)
        return next((key for key in "8" + KEYS if not any(one.startswith(key) for one in taken)), None)

    def _may_press(self, state: CallState) -> tuple[str, ...]:
        return self._ahead if not (state.keys or state.partial or state.hung_up) else ()

    def _keys_ahead(self) -> tuple[str, ...]:
        """What something may be waiting for: each key, choice and entry that has a meaning somewhere, and a key that has none."""
        menus = [node for node in self._flow.nodes.values() if isinstance(node, Menu | ReadsList)]
        back = {key for key, action in self._flow.universals.items() if action == BACK}
        choices = {choice for node in menus for choice in keys_at(node)} | self._flow.universals.keys()
        entries: set[str] = set()
        for name, found in self._known.entries.items():
            form = self._flow.nodes[name]
            assert isinstance(form, Collect)
            entries |= {entry + "#" * (len(entry) < form.max_digits) for entry in found}
        keys = choices | entries | {one[0] for one in choices | entries}
        other = next((key for key in "8" + KEYS if key not in keys), "")
        return tuple(sorted(key for key in {*keys, other} - {""} if key[0] not in back))
