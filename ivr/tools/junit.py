"""Conversations as JUnit XML, in the shape that pytest writes and CI systems read: a suite for each file, a case for each conversation."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from ivr.tools.flowtest import Outcome, told

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Timed:
    """A conversation that was held, and how long that took."""

    outcome: Outcome
    seconds: float


def junit(held: Iterable[Timed], at: dt.datetime, host: str) -> str:
    """The XML text. `at` is when the first conversation began."""
    files: dict[str, list[Timed]] = {}
    for one in held:
        files.setdefault(one.outcome.conversation.mark.path, []).append(one)
    root = Xml.Element("testsuites")
    for path, cases in files.items():
        suite = Xml.SubElement(
            root,
            "testsuite",
            name=_clean(path),
            errors="0",
            failures=str(sum(one.outcome.problem is not None for one in cases)),
            skipped="0",
            tests=str(len(cases)),
            time=f"{sum(one.seconds for one in cases):.3f}",
            timestamp=at.isoformat(),
            hostname=_clean(host),
        )
        for one in cases:
            _case(suite, path, one)
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode", xml_declaration=False).join(('<?xml version="1.0" encoding="utf-8"?>\n', "\n"))


def _case(suite: Xml.Element, path: str, one: Timed) -> None:
    conversation, problem = one.outcome.conversation, one.outcome.problem
    case = Xml.SubElement(
        suite,
        "testcase",
        classname=_clean(path.removesuffix(".yaml").replace("/", ".")),
        name=_clean(conversation.name),
        file=_clean(path),
        line=str(conversation.mark.line),
        time=f"{one.seconds:.4f}",
    )
    if problem is not None:
        Xml.SubElement(case, "failure", message=_clean(problem.sentence)).text = _clean("\n".join(told(one.outcome)))


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _NOT_XML.sub("�", text)
