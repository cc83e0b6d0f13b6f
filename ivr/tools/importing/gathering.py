"""<Gather> as a menu or a form: which keys there are is told by the answers that were saved, or else by the text itself."""

from __future__ import annotations

import re
from collections.abc import Callable

from ivr.tools.importing.carrying import Carrier
from ivr.tools.importing.document import Element
from ivr.tools.importing.draft import Choices, DraftNode, Go, Said, Shared, Value, Words, duration, slug
from ivr.tools.importing.pages import Page, Pages
from ivr.tools.importing.speaking import Speaking
from ivr.tools.importing.texts import keys_named, stand_in, stem_of

MAX_DIGITS = 32
_SECRET = re.compile(r"\b(?:pin|password|passcode|security code)\b|密码", re.IGNORECASE)
_FILE_NAMES = {"*": "star", "#": "pound"}
_NOT_CARRIED = {
    **dict.fromkeys(
        ("speechTimeout", "speechModel", "enhanced", "profanityFilter", "hints", "language"),
        "speech is not recognized here: callers press keys",
    ),
    "partialResultCallback": "no web server is told what was keyed",
    "partialResultCallbackMethod": "no web server is told what was keyed",
}


class Gathering:
    """Makes the nodes of <Gather>."""

    def __init__(self, carry: Carrier, speaking: Speaking, pages: Pages, enter: Callable[[Page], str]) -> None:
        self._carry = carry
        self._draft = carry.draft
        self._report = carry.report
        self._speaking = speaking
        self._pages = pages
        self._enter = enter
        self._values = 0

    def leads_away(self, verb: Element) -> bool:
        """Whether even silence leads to another page, so that no call comes to the verbs after it."""
        if verb.tag != "Gather" or verb.attributes.get("actionOnEmptyResult", "").strip() != "true":
            return False
        action = verb.attributes.get("action", "").strip()
        return bool(action) and (self._pages.at(action) is not None or "" in self._pages.answers(action))

    def build(self, page: Page, gather: Element, before: Words, name: str, then: str) -> None:
        """The node that asks, after one that says the words before it, if any."""
        words = self._asked(gather)
        if not words:
            words, before = before, ()
        if not words:
            text = stand_in(page.stem, self._draft.language)
            words = (Said(text),)
            self._report.left_out(gather.mark, f"keys were awaited without a word: say what is asked for where the flow says '{text}'")
        if before:
            inner = self._draft.name(f"{slug(page.stem)}_menu")
            self._draft.add(name, gather.mark, {"say": before, "then": Go(inner)})
            name = inner
        self._report.attributes(gather, _NOT_CARRIED)
        self._input(gather)
        node = self._draft.add(name, gather.mark, {})
        named = keys_named(_said(words)) or keys_named(_said(before))
        self._ask(page, gather, words, named, node, then)

    def _asked(self, gather: Element) -> Words:
        words: Words = ()
        for child in gather.children:
            if child.tag in ("Say", "Play", "Pause"):
                words += self._speaking.words(child)
            else:
                self._report.left_out(child, f"<{child.tag}> means nothing in <Gather>")
        return words

    def _input(self, gather: Element) -> None:
        kinds = (gather.take("input") or "dtmf").split()
        if "dtmf" not in kinds:
            self._report.left_out(gather.place("input"), "callers spoke here: let the words ask for keys, which is what the flow waits for")
        elif len(kinds) > 1:
            self._report.note(gather.place("input"), "callers could speak here: let the words ask for keys only")

    def _ask(self, page: Page, gather: Element, words: Words, named: list[str], node: DraftNode, then: str) -> None:
        action = gather.take("action")
        gather.take("method")
        answers = self._pages.answers(action or page.stem)
        silence = answers.pop("", None)
        common = self._pages.at(action) if action else None
        most = self._count(gather)
        keys: dict[str, Value] = {}
        if answers or (named and most in (None, 1)):
            keys["menu"] = words
            keys["choices"] = Choices(self._choices(gather, action or page.stem, answers, common, named))
        else:
            keys |= self._form(gather, action or page.stem, words, common, most)
        if gather.take("bargeIn") == "false":
            keys["barge_in"] = "false"
        seconds = self._seconds(gather)
        keys["timeout"] = seconds
        keys["digit_timeout"] = seconds
        keys["tries"] = "1"
        if "menu" in keys:
            keys["nomatch"] = (Shared("nomatch"),)
        keys["exhausted"] = Go(self._unheard(gather, silence or common, then))
        node.keys |= keys
        self._finish(gather)

    def _choices(self, gather: Element, action: str, answers: dict[str, Page], common: Page | None, named: list[str]) -> dict[str, str]:
        missing = [key for key in named if key not in answers]
        stem = stem_of(action) or "page"
        files = ", ".join(f"{stem}-{_FILE_NAMES.get(key, key)}.xml" for key in missing[:12])
        place = gather.place("action")
        if missing and common is None:
            sentence = f"what '{action[:80]}' answers to {_listed(missing)} is not known, and leads to a message: save it as {files}"
            self._report.left_out(place, sentence)
        elif missing:
            self._report.note(place, f"{_listed(missing)} all lead to '{common.stem if common else ''}': what differs, save as {files}")
        choices: dict[str, str] = {}
        for key in sorted({*answers, *missing}, key=_in_order):
            target = answers.get(key) or common
            choices[key] = self._enter(target) if target else self._draft.leave
        if common is not None and answers:
            rest = [key for key in "1234567890" if key not in choices]
            choices |= dict.fromkeys(rest, self._enter(common))
            self._report.note(place, f"all other digits lead to '{common.stem}'")
        return choices

    def _form(self, gather: Element, action: str, words: Words, common: Page | None, most: int | None) -> dict[str, Value]:
        if common is None:
            stem = stem_of(action) or "page"
            sentence = f"what '{action[:80]}' does with the digits is not known, and leads to a message: save its answer as {stem}.xml"
            self._report.left_out(gather.place("action"), sentence)
        self._values += 1
        value = "digits" if self._values == 1 else f"digits_{self._values}"
        keys: dict[str, Value] = {"collect": words, "as": value}
        if most is not None and most <= MAX_DIGITS:
            keys["length" if most == 1 else "max"] = str(most)
        if _SECRET.search(_said(words)):
            keys["secret"] = "true"  # noqa: S105 - a key of the language
            self._report.note(gather.mark, f"a secret seems to be asked for: '{value}' is never spoken, logged or written down")
        keys["then"] = Go(self._enter(common) if common else self._draft.leave)
        return keys

    def _unheard(self, gather: Element, page: Page | None, then: str) -> str:
        """Where silence leads."""
        if gather.take("actionOnEmptyResult") != "true":
            return then
        if page is None:
            sentence = "silence was told to the action, whose answer is not known: it leads to the next verb"
            self._report.left_out(gather.place("actionOnEmptyResult"), sentence)
            return then
        return self._enter(page)

    def _count(self, gather: Element) -> int | None:
        text = gather.take("numDigits")
        if not text:
            return None
        if text.isascii() and text.isdigit() and int(text[:6]) > 0:
            return int(text[:6])
        self._report.note(gather.place("numDigits"), f"'{text[:20]}' is no number of digits: any number is taken")
        return None

    def _seconds(self, gather: Element) -> str:
        text = gather.take("timeout") or "5"
        if text.isascii() and text.isdigit():
            return duration(int(text[:6]) * 1000)
        self._report.note(gather.place("timeout"), f"'{text[:20]}' is no number of seconds: the flow waits 5 s")
        return "5s"

    def _finish(self, gather: Element) -> None:
        key = gather.take("finishOnKey")
        if key not in (None, "", "#"):
            self._report.note(gather.place("finishOnKey"), f"what is keyed ends with # here, not with {key}: see that the words say so")


def _said(words: Words) -> str:
    return " ".join(word.text for word in words if isinstance(word, Said))


def _listed(keys: list[str]) -> str:
    return f"the key{'s' * (len(keys) != 1)} {', '.join(keys)}"


def _in_order(key: str) -> tuple[bool, str]:
    """1 to 9 before 0, * and #."""
    return (not key.isdigit() or key == "0", key)
