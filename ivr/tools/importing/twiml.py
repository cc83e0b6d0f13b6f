"""TwiML pages as a flow, by what Twilio's reference says of each verb (read in November 2026).

Worth knowing of it: a verb follows another; after the last the call is over; a <Gather> that hears nothing goes on with the next verb, and
one that hears keys asks its `action`, which is a program: what it answers is known only as far as its answers are among the pages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ivr.errors import UserError
from ivr.tools.importing.carrying import Carrier
from ivr.tools.importing.document import Element, NotReadable
from ivr.tools.importing.draft import Draft, Go, Value, Words, file_of, slug
from ivr.tools.importing.gathering import Gathering
from ivr.tools.importing.pages import Page, Pages
from ivr.tools.importing.report import Report
from ivr.tools.importing.speaking import Speaking
from ivr.tools.importing.verbs import Verbs

TEMPLATES = re.compile(r"\{\{([^{}]*)\}\}")
_MEANING = {
    "From": "call.caller_id | digits",
    "Caller": "call.caller_id | digits",
    "To": "call.dialled | digits",
    "Called": "call.dialled | digits",
}
_STEPS = {
    "Hangup": "end",
    "Reject": "end",
    "Gather": "menu",
    "Record": "message",
    "Dial": "dial",
    "Enqueue": "queue",
    "Sms": "sms",
    "Message": "sms",
}
_LAST = ("Redirect", "Hangup", "Reject")
_SPOKEN = ("Say", "Play", "Pause")
_UNKNOWN = {
    "Connect": "a stream or another service took the call over: transfer the call to an extension of the dialplan that does",
    "Pay": "card numbers are not taken: transfer the call to a service that may",
    "Refer": "calls are not referred: transfer the call to an extension of the dialplan that does",
    "Leave": "there is no queue to leave: the page was for callers who wait",
    "Start": "calls are not streamed or transcribed",
    "Stop": "calls are not streamed or transcribed",
    "Echo": "there is no echo test",
    "Prompt": "card numbers are not taken, so this is not said",
}


def meaning(name: str) -> str | None:
    """What selfline says for a variable of a page."""
    return _MEANING.get(name)


@dataclass(slots=True)
class _Step:
    """What the caller is brought to next, with the words before it. `element` is None at the end of the page."""

    element: Element | None
    words: Words = field(default=())


class TwiML:
    """One import. `build` fills the draft."""

    def __init__(self, roots: Sequence[Element], draft: Draft, report: Report) -> None:
        self._first = roots[0]
        self._draft = draft
        self._report = report
        self._pages = Pages([root for root in roots if root.tag == "Response"])
        for root in roots:
            if root.tag != "Response":
                report.left_out(root, f"<{root.tag}> is no page of TwiML: these begin with <Response>")
        self._carry = Carrier(draft, report, TEMPLATES, meaning, {})
        self._speaking = Speaking(self._carry)
        self._gathering = Gathering(self._carry, self._speaking, self._pages, self._enter)
        self._verbs = Verbs(self._carry, self._pages, self._enter)
        self._waiting: list[Page] = []

    def build(self, start: str | None) -> None:
        """The flow that begins with a page; with the first file's unless one is named."""
        if not self._pages.all:
            raise NotReadable(self._first.mark, "there is no <Response> in it, so there is nothing to carry over")
        first = self._pages.at(start) if start else self._pages.all[0]
        if first is None:
            raise UserError(f"there is no page '{start}'; there are {', '.join(page.stem for page in self._pages.all)}")
        self._draft.start = self._enter(first)
        while self._waiting:
            self._build(self._waiting.pop(0))
        for page in self._pages.all:
            if not page.node:
                self._report.left_out(page.root, f"no page leads to '{page.stem}'")
        self._verbs.tell_extensions()
        self._carry.end_circles()

    def _enter(self, page: Page) -> str:
        """The first node of a page, which will be built."""
        if not page.node:
            page.node = self._draft.name(slug(page.stem))
            self._waiting.append(page)
        return page.node

    def _build(self, page: Page) -> None:
        self._report.carried(page.root)
        if stray := page.root.text.strip():
            self._report.left_out(page.root.mark, f"the text '{' '.join(stray.split())[:40]}' stands in no verb, and is not said")
        steps = self._steps(page)
        entries = [page.node]
        for step in steps[1:]:
            suffix = "end" if step.element is None else _STEPS.get(step.element.tag, "say")
            entries.append(self._draft.name(f"{slug(page.stem)}_{'say' if step.words and suffix == 'menu' else suffix}"))
        for index, step in enumerate(steps):
            following = entries[index + 1] if index + 1 < len(steps) else None
            empty_end = following is not None and steps[index + 1].element is None and not steps[index + 1].words
            self._step(page, step, entries[index], following, last=following is None or empty_end)
        self._draft.nodes[page.node].heading = f"{page.stem}, from {file_of(page.root.mark)}"

    def _steps(self, page: Page) -> list[_Step]:
        steps: list[_Step] = []
        words: Words = ()
        verbs = page.root.children
        for index, verb in enumerate(verbs):
            if verb.tag in _SPOKEN:
                words += self._speaking.words(verb)
            elif verb.tag in _STEPS or verb.tag in _LAST:
                self._report.carried(verb)
                steps.append(_Step(verb, words))
                words = ()
                if verb.tag in _LAST or self._verbs.leads_away(verb) or self._gathering.leads_away(verb):
                    for later in verbs[index + 1 :]:
                        self._report.left_out(later, f"no call comes to this <{later.tag}>: <{verb.tag}> has led away before it")
                    return steps
                if verb.tag == "Record" and verb.attributes.get("action", "").strip():
                    for later in verbs[index + 1 :]:
                        sentence = f"only who said nothing came to this <{later.tag}>: what they should hear belongs under 'too_short'"
                        self._report.left_out(later, sentence)
                    return steps
            else:
                sentence = _UNKNOWN.get(verb.tag, "this importer does not know the verb")
                self._report.left_out(verb, f"<{verb.tag}>: {sentence}; the call goes on with the next verb")
        steps.append(_Step(None, words))
        return steps

    def _step(self, page: Page, step: _Step, name: str, following: str | None, *, last: bool) -> None:
        element, words = step.element, step.words
        then = following or self._draft.ended
        mark = element.mark if element is not None else page.root.mark
        match element.tag if element is not None else "":
            case "Gather":
                assert element is not None
                self._gathering.build(page, element, words, name, then)
            case "Record":
                assert element is not None
                self._draft.add(name, mark, self._verbs.message(page, element, words, then))
            case "Dial" | "Enqueue":
                assert element is not None
                self._draft.add(name, mark, self._verbs.transfer(element, words, then, last=last))
            case "Sms" | "Message":
                assert element is not None
                self._spoken_first(name, words, self._verbs.text_message(element, then), element)
            case "Redirect":
                assert element is not None
                target = self._verbs.page_of(page, element.text.strip() or page.stem, element)
                keys: dict[str, Value] = {"say": words, "then": Go(target)} if words else {"goto": Go(target)}
                self._draft.add(name, mark, keys)
            case _:
                if element is not None and element.tag == "Reject":
                    element.take("reason")
                    self._report.note(element, "the call was never answered here: selfline answers, and ends it")
                self._draft.add(name, mark, {"hangup": words})

    def _spoken_first(self, name: str, words: Words, keys: dict[str, Value], element: Element) -> None:
        if words:
            inner = self._draft.name(f"{name}_sent")
            self._draft.add(name, element.mark, {"say": words, "then": Go(inner)})
            name = inner
        self._draft.add(name, element.mark, keys)
