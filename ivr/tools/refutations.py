"""A call in which something is wrong, told so that a designer can hold it: a conversation to save, and the nodes on the way.

What a conversation has no word for (a key pressed during a prompt, an audio file that breaks) is told beside it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from ivr.core.commands import AskDigits, Command, Lookup, Play, SendText, TakeMessage, Transfer
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
from ivr.core.flow import Flow, Mark, ReadsList, promises_of
from ivr.core.interpreter import Step
from ivr.core.notes import NodeEntered
from ivr.core.state import CallState, Phase
from ivr.core.values import Kind, ListOf, Record, Scalar, Text, Type, Value
from ivr.tools.abstraction import TRIES, Abstraction
from ivr.tools.answers import SOME_DAY, duration_in_words, volume_in_words
from ivr.tools.conversations import NOON, step_for
from ivr.tools.endings import silent
from ivr.tools.exploring import Advance, Decided, Finding, Happened, Search, Watch
from ivr.tools.liveness import FREE
from ivr.tools.moments import CLOCK, LATE, WHENEVER, Moments
from ivr.tools.retold_words import said
from ivr.tools.witnesses import MANY_PAGES, Answer, Path


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
    started: CallStarted | None = None
    steps: list[str] = field(default_factory=list)
    answers: dict[str, list[str]] = field(default_factory=dict)  # of each look-up, in turn
    untold: list[str] = field(default_factory=list)


_DAYS: Mapping[Kind | None, Value] = {Kind.DATE: SOME_DAY, Kind.MONTH: SOME_DAY.replace(day=1)}
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
        happened, happens = self._replay(trail, lambda found: self._shows(finding, found[-1]))
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
        happened, happens = self._replay(trail, lambda found: self._comes_to(at, found[-1]))
        return self._told(name, problem, trail, happened, ending, happens=happens)

    def _shows(self, finding: Finding, happened: Happened) -> bool:
        return any(name == finding.name for name, _ in self._watch(happened))

    def _trail(self, number: int) -> _Trail:
        trail: _Trail = []
        came = self._search.seen[number].came
        while came is not None:
            trail.append((came.event, came.decided))
            came = self._search.seen[came.origin].came
        return trail[::-1]

    def _comes_to(self, number: int, happened: Happened) -> bool:
        if happened.step is None:
            return False
        there, wanted = happened.step.state, self._search.seen[number].state
        if there.over:
            return wanted.over
        return (there.phase, there.node, there.language, there.hung_up) == (wanted.phase, wanted.node, wanted.language, wanted.hung_up)

    # --- the same call, with the flow as it is ---

    def _replay(self, trail: _Trail, wanted: Callable[[Sequence[Happened]], bool]) -> tuple[list[Happened], bool]:
        """Hold the call, with whole answers, and say whether it comes to what is wanted. Where an item of a list cannot be said, it is
        tried on which page it has to stand."""
        found: list[Happened] = []
        for page in range(MANY_PAGES if self._silent_items(trail) else 1):
            happened = self._hold(self._concrete(trail, page))
            if len(happened) == len(trail) and (not trail or wanted(happened)):
                return happened, True
            found = found or happened
        return found, not trail

    def _hold(self, events: Sequence[Event]) -> list[Happened]:
        """It ends early where the flow, as it is, does otherwise."""
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

    def _concrete(self, trail: _Trail, page: int) -> list[Event]:
        """The events with their moments and whole answers."""
        late = [any(source == CLOCK and path == LATE for source, _, path, _ in decided) for _, decided in trail]
        moments = _moments([event.at for event, _ in trail], late, self._known.moments, self._flow.limits.duration)
        found: list[Event] = []
        for (event, decided), at in zip(_with_decisions(trail), moments, strict=True):
            if isinstance(event, LookupAnswered) and isinstance(event.answer, Answer):
                answer = event.answer.whole(decided)
                event = replace(event, answer=self._spoilt(event.answer.decisions.source, answer, trail, page))
            found.append(replace(event, at=at))
        return found

    # --- items that cannot be said ---

    def _silent_items(self, trail: _Trail) -> set[tuple[str, Path]]:
        """The fields of items that are not there on the way: the look-up, and the path of each."""
        names = {path[0] for _, decided in trail for source, _, path, value in decided if source == FREE and value is False}
        return {origin for name in names for origin in self._known.items.get(name, ())}

    def _spoilt(self, lookup: str, answer: Value, trail: _Trail, page: int) -> Value:
        for source, path in self._silent_items(trail):
            if source == lookup:
                first = max((size * page for size in self._page_sizes()), default=0)
                answer = _without(answer, path, self._known.lookups[lookup].type, first)
        return answer

    def _page_sizes(self) -> set[int]:
        return {node.page_size for node in self._flow.nodes.values() if isinstance(node, ReadsList)}

    # --- telling it ---

    def _told(
        self, name: str, problem: str, trail: _Trail, happened: Sequence[Happened], ending: Sequence[str], *, happens: bool
    ) -> Refutation:
        told = _Told()
        before = happened[0].event.at if happened else NOON
        for one, (_, more) in zip(happened, trail, strict=False):
            waited = int((one.event.at - before).total_seconds()) - 1
            before = one.event.at
            if waited > 0 and isinstance(one.asked, AskDigits | TakeMessage | Transfer):
                told.steps += [f"later: {duration_in_words(dt.timedelta(seconds=seconds))}" for seconds in _in_days(waited)]
            elif waited > 0:
                told.untold.append(f"{waited} seconds pass {_during(one.asked)}")
            self._tell(told, one)
            if any(path == LATE for source, _, path, _ in more if source == CLOCK) and self._flow.limits.duration is None:
                told.untold.append(f"it was assumed that {self._known.assumed[TRIES]}")
        free = [path[0] for _, decided in trail for source, _, path, _ in decided if source == FREE]
        told.untold += [f"it was assumed that {self._known.assumed[one]}" for one in dict.fromkeys(free) if one in self._known.assumed]
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
            for prompt in promises_of(node):
                for piece in prompt.pieces.get(step.state.language, ()):
                    if isinstance(piece, Text) and piece.text in said:
                        return [f"not_hears: {_quoted(piece.text)}"]
        return []

    def _tell(self, told: _Told, happened: Happened) -> None:
        asked, event = happened.asked, happened.event
        match event:
            case CallStarted():
                told.caller, told.started = event.caller_id, event
                if event.dialled != self._flow.name:
                    told.untold.append(f"the caller has dialled {event.dialled}")
            case DigitsEntered(digits=digits, terminated=terminated) if digits or terminated:
                told.steps.append(f"press: {_quoted(digits + '#' * terminated)}")
            case NothingHeard():
                told.steps.append("silence")
            case SpeechHeard(hypotheses=hypotheses):
                told.steps.append(said(hypotheses, self._flow.speech))
            case SpeechUnavailable():
                told.steps.append("nobody_listens")
            case CallerHungUp() if isinstance(asked, AskDigits | Transfer):
                told.steps.append("hang_up")
            case CallerHungUp():
                told.untold.append(f"the caller hangs up {_during(asked)}")
            case LookupAnswered() | CommandFailed() if isinstance(asked, Lookup):
                self._tell_answer(told, asked, event)
            case CommandFailed() if isinstance(asked, SendText):
                told.steps.append("sms_fails")
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
            case TransferEnded():
                told.steps.append(step_for(event))
            case Released() | PromptPlayed() | TextQueued() | _:
                pass
        if isinstance(event, PromptPlayed | LookupAnswered | TextQueued | CommandFailed) and event.keys:
            told.untold.append(f"the caller presses {event.keys} {_during(asked)}")

    def _tell_answer(self, told: _Told, asked: Lookup, event: LookupAnswered | CommandFailed) -> None:
        tries = 1
        if isinstance(event, CommandFailed):
            answer = "deadline" if event.reason == "deadline" else "failed"
            tries += asked.retries if answer == "failed" else 0
        elif event.answer is None:
            answer = "not_found"
        else:
            written = _written(self._known.lookups[asked.name].type, event.answer) if asked.name in self._known.lookups else None
            if written is None:
                told.untold.append(f"{asked.name} answers something that cannot be written")
            answer = written or "{}"
        told.answers.setdefault(asked.name, []).extend([answer] * tries)

    def _conversation(self, name: str, told: _Told, ending: Sequence[str]) -> str:
        lines = [f"flow: {_quoted(self._script)}", "conversations:", f"  - name: {_quoted(name)}", f"    caller: {_quoted(told.caller)}"]
        if told.started is not None:
            lines += [f"    at: {_quoted(told.started.at.isoformat(timespec='seconds'))}"] if told.started.at != NOON else []
            lines += [f"    language: {told.started.language}"] if told.started.language else []
            lines += ["    crowded: true"] if told.started.crowded else []
        if told.answers:
            lines += ["    back_office:", *(f"      {lookup}: {_in_turn(answers)}" for lookup, answers in told.answers.items())]
        lines += [f"    # not to be said in a conversation: {one}" for one in told.untold]
        steps = [*told.steps, *ending]
        lines += ["    steps:", *(f"      - {step}" for step in steps)] if steps else ["    steps: []"]
        return "".join(f"{line}\n" for line in lines)


def _in_turn(answers: Sequence[str]) -> str:
    """The answers of one look-up; the last one stays."""
    return answers[0] if len(set(answers)) == 1 else f"[{', '.join(answers)}]"


def _in_days(seconds: int) -> list[int]:
    """A time in pieces that a conversation can say."""
    day = 24 * 60 * 60
    return [day] * (seconds // day) + ([seconds % day] if seconds % day else [])


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


def _moments(chosen: Sequence[dt.datetime], late: Sequence[bool], hours: Moments, longest: dt.timedelta | None) -> list[dt.datetime]:
    """When each event happens: a second after the one before, unless the hours or a limit want it later."""
    second = dt.timedelta(seconds=1)
    first = next((number for number, at in enumerate(chosen) if at != WHENEVER), None)
    started = NOON if first is None else chosen[first] - first * second
    found: list[dt.datetime] = []
    for at, limited in zip(chosen, late, strict=True):
        now = found[-1] + second if found else started
        if limited and longest is not None:
            now = max(now, started + longest)
        if at != WHENEVER:
            now = hours.from_then_on(now, hours.states(at)) or at
        found.append(now)
    return found


def _without(value: Value, path: Path, type_: Type, first: int) -> Value:
    """A value in which something is not there: an empty text or nothing, in the items from one on."""
    if not path:
        return None if getattr(type_, "optional", False) else ""
    name, *rest = path
    if isinstance(type_, ListOf) and isinstance(value, tuple):
        return (*value[:first], *(_without(item, tuple(rest), type_.item, 0) for item in value[first:]))
    if isinstance(type_, Record) and isinstance(value, Mapping):
        return {**value, name: _without(value[name], tuple(rest), type_.fields[name], first)}
    return value


def _parts(command: Command | None) -> tuple[object, ...]:
    return command.utterance.parts if isinstance(command, Play | AskDigits) else ()


def _during(asked: Command | None) -> str:
    return {"Play": "while the line speaks", "AskDigits": "while keys are awaited", "Lookup": "during the look-up"}.get(
        type(asked).__name__, f"during {type(asked).__name__}"
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _written(type_: Type, value: Value) -> str | None:
    """A value as conversations write it, without what they take for granted; None when they cannot."""
    match type_, value:
        case Record(), Mapping():
            fields = {name: _written(field, value[name]) for name, field in type_.fields.items() if not _granted(field, value[name])}
            return None if None in fields.values() else f"{{{', '.join(f'{name}: {one}' for name, one in fields.items())}}}"
        case ListOf(), tuple():
            items = [_written(type_.item, item) for item in value]
            return None if None in items else f"[{', '.join(map(str, items))}]"
        case Scalar(), _:
            return _scalar(type_, value)
        case _:
            return None


def _granted(type_: Type, value: Value) -> bool:
    """Whether a conversation takes a field to be so when it is left out."""
    match type_, value:
        case ((Scalar(optional=True) | Record(optional=True)), _):
            return value is None
        case Record(), Mapping():
            return all(_granted(field, value[name]) for name, field in type_.fields.items())
        case _:
            return value == _DAYS.get(getattr(type_, "kind", None)) or value == dt.time(0) or not value


def _scalar(type_: Scalar, value: Value) -> str | None:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return volume_in_words(value) if type_.kind is Kind.VOLUME else str(value)
        case Decimal():
            return format(value, "f")
        case str():
            return _quoted(value)
        case dt.timedelta():
            return duration_in_words(value)
        case dt.date():
            return value.strftime("%Y-%m" if type_.kind is Kind.MONTH else "%Y-%m-%d")
        case dt.time():
            return f"{value:%H:%M}"
        case _:
            return None
