"""The other verbs of TwiML: recordings, dialling and queues, text messages, and ways to other pages."""

from __future__ import annotations

import re
from collections.abc import Callable

from ivr.core.marks import Mark
from ivr.tools.importing.carrying import Carrier
from ivr.tools.importing.document import Element
from ivr.tools.importing.draft import Go, Said, Shared, Value, Words, duration, extension
from ivr.tools.importing.pages import Page, Pages
from ivr.tools.importing.texts import in_pieces, stem_of

_NO_SERVER = "no web server is told"
_NUMBER = re.compile(r"\+?[0-9 ().-]{3,24}")
_MOBILE = re.compile(r"(?:\+86|0086|86)?(1[3-9][0-9]{9})")
_NOUNS = ("Number", "Client", "Sip", "Conference", "Sim", "Application", "WhatsApp")
_OF_RECORD = {
    "transcribe": "messages are not transcribed",
    "transcribeCallback": "messages are not transcribed",
    "trim": "silence is not cut off",
    "recordingStatusCallback": _NO_SERVER,
    "recordingStatusCallbackMethod": _NO_SERVER,
    "recordingStatusCallbackEvent": _NO_SERVER,
}
_OF_DIAL = {
    "record": "talks are not recorded: let the extension of the dialplan do it if callers have agreed",
    "trim": "talks are not recorded",
    "callerId": "the extension of the dialplan decides which number is shown",
    "hangupOnStar": "the caller cannot end the talk with a star: let the extension of the dialplan allow it",
    "timeLimit": "talks are as long as they are: let the extension of the dialplan limit them",
    "ringTone": "the extension of the dialplan decides what rings",
    "answerOnBridge": "selfline has answered the call before",
    "sequential": "the extension of the dialplan decides who rings first",
    "recordingStatusCallback": _NO_SERVER,
    "recordingStatusCallbackMethod": _NO_SERVER,
    "recordingStatusCallbackEvent": _NO_SERVER,
    "referUrl": "calls are not referred",
    "referMethod": "calls are not referred",
    "waitUrl": "what callers hear while they wait is decided by the extension of the dialplan",
    "waitUrlMethod": "what callers hear while they wait is decided by the extension of the dialplan",
    "workflowSid": "the extension of the dialplan decides who takes the call",
}
_OF_NOUNS = {
    "url": "whoever answers hears nothing before the talk",
    "statusCallback": _NO_SERVER,
    "statusCallbackEvent": _NO_SERVER,
    "statusCallbackMethod": _NO_SERVER,
    "sendDigits": "no keys are sent after the answer: let the extension of the dialplan send them",
}
_OF_SMS = {
    "from": "text messages have the sender that the line is set up with",
    "statusCallback": _NO_SERVER,
    "action": "what the page answers after the text message is not asked for: the next verb follows",
}


class Verbs:
    """The keys of their nodes."""

    def __init__(self, carry: Carrier, pages: Pages, enter: Callable[[Page], str]) -> None:
        self._carry = carry
        self._draft = carry.draft
        self._report = carry.report
        self._pages = pages
        self._enter = enter
        self._extensions: dict[str, str] = {}
        self._places: dict[Mark, tuple[str, str]] = {}

    def leads_away(self, verb: Element) -> bool:
        """Whether no call comes to the verbs after it."""
        action = verb.attributes.get("action", "").strip()
        return verb.tag in ("Dial", "Enqueue") and bool(action)

    def page_of(self, page: Page, url: str, element: Element) -> str:
        """The node that an address leads to; a message if its page is not there."""
        element.take("method")
        found = self._pages.at(url)
        for child in element.children:
            self._report.left_out(child, f"<{child.tag}> means nothing in <{element.tag}>")
        if found is not None:
            return self._enter(found)
        self._report.left_out(element.place("action"), self._unknown(url, "callers come to a message"))
        del page
        return self._draft.leave

    def _unknown(self, url: str, instead: str) -> str:
        stem = stem_of(url)
        save = f"save its page as {stem}.xml and import it together with this one" if stem else "give its page a name to import it by"
        return f"what '{url[:80]}' answers is not known, and {instead}: {save}"

    def message(self, page: Page, record: Element, words: Words, then: str) -> dict[str, Value]:
        """A recording is a message with a ticket."""
        self._report.attributes(record, _OF_RECORD)
        record.take("method")
        if (key := record.take("finishOnKey")) not in (None, "#"):
            self._report.note(record.place("finishOnKey"), f"a message ends with #, not with '{key}': see that the words say so")
        for child in record.children:
            self._report.left_out(child, "<Record> has nothing in it")
        action = record.take("action")
        if action and (found := self._pages.at(action)) is not None:
            then = self._enter(found)
        elif action:
            then = "goodbye"
            self._report.left_out(record.place("action"), self._unknown(action, "the call ends after the message"))
        else:
            self._report.note(record, f"after a recording '{page.stem}' began anew: now the next verb follows")
        if record.take("playBeep") == "false":
            self._report.note(record.place("playBeep"), "a tone is heard before a message is taken")
        promises: dict[str, Value] = {name: (Shared(f"message_{name}"),) for name in ("kept", "saved", "too_short", "not_kept")}
        keys: dict[str, Value] = {"message": words or (Shared("leave_message"),), "topic": "callback"}
        if longest := self._seconds(record, "maxLength"):
            keys["max_length"] = longest
        if silence := self._seconds(record, "timeout"):
            keys["final_silence"] = silence
        return {**keys, **promises, "then": Go(then)}

    def transfer(self, dial: Element, words: Words, then: str, *, last: bool) -> dict[str, Value]:
        """Dialling and queues are transfers."""
        self._report.attributes(dial, _OF_DIAL)
        dial.take("method")
        name, meant = self._destination(dial)
        self._places[dial.mark] = (name, meant)
        unanswered = self._draft.no_answer if last else then
        action = dial.take("action")
        if action and (found := self._pages.at(action)) is not None:
            then = unanswered = self._enter(found)
        elif action:
            then, unanswered = self._draft.ended, self._draft.no_answer
            self._report.left_out(dial.place("action"), self._unknown(action, "the call ends after the talk"))
        elif last:
            self._report.note(dial.mark, "when nobody answered the call was over: now a message is taken")
        keys: dict[str, Value] = {"transfer": name}
        if words:
            keys["announce"] = words
        if ring_time := self._seconds(dial, "timeout"):
            keys["ring_time"] = ring_time
        return {**keys, "unanswered": Go(unanswered), "then": Go(then)}

    def text_message(self, sms: Element, then: str) -> dict[str, Value]:
        """Text messages are sent to the caller, or to the number that is named."""
        self._report.attributes(sms, _OF_SMS)
        sms.take("method")
        text = sms.text
        for child in sms.children:
            if child.tag == "Body":
                self._report.carried(child)
                text += child.text
            else:
                self._report.left_out(child, f"text messages have no <{child.tag}>")
        to = sms.take("to") or ""
        mobile = _MOBILE.fullmatch(re.sub(r"[ ().-]", "", to))
        text = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\ufeff]", " ", text.replace("{{", " ").replace("}}", " ")).split())
        if not text:
            self._report.left_out(sms.mark, "the text message is empty, and is not sent")
            return {"goto": Go(then)}
        if not mobile and _NUMBER.fullmatch(to):
            self._report.left_out(sms, f"text messages go to Chinese mobile numbers only, and '{to}' is none: this one is not sent")
            return {"goto": Go(then)}
        keys: dict[str, Value] = {"sms": tuple(Said(piece) for piece in in_pieces(text))}
        if mobile:
            keys["to"] = f"""'"{mobile[1]}"'"""
        elif to:
            self._report.left_out(sms.place("to"), f"'{to[:20]}' is no number: the text message goes to the caller")
        return {**keys, "then": Go(then)}

    def tell_extensions(self) -> None:
        """Tell which extensions the dialplan needs."""
        told: set[str] = set()
        for mark, (name, meant) in self._places.items():
            if name not in told:
                told.add(name)
                self._report.note(mark, f"add the extension '{name}' to the context 'transfer' of the dialplan: it stands for {meant}")

    def _destination(self, dial: Element) -> tuple[str, str]:
        """The extension's name, and what it stands for."""
        named = [(dial.tag, dial.text.strip())] if dial.text.strip() else []
        for noun in dial.children:
            if dial.tag == "Dial" and noun.tag in _NOUNS:
                self._report.carried(noun)
                noun.take("method")
                self._report.attributes(noun, _OF_NOUNS)
                named.append((noun.tag, "".join(one if isinstance(one, str) else one.text for one in noun.content).strip()))
                for child in noun.children:
                    if child.tag == "Identity":
                        self._report.carried(child)
            elif dial.tag == "Dial" and noun.tag == "Queue":
                self._report.left_out(noun, "agents took waiting callers from a queue here: that is not a part of a line")
            else:
                self._report.left_out(noun, f"<{noun.tag}> means nothing in <{dial.tag}>")
        workflow = dial.attributes.get("workflowSid", "").strip()
        if not named:
            named = [(dial.tag, workflow)] if workflow else []
        if not named or not named[0][1]:
            self._report.left_out(dial.mark, "nobody is named who is called: the flow calls 'agents'")
            return "agents", "nobody in particular"
        meant = ", ".join(
            f"{'the queue' if tag == 'Enqueue' else tag.lower() if tag != 'Dial' else 'the number'} {who}" for tag, who in named
        )
        if len(named) > 1:
            self._report.note(dial.mark, f"{len(named)} rang at once: let the extension of the dialplan ring all of them")
        who = named[0][1].removeprefix("sip:").partition("@")[0].partition("?")[0]
        base = extension(re.sub(r"[^0-9]", "", who) if re.fullmatch(r"\+?[0-9 ().-]+", who) else who)
        name, number = base, 1
        while self._extensions.setdefault(name, meant) != meant:
            number += 1
            name = f"{base}_{number}"
        return name, meant[:120]

    def _seconds(self, element: Element, attribute: str) -> str:
        text = element.take(attribute) or ""
        if text.isascii() and text.isdigit() and int(text[:6]) > 0:
            return duration(int(text[:6]) * 1000)
        if text:
            self._report.note(element.place(attribute), f"'{text[:20]}' is no number of seconds, and is left to selfline")
        return ""
