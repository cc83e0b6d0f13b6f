"""What becomes of the FreeSWITCH applications that a menu runs: nodes where there are such, a sentence in the report where not."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ivr.core.marks import Mark
from ivr.tools.importing.carrying import Carrier
from ivr.tools.importing.document import Element
from ivr.tools.importing.draft import Go, Words, extension
from ivr.tools.importing.phrases import Phrases
from ivr.tools.importing.report import in_rows

_SAYS = ("playback", "endless_playback", "phrase", "speak", "say", "gentones")
_SILENT = ("answer", "pre_answer", "ring_ready")  # the line does this by itself
_NOT_DONE = (
    "sleep",
    "set",
    "set_user",
    "export",
    "unset",
    "multiset",
    "log",
    "info",
    "event",
    "hash",
    "db",
    "sched_hangup",
    "limit",
    "detect_speech",
)
_AWAY = ("transfer", "deflect", "redirect", "execute_extension", "att_xfer", "conference", "fifo", "callcenter", "park", "valet_park")
_MESSAGES = ("voicemail", "record")
_VARIABLES = re.compile(r"(?<!\$)\{[^{}]*\}|\[[^\[\]]*\]|<[^<>]*>")
_USER = re.compile(r"bridge user/(\w+)(?:@\$\{domain(?:_name)?\}|@domain)?|transfer (\w+)(?: XML default)?")


@dataclass(frozen=True, slots=True)
class Run:
    """An application and its data, and the data as it was written: with $1 where the keys of a pattern belong."""

    application: str
    data: str
    written: str

    @property
    def told(self) -> str:
        """As the report tells it, once for all keys of a pattern."""
        return f"{self.application} {self.written[:60]}"

    @property
    def meant(self) -> str:
        """The destination: as it was written, if the keys of a pattern make no difference to who is called."""
        written = f"{self.application} {self.written}".strip()[:100]
        filled = f"{self.application} {self.data}".strip()[:100]
        same = self.application == "bridge" and _VARIABLES.sub("", self.written) == _VARIABLES.sub("", self.data)
        return written if same else filled


def parts_of(param: str) -> tuple[str, str]:
    """An application and its data."""
    application, _, data = param.strip().partition(" ")
    return application, data.strip()


class Applications:
    """Nodes for applications. The same application with the same data in one scope is one node."""

    def __init__(self, carry: Carrier, phrases: Phrases) -> None:
        self._carry = carry
        self._draft = carry.draft
        self._report = carry.report
        self._phrases = phrases
        self._made: dict[tuple[str, ...], str] = {}
        self._extensions: dict[str, str] = {}
        self._meant: dict[str, dict[str, None]] = {}
        self._transfers: dict[Mark, dict[str, str]] = {}

    def comes_back(self, application: str) -> bool:
        """Whether the menu goes on after it, here as there."""
        return application in (*_SAYS, *_SILENT, *_NOT_DONE, "bridge")

    def target(self, scope: str, run: Run, element: Element, attribute: str, then: str, menu: str) -> str:
        """The node that does what an application does, and goes on at `then` if the application comes back."""
        application, mark = run.application, element.place(attribute)
        if application in _SILENT:
            return then
        if application in _NOT_DONE:
            self._report.left_out(mark, f"'{run.told}' is not done; the key goes on without it")
            return then
        if application in _SAYS:
            words = self._words(application, run.data, mark)
            return self.say(scope, words, then, mark, f"{menu} {element.attributes.get('digits', application)}") if words else then
        if application == "hangup":
            return self._draft.ended
        if application == "bridge" or application in _AWAY:
            return self._transfer(scope, run, mark, then if application == "bridge" else self._draft.ended)
        if application in _MESSAGES:
            sentence = f"'{run.told}' became a message with a ticket, after which the call ends"
            self._report.note(mark, sentence)
            return self._draft.leave
        what = f"the program '{run.told}'".replace(" '", " '").rstrip() if application else "nothing"
        sentence = f"{what} is not run, and callers come to a message instead: write nodes that do what it did"
        self._report.left_out(element if attribute == "param" else mark, sentence)
        return self._draft.leave

    def say(self, scope: str, words: Words, then: str, mark: Mark, wanted: str) -> str:
        """A node that says something."""
        key = (scope, repr(words), then)
        if key not in self._made:
            self._made[key] = self._draft.name(wanted, scope)
            self._draft.add(self._made[key], mark, {"say": words, "then": Go(then)})
        return self._made[key]

    def call(self, scope: str, subflow: str, then: str, mark: Mark) -> str:
        """A node that goes through a sub-flow and comes back."""
        key = (scope, "call", subflow, then)
        if key not in self._made:
            self._made[key] = self._draft.name(f"to_{subflow}", scope)
            self._draft.add(self._made[key], mark, {"call": subflow, "then": Go(then)})
        return self._made[key]

    def tell_extensions(self) -> None:
        """Tell which extensions the dialplan needs."""
        quote = "'"
        for mark, extensions in self._transfers.items():
            named = list(extensions)
            if len(named) == 1:
                meant = " and ".join(f"'{one}'" for one in self._meant[named[0]])
                sentence = f"add the extension '{named[0]}' to the context 'transfer' of the dialplan: it stands for {meant}"
            else:
                example = f"'{named[0]}' stands for '{extensions[named[0]]}'"
                sentence = (
                    f"add the extensions {in_rows(named, quote)} to the context 'transfer' of the dialplan, {len(named)} of them: {example}"
                )
            self._report.note(mark, sentence)

    def _words(self, application: str, data: str, mark: Mark) -> Words:
        match application:
            case "phrase":
                return self._phrases.words(self._carry, "phrase:" + re.sub(r"[ ,|].*", "", data), mark)
            case "speak":
                return self._carry.text(data.split("|")[-1], mark)
            case "say":
                return self._carry.text(data.split(" ")[-1], mark)
            case "gentones":
                return self._carry.sound(f"tone_stream://{data}", mark)
            case _:
                return self._phrases.words(self._carry, data, mark)

    def _transfer(self, scope: str, run: Run, mark: Mark, then: str) -> str:
        meant = run.meant
        named = self._extension(meant, _destination(run.application, run.data))
        self._meant.setdefault(named, {}).setdefault(meant)
        key = (scope, "transfer", named, then)
        if key not in self._made:
            self._made[key] = name = self._draft.name(named, scope)
            self._draft.add(name, mark, {"transfer": named, "unanswered": Go(self._draft.no_answer), "then": Go(then)})
            self._transfers.setdefault(mark, {})[named] = meant
        return self._made[key]

    def _extension(self, meant: str, destination: str) -> str:
        """The name of the extension for a destination; another one for each. A user is the same whether bridged or transferred to."""
        user = _USER.fullmatch(meant)
        who = f"user {user[1] or user[2]}" if user else meant
        base, number = extension(destination), 1
        name = base
        while self._extensions.setdefault(name, who) != who:
            number += 1
            name = f"{base}_{number}"
        return name


def _destination(application: str, data: str) -> str:
    """The part of the data by which people know who is called."""
    if application == "bridge":
        first = re.split(r"[,|]|:_:", re.sub(r"^[{\[<][^}\]>]*[}\]>]", "", data))[0]
        user = first.partition("@")[0].rstrip("/").rpartition("/")[2]
        return user or first
    words = [word for word in data.split() if not word.startswith("-")]
    return re.split(r"[@/]", words[0])[0] if words else application
