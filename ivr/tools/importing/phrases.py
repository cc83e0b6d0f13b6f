"""What FreeSWITCH's sounds say: phrase macros (lang/*/*.xml) and the lists of words of its recordings (docs/phrase/phrase_en.xml)."""

from __future__ import annotations

from ivr.core.marks import Mark
from ivr.tools.importing.carrying import Carrier
from ivr.tools.importing.document import Element
from ivr.tools.importing.draft import Words
from ivr.tools.importing.report import Report

_WRAPPERS = ("language", "phrases", "macros")


class Phrases:
    """Macros and words by name, as far as the files tell them."""

    def __init__(self, report: Report) -> None:
        self.sounds: dict[str, str] = {}
        self._report = report
        self._macros: dict[str, Element] = {}
        self._used: dict[str, Words] = {}

    def collect(self, element: Element, *, within: bool = False) -> bool:
        """Read what an element tells about sounds. False when it is about something else."""
        if element.tag in _WRAPPERS or (within and element.tag not in ("macro", "X-PRE-PROCESS")):
            self._report.carried(element)
            element.taken.update(element.attributes)
            for child in element.children:
                if child.tag == "prompt":
                    self._sound(element.tag, child)
                elif not self.collect(child, within=True):
                    self._report.left_out(child, f"<{child.tag}> tells nothing about sounds")
            return True
        if element.tag == "macro" and (name := element.take("name")):
            if name in self._macros:
                self._report.left_out(element, f"a macro '{name}' is there already")
            else:
                self._macros[name] = element
            return True
        return False

    def words(self, carry: Carrier, sound: str, mark: Mark) -> Words:
        """What is heard of a sound as menus name it: phrase:macro, say:text, or a file."""
        kind, colon, rest = sound.partition(":")
        if colon and kind == "phrase":
            return self._phrase(carry, rest, mark)
        if colon and kind == "say":
            engine, _, more = rest.partition(":")
            voice, colon, text = more.partition(":")
            return carry.text(text if colon and " " not in engine + voice else rest, mark)
        return carry.sound(sound, mark)

    def tell_unused(self) -> None:
        """Report the macros that no menu has."""
        unused = [element for name, element in self._macros.items() if name not in self._used]
        for path in dict.fromkeys(element.mark.path for element in unused):
            mine = [element for element in unused if element.mark.path == path]
            is_are = "macro is" if len(mine) == 1 else "macros are"
            self._report.passed_over(mine, mine[0].mark, f"{len(mine)} phrase {is_are} used by no menu that is carried over")

    def _sound(self, group: str, element: Element) -> None:
        element.taken.update(element.attributes)
        self._report.carried(element)
        file, phrase = element.take("filename") or "", element.take("phrase") or ""
        if file and phrase:
            self.sounds[f"{group}/{file}"] = phrase
            if "-" in file and len(file) > 8:
                self.sounds.setdefault(file, phrase)

    def _phrase(self, carry: Carrier, data: str, mark: Mark) -> Words:
        name = data.partition(":")[0].partition("@")[0]
        if name not in self._macros:
            return carry.missing(
                name,
                f"the phrase macro '{name[:80]}' is in none of the files: name its file after this one, or give the flow its words:",
                mark,
            )
        if name not in self._used:
            self._used[name] = ()
            self._used[name] = self._of_macro(carry, self._macros[name])
        return self._used[name]

    def _of_macro(self, carry: Carrier, macro: Element) -> Words:
        self._report.carried(macro)
        macro.taken.update(("pause",))
        inputs = [child for child in macro.children if child.tag == "input"]
        for child in macro.children:
            if child.tag != "input":
                self._report.left_out(child, f"<{child.tag}> means nothing in a macro")
        for other in inputs[1:]:
            self._report.left_out(other, "a macro that says different things for different values is said in the first way: use a 'branch'")
        found: Words = ()
        for match in inputs[0].children if inputs else ():
            if match.tag == "match":
                self._report.carried(inputs[0], match)
                for action in match.children:
                    found += self._of_action(carry, action)
            else:
                self._report.left_out(match, "what is said when a value does not fit has no place in a prompt: use a 'branch'")
        if inputs:
            self._report.carried(inputs[0])
            inputs[0].taken.update(("pattern", "break_on_match"))
        return found

    def _of_action(self, carry: Carrier, action: Element) -> Words:
        function, data = action.take("function") or "", action.take("data") or ""
        mark = action.place("data")
        self._report.carried(action)
        if function in ("play-file", "play_file"):
            return carry.sound(data, mark)
        if function == "speak-text":
            return carry.text(data, mark)
        if function == "phrase":
            action.taken.add("phrase")
            return self._phrase(carry, action.take("phrase") or data, mark)
        if function == "say":
            element_type = action.take("type") or "value"
            action.taken.update(("method", "gender"))
            self._report.left_out(
                action, f"the macro says a {element_type} ('{data}'): write it as {{{{ value | kind }}}} where it belongs"
            )
            return ()
        self._report.left_out(action, f"'{function} {data[:40]}' is not heard")
        return ()
