"""FreeSWITCH's IVR menus (ivr.conf.xml, ivr_menus/*.xml) as a flow, by what switch_ivr_menu.c does with them (release 1.10).

Worth knowing of it: failures and silences are counted apart; `menu-back` and a menu that has been left go on in the menu before, from
its long greeting; `menu-exit` ends all menus; the exit sound is that of the first menu; entries of the same digits run one after another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ivr.language.loader import MAX_NODES
from ivr.tools.importing.applications import Applications, Run, parts_of
from ivr.tools.importing.carrying import Carrier
from ivr.tools.importing.document import Element, NotReadable
from ivr.tools.importing.draft import MAX_TRIES, Choices, Draft, Go, Said, Value, duration, file_of
from ivr.tools.importing.menus import Menu, arrange, first_menu
from ivr.tools.importing.patterns import Row, TooMany, rows_of
from ivr.tools.importing.phrases import Phrases
from ivr.tools.importing.report import Report, in_rows
from ivr.tools.importing.texts import stand_in

TEMPLATES = re.compile(r"\$\{([^}]*)\}")
_MEANING = {"caller_id_number": "call.caller_id | digits", "destination_number": "call.dialled | digits"}
_WRAPPERS = ("include", "document", "section", "configuration", "menus")
_WRAPPER_ATTRIBUTES = ("name", "type", "description")
_NOT_CARRIED = {
    "confirm-macro": "entries are not read back in a menu: ask with 'collect' and 'confirm' where that matters",
    "tts-engine": "selfline speaks with its own recordings and voice: 'ivr prompts build' makes them",
    "tts-voice": "selfline speaks with its own recordings and voice: 'ivr prompts build' makes them",
    "pin": "the PIN is not asked: put a 'collect' with 'secret: true' and a look-up before this menu",
    "pin-file": "the PIN is not asked, so its prompt is not heard",
    "bad-pin-file": "the PIN is not asked, so its prompt is not heard",
}
_KEYS = re.compile(r"[0-9*]{1,4}|#")


def meaning(name: str) -> str | None:
    """What selfline says for a channel variable."""
    return _MEANING.get(name)


class FreeSwitch:
    """One import. `build` fills the draft."""

    def __init__(self, roots: Sequence[Element], draft: Draft, report: Report) -> None:
        self._roots = roots
        self._draft = draft
        self._report = report
        self._menus: dict[str, Menu] = {}
        self._variables: dict[str, str] = {}
        self._phrases = Phrases(report)
        self._carry = Carrier(draft, report, TEMPLATES, meaning, self._phrases.sounds)
        self._applications = Applications(self._carry, self._phrases)
        self._exit = draft.ended

    def build(self, start: str | None) -> None:
        """The flow that begins at a menu; at the first that no other leads to unless one is named."""
        for root in self._roots:
            self._collect(root)
        if not self._menus:
            raise NotReadable(self._roots[0].mark, "there is no <menu> in it, so there is nothing to carry over")
        if len(self._menus) > MAX_NODES:
            raise NotReadable(self._roots[0].mark, f"there are more than {MAX_NODES} menus; import a part of them")
        for menu in self._menus.values():
            menu.leads_to = self._leads_to(menu)
        top = first_menu(self._menus, start)
        order = arrange(self._menus, top, self._draft)
        self._exit = self._exit_node(top)
        for menu in order:
            self._build(menu, top)
        if self._exit in self._draft.nodes:
            self._draft.nodes[self._exit] = self._draft.nodes.pop(self._exit)  # last, where the end belongs
        self._draft.start = top.node
        left = [menu for menu in self._menus.values() if menu not in order]
        for menu in left:
            sentence = f"no way leads from '{top.name}' to the menu '{menu.name}': import it as a line of its own with --start {menu.name}"
            self._report.left_out(menu.element, sentence)
        self._phrases.tell_unused()
        self._applications.tell_extensions()
        self._carry.end_circles()

    # --- what there is ---

    def _collect(self, element: Element) -> None:
        if element.tag in _WRAPPERS or (element.tag == "section" and element.attributes.get("name") == "configuration"):
            self._report.carried(element)
            element.taken.update(_WRAPPER_ATTRIBUTES)
            for child in element.children:
                self._collect(child)
        elif element.tag == "menu":
            self._collect_menu(element)
        elif element.tag.upper() == "X-PRE-PROCESS":
            self._preprocess(element)
        elif not self._phrases.collect(element):
            self._report.left_out(element, f"<{element.tag}> is not a menu, and menus are all that is carried over")

    def _collect_menu(self, element: Element) -> None:
        name = element.take("name") or ""
        if not name or name in self._menus:
            why = f"a menu '{name}' is there already" if name else "the menu has no name"
            self._report.left_out(element, f"{why}, so nothing leads here")
            return
        self._report.carried(element)
        self._menus[name] = Menu(name, element, [child for child in element.children if child.tag == "entry"])

    def _preprocess(self, element: Element) -> None:
        command, data = element.take("cmd"), element.take("data") or ""
        if command == "set" and "=" in data:
            name, _, value = data.partition("=")
            self._variables[name.strip()] = value.strip()
            self._report.carried(element)
        elif command == "include":
            self._report.left_out(element, f"'{data}' is not read from here: name its files after this one on the command line")
        else:
            self._report.left_out(element, f"'{command} {data}' is not done")

    def _leads_to(self, menu: Menu) -> dict[str, bool]:
        """The menus that one leads to, in the order of its entries; False for those that only too many failures lead to."""
        found: dict[str, bool] = {}
        for entry in menu.entries:
            action, param = entry.attributes.get("action", "").strip(), entry.attributes.get("param", "").strip()
            for row in _rows(entry.attributes.get("digits", "").strip()) if action in ("menu-sub", "menu-exec-app") else ():
                written = self._expanded(row.filled_in(param))
                application, data = parts_of(written)
                found[written if action == "menu-sub" else data if application == "ivr" else ""] = True
        for attribute in ("exec-on-max-failures", "exec-on-max-timeouts"):
            application, data = parts_of(self._expanded(menu.element.attributes.get(attribute, "")))
            found.setdefault(data if application == "ivr" else "", False)
        return {name: comes_back for name, comes_back in found.items() if name in self._menus}

    # --- where menus lead ---

    def _after(self, menu: Menu) -> str:
        """Where a call goes on when a menu is left."""
        if menu.before is not None:
            return menu.before.node
        if not menu.scope:
            return self._exit
        end = f"{menu.scope}/end"
        if end not in self._draft.nodes:
            self._draft.add(self._draft.name("end", menu.scope), menu.element.mark, {"return": ""})
        return end

    def _exit_node(self, top: Menu) -> str:
        sound = top.element.take("exit-sound")
        words = self._phrases.words(self._carry, self._expanded(sound), top.element.place("exit-sound")) if sound else ()
        if not words:
            return self._draft.ended
        name = self._draft.name("exit")
        self._draft.add(name, top.element.place("exit-sound"), {"hangup": words}, heading="the end")
        return name

    # --- one menu ---

    def _build(self, menu: Menu, top: Menu) -> None:
        element, report = menu.element, self._report
        report.attributes(element, _NOT_CARRIED)
        element.taken.update(("digit-len", "confirm-key", "confirm-attempts"))
        if menu is not top and (sound := element.take("exit-sound")) and sound != top.element.attributes.get("exit-sound", "").strip():
            report.note(element.place("exit-sound"), f"the exit sound of '{menu.name}' is not heard: only that of the first menu is")
        node = self._draft.add(menu.node, element.mark, {}, heading=f"{menu.name}, from {file_of(element.mark)}:{element.mark.line}")
        choices = self._choices(menu, top)
        words = self._words(menu, "greet-long") or self._words(menu, "greet-short")
        if not words:
            text = stand_in(menu.name, self._draft.language)
            words = (Said(text),)
            report.left_out(element, f"the menu '{menu.name}' has no words: write them where the flow says '{text}'")
        if not choices:
            report.left_out(element.mark, f"the menu '{menu.name}' has no key that leads anywhere: it is only said")
            node.keys |= {"say": words, "then": Go(self._after(menu))}
            element.taken.update(("timeout", "inter-digit-timeout", "max-failures", "max-timeouts", "invalid-sound"))
            return
        keys: dict[str, Value] = {"menu": words}
        short = self._words(menu, "greet-short")
        if short and short != words:
            keys["again"] = short
        keys["choices"] = Choices(choices)
        timeout = self._number(element, "timeout", 10_000)
        keys["timeout"] = duration(timeout)
        keys["digit_timeout"] = duration(self._number(element, "inter-digit-timeout", timeout // 2))
        keys["tries"] = str(self._tries(element))
        if invalid := self._words(menu, "invalid-sound"):
            keys["nomatch"] = invalid
        keys["exhausted"] = Go(self._exhausted(menu))
        node.keys |= keys

    def _words(self, menu: Menu, attribute: str) -> tuple[Said, ...]:
        value = menu.element.take(attribute)
        words = self._phrases.words(self._carry, self._expanded(value), menu.element.place(attribute)) if value else ()
        return tuple(word for word in words if isinstance(word, Said))

    def _number(self, element: Element, attribute: str, default: int) -> int:
        text = element.take(attribute)
        if not text:
            return default
        found = re.match(r"[+-]?[0-9]{1,9}", text)
        if found is None:
            self._report.note(element.place(attribute), f"'{text}' is not a number: the flow has {default}")
            return default
        return int(found[0]) if int(found[0]) > 0 else default

    def _tries(self, element: Element) -> int:
        failures = self._number(element, "max-failures", 3)
        timeouts = self._number(element, "max-timeouts", failures)
        tries = min(failures, timeouts, MAX_TRIES)
        if failures != timeouts:
            sentence = f"{failures} wrong keys and {timeouts} silences were allowed: selfline counts both together, and allows {tries}"
            self._report.note(element.place("max-timeouts"), sentence)
        elif failures > MAX_TRIES:
            self._report.note(element.place("max-failures"), f"{failures} failures were allowed: selfline allows {MAX_TRIES}")
        return tries

    def _exhausted(self, menu: Menu) -> str:
        element, after = menu.element, self._after(menu)
        failed, silent = element.take("exec-on-max-failures"), element.take("exec-on-max-timeouts")
        if failed and silent and failed != silent:
            sentence = f"whoever was silent too often came to '{silent}': now to where too many wrong keys lead"
            self._report.note(element.place("exec-on-max-timeouts"), sentence)
        if not (failed or silent):
            return after
        attribute = "exec-on-max-failures" if failed else "exec-on-max-timeouts"
        return self._application(menu, self._expanded(failed or silent or ""), element, attribute, after)

    # --- its entries ---

    def _choices(self, menu: Menu, top: Menu) -> dict[str, str]:
        by_keys: dict[str, list[tuple[Element, Row]]] = {}
        rest = [child for child in menu.element.children if child.tag != "entry"]
        for child in rest:
            self._report.left_out(child, f"<{child.tag}> means nothing in a menu")
        for entry in menu.entries:
            for row in self._rows(entry):
                by_keys.setdefault(row.keys, []).append((entry, row))
        return {keys: self._chain(menu, top, by_keys[keys]) for keys in sorted(by_keys, key=len)}

    def _rows(self, entry: Element) -> Iterable[Row]:
        digits = entry.take("digits") or ""
        if digits.startswith("/"):
            rows = _rows(digits)
            if not rows:
                sentence = (
                    f"the pattern {digits[:60]} stands for more rows of keys than a menu can have, or is not read: "
                    "ask for the number with 'collect', and transfer to one extension that rings it"
                )
                self._report.left_out(entry, sentence)
                return ()
            told = in_rows(row.keys for row in rows)
            self._report.note(entry, f"the pattern {digits} became {len(rows)} choice{'s' * (len(rows) != 1)}, {told}")
            return rows
        if not _KEYS.fullmatch(digits):
            why = "no keys" if not digits else f"'{digits[:20]}', and a menu has rows of one to four keys without #"
            self._report.left_out(entry, f"the entry has {why}")
            return ()
        if digits == "#":
            self._report.note(entry, "# ends what is keyed in FreeSWITCH, so that this entry was never chosen there; here it is")
        return (Row(digits),)

    def _chain(self, menu: Menu, top: Menu, entries: list[tuple[Element, Row]]) -> str:
        """Where a key leads: all its entries, one after another, and then to the menu again, unless one of them leads away."""
        target, built = menu.node, list(entries)
        for place, (entry, _) in enumerate(entries):
            if not self._comes_back(entry):
                for later, _ in entries[place + 1 :]:
                    self._report.left_out(later, f"the key {later.attributes.get('digits')} has led away before this entry")
                built = entries[: place + 1]
                break
        for entry, row in reversed(built):
            self._report.carried(entry)
            target = self._action(menu, top, entry, row, target)
        return target

    def _comes_back(self, entry: Element) -> bool:
        action, param = entry.attributes.get("action", "").strip(), entry.attributes.get("param", "")
        return action in ("menu-play-sound", "menu-say-phrase") or (
            action == "menu-exec-app" and self._applications.comes_back(parts_of(param)[0])
        )

    def _action(self, menu: Menu, top: Menu, entry: Element, row: Row, then: str) -> str:
        action = entry.take("action") or ""
        written = entry.take("param") or ""
        param = self._expanded(row.filled_in(written))
        entry.taken.add("description")
        match action:
            case "menu-exit":
                return self._exit
            case "menu-back":
                return self._after(menu)
            case "menu-top":
                return top.node
            case "menu-sub":
                return self._submenu(menu, param, entry)
            case "menu-exec-app":
                return self._application(menu, param, entry, "param", then, self._expanded(written))
            case "menu-play-sound" | "menu-say-phrase":
                sound = param if action == "menu-play-sound" or param.startswith("phrase:") else f"phrase:{param}"
                words = self._phrases.words(self._carry, sound, entry.place("param"))
                return self._applications.say(menu.scope, words, then, entry.mark, f"{menu.name} {row.keys}") if words else then
            case _:
                digits = entry.attributes.get("digits")
                self._report.left_out(entry, f"'{action or 'nothing'}' is no action of a menu here: the key {digits} leads to a message")
                return self._draft.leave

    def _submenu(self, menu: Menu, name: str, entry: Element) -> str:
        if name not in self._menus:
            sentence = f"the menu '{name}' is in none of the files: the key {entry.attributes.get('digits')} leads to a message"
            self._report.left_out(entry, sentence)
            return self._draft.leave
        child = self._menus[name]
        if child.scope == menu.scope or not child.scope:
            return child.node
        if self._draft.starts.get(child.scope) == child.node and child not in menu.above:
            return self._applications.call(menu.scope, child.scope, menu.node, entry.mark)
        self._report.note(entry, f"from here a caller came to the menu '{name}' again: now to the first menu")
        return next(one.node for one in self._menus.values() if not one.scope)

    def _application(self, menu: Menu, param: str, element: Element, attribute: str, then: str, written: str = "") -> str:
        """Where a key leads that runs an application; `written` is the param before the keys of a pattern were filled in."""
        application, data = parts_of(param)
        same, as_written = parts_of(written)
        if application == "ivr":
            return self._submenu(menu, data, element)
        run = Run(application, data, as_written if same == application else data)
        return self._applications.target(menu.scope, run, element, attribute, then, menu.name)

    def _expanded(self, text: str) -> str:
        """A text with the global variables that the files set."""
        return re.sub(r"\$\$\{([^}]*)\}", lambda found: self._variables.get(found[1], found[1]), text)


def _rows(digits: str) -> tuple[Row, ...]:
    """The rows of keys that an entry is for; none if it is for too many."""
    if not digits.startswith("/"):
        return (Row(digits),)
    try:
        rows = rows_of(re.sub(r"/[a-z]*$", "", digits[1:]))
    except TooMany:
        return ()
    return rows if all(_KEYS.fullmatch(row.keys) for row in rows) else ()
