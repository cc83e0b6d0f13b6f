"""Tables that a spreadsheet opens in Chinese: UTF-8 with its mark, lines as Windows ends them, and no text that is taken for anything else.

A spreadsheet reads a cell as what it looks like: 0208 as 208, 3-4 as a day of March, 1e5 as 100000, a long number as 1.39E+10, and =1+1 it
does. Only moments, counts and short numbers are to be read so.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Sequence

from ivr.calls.ports import Statement, Ticket, TicketState
from ivr.calls.tickets import mask
from ivr.calls.times import LINE_ZONE

MARK = "\ufeff"  # by which Excel knows UTF-8
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # the wide ones too: Excel in Chinese takes them for the narrow
_BLANK = " \n\xa0\u3000"  # may stand before it
_SHORT_NUMBER = re.compile(r"[1-9][0-9]{0,7}", re.ASCII)  # looks the same as a number: all references, most lines
_MONTH = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:tember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_SIGN = r"[\d\s.,:/%()$¥￥€£+－，．：／％-]|[e年月日号时分秒]|[上下]午|[ap]m"
_NUMBER_OR_MOMENT = re.compile(rf"(?=.*\d)(?:{_SIGN}|{_MONTH})++|true|false", re.IGNORECASE | re.DOTALL)

STANDINGS = {"kept": "已回电", "open": "待回电", "overdue": "已超时"}
STATES = {
    TicketState.OPEN: "待处理",
    TicketState.CLAIMED: "处理中",
    TicketState.DIALING: "呼叫中",
    TicketState.TALKING: "通话中",
    TicketState.RETRY_WAIT: "待再拨",
    TicketState.ESCALATED: "已升级",
    TicketState.RESOLVED: "已办结",
    TicketState.CLOSED_UNREACHABLE: "联系不上",
    TicketState.ABANDONED: "已放弃",
}

_OF_STATEMENT = (
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
    ("未通话办结", "closed without a talk"),
)
_OF_TICKETS = (
    ("受理编号", "reference"),
    ("状态", "state"),
    ("类别", "topic"),
    ("来电号码", "caller"),
    ("拨打号码", "line"),
    ("语言", "language"),
    ("来电时间", "first call"),
    ("应回时间", "due"),
    ("是否升级", "escalated"),
    ("坐席", "agent"),
    ("留言数", "messages"),
    ("外呼次数", "attempts"),
    ("办结时间", "closed"),
    ("结果", "outcome"),
    ("回复内容", "note"),
)


def sheet(headings: Iterable[tuple[str, str]], rows: Iterable[Sequence[object]]) -> str:
    """A table with a heading in both languages."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(f"{chinese} {english}" for chinese, english in headings)
    table.writerows([_cell(value) for value in row] for row in rows)
    return MARK + text.getvalue()


def harmless(text: str) -> str:
    """A cell that a spreadsheet shows as it is written."""
    if text.lstrip(_BLANK).startswith(_FORMULA):
        return f"'{text}"
    return f"'{text}" if _NUMBER_OR_MOMENT.fullmatch(text) and not _SHORT_NUMBER.fullmatch(text) else text


def statement_sheet(statement: Statement) -> str:
    """A line for each promise, and for each that is missing."""
    kept = (
        (
            line.reference,
            STANDINGS[line.standing],
            line.topic,
            line.dialled,
            line.created_at,
            line.due_at,
            line.resolved_at,
            line.late,
            line.outcome,
            line.attempts,
            line.without_talk,
        )
        for line in statement.lines
    )
    missing = (("", "缺失", one) for one in statement.missing)
    return sheet(_OF_STATEMENT, [*kept, *missing])


def tickets_sheet(tickets: Iterable[Ticket]) -> str:
    """A line for each ticket. Numbers are masked."""
    return sheet(
        _OF_TICKETS,
        (
            (
                ticket.reference,
                STATES.get(ticket.state, ticket.state.value),
                ticket.topic,
                mask(ticket.caller_id),
                ticket.dialled,
                ticket.language,
                ticket.created_at,
                ticket.due_at,
                ticket.escalated,
                ticket.assignee,
                len(ticket.messages),
                len(ticket.attempts),
                ticket.resolved_at,
                ticket.outcome,
                ticket.note,
            )
            for ticket in tickets
        ),
    )


def _cell(value: object) -> str:
    """How a value stands in a cell."""
    match value:
        case None:
            return ""
        case bool():
            return "是" if value else "否"
        case dt.datetime():
            return f"{value.astimezone(LINE_ZONE):%Y-%m-%d %H:%M}"
        case int():
            return str(value)
        case _:
            return harmless(str(value))
