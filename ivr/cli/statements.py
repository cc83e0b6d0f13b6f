"""The statement of promises as text, as JSON and as a table."""

from __future__ import annotations

import datetime as dt
import json

from ivr.calls.ports import Statement, StatementLine
from ivr.calls.times import LINE_ZONE
from ivr.desk.sheets import STANDINGS, statement_sheet
from ivr.desk.statements import percent


def as_text(statement: Statement, first: dt.date, last: dt.date) -> str:
    """For a person at a terminal."""
    rows = [("promised  承诺回电", statement.promised)]
    rows += [(f"{standing:<8}  {chinese}", statement.count(standing)) for standing, chinese in STANDINGS.items()]
    rows.append(("missing   缺失", len(statement.missing)))
    late = sum(line.late for line in statement.lines if line.standing == "kept")
    unreachable = sum(line.outcome == "unreachable" for line in statement.lines)
    lines = [f"Promises of {first} to {last} (Shanghai)  来电必复"]
    lines += [f"{_padded(name, 20)} {count:>6}  {percent(count, statement.promised):>7}" for name, count in rows]
    if late or unreachable or statement.without_talk:
        lines.append(
            f"of the kept, {late} late, {unreachable} unreachable with proof, {statement.without_talk} closed without a talk on this line"
        )
    calls = ", ".join(f"{kind} {count}" for kind, count in sorted(statement.calls.items()))
    lines.append(f"beside it: {statement.abandoned} begun and abandoned" + (f"; calls that nobody answered: {calls}" if calls else ""))
    lines += [
        f"overdue: {line.reference}, due {_time(line.due_at)}, {line.state.value}" for line in statement.lines if line.standing == "overdue"
    ]
    lines += [f"missing: {one}" for one in statement.missing]
    return "\n".join(lines) + "\n"


def as_json(statement: Statement, first: dt.date, last: dt.date) -> str:
    """For a program."""
    told = {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "promised": statement.promised,
        **{standing: statement.count(standing) for standing in STANDINGS},
        "missing": list(statement.missing),
        "abandoned": statement.abandoned,
        "calls": dict(statement.calls),
        "tickets": [_as_object(line) for line in statement.lines],
    }
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def as_csv(statement: Statement, first: dt.date, last: dt.date) -> str:
    """A table with a line for each promise."""
    return statement_sheet(statement)


def _as_object(line: StatementLine) -> dict[str, object]:
    closed = None if line.resolved_at is None else line.resolved_at.astimezone(LINE_ZONE).isoformat(timespec="seconds")
    return {
        "reference": line.reference,
        "standing": line.standing,
        "state": line.state.value,
        "topic": line.topic,
        "line": line.dialled,
        "created_at": line.created_at.astimezone(LINE_ZONE).isoformat(timespec="seconds"),
        "due_at": line.due_at.astimezone(LINE_ZONE).isoformat(timespec="seconds"),
        "resolved_at": closed,
        "late": line.late,
        "outcome": line.outcome,
        "attempts": line.attempts,
        "without_talk": line.without_talk,
    }


def _time(at: dt.datetime) -> str:
    return f"{at.astimezone(LINE_ZONE):%Y-%m-%d %H:%M}"


def _padded(text: str, width: int) -> str:
    """Filled up to a width of the terminal, in which Chinese takes two places."""
    return text + " " * (width - len(text) - sum(ord(letter) > 0x2E80 for letter in text))
