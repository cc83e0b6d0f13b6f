"""The interpreter: given where a call is and what just happened, what should we do next?

Everything that decides a call's course lives here. Nothing here touches a line, a file or a clock.

What is said is gathered (`pending`) until the caller's turn comes, so that one turn of the line is one utterance and one command.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import assert_never

from ivr.core import notes as facts
from ivr.core.commands import AskDigits, Command, Lookup, Play, Release, SendText, TakeMessage, Transfer
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
    TextQueued,
    TransferEnded,
)
from ivr.core.flow import (
    BACK,
    REPEAT,
    Asks,
    Branch,
    Call,
    ChecksHours,
    Collect,
    Flow,
    Goto,
    HangsUp,
    LookUp,
    Menu,
    Node,
    Prompts,
    ReadsList,
    Return,
    Say,
    SendsText,
    Set,
    TakesMessage,
    Target,
    TransfersCall,
)
from ivr.core.matching import first_choice, first_entry, fits, may_go_on
from ivr.core.rendering import Parts, render
from ivr.core.schedule import holiday_at, is_open, opens_next
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
        case Phase.TEXTING, TextQueued():
            turn.text_queued()
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
        flow, limits = self._flow, self._flow.limits
        self._assign("call", call)
        self._set(started_at=event.at)
        remembered = flow.remembers_language and event.language in flow.languages
        self._speak(event.language if remembered else flow.languages[0])
        if event.crowded and limits.crowded is not None:
            self._notes.append(facts.LimitExceeded("", "calls", limits.crowded))
            self._next = limits.crowded
        else:
            self._next = flow.start

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
        match self._state.phase, self._node:
            case Phase.LOOKING_UP, LookUp(failed=target):
                self._fail(reason, target)
            case Phase.TEXTING, SendsText(failed=target):
                self._fail(reason, target)
            case _:
                self._fail(reason, self._flow.on_failure)

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
        match node:
            case Menu():
                self._choose(node, entry)
            case ReadsList():
                self._turn_page(node, entry)
            case _:
                assert isinstance(node, Collect)
                self._fill_in(node, entry)

    def silence(self) -> None:
        node = self._node
        assert isinstance(node, Asks)
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

    def text_queued(self) -> None:
        node = self._node
        assert isinstance(node, SendsText)
        self._set(trouble=0)
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
        self._count(target)
        if isinstance(node, Asks) and self._has_lasted_too_long():
            self._exceeded("duration")
            return
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
            case ReadsList():
                self._enter_list(node)
            case Branch():
                self._branch(node)
            case ChecksHours():
                self._check_hours(node)
            case SendsText():
                self._send_text(node)
            case Set(language=language) if language not in (None, self._state.language):
                self._speak_then_work(barge_in=True)  # what is pending is in the language that ends here
            case Set():
                self._set_values(node)
            case Goto():
                self._next = node.then
            case Call():
                self._go_into(node)
            case Return():
                self._come_back(node)
            case _:
                assert_never(node)

    def _count(self, target: Target) -> None:
        """What the flow's owner counts: milestones and outcomes."""
        if milestone := self._flow.milestones.get(target):
            self._notes.append(facts.MilestoneReached(target, milestone))
        if outcome := self._flow.outcomes.get(target):
            self._notes.append(facts.OutcomeReached(target, outcome))
            self._set(outcome=outcome)

    def _go_into(self, node: Call) -> None:
        values = {name: evaluate(expression, self._state.variables) for name, expression in node.arguments.items()}
        self._set(returns=(*self._state.returns, node.name), variables={**self._state.variables, **values})
        self._next = node.start

    def _come_back(self, node: Return) -> None:
        *outer, name = self._state.returns
        call = self._flow.nodes[name]
        assert isinstance(call, Call)
        if call.variable is not None:
            self._assign(call.variable, {name: evaluate(value, self._state.variables) for name, value in node.results.items()})
        self._set(returns=tuple(outer))
        self._next = call.then

    def _enter_menu(self, node: Menu) -> None:
        self._fresh(node.name)
        if not node.barge_in:
            self._set(keys="")
        if self._state.keys:
            self._flush(node)
            self._choose_ahead(node)
        else:
            self._ask(node)

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
        if node.secret or not node.barge_in:
            self._set(keys="")
        if self._state.keys:
            self._flush(node)
            self._fill_in_ahead(node)
        else:
            self._ask(node)

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

    def _enter_list(self, node: ReadsList) -> None:
        self._fresh(node.name)
        items = self._items(node)
        if len(items) <= node.page_size:
            self._notes.append(facts.PageTurned(node.name, 1, 1)) if items else None
            self._set(pending=self._state.pending + self._render_items(node, items))
            self._next = node.then if items else node.empty
            return
        self._read_page(node, 0)

    def _read_page(self, node: ReadsList, page: int) -> None:
        self._set(page=page, noinputs=0, nomatches=0)
        self._notes.append(facts.PageTurned(node.name, page + 1, self._pages(node)))
        if self._state.keys:
            self._flush(node)
            self._turn_ahead(node)
        else:
            self._ask(node)

    def _turn_ahead(self, node: ReadsList) -> None:
        key, keys = self._state.keys[0], self._state.keys[1:]
        self._set(keys=keys)
        self._turn_page(node, key)

    def _turn_page(self, node: ReadsList, key: str) -> None:
        keys, page = node.keys, self._state.page
        if key == keys.forward and page + 1 < self._pages(node):
            self._turned(node, key, node.name)
            self._read_page(node, page + 1)
        elif key == keys.backward and page > 0:
            self._turned(node, key, node.name)
            self._read_page(node, page - 1)
        elif key == keys.stop:
            self._turned(node, key, node.then)
            self._pass(node.name)
            self._next = node.then
        elif key in self._flow.universals:
            self._universal(node, key)
        else:
            self._retry(node, "nomatch")

    def _turned(self, node: ReadsList, key: str, target: Target) -> None:
        self._notes.append(facts.ChoiceMade(node.name, key, target, universal=False))
        self._set(heard=())

    def _items(self, node: ReadsList) -> tuple[Value, ...]:
        items = evaluate(node.items, self._state.variables)
        if not isinstance(items, tuple):
            raise EvaluationFailed("null cannot be read as a list")
        return items

    def _pages(self, node: ReadsList) -> int:
        return -(-len(self._items(node)) // node.page_size)

    def _render_items(self, node: ReadsList, items: tuple[Value, ...]) -> Parts:
        state = self._state
        rendered = (render(node.each, state.language, {**state.variables, node.variable: item}, self._at.date()) for item in items)
        return tuple(part for parts in rendered for part in parts)

    def _own_words(self, node: Asks) -> Parts:
        """What a node asks."""
        if not isinstance(node, ReadsList):
            return self._render(node.prompts)
        first = self._state.page * node.page_size
        ask = node.more if self._state.page + 1 < self._pages(node) else node.last
        return self._render_items(node, self._items(node)[first : first + node.page_size]) + self._render(ask)

    def _check_hours(self, node: ChecksHours) -> None:
        if is_open(node.schedule, self._at):
            state, target = "open", node.open
        else:
            opens = opens_next(node.schedule, self._at)
            if opens is None:
                raise EvaluationFailed(f"{node.hours} never opens")
            self._assign(node.variable, {"opens_on": opens.date(), "opens_at": opens.time()})
            state = "closed" if holiday_at(node.schedule, self._at) is None else "holiday"
            target = node.closed if state == "closed" else node.holiday
        self._notes.append(facts.HoursChecked(node.name, node.hours, state, target))
        self._next = target

    def _send_text(self, node: SendsText) -> None:
        count = self._state.texts.get(node.name, 0) + 1
        to = evaluate(node.to, self._state.variables)
        if not isinstance(to, str) or not to:
            self._fail("no_number", node.failed)
            return
        parts = self._render(node.text)
        self._note_service(parts)
        self._set(texts={**self._state.texts, node.name: count})
        self._wait(Phase.TEXTING, SendText(node.name, count, to, Utterance(self._state.language, parts)))

    def _flush(self, node: Asks) -> None:
        """Keys pressed ahead cut short what they were ahead of, as if it had been heard: "repeat" says it all."""
        parts = self._state.pending + self._own_words(node)
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

    def _universal(self, node: Asks, key: str) -> None:
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

    def _say_again(self, node: Asks) -> None:
        parts = self._state.heard or self._own_words(node)
        self._set(heard=parts)
        if not self._state.keys:
            self._wait(Phase.ASKING, self._question(node, parts))
        elif isinstance(node, Menu):
            self._choose_ahead(node)
        elif isinstance(node, ReadsList):
            self._turn_ahead(node)
        else:
            self._fill_in_ahead(node)

    def _retry(self, node: Asks, reason: str) -> None:
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
        if self._has_failed_too_often():
            self._exceeded("tries")
            return
        if self._has_lasted_too_long():
            self._exceeded("duration")
            return
        apology = apologies[min(count, len(apologies)) - 1] if apologies else ()
        again = self._render(node.again) if not isinstance(node, ReadsList) and node.again else self._own_words(node)
        self._wait(Phase.ASKING, self._question(node, self._render(apology) + again))

    def _ask(self, node: Asks) -> None:
        parts = self._state.pending + self._own_words(node)
        self._set(pending=(), heard=self._state.heard + parts)
        self._wait(Phase.ASKING, self._question(node, parts))

    def _question(self, node: Asks, parts: Parts, digits: int = 0, timeout: dt.timedelta | None = None) -> AskDigits:
        self._note_service(parts)
        return AskDigits(
            Utterance(self._state.language, parts),
            max_digits=digits or _most_digits(node),
            first_timeout=timeout or node.timing.timeout,
            digit_timeout=node.timing.digit_timeout,
            barge_in=isinstance(node, ReadsList) or node.barge_in,
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
        command = Lookup(node.lookup, arguments, node.deadline, spoken, retries=node.retries, backoff=node.backoff)
        self._wait(Phase.LOOKING_UP, command)

    def _set_values(self, node: Set) -> None:
        for name, expression in node.assignments.items():
            self._assign(name, evaluate(expression, self._state.variables))
        if node.language not in (None, self._state.language):
            self._speak(node.language)
            self._notes.append(facts.LanguageChosen(node.name, node.language))
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
        if self._state.hung_up and phase not in (Phase.LOOKING_UP, Phase.TEXTING):
            self.end()
            return
        self._set(phase=phase)
        self._command = command

    # --- limits ---

    def _has_lasted_too_long(self) -> bool:
        longest, begun = self._flow.limits.duration, self._state.started_at
        return longest is not None and begun is not None and not self._state.limited and self._at - begun >= longest

    def _has_failed_too_often(self) -> bool:
        most = self._flow.limits.tries
        if most is None or self._state.limited:
            return False
        self._set(rejected=self._state.rejected + 1)
        return self._state.rejected >= most

    def _exceeded(self, limit: str) -> None:
        target = self._flow.limits.exceeded
        assert target is not None
        self._notes.append(facts.LimitExceeded(self._state.node, limit, target))
        self._set(limited=True, keys="", heard=())
        self._next = target

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
    def _node(self) -> Node:
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


def _most_digits(node: Asks) -> int:
    match node:
        case Menu():
            return max(map(len, (*node.choices, "x")))
        case Collect():
            return node.max_digits
        case ReadsList():
            return 1
