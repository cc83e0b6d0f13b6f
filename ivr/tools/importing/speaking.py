"""What TwiML pages say: <Say> with its markup, <Play> and <Pause>, as prompts."""

from __future__ import annotations

from ivr.tools.importing.carrying import Carrier
from ivr.tools.importing.document import Element
from ivr.tools.importing.draft import Words
from ivr.tools.importing.texts import CHINESE, ENGLISH

MAX_TIMES = 5
_LANGUAGES = {"zh": CHINESE, "en": ENGLISH}
_MARKUP = ("break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w", "voice", "speak")


class Speaking:
    """Verbs that speak, as words."""

    def __init__(self, carry: Carrier) -> None:
        self._carry = carry
        self._report = carry.report
        self._told: set[tuple[str, str]] = set()

    def words(self, verb: Element) -> Words:
        """What a caller hears of a verb."""
        self._report.carried(verb)
        match verb.tag:
            case "Say":
                return self._say(verb)
            case "Play":
                return self._play(verb)
            case _:
                length = verb.take("length") or "1"
                self._report.left_out(verb, f"there is no pause of {length[:9]} s: prompts have their own pauses")
                return ()

    def _say(self, verb: Element) -> Words:
        named = verb.take("language") or ""
        language = named or self._carry.draft.language
        if _family(language) != _family(self._carry.draft.language):
            self._report.note(verb.place("language"), f"this was said in {language[:12]}: the flow speaks {self._carry.draft.language}")
        voice = verb.take("voice")
        if voice and ("voice", voice) not in self._told:
            self._told.add(("voice", voice))
            self._report.left_out(verb.place("voice"), f"the voice '{voice[:40]}' is not used: selfline speaks with its own")
        return self._carry.text(self._text(verb), verb.mark, _LANGUAGES.get(_family(named))) * self._times(verb)

    def _text(self, element: Element) -> str:
        """The text of an element, through all markup in it."""
        pieces: list[str] = []
        for one in element.content:
            if isinstance(one, str):
                pieces.append(one)
                continue
            name = one.tag.rpartition(":")[2]
            if one.tag in _MARKUP or one.tag.startswith("amazon:"):
                one.taken.update(one.attributes)
                self._report.note(one, f"<{one.tag}> has no effect: its text is said as it is written")
                alias = one.attributes.get("alias") if name == "sub" else None
                pieces.append(f" {alias if alias else self._text(one)} " if name in ("break", "p", "s", "sub") else self._text(one))
                if alias:
                    for inner in one.children:
                        self._report.left_out(inner, "another text is said in its place")
            else:
                self._report.left_out(one, f"<{one.tag}> is no markup that is known here")
        return "".join(pieces)

    def _play(self, verb: Element) -> Words:
        for child in verb.children:
            self._report.left_out(child, f"<{child.tag}> means nothing in <Play>")
        if digits := verb.take("digits"):
            self._report.left_out(verb.place("digits"), f"the keys {digits[:20]} are not sent down the line")
        url = verb.text.strip()
        return self._carry.sound(url, verb.mark) * self._times(verb) if url else ()

    def _times(self, verb: Element) -> int:
        loop = verb.take("loop") or "1"
        if loop.isascii() and loop.isdigit() and 1 <= int(loop[:6]) <= MAX_TIMES:
            return int(loop)
        self._report.note(verb.place("loop"), f"'loop={loop[:9]}' is not done: it is heard once")
        return 1


def _family(language: str) -> str:
    """A language without its country; Mandarin has two names."""
    return language.partition("-")[0].lower().replace("cmn", "zh")
