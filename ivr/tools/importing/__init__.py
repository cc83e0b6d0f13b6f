"""Ways in: menus of other systems become flows, and a report tells what could not be carried over.

`import_flow` is the whole of it. A format reads XML (`document`), fills a `draft`, and says in the `report` what became of everything;
`writing` makes the draft a text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ivr.core.marks import Mark
from ivr.errors import UserError
from ivr.language.source import read_yaml
from ivr.tools.importing.document import Element, NotReadable, read_document
from ivr.tools.importing.draft import Draft
from ivr.tools.importing.freeswitch import FreeSwitch
from ivr.tools.importing.report import Item, Kind, Report
from ivr.tools.importing.texts import CHINESE, ENGLISH, language_of, stem_of
from ivr.tools.importing.twiml import TwiML
from ivr.tools.importing.writing import written

__all__ = ["FORMATS", "Imported", "Item", "Kind", "NotReadable", "Source", "import_flow"]

FORMATS = ("freeswitch", "twiml")
_FREESWITCH_ROOTS = ("include", "document", "configuration", "menus", "menu", "section", "language", "phrases", "macros", "macro")
_LINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the other system, as bytes, and the name that people know it by."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Imported:
    """A flow's text and the report. `carried` and `left_out` count the elements of the sources: together they are all there are."""

    text: str
    items: tuple[Item, ...]
    form: str
    carried: frozenset[Mark]
    left_out: frozenset[Mark]


def import_flow(
    sources: Sequence[Source], *, form: str | None = None, language: str | None = None, line: str | None = None, start: str | None = None
) -> Imported:
    """The flow that the sources amount to. Raises UserError for what cannot be read, or is of no known format."""
    roots = [read_document(source.data, source.path) for source in sources]
    if form is None:
        form = _form_of(roots[0])
    if line is None:
        line = re.sub(r"[^A-Za-z0-9_-]+", "-", stem_of(sources[0].path)).strip("-_")[:32] or "imported"
    elif not _LINE.fullmatch(line):
        raise UserError(f"'{line}' cannot name a line: up to 32 letters, digits, - and _")
    files = ", ".join(stem_of(source.path) for source in sources[:6]) + (", ..." if len(sources) > 6 else "")
    system = "FreeSWITCH menus" if form == "freeswitch" else "TwiML"
    draft = Draft(line, language or _language_of(roots), f"Carried over from {system}: {files}. Numbers in prompts are words.")
    report = Report()
    if form == "freeswitch":
        FreeSwitch(roots, draft, report).build(start)
    else:
        TwiML(roots, draft, report).build(start)
    for node in draft.drop_unreachable():
        heard = " ".join(word.text for word in node.said())
        report.left_out(node.mark, f"no call comes to the place where '{heard[:60]}' was said")
    draft.complete()
    report.finish(roots)
    text = written(draft)
    _, problems = read_yaml(text, sources[0].path)
    if problems:
        raise NotReadable(roots[0].mark, f"too much for one flow: {problems[0].sentence}; import a part of it")
    return Imported(
        text,
        report.items(source.path for source in sources),
        form,
        frozenset(element.mark for element in report.carried_elements),
        frozenset(element.mark for element in report.left_out_elements),
    )


def _form_of(root: Element) -> str:
    if root.tag == "Response":
        return "twiml"
    if root.tag in _FREESWITCH_ROOTS:
        return "freeswitch"
    known = "FreeSWITCH menus begin with <include>, <configuration> or <menu>, TwiML with <Response>"
    raise NotReadable(root.mark, f"<{root.tag}> is the beginning of no format that is known here: {known}")


def _language_of(roots: Sequence[Element]) -> str:
    """The language that most texts are in."""
    found = {CHINESE: 0, ENGLISH: 0}
    for root in roots:
        for element in root.everything():
            named = element.attributes.get("language", "").lower()
            texts = [element.text, *(value for value in element.attributes.values() if value.startswith("say:"))]
            languages = [CHINESE if named.startswith(("zh", "cmn")) else ENGLISH] if named else [language_of(text) for text in texts]
            for language in languages:
                if language is not None:
                    found[language] += 1
    return CHINESE if found[CHINESE] > found[ENGLISH] else ENGLISH
