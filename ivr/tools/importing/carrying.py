"""What importers of all formats do alike: texts become prompts, sound files become texts to be written, and silence comes to an end."""

from __future__ import annotations

import re
from collections.abc import Callable

from ivr.core.marks import Mark
from ivr.tools.importing.document import MAX_BYTES, NotReadable
from ivr.tools.importing.draft import Draft, Go, Said, Shared, Words
from ivr.tools.importing.report import Report
from ivr.tools.importing.texts import digit_file, in_pieces, in_words, language_of, stand_in, without_templates

NO_TEMPLATES = re.compile(r"(?!)()")
_SILENT = ("silence_stream://", "tone_stream://", "local_stream://")


class Carrier:
    """One import: the draft, the report, and the words of sound files as far as somebody has told them."""

    def __init__(
        self, draft: Draft, report: Report, templates: re.Pattern[str], meaning: Callable[[str], str | None], sounds: dict[str, str]
    ) -> None:
        self.draft = draft
        self.report = report
        self._templates = templates
        self._meaning = meaning
        self._sounds = sounds
        self._told: set[str] = set()
        self._length = 0

    def text(self, text: str, mark: Mark, named: str | None = None) -> Words:
        """A text that is spoken, as prompts. What other systems fill into it is reported unless selfline knows it, too.

        Its numbers become words of its own language, which may be `named`; into the language of the flow the designer translates it whole.
        """
        language = self.draft.language
        self._length += len(text)
        if self._length > MAX_BYTES // 2:
            raise NotReadable(mark, "too much for one flow: there are more than 500,000 characters to be said; import a part of it")
        written, unknown, numbers = without_templates(text, self._templates, self._meaning, language, named)
        for name in dict.fromkeys(unknown):
            self.report.left_out(mark, f"the text fills in '{name}', which selfline does not know: look it up, or word the text without it")
        for number, said in dict.fromkeys(numbers):
            what = "time" if ":" in number or "：" in number else "number"
            self.report.note(mark, f"the {what} {number} was written '{said}': see that this is how it should be spoken")
        if "call.caller_id" in written:
            self.report.note(mark, "the text says the caller's number: callers who withhold theirs need a 'branch' before it")
        spoken = language_of(written)
        if spoken is not None and spoken != language:
            self.report.note(mark, f"the text is not in {language}, the language of the flow: translate it")
        if text.strip() and not re.sub(r"[\W_]+", "", written):
            self.report.left_out(mark, f"nothing of the text '{' '.join(text.split())[:60]}' can be spoken")
            return ()
        return tuple(Said(piece) for piece in in_pieces(written))

    def sound(self, file: str, mark: Mark) -> Words:
        """A sound file as a prompt: its words if they are known, else a text that says whose words are missing."""
        language = self.draft.language
        name = re.sub(r"^\{[^}]*\}", "", file.strip())
        if name.startswith("file_string://"):
            return tuple(word for part in name.removeprefix("file_string://").split("!") if part for word in self.sound(part, mark))
        if name.startswith(_SILENT) or not name:
            what = "a pause" if name.startswith("silence") else "a tone or music"
            self._once(mark, name, f"'{name}' is {what}, and is not heard: sentences of a prompt have their own pauses")
            return ()
        if number := digit_file(name):
            return (Said(in_words(number, language)[0], file),)
        known = self._sounds.get("/".join(name.split("/")[-2:])) or self._sounds.get(name.rpartition("/")[2])
        if known:
            return tuple(Said(word.text, file) if isinstance(word, Said) else word for word in self.text(known, mark))
        return self.missing(name, f"nobody told the words of '{name[:120]}':", mark)

    def missing(self, name: str, why: str, mark: Mark) -> Words:
        """A text that stands for words which somebody has to write."""
        text = stand_in(name, self.draft.language)
        self._once(mark, name, f"{why} write them where the flow says '{text}'")
        return (Said(text, name[:120]),)

    def _once(self, mark: Mark, name: str, sentence: str) -> None:
        if name not in self._told:
            self._told.add(name)
            self.report.left_out(mark, sentence)

    def end_circles(self) -> None:
        """See that silence never leads round for ever: selfline refuses such a flow."""
        for _ in range(len(self.draft.nodes) + 1):
            circle = self.draft.circle()
            if circle is None:
                return
            names = " → ".join([node.name for node, _ in circle] + [circle[0][0].name])
            asking = [(node, key) for node, key in circle if node.asks]
            helping = [(node, key) for node, key in circle if "message" in node.keys or "transfer" in node.keys]
            if asking and not helping:
                node, key = asking[0]
                rest = [other for other, _ in circle if other is not node]
                if all("say" in other.keys or "goto" in other.keys for other in rest):
                    start = circle.index((node, key))
                    around = [other for other, _ in circle[start + 1 :] + circle[:start]]
                    heard = tuple(word for other in around for word in _say(other.keys.get("say")))
                    if heard:
                        node.keys["noinput"] = heard
                    node.keys["tries"] = "3"
                node.keys["exhausted"] = Go(self.draft.leave)
                node.comments.append("Silence led round for ever here; now the third time leads to a message.")
                sentence = f"silence led round for ever ({names}): now whoever stays silent three times comes to a message"
            else:
                node, key = helping[0] if helping else next((one, via) for one, via in reversed(circle) if via != "call")
                node.keys[key] = Go(self.draft.ended if "message" in node.keys else self.draft.leave)
                node.comments.append("This led round for ever without the caller.")
                sentence = f"this led round for ever, whatever the caller did ({names}): look at '{node.name}'"
            self.report.note(node.mark, sentence)


def _say(value: object) -> Words:
    return tuple(word for word in value if isinstance(word, Said | Shared)) if isinstance(value, tuple) else ()
