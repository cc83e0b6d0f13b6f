"""One short parse function per node type, and their table. A node is known by the one key that names what it does."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ivr.core.expressions import Expression, ExpressionError, parse
from ivr.core.flow import (
    Branch,
    Call,
    Collect,
    Goto,
    HangsUp,
    LookUp,
    Menu,
    Node,
    Prompt,
    Prompts,
    Retry,
    Return,
    Say,
    Set,
    TakesMessage,
    TransfersCall,
)
from ivr.core.flow import Timing as Times
from ivr.core.marks import Mark
from ivr.core.values import LookupSignature
from ivr.language.problems import MAX_HINTS, Problem, did_you_mean
from ivr.language.prompts import Catalogue, PromptText, read_template
from ivr.language.reader import Reader, bad_name, kind_of
from ivr.language.source import ListSource, MappingSource, ScalarSource, Source

KEY = re.compile(r"[0-9*#]{1,4}")
_PROMPT_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What every menu and form has unless it says otherwise."""

    timing: Times
    tries: int = 3
    noinput: tuple[Prompts, ...] = ()
    nomatch: tuple[Prompts, ...] = ()
    exhausted: str | None = None


def target_name(prefix: str, text: str) -> str:
    """The full name of a target written in a scope. A sub-flow is entered by `call` only, so other slashes name nothing."""
    if text.startswith("/"):
        prefix, text = "", text[1:]
    return prefix + text.replace("/", "\\")


@dataclass(slots=True)
class Scope:
    """What a parse function needs beside its mapping."""

    name: str  # of the node, with its sub-flow
    prefix: str  # "" or "subflow/"
    languages: tuple[str, ...]
    catalogue: Catalogue
    subflows: Mapping[str, str]  # name -> its start node
    defaults: Defaults
    on_failure: str
    signatures: Mapping[str, LookupSignature]
    targets: list[tuple[str, Mark]]
    problems: list[Problem]

    def problem(self, mark: Mark, code: str, sentence: str) -> None:
        """Report."""
        self.problems.append(Problem(mark, code, sentence))

    def target(self, reader: Reader, key: str, *, required: bool = False) -> str | None:
        """A node's name under a key."""
        source = reader.source(key, required=required)
        if isinstance(source, ScalarSource) and not source.is_null:
            return self.go(source)
        if source is not None:
            self.problem(source.mark, "wrong-type", f"'{key}' must name a node, not {kind_of(source)}")
        return None

    def go(self, source: ScalarSource) -> str:
        """A target: a node of this scope, or, written with a leading /, of the line itself."""
        name = target_name(self.prefix, source.text)
        self.targets.append((name, source.mark))
        return name

    def prompts(self, reader: Reader, key: str, *, required: bool = False) -> Prompts:
        """One prompt or a list of prompts."""
        source = reader.source(key, required=required)
        if isinstance(source, ListSource) and not source.items:
            self.problem(source.mark, "bad-value", f"'{key}' needs at least one prompt")
        return () if source is None else self.read_prompts(source)

    def tapered(self, reader: Reader, key: str, default: tuple[Prompts, ...]) -> tuple[Prompts, ...]:
        """What is heard at the first, second, ... failure."""
        source = reader.source(key)
        if source is None:
            return default
        return tuple(map(self.read_prompts, source.items)) if isinstance(source, ListSource) else (self.read_prompts(source),)

    def read_prompts(self, source: Source) -> Prompts:
        """A prompt's name, a text, a mapping of texts by language, or a list of these."""
        sources = source.items if isinstance(source, ListSource) else (source,)
        return tuple(prompt for one in sources if (prompt := self._prompt(one)) is not None)

    def _prompt(self, source: Source) -> Prompt | None:
        if isinstance(source, ScalarSource) and not source.is_null:
            if _PROMPT_NAME.fullmatch(source.text):
                return self._shared(source)
            return self._own({self.languages[0]: (source.mark, source)}, source.mark)
        if isinstance(source, MappingSource) and source.entries:
            return self._own({key.text: (key.mark, value) for key, value in source.entries}, source.mark)
        self.problem(source.mark, "wrong-type", "a prompt is a name from the prompts files, a text, or texts by language")
        return None

    def _shared(self, source: ScalarSource) -> Prompt | None:
        name = source.text
        texts = {language: self.catalogue.texts.get(language, {}).get(name) for language in self.languages}
        missing = [language for language, text in texts.items() if text is None]
        if len(missing) == len(texts):
            hint = did_you_mean(name, self.catalogue.names()) if len(self.problems) < MAX_HINTS else ""
            self.problem(source.mark, "unknown-prompt", f"no prompt is named '{name}'{hint}")
            return None
        if missing:
            self.problem(source.mark, "missing-language", f"prompt '{name}' has no text in {', '.join(missing)}")
            return None
        return self._finish(name, {language: text for language, text in texts.items() if text}, source.mark)

    def _own(self, texts: Mapping[str, tuple[Mark, Source]], mark: Mark) -> Prompt | None:
        read: dict[str, PromptText] = {}
        for language, (place, source) in texts.items():
            if language not in self.languages:
                hint = did_you_mean(language, self.languages)
                self.problem(place, "unknown-language", f"the flow does not speak '{language}'{hint}")
            elif not isinstance(source, ScalarSource) or source.is_null:
                self.problem(source.mark, "wrong-type", "a prompt must be a text")
            elif template := read_template(source, self.problems):
                read[language] = template
        missing = [language for language in self.languages if language not in texts]
        if missing:
            self.problem(mark, "missing-language", f"this prompt has no text in {', '.join(missing)}")
        return self._finish(f"{self.name}@{mark.line}", read, mark) if len(read) == len(self.languages) else None

    def _finish(self, name: str, texts: Mapping[str, PromptText], mark: Mark) -> Prompt:
        return Prompt(name, {language: text.pieces for language, text in texts.items()}, mark)

    def expression(self, source: Source) -> Expression | None:
        """An expression under a key."""
        if not isinstance(source, ScalarSource) or (source.is_null and source.text != "null"):
            hint = "; one with [ ] or { } needs quotes" if not isinstance(source, ScalarSource) else ""
            self.problem(source.mark, "wrong-type", f"an expression must stand here, not {kind_of(source)}{hint}")
            return None
        offset = len(source.text) - len(source.text.lstrip())
        try:
            return parse(source.text, source.at(offset), verbatim=source.verbatim)
        except ExpressionError as error:
            hint = did_you_mean(error.name, error.known) if error.name else ""
            self.problem(source.at(offset + error.offset), "bad-expression", f"in '{source.text.strip()[:80]}': {error}{hint}")
            return None


# --- one parse function per node type ------------------------------------------------------------------------------


def _say(reader: Reader, scope: Scope) -> Node | None:
    prompts = scope.prompts(reader, "say", required=True)
    barge_in = reader.boolean("barge_in", True)
    then = scope.target(reader, "then", required=True)
    return Say(scope.name, reader.mark, prompts, then, barge_in) if then else None


def _menu(reader: Reader, scope: Scope) -> Node | None:
    prompts = scope.prompts(reader, "menu", required=True)
    again = scope.prompts(reader, "again")
    choices: dict[str, str] = {}
    for key, (name, source) in reader.mapping("choices", required=True).items():
        if KEY.fullmatch(key) is None:
            scope.problem(name.mark, "bad-value", f"'{key}' is not a key: write one to four of 0-9, * and #")
        elif len(key) > 1 and "#" in key:
            scope.problem(name.mark, "bad-value", f"'{key}' cannot be keyed: # ends a row of keys")
        elif not isinstance(source, ScalarSource) or source.is_null:
            scope.problem(source.mark, "wrong-type", f"choice {key} must name a node")
        else:
            choices[key] = scope.go(source)
    if not choices and isinstance(reader.source("choices"), MappingSource) and not reader.mapping("choices"):
        scope.problem(reader.key_mark("choices"), "bad-value", "a menu needs at least one choice")
    timing, retry = _timing(reader, scope), _retry(reader, scope)
    return Menu(scope.name, reader.mark, prompts, again, choices, timing, retry) if retry else None


def _collect(reader: Reader, scope: Scope) -> Node | None:
    prompts = scope.prompts(reader, "collect", required=True)
    again = scope.prompts(reader, "again")
    variable = reader.name("as", required=True, taken=RESERVED)
    length = reader.integer("length", 0, 1, 32)
    shortest = reader.integer("min", length or 1, 1, 32)
    longest = reader.integer("max", length or 32, 1, 32)
    if length and (reader.has("min") or reader.has("max")):
        scope.problem(reader.key_mark("length"), "bad-value", "'length' stands for both 'min' and 'max'; leave these out")
    elif shortest > longest:
        scope.problem(reader.key_mark("min"), "bad-value", f"'min' ({shortest}) is more than 'max' ({longest})")
    secret = reader.boolean("secret", False)
    then = scope.target(reader, "then", required=True)
    timing, retry = _timing(reader, scope), _retry(reader, scope)
    if variable is None or then is None or retry is None:
        return None
    return Collect(scope.name, reader.mark, prompts, again, variable, shortest, longest, secret, then, timing, retry)


def _timing(reader: Reader, scope: Scope) -> Times:
    default = scope.defaults.timing
    return Times(reader.duration("timeout", default.timeout), reader.duration("digit_timeout", default.digit_timeout))


def _retry(reader: Reader, scope: Scope) -> Retry | None:
    tries = reader.integer("tries", scope.defaults.tries, 1, 9)
    noinput = scope.tapered(reader, "noinput", scope.defaults.noinput)
    nomatch = scope.tapered(reader, "nomatch", scope.defaults.nomatch)
    exhausted = scope.target(reader, "exhausted", required=scope.defaults.exhausted is None) or scope.defaults.exhausted
    return Retry(tries, noinput, nomatch, exhausted) if exhausted else None


def _lookup(reader: Reader, scope: Scope) -> Node | None:
    lookup = reader.text("lookup", required=True)
    arguments: dict[str, Expression] = {}
    given = reader.mapping("with")
    for name, (_, source) in given.items():
        if expression := scope.expression(source):
            arguments[name] = expression
    variable = reader.name("as", taken=RESERVED) if reader.has("as") else _named_after(lookup, scope)
    deadline = reader.duration("deadline", dt.timedelta(seconds=4))
    comfort = scope.prompts(reader, "comfort")
    then = scope.target(reader, "then", required=True)
    not_found = scope.target(reader, "not_found")
    failed = scope.target(reader, "failed") or scope.on_failure
    if lookup is not None:
        _check_signature(reader, scope, lookup, given)
    if lookup is None or variable is None or then is None:
        return None
    return LookUp(scope.name, reader.mark, lookup.text, arguments, variable, deadline, comfort, then, not_found, failed)


def _named_after(lookup: ScalarSource | None, scope: Scope) -> str | None:
    """Without `as`, an answer has the look-up's own name, if that will do."""
    if lookup is None or (lookup.text in scope.signatures and not bad_name(lookup.text, RESERVED)):
        return lookup.text if lookup else None
    if lookup.text in scope.signatures:
        scope.problem(lookup.mark, "missing-key", f"an answer cannot be named '{lookup.text}'; give it a name with 'as'")
    return lookup.text


def _check_signature(reader: Reader, scope: Scope, lookup: ScalarSource, given: Mapping[str, tuple[ScalarSource, Source]]) -> None:
    signature = scope.signatures.get(lookup.text)
    if signature is None:
        hint = did_you_mean(lookup.text, tuple(scope.signatures))
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
    items = reader.items("branch", required=True)
    if not items and isinstance(reader.source("branch"), ListSource):
        scope.problem(reader.key_mark("branch"), "bad-value", "a branch needs arms: '- {when: condition, then: node}' and '- {else: node}'")
    for index, item in enumerate(items):
        arm = Reader(item, "an arm of 'branch'", scope.problems)
        if arm.has("else"):
            otherwise = scope.target(arm, "else")
            if arm.has("when") or arm.has("then"):
                scope.problem(arm.key_mark("else"), "bad-value", "'else' is an arm of its own, the last one: write '- {else: node}'")
                arm.source("when")
                arm.source("then")
            elif index != len(items) - 1:
                scope.problem(arm.key_mark("else"), "bad-value", "'else' must be the last arm: those after it are never reached")
        else:
            condition = arm.source("when", required=True)
            expression = scope.expression(condition) if condition else None
            then = scope.target(arm, "then", required=True)
            arms.extend([(expression, then)] if expression and then else [])
        arm.done()
    if items and not any(isinstance(item, MappingSource) and any(key.text == "else" for key, _ in item.entries) for item in items):
        scope.problem(
            reader.key_mark("branch"), "missing-key", "a branch needs a last arm 'else: node', so that no call is left without a way"
        )
    return Branch(scope.name, reader.mark, tuple(arms), otherwise) if otherwise else None


def _set(reader: Reader, scope: Scope) -> Node | None:
    language: str | None = None
    assignments: dict[str, Expression] = {}
    values = reader.mapping("set", required=True)
    if not values and isinstance(reader.source("set"), MappingSource):
        scope.problem(reader.key_mark("set"), "bad-value", "'set' needs at least one 'name: value'")
    for name, (key, source) in values.items():
        if name == "language":
            if isinstance(source, ScalarSource) and source.text in scope.languages:
                language = source.text
            else:
                said = source.text if isinstance(source, ScalarSource) else "that"
                scope.problem(source.mark, "unknown-language", f"the flow does not speak '{said}'{did_you_mean(said, scope.languages)}")
        elif sentence := bad_name(name, RESERVED):
            scope.problem(key.mark, "bad-value", sentence)
        elif expression := scope.expression(source):
            assignments[name] = expression
    then = scope.target(reader, "then", required=True)
    return Set(scope.name, reader.mark, assignments, language, then) if then else None


def _message(reader: Reader, scope: Scope) -> Node | None:
    prompts = scope.prompts(reader, "message", required=True)
    topic = reader.name("topic", required=True)
    longest = reader.duration("max_length", dt.timedelta(minutes=3))
    silence = reader.duration("final_silence", dt.timedelta(seconds=5))
    kept = scope.prompts(reader, "kept", required=True)
    saved = scope.prompts(reader, "saved", required=True)
    too_short = scope.prompts(reader, "too_short", required=True)
    not_kept = scope.prompts(reader, "not_kept", required=True)
    then = scope.target(reader, "then", required=True)
    if topic is None or then is None:
        return None
    return TakesMessage(scope.name, reader.mark, prompts, topic, longest, silence, kept, saved, too_short, not_kept, then)


def _goto(reader: Reader, scope: Scope) -> Node | None:
    then = scope.target(reader, "goto", required=True)
    return Goto(scope.name, reader.mark, then) if then else None


def _call(reader: Reader, scope: Scope) -> Node | None:
    source = reader.text("call", required=True)
    then = scope.target(reader, "then", required=True)
    if source is None or then is None:
        return None
    if source.text not in scope.subflows:
        hint = did_you_mean(source.text, tuple(scope.subflows))
        scope.problem(source.mark, "unknown-target", f"no sub-flow is named '{source.text}'{hint}")
        return None
    return Call(scope.name, reader.mark, scope.subflows[source.text], then)


def _return(reader: Reader, scope: Scope) -> Node | None:
    source = reader.source("return")
    if not (isinstance(source, ScalarSource) and source.is_null):
        scope.problem(
            reader.key_mark("return"), "bad-value", "'return' stands alone, as '{return: }'; the node with 'call' says where to go on"
        )
    if not scope.prefix:
        scope.problem(reader.mark, "bad-value", "'return' belongs in a sub-flow; the line itself ends with 'hangup'")
    return Return(scope.name, reader.mark)


def _transfer(reader: Reader, scope: Scope) -> Node | None:
    destination = reader.name("transfer", required=True)
    prompts = scope.prompts(reader, "announce")
    ring_time = reader.duration("ring_time", dt.timedelta(seconds=25))
    unanswered = scope.target(reader, "unanswered", required=True)
    then = scope.target(reader, "then", required=True)
    if destination is None or unanswered is None or then is None:
        return None
    return TransfersCall(scope.name, reader.mark, prompts, destination, ring_time, then, unanswered)


def _hangup(reader: Reader, scope: Scope) -> Node | None:
    source = reader.source("hangup")
    empty = source is None or (isinstance(source, ScalarSource) and source.is_null)
    return HangsUp(scope.name, reader.mark, () if empty or source is None else scope.read_prompts(source))


NODE_TYPES: Mapping[str, Callable[[Reader, Scope], Node | None]] = {
    "say": _say,
    "menu": _menu,
    "collect": _collect,
    "lookup": _lookup,
    "branch": _branch,
    "set": _set,
    "message": _message,
    "goto": _goto,
    "call": _call,
    "return": _return,
    "transfer": _transfer,
    "hangup": _hangup,
}
RESERVED = ("call", "ticket", "language")  # values the line itself sets


def read_node(source: Source, scope: Scope, mark: Mark) -> Node | None:
    """One node; None when something is wrong with it. `mark` is where its name stands."""
    reader = Reader(source, f"node '{scope.name}'", scope.problems, mark)
    if not reader.readable:
        return None
    named = [key for key in reader.keys if key in NODE_TYPES]
    if len(named) != 1:
        if named:
            what = f"node '{scope.name}' says several things to do: {', '.join(named)}; make each its own node"
        else:
            near = next((hint for key in reader.keys if "mean" in (hint := did_you_mean(key, tuple(NODE_TYPES)))), "")
            what = f"node '{scope.name}' does not say what to do{near or ': it needs one of ' + ', '.join(NODE_TYPES)}"
        scope.problem(reader.mark, "unknown-type", what)
        return None
    node = NODE_TYPES[named[0]](reader, scope)
    reader.done()
    return node
