"""One short parse function per node type. A node is known by the one key that names what it does; its keys are in `forms`."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Callable, Mapping

from ivr.core.expressions import Expression, parse
from ivr.core.flow import (
    NO_PHRASES,
    Branch,
    Call,
    ChecksHours,
    Collect,
    Goto,
    HangsUp,
    LookUp,
    Menu,
    Node,
    PageKeys,
    Queueing,
    ReadsList,
    Retry,
    Return,
    Say,
    SendsText,
    Set,
    TakesMessage,
    TransfersCall,
)
from ivr.core.flow import Timing as Times
from ivr.core.marks import Mark
from ivr.language import forms
from ivr.language.problems import did_you_mean
from ivr.language.reader import Reader, bad_name
from ivr.language.scope import ALWAYS_KNOWN, Scope
from ivr.language.source import ListSource, MappingSource, ScalarSource, Source
from ivr.language.spoken import PAGES, YES_AND_NO, Phrasebook, known_words

KEY = re.compile(r"[0-9*#]{1,4}")
RESERVED = ALWAYS_KNOWN


def _say(reader: Reader, scope: Scope) -> Node | None:
    prompts = scope.prompts(reader, "say")
    barge_in = reader.boolean("barge_in")
    then = scope.target(reader, "then")
    return Say(scope.name, reader.mark, prompts, then, barge_in) if then else None


def _menu(reader: Reader, scope: Scope) -> Node | None:
    prompts = scope.prompts(reader, "menu")
    again = scope.prompts(reader, "again")
    choices: dict[str, str] = {}
    book = Phrasebook(scope.whole.languages, scope.problems, scope.whole.languages_unsure)
    for key, (name, source) in reader.mapping("choices").items():
        if KEY.fullmatch(key) is None:
            scope.problem(name.mark, "bad-value", f"'{key}' is not a key: write one to four of 0-9, * and #")
        elif len(key) > 1 and "#" in key:
            scope.problem(name.mark, "bad-value", f"'{key}' cannot be keyed: # ends a row of keys")
        elif isinstance(source, ScalarSource) and source.is_null:
            scope.problem(source.mark, "wrong-type", f"choice {key} must name a node")
        elif (target := book.choice(key, source)) is not None:
            choices[key] = scope.go(target)
    _listens(scope, book.first)
    if not choices and isinstance(reader.source("choices"), MappingSource) and not reader.mapping("choices"):
        scope.problem(reader.key_mark("choices"), "bad-value", "a menu needs at least one choice")
    barge_in = reader.boolean("barge_in")
    timing, retry = _timing(reader, scope), _retry(reader, scope)
    return Menu(scope.name, reader.mark, prompts, again, choices, barge_in, timing, retry, book.phrases) if retry else None


def _collect(reader: Reader, scope: Scope) -> Node | None:
    prompts = scope.prompts(reader, "collect")
    again = scope.prompts(reader, "again")
    variable = reader.name("as", taken=RESERVED)
    length = reader.integer("length")
    shortest = reader.integer("min", length or None)
    longest = reader.integer("max", length or None)
    if length and (reader.has("min") or reader.has("max")):
        scope.problem(reader.key_mark("length"), "bad-value", "'length' stands for both 'min' and 'max'; leave these out")
    elif shortest > longest:
        scope.problem(reader.key_mark("min"), "bad-value", f"'min' ({shortest}) is more than 'max' ({longest})")
    secret = reader.boolean("secret")
    barge_in = reader.boolean("barge_in")
    spoken = reader.boolean("spoken")
    confirm = scope.prompts(reader, "confirm")
    yes, no = different_keys(reader, scope, "yes", "no")
    then = scope.target(reader, "then")
    timing, retry = _timing(reader, scope), _retry(reader, scope)
    if not confirm:
        _pointless(reader, scope, ("yes", "no"), "'{key}' is a key of 'confirm', which is not there")
    if spoken:
        _listens(scope, reader.key_mark("spoken"))
        if secret:
            scope.problem(reader.key_mark("spoken"), "bad-value", "a secret is keyed, never spoken; leave out 'spoken'")
        elif not reader.has("confirm"):
            sentence = "digits that are spoken must be read back before they count: 'spoken' needs 'confirm'"
            scope.problem(reader.key_mark("spoken"), "missing-key", sentence)
    if variable is None or then is None or retry is None:
        return None
    if confirm:
        answers = known_words(YES_AND_NO, scope.whole.languages, (yes, no)) if spoken else NO_PHRASES
        name, choices = f"{scope.name}.confirm", {yes: then, no: scope.name}
        asked = Menu(name, reader.key_mark("confirm"), confirm, (), choices, True, timing, retry, answers, asks_back=False)
        scope.whole.more_nodes.append(asked)
        then = asked.name
    variable = scope.own(variable)
    return Collect(scope.name, reader.mark, prompts, again, variable, shortest, longest, secret, barge_in, then, timing, retry, spoken)


def _listens(scope: Scope, mark: Mark | None) -> None:
    """Something may be said there, for which the head of the flow must say how the line listens."""
    if mark is not None:
        scope.whole.spoken_at.append(mark)


def different_keys(reader: Reader, scope: Scope, *names: str) -> tuple[str, ...]:
    """Keys with different meanings, each one key."""
    found: list[str] = []
    for name in names:
        key = reader.key(name)
        if key in found:
            mark = reader.key_mark(name if reader.has(name) else names[found.index(key)])
            scope.problem(mark, "bad-value", f"key {key} cannot be both '{names[found.index(key)]}' and '{name}'")
        found.append(key)
    return tuple(found)


def _pointless(reader: Reader, scope: Scope, keys: tuple[str, ...], sentence: str) -> None:
    for key in keys:
        if reader.has(key):
            scope.problem(reader.key_mark(key), "bad-value", sentence.format(key=key))


def _read(reader: Reader, scope: Scope) -> Node | None:
    source = reader.source("read")
    items = scope.expression(source) if source is not None else None
    written = reader.name("as", taken=RESERVED) if reader.has("as") else "item"
    variable = f"{scope.name}.{written}"
    each = scope.knowing(written or "", variable).prompts(reader, "each")
    page = reader.integer("page")
    more, last = scope.prompts(reader, "more"), scope.prompts(reader, "last")
    keys = PageKeys(*different_keys(reader, scope, "forward", "backward", "stop"))
    spoken = reader.boolean("spoken")
    if spoken:
        _listens(scope, reader.key_mark("spoken"))
    pages = known_words(PAGES, scope.whole.languages, (keys.forward, keys.backward, keys.stop)) if spoken else NO_PHRASES
    then = scope.target(reader, "then")
    empty = scope.target(reader, "empty") or then
    timing, retry = _timing(reader, scope), _retry(reader, scope)
    if items is None or written is None or then is None or empty is None or retry is None:
        return None
    return ReadsList(scope.name, reader.mark, items, variable, each, page, more, last, keys, empty, then, timing, retry, pages)


def _timing(reader: Reader, scope: Scope) -> Times:
    default = scope.defaults.timing
    return Times(reader.duration("timeout", default.timeout), reader.duration("digit_timeout", default.digit_timeout))


def _retry(reader: Reader, scope: Scope) -> Retry | None:
    tries = reader.integer("tries", scope.defaults.tries)
    noinput = scope.tapered(reader, "noinput", scope.defaults.noinput)
    nomatch = scope.tapered(reader, "nomatch", scope.defaults.nomatch)
    exhausted = scope.target(reader, "exhausted", required=scope.defaults.exhausted is None) or scope.defaults.exhausted
    return Retry(tries, noinput, nomatch, exhausted) if exhausted else None


def _lookup(reader: Reader, scope: Scope) -> Node | None:
    lookup = reader.text("lookup")
    arguments: dict[str, Expression] = {}
    given = reader.mapping("with")
    for name, (_, source) in given.items():
        if expression := scope.expression(source):
            arguments[name] = expression
    variable = reader.name("as", taken=RESERVED) if reader.has("as") else _named_after(lookup, scope)
    deadline = reader.duration("deadline")
    retries, backoff = reader.integer("retries"), reader.duration("backoff")
    if not retries:
        _pointless(reader, scope, ("backoff",), "'{key}' is the pause before a new try, and 'retries' allows none")
    comfort = scope.prompts(reader, "comfort")
    then = scope.target(reader, "then")
    not_found = scope.target(reader, "not_found")
    failed = scope.target(reader, "failed") or scope.whole.on_failure
    if lookup is not None:
        _check_signature(reader, scope, lookup, given)
    if lookup is None or variable is None or then is None:
        return None
    variable = scope.own(variable)
    return LookUp(scope.name, reader.mark, lookup.text, arguments, variable, deadline, retries, backoff, comfort, then, not_found, failed)


def _named_after(lookup: ScalarSource | None, scope: Scope) -> str | None:
    """Without `as`, an answer has the look-up's own name, if that will do."""
    if lookup is None or (lookup.text in scope.whole.signatures and not bad_name(lookup.text, RESERVED)):
        return lookup.text if lookup else None
    if lookup.text not in scope.whole.signatures:  # which is told; what follows may use the name that was meant
        scope.whole.unsure.update(map(scope.own, difflib.get_close_matches(lookup.text, scope.whole.signatures, n=1)))
    if lookup.text in scope.whole.signatures:
        scope.problem(lookup.mark, "missing-key", f"an answer cannot be named '{lookup.text}'; give it a name with 'as'")
    return lookup.text


def _check_signature(reader: Reader, scope: Scope, lookup: ScalarSource, given: Mapping[str, tuple[ScalarSource, Source]]) -> None:
    signature = scope.whole.signatures.get(lookup.text)
    if signature is None:
        hint = did_you_mean(lookup.text, tuple(scope.whole.signatures))
        scope.problem(lookup.mark, "unknown-lookup", f"the back office has no look-up '{lookup.text}'{hint}")
        return
    for name in sorted(signature.arguments.keys() - given.keys()):
        scope.problem(reader.key_mark("with"), "missing-key", f"look-up '{lookup.text}' needs '{name}' under 'with'")
    for name in sorted(given.keys() - signature.arguments.keys()):
        hint = did_you_mean(name, tuple(signature.arguments))
        scope.problem(given[name][0].mark, "unknown-key", f"look-up '{lookup.text}' takes no '{name}'{hint}")
    if signature.not_found and not reader.has("not_found"):
        sentence = f"look-up '{lookup.text}' may find nothing; say where the call goes then with 'not_found'"
        scope.problem(lookup.mark, "missing-key", sentence)


def _branch(reader: Reader, scope: Scope) -> Node | None:
    arms: list[tuple[Expression, str]] = []
    otherwise: str | None = None
    items = reader.items("branch")
    if not items and isinstance(reader.source("branch"), ListSource):
        scope.problem(reader.key_mark("branch"), "bad-value", "a branch needs arms: '- {when: condition, then: node}' and '- {else: node}'")
    for index, item in enumerate(items):
        last = _is_else(item)
        arm = Reader(item, "an arm of 'branch'", scope.problems, form=forms.ELSE_ARM if last else forms.WHEN_ARM)
        if last:
            otherwise = scope.target(arm, "else")
            if arm.has("when") or arm.has("then"):
                scope.problem(arm.key_mark("else"), "bad-value", "'else' is an arm of its own, the last one: write '- {else: node}'")
                arm.pass_over("when", "then")
            elif index != len(items) - 1:
                scope.problem(arm.key_mark("else"), "bad-value", "'else' must be the last arm: those after it are never reached")
        else:
            condition = arm.source("when")
            expression = scope.expression(condition) if condition else None
            then = scope.target(arm, "then")
            arms.extend([(expression, then)] if expression and then else [])
        arm.done()
    if items and not any(map(_is_else, items)):
        scope.problem(
            reader.key_mark("branch"), "missing-key", "a branch needs a last arm 'else: node', so that no call is left without a way"
        )
    return Branch(scope.name, reader.mark, tuple(arms), otherwise) if otherwise else None


def _is_else(arm: Source) -> bool:
    return isinstance(arm, MappingSource) and any(key.text == "else" for key, _ in arm.entries)


def _hours(reader: Reader, scope: Scope) -> Node | None:
    source = reader.text("hours")
    variable = reader.name("as", taken=RESERVED) if reader.has("as") else source.text if source else None
    is_open, closed = scope.target(reader, "open"), scope.target(reader, "closed")
    holiday = scope.target(reader, "holiday") or closed
    if source is None or variable is None or is_open is None or closed is None or holiday is None:
        return None
    if source.text not in scope.whole.schedules:
        hint = did_you_mean(source.text, tuple(scope.whole.schedules))
        scope.problem(source.mark, "unknown-hours", f"no opening hours are named '{source.text}'{hint}")
        return None
    schedule = scope.whole.schedules[source.text]
    if schedule is None:
        return None
    return ChecksHours(scope.name, reader.mark, source.text, schedule, scope.own(variable), is_open, closed, holiday)


def _sms(reader: Reader, scope: Scope) -> Node | None:
    text = scope.prompts(reader, "sms", written=True)
    to_source = reader.source("to")
    to = scope.expression(to_source) if to_source is not None else parse("call.caller_id", reader.mark)
    then = scope.target(reader, "then")
    failed = scope.target(reader, "failed") or then
    if to is None or then is None or failed is None:
        return None
    return SendsText(scope.name, reader.mark, text, to, then, failed)


def _set(reader: Reader, scope: Scope) -> Node | None:
    language: str | None = None
    assignments: dict[str, Expression] = {}
    values = reader.mapping("set")
    if not values and isinstance(reader.source("set"), MappingSource):
        scope.problem(reader.key_mark("set"), "bad-value", "'set' needs at least one 'name: value'")
    for name, (key, source) in values.items():
        if name == "language":
            if isinstance(source, ScalarSource) and source.text in scope.whole.languages:
                language = source.text
            else:
                said = source.text if isinstance(source, ScalarSource) else "that"
                scope.problem(
                    source.mark, "unknown-language", f"the flow does not speak '{said}'{did_you_mean(said, scope.whole.languages)}"
                )
        elif sentence := bad_name(name, RESERVED):
            scope.problem(key.mark, "bad-value", sentence)
        elif expression := scope.expression(source):
            assignments[scope.own(name)] = expression
    then = scope.target(reader, "then")
    return Set(scope.name, reader.mark, assignments, language, then) if then else None


def _message(reader: Reader, scope: Scope) -> Node | None:
    prompts = scope.prompts(reader, "message")
    topic = reader.name("topic")
    longest = reader.duration("max_length")
    silence = reader.duration("final_silence")
    kept = scope.prompts(reader, "kept")
    saved = scope.prompts(reader, "saved")
    too_short = scope.prompts(reader, "too_short")
    not_kept = scope.prompts(reader, "not_kept")
    then = scope.target(reader, "then")
    if topic is None or then is None:
        return None
    return TakesMessage(scope.name, reader.mark, prompts, topic, longest, silence, kept, saved, too_short, not_kept, then)


def _goto(reader: Reader, scope: Scope) -> Node | None:
    then = scope.target(reader, "goto")
    return Goto(scope.name, reader.mark, then) if then else None


def _call(reader: Reader, scope: Scope) -> Node | None:
    source = reader.text("call")
    given = reader.mapping("with")
    variable = reader.name("as", taken=RESERVED) if reader.has("as") else None
    then = scope.target(reader, "then")
    if source is None or then is None:
        return None
    if source.text not in scope.whole.subflows:
        hint = did_you_mean(source.text, tuple(scope.whole.subflows))
        scope.problem(source.mark, "unknown-target", f"no sub-flow is named '{source.text}'{hint}")
        return None
    called = scope.whole.subflows[source.text]
    for name in sorted(called.takes.keys() - given.keys()):
        scope.problem(reader.key_mark("with"), "missing-key", f"sub-flow '{source.text}' needs '{name}' under 'with'")
    for name in sorted(given.keys() - called.takes.keys() - called.unsound):
        hint = did_you_mean(name, tuple(called.takes))
        scope.problem(given[name][0].mark, "unknown-key", f"sub-flow '{source.text}' takes no '{name}'{hint}")
    expressions = {name: scope.expression(value) for name, (_, value) in given.items()}
    arguments = {f"{source.text}/{name}": expression for name, expression in expressions.items() if expression and name in called.takes}
    return Call(scope.name, reader.mark, called.start, arguments, scope.own(variable) if variable else None, then)


def _return(reader: Reader, scope: Scope) -> Node | None:
    source = reader.source("return")
    results: dict[str, Expression] = {}
    if isinstance(source, MappingSource):
        for name, (key, value) in reader.mapping("return").items():
            if sentence := bad_name(name):
                scope.problem(key.mark, "bad-value", sentence)
            elif expression := scope.expression(value):
                results[name] = expression
    elif not (isinstance(source, ScalarSource) and source.is_null):
        sentence = "'return' stands alone, as '{return: }', or has results by name; the node with 'call' says where to go on"
        scope.problem(reader.key_mark("return"), "bad-value", sentence)
    if not scope.prefix:
        scope.problem(reader.mark, "bad-value", "'return' belongs in a sub-flow; the line itself ends with 'hangup'")
    return Return(scope.name, reader.mark, results)


def _transfer(reader: Reader, scope: Scope) -> Node | None:
    destination = reader.name("transfer")
    prompts = scope.prompts(reader, "announce")
    ring_time = reader.duration("ring_time")
    queueing = _queueing(reader, scope)
    busy, nobody = scope.target(reader, "busy"), scope.target(reader, "nobody")
    unanswered = scope.target(reader, "unanswered")
    then = scope.target(reader, "then")
    if destination is None or unanswered is None or then is None:
        return None
    return TransfersCall(scope.name, reader.mark, prompts, destination, ring_time, then, unanswered, busy, nobody, queueing)


def _queueing(reader: Reader, scope: Scope) -> Queueing | None:
    waits = reader.has("wait")
    wait = reader.duration("wait", dt.timedelta(hours=1))
    callback = scope.target(reader, "callback", required=waits)
    kept, saved = scope.prompts(reader, "kept", required=waits), scope.prompts(reader, "saved", required=waits)
    for key in ("callback", "kept", "saved"):
        if reader.has(key) and not waits:
            sentence = f"{reader.what} has '{key}' but no 'wait': who does not wait presses no key"
            scope.problem(reader.key_mark(key), "missing-key", sentence)
    return Queueing(wait, callback, kept, saved) if waits and callback is not None else None


def _hangup(reader: Reader, scope: Scope) -> Node | None:
    source = reader.source("hangup")
    empty = source is None or (isinstance(source, ScalarSource) and source.is_null)
    return HangsUp(scope.name, reader.mark, () if empty or source is None else scope.read_prompts(source))


NODE_TYPES: Mapping[str, Callable[[Reader, Scope], Node | None]] = {
    "say": _say,
    "menu": _menu,
    "collect": _collect,
    "read": _read,
    "lookup": _lookup,
    "branch": _branch,
    "hours": _hours,
    "set": _set,
    "message": _message,
    "sms": _sms,
    "goto": _goto,
    "call": _call,
    "return": _return,
    "transfer": _transfer,
    "hangup": _hangup,
}


def read_node(source: Source, scope: Scope, mark: Mark) -> Node | None:
    """One node; None when something is wrong with it. `mark` is where its name stands."""
    named = [key.text for key, _ in source.entries if key.text in NODE_TYPES] if isinstance(source, MappingSource) else []
    form = forms.NODES[named[0]] if len(named) == 1 else None
    reader = Reader(source, f"node '{scope.name}'", scope.problems, mark, form)
    if not reader.readable:
        return None
    if len(named) != 1:
        if named:
            what = f"node '{scope.name}' says several things to do: {', '.join(named)}; make each its own node"
        else:
            near = next((hint for key in reader.keys if "mean" in (hint := did_you_mean(key, tuple(NODE_TYPES)))), "")
            what = f"node '{scope.name}' does not say what to do{near or ': it needs one of ' + ', '.join(NODE_TYPES)}"
        scope.problem(reader.mark, "unknown-type", what)
        return None
    node = NODE_TYPES[named[0]](reader, scope)
    for key, declared, noted in (
        ("milestone", scope.whole.milestones, scope.whole.milestones_at),
        ("outcome", scope.whole.outcomes, scope.whole.outcomes_at),
    ):
        if word := reader.text(key):
            noted[scope.name] = word.text
            if word.text not in declared:
                hint = did_you_mean(word.text, declared)
                sentence = f"no {key} '{word.text}' is declared under '{key}s' at the head of the flow{hint}"
                scope.problem(word.mark, "undeclared", sentence)
    reader.done()
    return node
