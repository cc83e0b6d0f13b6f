from collections.abc import Callable, Mapping
from ivr.core.schedule import Schedule
from ivr.language.grammar import Form, Key, Takes
from ivr.language.problems import Problem
from ivr.language.source import Source, MappingSource

HOURS = Form("opening hours", "When.", (Key("zone", Takes.NAME, "Zone.", "Asia/Shanghai"),), "hours: {desk: {zone: Asia}}\n")


def read_hours(source: Source, read_file: Callable[[str], tuple[str, str] | None], problems: list[Problem]) -> Mapping[str, Schedule]:
    assert isinstance(source, MappingSource)
    return {key.text: Schedule(week={}) for key, _ in source.entries}
