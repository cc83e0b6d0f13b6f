"""Trouble tickets of the TM Forum, as another desk meets them."""

from __future__ import annotations

import asyncio
import json

import pytest
from starlette.testclient import TestClient

from adapters.console.api.tmf import EVENTS, STATUSES, Status
from ivr.calls.ports import TicketState
from ivr.desk.people import Role
from ivr.desk.statements import Days
from ivr.desk.webhooks import TYPES
from tests.adapters.console.desk import NOON, Desk, of_person, of_role
from tests.adapters.console.test_api import MASKED, message

BASE = "/tmf-api/troubleTicket/v4"
TICKETS = f"{BASE}/troubleTicket"
PROMISED = {
    "description": "wants to know why the bill is so high",
    "severity": "Minor",
    "ticketType": "bill",
    "externalId": "CRM-4711",
    "relatedParty": [{"id": "13900001008", "role": "customer"}, {"id": "shop 12", "role": "reporter"}],
}


@pytest.fixture
def desk(there: Desk) -> TestClient:
    program = of_role(there, Role.SUPERVISOR)
    program.headers["content-type"] = "application/json"
    return program


def test_a_ticket_in_their_words(there: Desk, desk: TestClient):
    reference = message(there)

    told = desk.get(f"{TICKETS}/{reference}").json()

    assert told == {
        "id": reference,
        "href": f"{TICKETS}/{reference}",
        "name": f"callback {reference}",
        "description": "A caller of 1008611 is to be called back: billing",
        "ticketType": "billing",
        "severity": "Minor",
        "priority": "2",
        "status": "acknowledged",
        "creationDate": "2026-03-05T20:00:00.000+08:00",
        "requestedResolutionDate": "2026-03-06T10:00:00.000+08:00",
        "expectedResolutionDate": "2026-03-06T20:00:00.000+08:00",
        "channel": {"id": "1008611", "name": "telephone"},
        "relatedParty": [{"id": MASKED, "role": "customer", "@referredType": "Individual"}],
        "@type": "TroubleTicket",
    }


def test_every_state_and_every_event_has_a_word_there():
    """But for what has not been promised to anybody yet."""
    assert set(STATUSES) == set(TicketState) - {TicketState.CAPTURING}
    assert set(EVENTS) == set(TYPES.values())


def test_lists_are_cut_counted_and_filtered(there: Desk, desk: TestClient):
    references = [message(there, f"s{number}", caller=f"1390000100{number}") for number in range(3)]
    desk.patch(f"{TICKETS}/{references[0]}", json={"status": "inProgress"})

    some = desk.get(TICKETS, params={"offset": 1, "limit": 1, "fields": "status, ticketType"})
    held = desk.get(TICKETS, params={"status": "inProgress"}).json()
    none = desk.get(TICKETS, params={"status": "rejected"})
    later = desk.get(TICKETS, params={"creationDate.gt": NOON.isoformat()}).json()

    assert (some.headers["x-total-count"], some.headers["x-result-count"]) == ("3", "1")
    assert [set(one) for one in some.json()] == [{"id", "href", "@type", "status", "ticketType"}]
    assert [one["id"] for one in held] == [references[0]]
    assert (none.json(), none.headers["x-total-count"]) == ([], "0")
    assert later == []


def test_a_promise_made_elsewhere_becomes_one_ticket(there: Desk, desk: TestClient):
    made = desk.post(TICKETS, json=PROMISED)
    again = desk.post(TICKETS, json=PROMISED)
    ticket = asyncio.run(there.tickets.ticket(made.json()["id"]))
    statement = asyncio.run(there.console.api.statements.statement(Days(NOON.date(), NOON.date()), NOON))

    assert (made.status_code, made.headers["location"]) == (201, f"{TICKETS}/{made.json()['id']}")
    assert made.headers["etag"] == desk.get(made.headers["location"]).headers["etag"]
    assert (made.json()["externalId"], made.json()["ticketType"], made.json()["status"]) == ("CRM-4711", "bill", "acknowledged")
    assert again.json()["id"] == made.json()["id"]
    assert ticket is not None
    assert (ticket.caller_id, ticket.state, ticket.due_at > NOON) == ("13900001008", TicketState.OPEN, True)
    assert (statement.promised, statement.calls) == (1, {"promised": 1})
    assert asyncio.run(there.tickets.audit(NOON)) == ()


def test_a_promise_made_elsewhere_is_on_every_page_that_others_are_on(there: Desk, desk: TestClient):
    reference = desk.post(TICKETS, json=PROMISED).json()["id"]
    browser = there.browser()
    browser.sign_in("supervisor")

    pages = {
        path: browser.open(path)
        for path in (f"/tickets/{reference}", f"/board/tickets/{reference}", "/statement?from=2026-03-01&to=2026-03-31")
    }

    assert {path: status for path, (status, _) in pages.items()} == dict.fromkeys(pages, 200)
    told = [path for path, (_, text) in pages.items() if "其他渠道承诺回电" in text]
    assert told == [f"/tickets/{reference}", "/statement?from=2026-03-01&to=2026-03-31"]


def test_who_waits_for_a_call_already_gets_no_second_ticket(there: Desk, desk: TestClient):
    reference = message(there)

    assert desk.post(TICKETS, json=PROMISED).json()["id"] == reference


@pytest.mark.parametrize(
    ("party", "code"),
    [
        ([{"id": "0085212345678", "role": "customer"}], "number_not_callable"),
        ([{"id": "110", "role": "customer"}], "number_not_callable"),
        ([{"id": "13900001008"}], "no_customer"),
        ([{"id": "13900001008", "role": "customer"}] * 2, "no_customer"),
        ([], "not_understood"),
        ([{"id": "1\ud800", "role": "customer"}], "not_understood"),
    ],
    ids=str,
)
def test_nobody_is_promised_a_call_who_cannot_be_called(desk: TestClient, party: list[dict[str, str]], code: str):
    answer = desk.post(TICKETS, content=json.dumps({**PROMISED, "relatedParty": party}))

    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_another_desk_works_on_a_ticket(there: Desk):
    reference = message(there)
    ann, ben = of_person(there, "ann"), of_person(there, "ben")

    def changed(program: TestClient, **what: object) -> tuple[int, str]:
        answer = program.patch(f"{TICKETS}/{reference}", json=what, headers={"content-type": "application/merge-patch+json"})
        return answer.status_code, answer.json().get("code") or answer.json()["status"]

    assert changed(ann, status="inProgress") == (200, "inProgress")
    assert changed(ben, status="inProgress") == (409, "taken")
    assert changed(ben, status="resolved", note=[{"text": "done"}]) == (409, "taken")
    assert changed(ann, status="acknowledged") == (200, "acknowledged")
    assert changed(ann, status="resolved", note=[{"text": "done"}]) == (409, "not_yours")
    assert changed(ann, status="inProgress") == (200, "inProgress")
    assert changed(ann, status="resolved") == (422, "note_missing")
    assert changed(ann, status="cancelled") == (409, "not_by_programs")
    assert changed(ann, status="resolved", note=[{"text": "done"}], statusChangeReason="not_needed") == (200, "resolved")

    told = ann.get(f"{TICKETS}/{reference}").json()
    assert (told["statusChangeReason"], told["note"][0]["text"], told["note"][0]["author"]) == ("not_needed", "done", "ann")
    assert {told["status"]} <= set(Status)


def test_listeners_are_registered_and_removed_by_who_registered_them(there: Desk, desk: TestClient):
    callback = {"callback": "https://desk.example/listener", "query": "eventType=TroubleTicketCreateEvent"}
    other = of_person(there, "chief", Role.SUPERVISOR)

    made = desk.post(f"{BASE}/hub", json=callback)
    wrong = desk.post(f"{BASE}/hub", json={**callback, "query": "eventType=Everything"})
    kept = asyncio.run(there.console.api.webhooks.webhooks())
    removed = [who.delete(made.headers["location"]).status_code for who in (other, desk, desk)]

    assert (made.status_code, made.json()) == (201, {"id": "1", **callback})
    assert made.headers["webhook-secret"].startswith("whsec_")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "no_webhook")
    assert [(one.style, one.kinds, one.owner) for one in kept] == [("tmf621", ("ticket.opened",), "program:supervisor.crm")]
    assert removed == [404, 204, 404]
