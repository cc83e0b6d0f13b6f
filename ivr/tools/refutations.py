"""A call in which something is wrong, told so that a designer can hold it: a conversation to save, and the nodes on the way.

What a conversation has no word for (a key pressed during a prompt, an audio file that breaks) is told beside it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from ivr.core.commands import AskDigits, Command, Lookup, Play, TakeMessage, Transfer
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
    TransferEnded,
)
from ivr.core.flow import Flow, Mark, TakesMessage
from ivr.core.interpreter import Step
from ivr.core.notes import NodeEntered
from ivr.core.state import CallState, Phase
from ivr.core.values import Scalar, Text, Value
from ivr.tools.abstraction import Abstraction
from ivr.tools.endings import silent
from ivr.tools.exploring import Advance, Decided, Finding, Happened, Search, Watch
from ivr.tools.liveness import FREE
from ivr.tools.witnesses import Answer, Path


@dataclass(frozen=True, slots=True)
class Place:
    """A node on the way."""

    node: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Refutation:
    """A call in which a property does not hold. `steps` is what the caller does, `untold` what the conversation cannot say.

    `happens`: the call was held with the flow as it is, and went this way. It is false when the call hangs on what was assumed.
    """

    problem: str
    steps: tuple[str, ...]
    places: tuple[Place, ...]
    conversation: str
    untold: tuple[str, ...]
    happens: bool


@dataclass(slots=True)
class _Told:
    """A call, put into the words of a conversation."""

    caller: str = ""
    steps: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    untold: list[str] = field(default_factory=list)


_Trail = list[tuple[Event, tuple[Decided, ...]]]


class Refuter:
    """Makes refutations from what a search has found. `script` is how a conversation names the flow's file."""

    def __init__(self, flow: Flow, known: Abstraction, search: Search, watch: Watch, advance: Advance, script: str) -> None:
        self._flow = flow
        self._known = known
        self._search = search
        self._watch = watch
        self._advance = advance
        self._script = script

    def of_step(self, finding: Finding) -> Refutation:
        """A call whose last step is wrong."""
        trail = [*self._trail(finding.came.origin), (finding.came.event, finding.came.decided)]
        happened = self._replay(trail)
        happens = len(happened) == len(trail) and any(name == finding.name for name, _ in self._watch(happened[-1]))
        return self._told(finding.name, finding.sentence, trail, happened, (), happens=happens)

    def of_way(self, name: str, start: int, way: Sequence[int], problem: str, ending: Sequence[str]) -> Refutation:
        """A call that comes to a state and goes on from there by itself, through the states on the way."""
        trail = self._trail(start)
        at = start
        for target in way:
            here = self._search.seen[at]
            came = next(
                one.came[target] for one in here.ways if target in one.came and (silent(here, one) or here.state.phase is Phase.NEW)
            )
            trail.append((came.event, came.decided))
            at = target
        happened = self._replay(trail)
        return self._told(name, problem, trail, happened, ending, happens=self._comes_to(at, trail, happened))

    def _trail(self, number: int) -> _Trail:
        trail: _Trail = []
        came = self._search.seen[number].came
        while came is not None:
            trail.append((came.event, came.decided))
            came = self._search.seen[came.origin].came
        return trail[::-1]

    def _comes_to(self, number: int, trail: _Trail, happened: Sequence[Happened]) -> bool:
        if len(happened) < len(trail) or not happened or happened[-1].step is None:
            return not trail
        there, wanted = happened[-1].step.state, self._search.seen[number].state
        if there.over:
            return wanted.over
        return (there.phase, there.node, there.language, there.hung_up) == (wanted.phase, wanted.node, wanted.language, wanted.hung_up)

    # --- the same call, with the flow as it is ---

    def _replay(self, trail: _Trail) -> list[Happened]:
        """Hold the call, with whole answers. It ends early where the flow, as it is, does otherwise."""
        events = _concrete(trail)
        state, asked = CallState(), None
        found: list[Happened] = []
        for event in events:
            step: Step | None = None
            error: Exception | None = None
            try:
                step = self._advance(self._flow, state, event)
            except Exception as raised:  # whatever it is, it is what is to be told
                error = raised
            found.append(Happened(state, asked, event, step, error))
            if step is None:
                break
            state, asked = step.state, step.command
        return found

    # --- telling it ---

    def _told(
        self, name: str, problem: str, trail: _Trail, happened: Sequence[Happened], ending: Sequence[str], *, happens: bool
    ) -> Refutation:
        told = _Told()
        for one, (event, decided) in zip(happened, _with_decisions(trail), strict=False):
            self._tell(told, one, event, decided)
        free = [path[0] for _, decided in trail for source, _, path, _ in decided if source == FREE]
        told.untold += [f"it was assumed that {self._known.assumed[choice]}" for choice in dict.fromkeys(free)]
        ending = [*ending, *self._not_to_be_heard(name, happened)]
        notes = [note for one in happened if one.step is not None for note in one.step.notes]
        places = tuple(Place(note.node, note.mark) for note in notes if isinstance(note, NodeEntered))
        text = self._conversation(f"{name}: {problem}", told, ending)
        return Refutation(problem, tuple(told.steps), places, text, tuple(told.untold), happens)

    def _not_to_be_heard(self, name: str, happened: Sequence[Happened]) -> list[str]:
        if name != "promise-has-ticket" or not happened or happened[-1].step is None:
            return []
        step = happened[-1].step
        said = {part.text for part in (*step.state.pending, *_parts(step.command)) if isinstance(part, Text)}
        for node in self._flow.nodes.values():
            for prompt in (*node.saved, *node.kept) if isinstance(node, TakesMessage) else ():
                for piece in prompt.pieces.get(step.state.language, ()):
                    if isinstance(piece, Text) and piece.text in said:
                        return [f"not_hears: {_quoted(piece.text)}"]
        return []

    def _tell(self, told: _Told, happened: Happened, event: Event, decided: Mapping[Path, Value]) -> None:
        asked = happened.asked
        match event:
            case CallStarted():
                told.caller = event.caller_id
                if event.dialled != self._flow.name:
                    told.untold.append(f"the caller has dialled {event.dialled}")
            case DigitsEntered(digits=digits, terminated=terminated) if digits or terminated:
                told.steps.append(f"press: {_quoted(digits + '#' * terminated)}")
            case NothingHeard():
                told.steps.append("silence")
            case CallerHungUp() if isinstance(asked, AskDigits | Transfer):
                told.steps.append("hang_up")
            case CallerHungUp():
                told.untold.append(f"the caller hangs up {_during(asked)}")
            case LookupAnswered() | CommandFailed() if isinstance(asked, Lookup):
                self._tell_answer(told, asked.name, event, decided)
            case CommandFailed() if isinstance(asked, AskDigits | TakeMessage | Transfer):
                told.steps.append("line_fails")
            case CommandFailed():
                told.untold.append(f"the line fails {_during(asked)}")
            case MessageKept(reference=None, hung_up=False):
                told.steps.append("message_saved")
            case MessageKept(reference=None):
                told.untold.append("the caller hangs up, and the message is safe, but without a number yet")
            case MessageKept(hung_up=hung_up):
                told.steps.append("hang_up" if hung_up else "leave_message")
            case MessageNotKept(hung_up=True):
                told.untold.append("the caller hangs up without a word")
            case MessageNotKept(reason=reason):
                told.steps.append("leave_nothing" if reason == "too_short" else "message_fails")
            case TransferEnded(answered=answered):
                told.steps.append("answered" if answered else "unanswered")
            case Released() | PromptPlayed() | _:
                pass
        if isinstance(event, PromptPlayed | LookupAnswered | CommandFailed) and event.keys:
            told.untold.append(f"the caller presses {event.keys} {_during(asked)}")

    def _tell_answer(self, told: _Told, name: str, event: LookupAnswered | CommandFailed, decided: Mapping[Path, Value]) -> None:
        if isinstance(event, CommandFailed):
            answer = "deadline" if event.reason == "deadline" else "failed"
        elif event.answer is None:
            answer = "not_found"
        else:
            fields: list[str] = []
            for path, value in decided.items():
                type_ = self._known.lookups[name].type.fields.get(path[0])
                written = _written(type_, value) if len(path) == 1 and isinstance(type_, Scalar) else None
                if written is None:
                    told.untold.append(f"{name} answers that {'.'.join(path)} is {value}")
                else:
                    fields.append(f"{path[0]}: {written}")
            answer = f"{{{', '.join(fields)}}}"
        if told.answers.setdefault(name, answer) != answer:
            told.untold.append(f"when {name} is looked up again, it answers {answer}")

    def _conversation(self, name: str, told: _Told, ending: Sequence[str]) -> str:
        lines = [f"flow: {_quoted(self._script)}", "conversations:", f"  - name: {_quoted(name)}", f"    caller: {_quoted(told.caller)}"]
        if told.answers:
            lines += ["    back_office:", *(f"      {lookup}: {answer}" for lookup, answer in told.answers.items())]
        lines += [f"    # not to be said in a conversation: {one}" for one in told.untold]
        steps = [*told.steps, *ending]
        lines += ["    steps:", *(f"      - {step}" for step in steps)] if steps else ["    steps: []"]
        return "".join(f"{line}\n" for line in lines)


def _with_decisions(trail: _Trail) -> list[tuple[Event, Mapping[Path, Value]]]:
    """Each event with everything that is decided about its answer in the whole call."""
    decided: dict[int, dict[Path, Value]] = {}
    sources: dict[int, str] = {}
    for event, more in trail:
        if isinstance(event, LookupAnswered) and isinstance(event.answer, Answer):
            decided.setdefault(event.answer.decisions.serial, {}).update(event.answer.decisions.values)
        for source, serial, path, value in more:
            decided.setdefault(serial, {})[path] = value
            sources[serial] = source
    found: list[tuple[Event, Mapping[Path, Value]]] = []
    own = {event.answer.decisions.serial for event, _ in trail if isinstance(event, LookupAnswered) and isinstance(event.answer, Answer)}
    for event, _ in trail:
        values: dict[Path, Value] = {}
        if isinstance(event, LookupAnswered) and isinstance(event.answer, Answer):
            decisions = event.answer.decisions
            values = dict(decided[decisions.serial])
            for serial, others in decided.items():  # states that count as one carry answers of other calls
                if serial not in own and sources.get(serial) == decisions.source:
                    values = others | values
        found.append((event, values))
    return found


def _concrete(trail: _Trail) -> list[Event]:
    return [
        replace(event, answer=event.answer.whole(decided))
        if isinstance(event, LookupAnswered) and isinstance(event.answer, Answer)
        else event
        for event, decided in _with_decisions(trail)
    ]


def _parts(command: Command | None) -> tuple[object, ...]:
    return command.utterance.parts if isinstance(command, Play | AskDigits) else ()


def _during(asked: Command | None) -> str:
    return {"Play": "while the line speaks", "AskDigits": "while keys are awaited", "Lookup": "during the look-up"}.get(
        type(asked).__name__, f"during {type(asked).__name__}"
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _written(type_: Scalar, value: Value) -> str | None:
    """A value as conversations write it; None when they cannot."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value}B"
        case Decimal():
            return format(value, "f")
        case str():
            return _quoted(value)
        case dt.timedelta():
            return f"{int(value.total_seconds())}s"
        case dt.date():
            return value.strftime("%Y-%m" if type_.kind.value == "month" else "%Y-%m-%d")
        case dt.time():
            return f"{value:%H:%M}"
        case _:
            return None
