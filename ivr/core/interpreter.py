"""The interpreter: given where a call is and what just happened, what should we do next?

Everything that decides a call's course lives here. Nothing here touches a line, a file or a clock.

What is said is gathered (`pending`) until the caller's turn comes, so that one turn of the line is one utterance and one command.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import assert_never

from ivr.core import notes as facts
from ivr.core.commands import AskDigits, Command, Lookup, Play, Release, TakeMessage, Transfer
from ivr.core.evaluation import EvaluationFailed, evaluate, holds
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
from ivr.core.flow import (
    BACK,
    REPEAT,
    Branch,
    Call,
    Collect,
    Flow,
    Goto,
    HangsUp,
    LookUp,
    Menu,
    Prompts,
    Return,
    Say,
    Set,
    TakesMessage,
    Target,
    TransfersCall,
)
from ivr.core.matching import first_choice, first_entry, fits, may_go_on
from ivr.core.rendering import Parts, render
from ivr.core.state import CallState, Passed, Phase
from ivr.core.values import SpokenValue, Utterance, Value
from ivr.errors import UnexpectedEvent

MAX_SILENT_STEPS = 500  # nodes entered between two events; the checks refuse flows that could loop in silence
MAX_KEYS = 40  # pressed ahead and kept; nobody means more
SUBFLOW = "/"  # what a node's name has in it when the node belongs to a sub-flow
MAX_TROUBLE = 3  # failures in a row before the call is given up, and the dialplan's rescue takes the caller


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next; `command` is None when the call is over."""

    state: CallState
    command: Command | None
    notes: tuple[facts.Note, ...]


def advance(flow: Flow, state: CallState, event: Event) -> Step:
    """One step of a call. Raises UnexpectedEvent for an event that the call cannot have caused."""
    turn = _Turn(flow, state, event.at)
    try:
        _apply(turn, state, event)
    except EvaluationFailed:
        turn.failed("expression")
    return turn.step()


def _apply(turn: _Turn, state: CallState, event: Event) -> None:
    match state.phase, event:
        case Phase.NEW, CallStarted():
            turn.begin(event)
        case ((Phase.NEW | Phase.OVER), _):
            raise UnexpectedEvent(f"{type(event).__name__} in a call that is {state.phase}")
        case _, CallerHungUp():
            turn.hang_up()
        case _, CommandFailed(reason=reason, keys=keys):
            turn.command_failed(reason, keys)
        case Phase.SPEAKING, PromptPlayed(keys=keys):
            turn.went_well(keys)
            turn.work()
        case Phase.ASKING, DigitsEntered():
            turn.went_well("")
            turn.digits(event)
        case Phase.ASKING, NothingHeard():
            turn.went_well("")
            turn.silence()
        case Phase.LOOKING_UP, LookupAnswered():
            turn.keep(event.keys)
            turn.answered(event.answer)
        case Phase.RECORDING, (MessageKept() | MessageNotKept()):
            turn.went_well("")
            turn.message(event)
        case Phase.TRANSFERRING, TransferEnded():
            turn.went_well("")
            turn.transferred(event.answered)
        case Phase.RELEASING, Released():
            turn.end()
        case _:
            raise UnexpectedEvent(f"{type(event).__name__} at '{state.node}', which is {state.phase}")


class _Turn:
    """One call of `advance`: the state as it changes, the notes as they come, the command once it is known."""

    def __init__(self, flow: Flow, state: CallState, at: dt.datetime) -> None:
        self._flow = flow
        self._state = replace(state)
        self._at = at
        self._notes: list[facts.Note] = []
        self._command: Command | None = None
        self._next: Target | None = None

    def step(self) -> Step:
        """Enter node after node until there is a command or the end."""
        for _ in range(MAX_SILENT_STEPS):
            if self._next is None:
                return Step(self._state, self._command, tuple(self._notes))
            target, self._next = self._next, None
            try:
                self._enter(target)
            except EvaluationFailed:
                self.failed("expression")
        self._give_up()
        return Step(self._state, None, tuple(self._notes))

    # --- what happened ---

    def begin(self, event: CallStarted) -> None:
        call: Value = {"caller_id": event.caller_id, "dialled": event.dialled}
        self._assign("call", call)
        self._speak(self._flow.languages[0])
        self._next = self._flow.start

    def went_well(self, keys: str) -> None:
        """The line did what it was told, for which an answer of the back office is no proof."""
        self.keep(keys)
        self._set(trouble=0)

    def keep(self, keys: str) -> None:
        self._set(keys=(self._state.keys + keys)[:MAX_KEYS])

    def hang_up(self) -> None:
        first = not self._state.hung_up
        self._set(hung_up=True, pending=(), keys="", partial="")
        if first and self._flow.on_hangup is not None:
            self._next = self._flow.on_hangup
        else:
            self.end()

    def failed(self, reason: str) -> None:
        self._fail(reason, self._flow.on_failure)

    def command_failed(self, reason: str, keys: str) -> None:
        if self._state.phase is Phase.RELEASING:
            self._give_up()  # it was to be over anyway, and the dialplan sees to that
            return
        self.keep(keys)
        node = self._node
        self._fail(reason, node.failed if self._state.phase is Phase.LOOKING_UP and isinstance(node, LookUp) else self._flow.on_failure)

    def work(self) -> None:
        """The node's prompts have been heard: do what the node is for."""
        node = self._node
        match node:
            case Say():
                self._next = node.then
            case Set():
                self._set_values(node)
            case LookUp():
                self._look_up(node)
            case TakesMessage():
                self._take_message(node)
            case TransfersCall():
                self._wait(Phase.TRANSFERRING, Transfer(node.destination, node.ring_time))
            case _:
                assert isinstance(node, HangsUp)
                self._wait(Phase.RELEASING, Release())

    def digits(self, event: DigitsEntered) -> None:
        node = self._node
        begun, typed = self._state.partial, event.digits
        entry = (begun + (typed.removesuffix("#") if begun else typed)) or "#"  # where one key was missing, # came as a key of its own
        self._set(partial="")
        if isinstance(node, Menu):
            self._choose(node, entry)
        else:
            assert isinstance(node, Collect)
            self._fill_in(node, entry)

    def silence(self) -> None:
        node = self._node
        assert isinstance(node, Menu | Collect)
        if self._state.partial:
            self.digits(DigitsEntered(self._at, ""))
        else:
            self._retry(node, "noinput")

    def answered(self, answer: Value) -> None:
        node = self._node
        assert isinstance(node, LookUp)
        if answer is None and node.not_found is not None:
            self._next = node.not_found
        elif answer is None:
            self._fail("not_found", node.failed)
        else:
            self._assign(node.variable, answer)
            self._next = node.then

    def message(self, event: MessageKept | MessageNotKept) -> None:
        node = self._node
        assert isinstance(node, TakesMessage)
        if isinstance(event, MessageKept):
            self._notes.append(facts.TicketPromised(node.name, event.reference))
            self._set(references=(*self._state.references, event.reference))
            if event.reference is None:
                promise = node.saved
            else:
                self._assign("ticket", {"reference": event.reference})
                promise = node.kept
        else:
            self._notes.append(facts.StepFailed(node.name, event.reason, node.then))
            promise = node.too_short if event.reason == "too_short" else node.not_kept
        if event.hung_up:
            self.hang_up()
        else:
            self._say(promise)
            self._next = node.then

    def transferred(self, answered: bool) -> None:
        node = self._node
        assert isinstance(node, TransfersCall)
        self._set(transferred=self._state.transferred or answered)
        self._next = node.then if answered else node.unanswered

    def end(self) -> None:
        self._set(phase=Phase.OVER, pending=(), keys="", partial="")

    # --- entering a node ---

    def _enter(self, target: Target) -> None:
        node = self._flow.nodes[target]
        self._notes.append(facts.NodeEntered(node.name, node.mark))
        self._set(node=target)
        if SUBFLOW not in target:
            self._set(returns=())  # a sub-flow may be left by going to a node of the line itself
        match node:
            case Say(barge_in=True):
                self._say(node.prompts)
                self._next = node.then
            case Say():
                self._say(node.prompts)
                self._speak_then_work(barge_in=False)
            case LookUp():
                self._speak_then_work(barge_in=True)
            case TakesMessage() | TransfersCall() | HangsUp():
                self._say(node.prompts)
                self._speak_then_work(barge_in=not isinstance(node, HangsUp))
            case Menu():
                self._enter_menu(node)
            case Collect():
                self._enter_form(node)
            case Branch():
                self._branch(node)
            case Set(language=language) if language not in (None, self._state.language):
                self._speak_then_work(barge_in=True)  # what is pending is in the language that ends here
            case Set():
                self._set_values(node)
            case Goto():
                self._next = node.then
            case Call():
                self._set(returns=(*self._state.returns, node.then))
                self._next = node.start
            case Return():
                *outer, back = self._state.returns
                self._set(returns=tuple(outer))
                self._next = back
            case _:
                assert_never(node)

    def _enter_menu(self, node: Menu) -> None:
        self._fresh(node.name)
        if self._state.keys:
            self._flush(node)
            self._choose_ahead(node)
        else:
            self._ask(node, node.prompts)

    def _choose_ahead(self, node: Menu) -> None:
        """Take a choice from the keys that were pressed ahead; where they may be the beginning of a longer one, wait for its end."""
        keys = self._state.keys
        if may_go_on(keys, node.choices):
            self._set(keys="", partial=keys)
            longest = max(map(len, node.choices))
            self._wait(Phase.ASKING, self._question(node, (), longest - len(keys), node.timing.digit_timeout))
            return
        key, rest = first_choice(keys, (*node.choices, *self._flow.universals))
        self._set(keys=rest)
        self._choose(node, key)

    def _enter_form(self, node: Collect) -> None:
        self._fresh(node.name)
        if node.secret:
            self._set(keys="")
        if self._state.keys:
            self._flush(node)
            self._fill_in_ahead(node)
        else:
            self._ask(node, node.prompts)

    def _fill_in_ahead(self, node: Collect) -> None:
        """Take an entry from the keys that were pressed ahead; what is only its beginning waits for the rest."""
        keys = self._state.keys
        if keys[0] in self._flow.universals and not keys[0].isdigit():
            self._set(keys=keys[1:])
            self._universal(node, keys[0])
            return
        entry, rest, whole = first_entry(keys, node.max_digits)
        self._set(keys=rest)
        if whole:
            self._fill_in(node, entry or "#")
        else:
            self._set(partial=entry)
            self._wait(Phase.ASKING, self._question(node, (), node.max_digits - len(entry), node.timing.digit_timeout))

    def _flush(self, node: Menu | Collect) -> None:
        """Keys pressed ahead cut short what they were ahead of, as if it had been heard: "repeat" says it all."""
        parts = self._state.pending + self._render(node.prompts)
        self._set(pending=(), heard=self._state.heard + parts)

    def _fresh(self, node: Target) -> None:
        place, history = Passed(node, self._state.returns), self._state.history
        kept = history[: history.index(place)] if place in history else history
        self._set(noinputs=0, nomatches=0, partial="", history=kept)

    def _branch(self, node: Branch) -> None:
        for condition, target in node.arms:
            if holds(condition, self._state.variables):
                self._notes.append(facts.ConditionHeld(node.name, condition.text, target))
                self._next = target
                return
        self._notes.append(facts.ConditionHeld(node.name, None, node.otherwise))
        self._next = node.otherwise

    # --- keys ---

    def _choose(self, node: Menu, key: str) -> None:
        if key in node.choices:
            self._notes.append(facts.ChoiceMade(node.name, key, node.choices[key], universal=False))
            self._pass(node.name)
            self._next = node.choices[key]
        elif key in self._flow.universals:
            self._universal(node, key)
        else:
            self._retry(node, "nomatch")

    def _fill_in(self, node: Collect, entry: str) -> None:
        if fits(entry, node.min_digits, node.max_digits):
            self._notes.append(facts.ValueCollected(node.name, len(entry)))
            self._assign(node.variable, entry)
            self._pass(node.name)
            self._next = node.then
        elif entry in self._flow.universals:
            self._universal(node, entry)
        else:
            self._retry(node, "nomatch")

    def _pass(self, node: Target) -> None:
        self._set(history=(*self._state.history, Passed(node, self._state.returns)), heard=())

    def _universal(self, node: Menu | Collect, key: str) -> None:
        action = self._flow.universals[key]
        self._notes.append(facts.ChoiceMade(node.name, key, action, universal=True))
        if action == BACK and self._state.history:
            *earlier, place = self._state.history
            self._set(history=tuple(earlier), returns=place.returns, heard=())
            self._next = place.node
        elif action in (BACK, REPEAT):
            self._say_again(node)
        else:
            self._pass(node.name)
            self._next = action

    def _say_again(self, node: Menu | Collect) -> None:
        parts = self._state.heard or self._render(node.prompts)
        self._set(heard=parts)
        if not self._state.keys:
            self._wait(Phase.ASKING, self._question(node, parts))
        elif isinstance(node, Menu):
            self._choose_ahead(node)
        else:
            self._fill_in_ahead(node)

    def _retry(self, node: Menu | Collect, reason: str) -> None:
        self._set(keys="")
        if reason == "noinput":
            self._set(noinputs=self._state.noinputs + 1)
            count, apologies = self._state.noinputs, node.retry.noinput
        else:
            self._set(nomatches=self._state.nomatches + 1)
            count, apologies = self._state.nomatches, node.retry.nomatch
        tries = self._state.noinputs + self._state.nomatches
        self._notes.append(facts.InputRejected(node.name, reason, tries))
        if tries >= node.retry.tries:
            self._notes.append(facts.TriesExhausted(node.name, node.retry.exhausted))
            self._set(heard=())
            self._next = node.retry.exhausted
            return
        apology = apologies[min(count, len(apologies)) - 1] if apologies else ()
        parts = self._render(apology) + self._render(node.again or node.prompts)
        self._wait(Phase.ASKING, self._question(node, parts))

    def _ask(self, node: Menu | Collect, prompts: Prompts) -> None:
        parts = self._state.pending + self._render(prompts)
        self._set(pending=(), heard=self._state.heard + parts)
        self._wait(Phase.ASKING, self._question(node, parts))

    def _question(self, node: Menu | Collect, parts: Parts, digits: int = 0, timeout: dt.timedelta | None = None) -> AskDigits:
        self._note_service(parts)
        return AskDigits(
            Utterance(self._state.language, parts),
            max_digits=digits or (max(map(len, (*node.choices, "x"))) if isinstance(node, Menu) else node.max_digits),
            first_timeout=timeout or node.timing.timeout,
            digit_timeout=node.timing.digit_timeout,
            secret=isinstance(node, Collect) and node.secret,
        )

    # --- commands ---

    def _speak_then_work(self, *, barge_in: bool) -> None:
        parts = self._state.pending
        self._set(pending=(), heard=self._state.heard + parts)
        if not parts or (self._state.keys and barge_in):
            self.work()
        else:
            self._note_service(parts)
            self._wait(Phase.SPEAKING, Play(Utterance(self._state.language, parts), barge_in))

    def _look_up(self, node: LookUp) -> None:
        arguments = {name: evaluate(expression, self._state.variables) for name, expression in node.arguments.items()}
        comfort = self._render(node.comfort)
        spoken = Utterance(self._state.language, comfort) if comfort and not self._state.hung_up else None
        self._wait(Phase.LOOKING_UP, Lookup(node.lookup, arguments, node.deadline, spoken))

    def _set_values(self, node: Set) -> None:
        for name, expression in node.assignments.items():
            self._assign(name, evaluate(expression, self._state.variables))
        if node.language not in (None, self._state.language):
            self._speak(node.language)
            self._set(heard=())  # it was in the other language
        self._next = node.then

    def _take_message(self, node: TakesMessage) -> None:
        count = self._state.messages.get(node.name, 0) + 1
        self._set(messages={**self._state.messages, node.name: count}, keys="")
        self._wait(
            Phase.RECORDING,
            TakeMessage(node.name, count, node.topic, self._state.language, node.max_length, node.final_silence),
        )

    def _wait(self, phase: Phase, command: Command) -> None:
        if self._state.hung_up and phase is not Phase.LOOKING_UP:
            self.end()
            return
        self._set(phase=phase)
        self._command = command

    # --- trouble ---

    def _fail(self, reason: str, target: Target) -> None:
        self._notes.append(facts.StepFailed(self._state.node, reason, target))
        self._set(failures=self._state.failures + 1, trouble=self._state.trouble + 1, pending=())
        self._command = None
        if self._state.hung_up:
            self.end()
        elif self._state.trouble > MAX_TROUBLE:
            self._give_up()
        else:
            self._next = target

    def _give_up(self) -> None:
        self._set(failures=self._state.failures + 1)
        self._command = None
        self.end()

    # --- the state ---

    @property
    def _node(self) -> Say | Menu | Collect | LookUp | Branch | Set | TakesMessage | Goto | Call | Return | TransfersCall | HangsUp:
        return self._flow.nodes[self._state.node]

    def _set(self, **changes: object) -> None:
        for name, value in changes.items():
            object.__setattr__(self._state, name, value)  # this turn's own copy, which nobody else has seen yet

    def _assign(self, name: str, value: Value) -> None:
        self._set(variables={**self._state.variables, name: value})

    def _speak(self, language: str) -> None:
        self._set(language=language)
        self._assign("language", language)

    def _say(self, prompts: Prompts) -> None:
        self._set(pending=self._state.pending + self._render(prompts))

    def _render(self, prompts: Prompts) -> Parts:
        return render(prompts, self._state.language, self._state.variables, self._at.date())

    def _note_service(self, parts: Parts) -> None:
        if any(isinstance(part, SpokenValue) for part in parts):
            self._set(served=True)
