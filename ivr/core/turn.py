"""One step of a call in the making: its state as it changes, the notes as they come, and where it goes on or what it waits for.

What is said is gathered (`pending`) until the caller's turn comes, so that one turn of the line is one utterance and one command.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from ivr.core import notes as facts
from ivr.core.commands import Command
from ivr.core.evaluation import evaluate
from ivr.core.expressions import Expression
from ivr.core.flow import Flow, Node, Prompts, Target
from ivr.core.rendering import Parts, render
from ivr.core.state import CallState, Passed, Phase, copy_of
from ivr.core.values import SpokenValue, Utterance, Value

MAX_KEYS = 40  # pressed ahead and kept; nobody means more
MAX_TROUBLE = 3  # failures in a row before the call is given up, and the dialplan's rescue takes the caller
_SILENT = (Phase.LOOKING_UP, Phase.TEXTING)  # what the line may do after the caller has hung up


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next; `command` is None when the call is over."""

    state: CallState
    command: Command | None
    notes: tuple[facts.Note, ...]


class Turn:
    """One call of `advance`."""

    def __init__(self, flow: Flow, state: CallState, at: dt.datetime) -> None:
        self.flow = flow
        self.state = copy_of(state)
        self.at = at
        self.next: Target | None = None  # the node to enter next
        self._notes: list[facts.Note] = []
        self._command: Command | None = None

    def step(self) -> Step:
        """What came of it."""
        return Step(self.state, self._command, tuple(self._notes))

    # --- where it goes on ---

    @property
    def node(self) -> Node:
        """Where the call is."""
        return self.flow.nodes[self.state.node]

    def go(self, target: Target) -> None:
        """Enter that node next."""
        self.next = target

    def wait(self, phase: Phase, command: Command) -> None:
        """Have that done, and wait for what comes of it. After the caller has hung up, only silent things are done."""
        if self.state.hung_up and phase not in _SILENT:
            self.end()
            return
        self.set(phase=phase)
        self._command = command

    def end(self) -> None:
        """The call is over."""
        self.set(phase=Phase.OVER, pending=(), keys="", partial="")

    # --- trouble and limits ---

    def fail(self, reason: str, target: Target | None = None) -> None:
        """Something went wrong: go to `target`, or where the flow says calls go then."""
        target = target or self.flow.on_failure
        self.note(facts.StepFailed(self.state.node, reason, target))
        self.set(failures=self.state.failures + 1, trouble=self.state.trouble + 1, pending=())
        self._command = None
        if self.state.hung_up:
            self.end()
        elif self.state.trouble > MAX_TROUBLE:
            self.give_up()
        else:
            self.go(target)

    def give_up(self) -> None:
        """End the call unfinished: the dialplan's rescue takes the caller."""
        self.set(failures=self.state.failures + 1)
        self._command = None
        self.end()

    def exceeds_a_limit(self) -> bool:
        """Whether the call has become too much, which sends it elsewhere, once."""
        limits, state = self.flow.limits, self.state
        if state.limited or limits.exceeded is None:
            return False
        if limits.tries is not None and state.rejected >= limits.tries:
            limit = "tries"
        elif limits.duration is not None and state.started_at is not None and self.at - state.started_at >= limits.duration:
            limit = "duration"
        else:
            return False
        self.note(facts.LimitExceeded(state.node, limit, limits.exceeded))
        self.set(limited=True, keys="", heard=())
        self.go(limits.exceeded)
        return True

    # --- what is said ---

    def render(self, prompts: Prompts, **more: Value) -> Parts:
        """What is said for these prompts in the call's language."""
        return render(prompts, self.state.language, {**self.state.variables, **more} if more else self.state.variables, self.at.date())

    def say(self, prompts: Prompts) -> None:
        """Say it in the next turn of the line."""
        self.set(pending=self.state.pending + self.render(prompts))

    def utterance(self, parts: Parts) -> Utterance:
        """What the line says now. A caller who is told a value has been served."""
        if any(isinstance(part, SpokenValue) for part in parts):
            self.set(served=True)
        return Utterance(self.state.language, parts, self.state.manner)

    # --- the state ---

    def set(self, **changes: object) -> None:
        """Change the state, which is this turn's own copy, and which nobody else has seen yet."""
        state, change = self.state, object.__setattr__
        for name, value in changes.items():
            change(state, name, value)

    def assign(self, name: str, value: Value) -> None:
        """Give a variable a value."""
        self.set(variables={**self.state.variables, name: value})

    def value(self, expression: Expression) -> Value:
        """What an expression is now. Raises EvaluationFailed."""
        return evaluate(expression, self.state.variables)

    def values(self, expressions: Mapping[str, Expression]) -> dict[str, Value]:
        """What several expressions are now. Raises EvaluationFailed."""
        return {name: self.value(expression) for name, expression in expressions.items()}

    def speak(self, language: str) -> None:
        """Go on in that language."""
        self.set(language=language)
        self.assign("language", language)

    def keep(self, keys: str) -> None:
        """Keys that came early wait for their question."""
        self.set(keys=(self.state.keys + keys)[:MAX_KEYS])

    def passed(self, node: Target) -> None:
        """A menu, form or list lies behind the caller: where "back" comes to."""
        self.set(history=(*self.state.history, Passed(node, self.state.returns)), heard=())

    def note(self, note: facts.Note) -> None:
        """Write down."""
        self._notes.append(note)
