"""Tables that a spreadsheet opens in Chinese: UTF-8 with its mark, lines as Windows ends them, and no cell that is taken for a formula."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Sequence

from ivr.calls.ports import Statement, Ticket, TicketState
from ivr.calls.tickets import LINE_ZONE, mask

MARK = "\ufeff"  # by which Excel knows UTF-8
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # the wide ones too: Excel in Chinese takes them for the narrow

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
    table.writerows([harmless(str(cell)) for cell in row] for row in rows)
    return MARK + text.getvalue()


def harmless(cell: str) -> str:
    """A cell that a spreadsheet takes for text and not for a formula."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


def statement_sheet(statement: Statement) -> str:
    """A line for each promise, and for each that is missing."""
    kept = (
        (
            line.reference,
            STANDINGS[line.standing],
            line.topic,
            line.dialled,
            _time(line.created_at),
            _time(line.due_at),
            _time(line.resolved_at),
            _whether(line.late),
            line.outcome,
            line.attempts,
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
                _time(ticket.created_at),
                _time(ticket.due_at),
                _whether(ticket.escalated),
                ticket.assignee or "",
                len(ticket.messages),
                len(ticket.attempts),
                _time(ticket.resolved_at),
                ticket.outcome or "",
                ticket.note or "",
            )
            for ticket in tickets
        ),
    )


def _time(at: dt.datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(LINE_ZONE):%Y-%m-%d %H:%M}"


def _whether(true: bool) -> str:
    return "是" if true else "否"
