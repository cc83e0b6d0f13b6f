"""A flow that uses all of the language, for the tools that have to know all of it."""

from __future__ import annotations

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.flow import Flow
from ivr.language.loader import load_flow
from tests.conftest import CATALOGUE

SHARED = """\
selfline: 1
subflows:
  number:
    start: ask
    takes: {usual: digits}
    nodes:
      ask:
        collect: {en-US: Please enter the number.}
        as: keyed
        length: 11
        spoken: true
        confirm: {en-US: "{{ keyed | digits }}. If that is right, press one. To enter it again, press two."}
        then: end
      end: {return: {number: keyed}}
"""

EVERYTHING = """\
selfline: 1
line: everything
languages: [en-US]
start: open_now
on_failure: sorry
on_hangup: note
include: [shared/number.yaml]
remember_language: true
milestones: [told, texted]
outcomes: [served, unserved]
limits: {duration: 10min, tries: 4, exceeded: long, calls: 60, crowded: full}
hours:
  desk: {week: {mon-fri: 09:00-17:00}, holidays: calendars/days.ics}
  always: {week: {daily: 00:00-24:00}}
speech: {did_you_mean: {en-US: "Do you mean {{ heard | text }}?"}, use_keys: {en-US: Please use the keys.}}
universals: {"*": back, "9": repeat, "0": {then: person, say: operator}}
defaults: {exhausted: sorry}
nodes:
  open_now: {hours: desk, open: always, closed: shut, holiday: feast}
  shut: {hangup: {en-US: "We open again {{ desk.opens_on | date }}."}, outcome: unserved}
  feast: {say: {en-US: It is a holiday.}, then: shut}
  always: {hours: always, open: main, closed: full}
  main:
    menu: {en-US: "For your bundles, press one. For another number, press two. To leave a message, press three."}
    choices: {1: {then: mine, say: [my bundles, bundles]}, 2: other, 3: {then: take, say: message}}
  mine: {lookup: bundles, with: {number: call.caller_id}, retries: 1, failed: sorry, then: list}
  other: {call: number, with: {usual: call.caller_id}, as: asked, then: theirs}
  theirs: {lookup: bundles, with: {number: asked.number}, as: bundles, failed: sorry, then: list}
  list:
    read: bundles.items
    as: bundle
    each: {en-US: "{{ bundle.name | text }}, {{ bundle.left | volume }} left."}
    page: 2
    spoken: true
    more: {en-US: "To go on, press one. To go back, press two. To stop, press three."}
    last: {en-US: "That is all. To go back, press two. To stop, press three."}
    empty: none
    then: sms
    milestone: told
  none: {say: {en-US: There are none.}, then: main}
  sms: {sms: {en-US: "You have {{ bundles.count | number }} bundles."}, to: call.caller_id, failed: sorry, then: texted}
  texted: {say: {en-US: A text message is on its way.}, then: main, milestone: texted, outcome: served}
  person:
    transfer: agents
    announce: {en-US: One moment.}
    wait: 5min
    callback: bye
    kept: {en-US: "Your place is kept. Your number is {{ ticket.reference | digits }}."}
    saved: {en-US: We will call you back.}
    busy: take
    nobody: take
    unanswered: take
    then: bye
  take:
    message: {en-US: Please leave a message.}
    topic: callback
    kept: {en-US: Kept.}
    saved: {en-US: Saved.}
    too_short: {en-US: Too short.}
    not_kept: {en-US: Not kept.}
    then: bye
  note: {set: {noted: true}, then: end}
  end: {hangup: }
  long: {say: {en-US: This takes too long.}, then: person}
  full: {hangup: {en-US: All lines are busy.}}
  sorry: {hangup: {en-US: Sorry.}, outcome: unserved}
  bye: {hangup: {en-US: Goodbye.}}
"""

DAYS = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:1@test
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20260501
DTEND;VALUE=DATE:20260504
SUMMARY:Labour Day
END:VEVENT
END:VCALENDAR
"""
FILES = {"shared/number.yaml": ("flows/shared/number.yaml", SHARED), "calendars/days.ics": ("flows/calendars/days.ics", DAYS)}


def everything() -> Flow:
    """The flow, without a problem."""
    loaded = load_flow(EVERYTHING, "flows/everything.yaml", CATALOGUE, SIGNATURES, FILES.get)
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.flow is not None
    return loaded.flow
