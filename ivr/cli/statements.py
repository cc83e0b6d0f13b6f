"""The statement of promises as text, as JSON and as a table that Excel opens in Chinese."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json

from ivr.calls.ports import Statement, StatementLine
from ivr.calls.tickets import LINE_ZONE
from ivr.desk.statements import percent

_STANDINGS = {"kept": "已回电", "open": "待回电", "overdue": "已超时"}
_HEADINGS = (
    ("受理编号", "reference"),
    ("状态", "standing"),
    ("类别", "topic"),
    ("拨打号码", "line"),
    ("来电时间", "first call"),
    ("应回时间", "due"),
    ("办结时间", "closed"),
    ("是否超时", "late"),
    ("结果", "outcome"),
    ("外呼次数", "attempts"),
)


def as_text(statement: Statement, first: dt.date, last: dt.date) -> str:
    """For a person at a terminal."""
    rows = [("promised  承诺回电", statement.promised)]
    rows += [(f"{standing:<8}  {chinese}", statement.count(standing)) for standing, chinese in _STANDINGS.items()]
    rows.append(("missing   缺失", len(statement.missing)))
    late = sum(line.late for line in statement.lines if line.standing == "kept")
    unreachable = sum(line.outcome == "unreachable" for line in statement.lines)
    lines = [f"Promises of {first} to {last} (Shanghai)  来电必复"]
    lines += [f"{_padded(name, 20)} {count:>6}  {percent(count, statement.promised):>7}" for name, count in rows]
    if late or unreachable:
        lines.append(f"of the kept, {late} late, {unreachable} unreachable with proof")
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
        **{standing: statement.count(standing) for standing in _STANDINGS},
        "missing": list(statement.missing),
        "abandoned": statement.abandoned,
        "calls": dict(statement.calls),
        "tickets": [_as_object(line) for line in statement.lines],
    }
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def as_csv(statement: Statement, first: dt.date, last: dt.date) -> str:
    """A table with a line for each promise. It begins with the mark by which Excel knows UTF-8."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(f"{chinese} {english}" for chinese, english in _HEADINGS)
    for line in statement.lines:
        closed = "" if line.resolved_at is None else _time(line.resolved_at)
        times = _time(line.created_at), _time(line.due_at), closed
        late = "是" if line.late else "否"
        row = line.reference, _STANDINGS[line.standing], line.topic, line.dialled, *times, late, line.outcome, line.attempts
        table.writerow(_harmless(str(cell)) for cell in row)
    for one in statement.missing:
        table.writerow(("", "缺失", _harmless(one)))
    return "\ufeff" + text.getvalue()


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
    }


def _harmless(cell: str) -> str:
    """A cell that a table program takes for text and not for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _time(at: dt.datetime) -> str:
    return f"{at.astimezone(LINE_ZONE):%Y-%m-%d %H:%M}"


def _padded(text: str, width: int) -> str:
    """Filled up to a width of the terminal, in which Chinese takes two places."""
    return text + " " * (width - len(text) - sum(ord(letter) > 0x2E80 for letter in text))
