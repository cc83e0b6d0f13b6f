"""Flows made at random out of everything the language has, for tests that must hold for any of them.

Silence leads forward only (to a node further down), so that no flow is refused for an endless circle; keys lead anywhere.
"""

from __future__ import annotations

from hypothesis import strategies as st

from ivr.core.flow import Flow
from tests.conftest import load

HEAD = """selfline: 1
line: test
languages: [en-US, zh-CN]
start: n0
on_failure: sorry
remember_language: true
milestones: [halfway]
outcomes: [done]
hours: {desk: {week: {mon-fri: [08:30-12:00, 14:00-18:00]}}}
"""
SAMPLE_CONDITIONS = ('call.caller_id == ""', 'call.caller_id.startsWith("139")', 'language == "zh-CN"', "size(call.dialled) > 3")
SPEECH = "speech: {{did_you_mean: {asks}, use_keys: {keys}}}\n"
WORDS = ("apple", "pear", "plum", "fig")
NUMBERS = ("nought", "one", "two", "three", "four", "five", "six")
KINDS = (
    *("say", "menu", "form", "secret", "confirmed", "list", "lookup", "branch", "hours", "set", "language", "message", "sms", "goto"),
    *("transfer", "call"),
)


def said(words: str) -> str:
    return f'{{en-US: "{words}", zh-CN: "{words}"}}'


class _Flow:
    """One flow being written: a line of `count` nodes, or a sub-flow of them."""

    def __init__(self, draw: st.DrawFn, count: int, calls: tuple[str, ...], *, listens: bool) -> None:
        self._draw = draw
        self._listens = listens
        self._count = count
        self._calls = calls
        self.lines: list[str] = []

    def write(self) -> list[str]:
        for number in range(self._count):
            self._node(number)
        return self.lines

    def _on(self, number: int) -> str:
        later = self._draw(st.integers(number + 1, self._count))
        return f"n{later}" if later < self._count else "last"

    def _anywhere(self) -> str:
        return f"n{self._draw(st.integers(0, self._count - 1))}"

    def _choice(self, place: int, listens: bool) -> str:
        target = self._anywhere()
        return f"{{then: {target}, say: {said(WORDS[place])}}}" if listens and self._draw(st.booleans()) else target

    def _spoken(self) -> str:
        return f"spoken: {'true' if self._listens and self._draw(st.booleans()) else 'false'}, "

    def _retry(self, number: int) -> str:
        tries, again = self._draw(st.integers(1, 3)), said("again")
        return f"tries: {tries}, noinput: {again}, nomatch: {again}, exhausted: {self._on(number)}"

    def _add(self, name: str, body: str) -> None:
        self.lines.append(f"{name}: {{{body}}}")

    def _node(self, number: int) -> None:
        draw, name, then = self._draw, f"n{number}", self._on(number)
        kinds = KINDS if self._calls else KINDS[:-1]
        kind = draw(st.sampled_from(kinds))
        counted = draw(st.sampled_from(["", ", milestone: halfway", ", outcome: done"]))
        words, barge_in = said(f"at {NUMBERS[number]}."), f"barge_in: {draw(st.sampled_from(['true', 'false']))}"
        match kind:
            case "say":
                self._add(name, f"say: {words}, {barge_in}, then: {then}{counted}")
            case "menu":
                keys = draw(st.lists(st.sampled_from(["1", "2", "3", "44", "45", "0", "*"]), min_size=1, max_size=4, unique=True))
                choices = ", ".join(f'"{key}": {self._choice(place, self._listens)}' for place, key in enumerate(keys))
                self._add(name, f"menu: {words}, choices: {{{choices}}}, {barge_in}, {self._retry(number)}{counted}")
            case "form" | "secret":
                secret = "secret: true, " if kind == "secret" else ""
                self._add(name, f"collect: {words}, as: v{number}, {secret}min: 2, max: 6, {barge_in}, then: {then}, {self._retry(number)}")
            case "confirmed":
                read_back = said(f"{{{{ v{number} | digits }}}}.")
                form = f"collect: {words}, as: v{number}, length: 4, {self._spoken()}confirm: {read_back}"
                self._add(name, f"{form}, then: {then}, {self._retry(number)}")
            case "list":
                items, each = f"l{number}", said("{{ item.name | text }}")
                self._add(name, f"lookup: bundles, with: {{number: call.caller_id}}, as: {items}, failed: {then}, then: {name}r{counted}")
                page, question = draw(st.integers(1, 2)), said("more?")
                reading = f"read: {items}.items, each: {each}, page: {page}, more: {question}, last: {question}"
                self._add(f"{name}r", f"{self._spoken()}{reading}, empty: {self._on(number)}, then: {then}, {self._retry(number)}")
            case "lookup":
                retries = draw(st.integers(0, 2))
                ways = f"not_found: {self._on(number)}, failed: {self._on(number)}, then: {name}t"
                self._add(name, f"lookup: account, with: {{number: call.caller_id}}, as: a{number}, retries: {retries}, {ways}{counted}")
                self._add(f"{name}t", f"say: {said(f'{{{{ a{number}.balance | money }}}}')}, then: {then}")
            case "branch":
                condition = draw(st.sampled_from(SAMPLE_CONDITIONS))
                self._add(name, f"branch: [{{when: '{condition}', then: {self._on(number)}}}, {{else: {then}}}]{counted}")
            case "hours":
                self._add(name, f"hours: desk, as: h{number}, open: {then}, closed: {name}c{counted}")
                self._add(
                    f"{name}c", f"say: {said(f'{{{{ h{number}.opens_on | date }}}} {{{{ h{number}.opens_at | time }}}}')}, then: {then}"
                )
            case "set":
                self._add(name, f"set: {{s{number}: {draw(st.integers(0, 9))}}}, then: {then}{counted}")
            case "language":
                self._add(name, f"set: {{language: {draw(st.sampled_from(['en-US', 'zh-CN']))}}}, then: {then}{counted}")
            case "message":
                ends = ", ".join(f"{one}: {said(one)}" for one in ("kept", "saved", "too_short", "not_kept"))
                self._add(name, f"message: {words}, topic: t, {ends}, then: {then}{counted}")
            case "sms":
                self._add(name, f"sms: {words}, then: {then}, failed: {self._on(number)}{counted}")
            case "goto":
                self._add(name, f"goto: {then}{counted}")
            case "transfer":
                queue = f", wait: 5min, callback: {then}, kept: {said('kept')}, saved: {said('saved')}, busy: {self._on(number)}"
                queue = queue if draw(st.booleans()) else ""
                self._add(name, f"transfer: agents, announce: {words}, then: {then}, unanswered: {self._on(number)}{queue}{counted}")
            case _:
                called = draw(st.sampled_from(self._calls))
                given = draw(st.integers(0, 5))
                self._add(name, f"call: {called}, with: {{number: {given}}}, as: c{number}, then: {name}t{counted}")
                self._add(f"{name}t", f"say: {said(f'{{{{ c{number}.number | number }}}}')}, then: {then}")


@st.composite
def flow_texts(draw: st.DrawFn) -> str:
    """The text of a flow with nothing wrong in it."""
    listens = draw(st.booleans())
    spoken = [f'{{"9": {{then: repeat, say: {said("again")}}}, "0": {{then: sorry, say: {said("help")}}}}}'] if listens else []
    universals = draw(st.sampled_from(["{}", '{"*": back, "9": repeat}', '{"*": back, "9": repeat, "0": sorry, "7": n0}', *spoken]))
    speech = SPEECH.format(asks=said("{{ heard | text }}?"), keys=said("Keys.")) if listens else ""
    limits = draw(st.sampled_from(["", "limits: {duration: 10min, tries: 4, exceeded: sorry, calls: 3, crowded: sorry}\n"]))
    on_hangup = draw(st.sampled_from(["", "on_hangup: gone\n"]))
    nodes = _Flow(draw, draw(st.integers(1, 7)), ("inner", "outer"), listens=listens).write()
    last = ["sorry: {say: " + said("Sorry.") + ", then: last}", "last: {hangup: " + said("Bye.") + "}"]
    gone = ["gone: {sms: " + said("Gone.") + ", then: end}", "end: {hangup: }"] if on_hangup else []
    text = (
        HEAD
        + f"universals: {universals}\n"
        + speech
        + limits
        + on_hangup
        + "nodes:\n"
        + "".join(f"  {one}\n" for one in (*nodes, *last, *gone))
    )
    text += "subflows:\n"
    for name, calls in (("outer", ("inner",)), ("inner", ())):
        inside = [*_Flow(draw, draw(st.integers(1, 4)), calls, listens=listens).write(), "last: {return: {number: number + 1}}"]
        text += f"  {name}:\n    start: n0\n    takes: {{number: number}}\n    nodes:\n" + "".join(f"      {one}\n" for one in inside)
    return text


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """A flow made at random."""
    text = draw(flow_texts())
    loaded = load(text)
    assert loaded.flow is not None, text + "\n".join(map(str, loaded.problems))
    return loaded.flow
