"""What can be wrong with one step of a call."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ivr.calls.journal import entry
from ivr.core import listening
from ivr.core.commands import AskDigits, Command, Lookup, Play, SendText
from ivr.core.events import (
    CallerHungUp,
    CallStarted,
    CommandFailed,
    DigitsEntered,
    Event,
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
from ivr.core.flow import Asks, Collect, Flow, HangsUp, LookUp, Node, Prompt, Slot, TakesMessage, promises_of, prompts_of
from ivr.core.interpreter import Step
from ivr.core.notes import NodeEntered, Note, StepFailed
from ivr.core.rendering import Parts
from ivr.core.state import CallState, Phase
from ivr.core.turn import MAX_TROUBLE
from ivr.core.values import SpokenValue, Text
from ivr.errors import UnexpectedEvent
from ivr.tools.abstraction import Abstraction
from ivr.tools.conversations import NOON
from ivr.tools.exploring import Advance, Happened
from ivr.tools.happening import SESSION
from ivr.tools.witnesses import CANARY, REFERENCE

_NOTHING = NothingHeard(NOON)
_SECRETS = frozenset(CANARY[start : start + 4] for start in range(len(CANARY) - 3))
_DIGITS = re.compile(r"[0-9]{4,}")


class Watcher:
    """Looks at each step that the search takes."""

    def __init__(self, known: Abstraction, flow: Flow, advance: Advance) -> None:
        self._flow = known.flow
        self._advance = advance
        self._promises = _promises(flow)
        self._told: dict[tuple[tuple[Note, ...], Command | None], bool] = {}
        forms = [node for node in flow.nodes.values() if isinstance(node, Collect) and node.secret]
        self._short = {CANARY[:length] for node in forms for length in range(node.min_digits, node.max_digits + 1)}
        self._secrets = bool(forms) or _has_secrets(known)
        self._tried: set[tuple[Phase, str]] = set()

    def __call__(self, happened: Happened) -> Iterator[tuple[str, str]]:
        if happened.step is None:
            yield self._raised(happened)
            return
        step = happened.step
        yield from self._given_up(happened, step)
        yield from self._promised(step)
        yield from self._after_hangup(happened, step)
        if self._secrets:
            yield from self._secret(happened, step)
        if (step.state.phase, step.state.node) not in self._tried:
            self._tried.add((step.state.phase, step.state.node))
            yield from self._impossible(step.state)

    def _raised(self, happened: Happened) -> tuple[str, str]:
        what = type(happened.event).__name__
        if isinstance(happened.error, UnexpectedEvent):
            return "no-dead-end", f"the line has no answer to {what}: {happened.error}"
        return "never-gives-up", f"{what} breaks the interpreter: {type(happened.error).__name__}: {happened.error}"

    def _given_up(self, happened: Happened, step: Step) -> Iterator[tuple[str, str]]:
        """A call that is over without having been ended: excused after failures of the line, not after the flow's own."""
        if step.command is not None and step.state.over:
            yield "never-gives-up", "the call is over, but the line is told to go on"
        if step.command is not None or step.state.hung_up or isinstance(happened.event, Released):
            return
        if happened.before.phase is Phase.RELEASING:
            return
        failed = [note for note in step.notes if isinstance(note, StepFailed)]
        if isinstance(happened.event, CommandFailed) and len(failed) == 1 and happened.before.trouble >= MAX_TROUBLE:
            return
        reasons = ", ".join(dict.fromkeys(f"'{note.reason}' at {note.node}" for note in failed)) or "too many nodes without a word"
        yield "never-gives-up", f"the call breaks off, because of {reasons}"

    def _promised(self, step: Step) -> Iterator[tuple[str, str]]:
        if step.state.references:
            return
        parts = (*step.state.pending, *_said(step.command))
        if any(isinstance(part, SpokenValue) and part.value == REFERENCE for part in parts):
            yield "promise-has-ticket", "a reference is spoken, but no message has been kept"
        for prompt, pieces in self._promises.get(step.state.language, ()):
            if _holds(parts, pieces):
                yield "promise-has-ticket", f"'{prompt}' is spoken, but no message has been kept"

    def _after_hangup(self, happened: Happened, step: Step) -> Iterator[tuple[str, str]]:
        if not step.state.hung_up:
            return
        silent = isinstance(step.command, SendText) or (isinstance(step.command, Lookup) and step.command.comfort is None)
        if step.command is not None and not silent:
            yield "silent-after-hangup", f"the caller has hung up, but the line is told to {type(step.command).__name__}"
        for note in step.notes if happened.before.hung_up or isinstance(happened.event, CallerHungUp) else ():
            if isinstance(note, NodeEntered) and _speaks(self._flow.nodes[note.node]):
                yield "silent-after-hangup", f"the caller has hung up, but the call comes to '{note.node}', which speaks or listens"

    def _secret(self, happened: Happened, step: Step) -> Iterator[tuple[str, str]]:
        if self._tells((*step.state.pending, *_said(step.command))):
            yield "secret-stays-secret", "a secret is spoken"
        elif isinstance(step.command, SendText) and self._tells((*step.command.text.parts, Text(step.command.to))):
            yield "secret-stays-secret", "a secret is in a text message"
        event, asked, bare = happened.event, happened.asked, Step(step.state, None, ())
        if self._journals(step) or _journaled(event, asked, bare):
            yield "secret-stays-secret", "a secret is written to the journal"
        elif isinstance(event, PromptPlayed) and _journaled(replace(event, keys=CANARY), asked, bare):
            yield "secret-stays-secret", "keys pressed ahead are written to the journal"

    def _journals(self, step: Step) -> bool:
        """Whether what is noted and commanded puts a secret into the journal. Most steps note and command what others did before."""
        told = (step.notes, step.command)
        try:
            found = self._told.get(told)
        except TypeError:  # a look-up, whose arguments are a mapping
            return _journaled(_NOTHING, None, step)
        if found is None:
            found = self._told[told] = _journaled(_NOTHING, None, step)
        return found

    def _tells(self, parts: Parts) -> bool:
        """Whether a secret is among what is said or written."""
        words = [str(part.value) if isinstance(part, SpokenValue) else part.text for part in parts]
        return any(_leaks(word) or word in self._short for word in words)

    def _listens(self, state: CallState) -> bool:
        node = self._flow.nodes[state.node]
        return isinstance(node, Asks) and listening.grammar(self._flow, state, node) is not None

    def _impossible(self, state: CallState) -> Iterator[tuple[str, str]]:
        """An event that the call cannot have caused is refused, and nothing else."""
        for event in _EVENTS:
            if _possible(state.phase, event) and (self._listens(state) or not isinstance(event, SpeechHeard | SpeechUnavailable)):
                continue
            try:
                self._advance(self._flow, state, event)
            except UnexpectedEvent:
                continue
            except Exception as error:  # that it raises nothing else is what is to be proved
                what = f"breaks the interpreter: {type(error).__name__}: {error}"
            else:
                what = "is taken as if it could happen"
            yield "never-gives-up", f"{type(event).__name__} at '{state.node}', which is {state.phase.value}, {what}"


_EVENTS: tuple[Event, ...] = (
    CallStarted(NOON, SESSION, "", ""),
    PromptPlayed(NOON),
    DigitsEntered(NOON, "1"),
    NothingHeard(NOON),
    SpeechHeard(NOON),
    SpeechUnavailable(NOON, "full"),
    LookupAnswered(NOON, None),
    CommandFailed(NOON, "audio"),
    MessageKept(NOON, REFERENCE),
    MessageNotKept(NOON, "too_short"),
    TextQueued(NOON),
    TransferEnded(NOON, answered=True),
    CallerHungUp(NOON),
    Released(NOON),
)
_ANSWERS: Mapping[Phase, tuple[type, ...]] = {
    Phase.SPEAKING: (PromptPlayed,),
    Phase.ASKING: (DigitsEntered, NothingHeard, SpeechHeard, SpeechUnavailable),
    Phase.LOOKING_UP: (LookupAnswered,),
    Phase.RECORDING: (MessageKept, MessageNotKept),
    Phase.TEXTING: (TextQueued,),
    Phase.TRANSFERRING: (TransferEnded,),
    Phase.RELEASING: (Released,),
}


def _possible(phase: Phase, event: Event) -> bool:
    if phase not in _ANSWERS:
        return False
    return isinstance(event, (*_ANSWERS[phase], CallerHungUp, CommandFailed))


def _said(command: Command | None) -> Parts:
    match command:
        case Play() | AskDigits():
            return command.utterance.parts
        case Lookup(comfort=comfort) if comfort is not None:
            return comfort.parts
        case _:
            return ()


def _promises(flow: Flow) -> dict[str, tuple[tuple[str, tuple[Text | Slot, ...]], ...]]:
    """The prompts that promise something, in each language: those that a node plays when its ticket is safe."""
    prompts = [prompt for node in flow.nodes.values() for prompt in promises_of(node)]
    found: dict[str, dict[tuple[str, tuple[Text | Slot, ...]], None]] = {language: {} for language in flow.languages}
    for prompt in prompts:
        for language in flow.languages:
            pieces = prompt.pieces.get(language, ())
            if any(isinstance(piece, Text) for piece in pieces):
                found[language][_named(prompt, pieces), pieces] = None
    return {language: tuple(promises) for language, promises in found.items()}


def _named(prompt: Prompt, pieces: tuple[Text | Slot, ...]) -> str:
    return prompt.name or "".join(piece.text for piece in pieces if isinstance(piece, Text))


def _holds(parts: Parts, pieces: tuple[Text | Slot, ...]) -> bool:
    """Whether a prompt is among what is said."""
    return any(
        all(isinstance(piece, Slot) or piece == part for piece, part in zip(pieces, parts[start:], strict=False))
        for start in range(len(parts) - len(pieces) + 1)
    )


def _speaks(node: Node) -> bool:
    match node:
        case HangsUp(prompts=()):
            return False
        case LookUp():
            return False
        case _:
            return isinstance(node, Asks | TakesMessage) or bool(prompts_of(node))


def _has_secrets(known: Abstraction) -> bool:
    """Whether a look-up answers something secret."""
    values = (value for one in known.lookups.values() for witnesses in one.values.values() for value in witnesses)
    return any(isinstance(value, str) and _leaks(value) for value in values)


def _journaled(event: Event, asked: Command | None, step: Step) -> bool:
    """Whether the journal's entry has a secret in it."""
    return _leaks(json.dumps(entry(event, asked, step), ensure_ascii=False, default=str))


def _leaks(text: str) -> bool:
    """Whether four digits of a secret are in a text."""
    return any(run[start : start + 4] in _SECRETS for run in _DIGITS.findall(text) for start in range(len(run) - 3))
