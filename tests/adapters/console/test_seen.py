"""ETag, If-None-Match and If-Match, as RFC 9110 has them: what a program has seen already, and what it changes only as it has seen it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.testclient import TestClient

from ivr.desk.people import Role
from tests.adapters.console.desk import Desk, of_person, of_role
from tests.adapters.console.test_api import CALLER, MASKED, TICKETS, message

THEIRS = "/tmf-api/troubleTicket/v4/troubleTicket"
SIDES = [TICKETS, THEIRS]


def problem(answer: Any) -> tuple[int, str, str]:
    """Status, kind of content and code of a problem."""
    return answer.status_code, answer.headers["content-type"], answer.json()["code"]


CHANGED = (412, "application/problem+json", "changed")


@pytest.mark.parametrize("side", SIDES)
def test_a_ticket_that_is_as_it_was_is_not_sent_again(there: Desk, ann: TestClient, side: str):
    address = f"{side}/{message(there)}"
    seen = ann.get(address)
    tag = seen.headers["etag"]

    again = [ann.get(address, headers={"If-None-Match": known}) for known in (tag, f'W/{tag}, "x"', "*")]
    not_known = [ann.get(address, headers={"If-None-Match": known}) for known in ('"x"', tag.strip('"'), "", "nonsense")]

    assert [(one.status_code, one.content, one.headers["etag"]) for one in again] == [(304, b"", tag)] * 3
    assert [(one.status_code, one.json(), one.headers["etag"]) for one in not_known] == [(200, seen.json(), tag)] * 4


@pytest.mark.parametrize("side", SIDES)
def test_whatever_happens_to_a_ticket_gives_it_another_tag(there: Desk, ann: TestClient, side: str):
    address = f"{side}/{(reference := message(there))}"
    tags = [ann.get(address).headers["etag"]]

    message(there, "s2", at=there.clock.now)
    tags.append(ann.get(address).headers["etag"])
    claimed = ann.post(f"{TICKETS}/{reference}/claim").json()
    tags.append(ann.get(address).headers["etag"])
    ann.post(f"{TICKETS}/{reference}/close", json={"claim_token": claimed["claim_token"], "note": "told"})
    tags.append(ann.get(address).headers["etag"])

    expected = 3 if side == THEIRS else 4  # they have no word for a message
    assert len(set(tags)) == expected


def test_a_tag_is_made_of_what_is_told_and_of_nothing_that_is_masked(there: Desk, ann: TestClient, ben: TestClient):
    """Whom the number is masked for cannot try numbers until the tag fits."""
    reference = message(there)
    ann.post(f"{TICKETS}/{reference}/claim")

    whole, masked = ann.get(f"{TICKETS}/{reference}"), ben.get(f"{TICKETS}/{reference}")
    chief = of_role(there, Role.SUPERVISOR).get(f"{TICKETS}/{reference}")

    assert [one.json()["caller"] for one in (whole, masked, chief)] == [CALLER, MASKED, MASKED]
    assert whole.headers["etag"] != masked.headers["etag"] == chief.headers["etag"]


def test_a_change_is_made_to_the_ticket_that_was_seen(there: Desk, ann: TestClient):
    """Each answer has the tag for the next change."""
    address = f"{TICKETS}/{message(there)}"
    tag = ann.get(address).headers["etag"]

    claimed = ann.post(f"{address}/claim", headers={"If-Match": f'"x", {tag}'})
    renewed = ann.post(f"{address}/renew", headers={"If-Match": claimed.headers["etag"]}, json={"claim_token": 1})
    closed = ann.post(f"{address}/close", headers={"If-Match": "*"}, json={"claim_token": 1, "note": "told"})
    seen = ann.get(address)

    assert [one.status_code for one in (claimed, renewed, closed)] == [200, 200, 200]
    assert [one.headers["content-location"] for one in (claimed, renewed, closed)] == [address] * 3
    assert (closed.headers["etag"], closed.json()) == (seen.headers["etag"], seen.json())


@pytest.mark.parametrize(
    ("change", "sent"),
    [
        ("claim", {}),
        ("renew", {"claim_token": 1}),
        ("release", {"claim_token": 1}),
        ("hand-over", {"claim_token": 1, "to": "ben"}),
        ("reassign", {"to": "ben"}),
        ("call", {"claim_token": 1}),
        ("settle", {"claim_token": 1, "outcome": "answered"}),
        ("close", {"claim_token": 1, "note": "told"}),
    ],
)
def test_a_ticket_that_is_not_as_it_was_seen_is_not_changed(there: Desk, ben: TestClient, change: str, sent: dict[str, Any]):
    """The caller has left another message since, and nothing else would have stood in the way."""
    chief = of_person(there, "chief", Role.SUPERVISOR)
    reference = message(there)
    tag = chief.post(f"{TICKETS}/{reference}/claim").headers["etag"]
    message(there, "s2")
    before = asyncio.run(there.tickets.history(reference))

    late = chief.post(f"{TICKETS}/{reference}/{change}", headers={"If-Match": tag}, json=sent)
    weak = chief.post(f"{TICKETS}/{reference}/{change}", headers={"If-Match": f"W/{late.headers['etag']}"}, json=sent)
    known = chief.post(f"{TICKETS}/{reference}/{change}", headers={"If-None-Match": late.headers["etag"]}, json=sent)

    assert [problem(one) for one in (late, weak, known)] == [CHANGED] * 3
    assert late.json()["detail"] == "the ticket is not as it was when you got that ETag: look at it again"
    assert asyncio.run(there.tickets.history(reference)) == before
    assert late.headers["etag"] == chief.get(f"{TICKETS}/{reference}").headers["etag"]


def test_what_is_not_there_is_not_found_whatever_was_seen(ann: TestClient):
    assert problem(ann.post(f"{TICKETS}/111111/claim", headers={"If-Match": "*"}))[::2] == (404, "not_found")
    assert problem(ann.post(f"{TICKETS}/none/claim", headers={"If-Match": "*"}))[::2] == (422, "not_understood")


def test_a_ticket_that_is_given_away_at_the_same_moment_is_not_given_away_again(there: Desk, ben: TestClient, monkeypatch: Any):
    """Between the look and the change there is the claim token: the database itself refuses."""
    chief, ann = of_role(there, Role.SUPERVISOR), of_person(there, "ann")
    reference, programs = message(there), there.console.api.tickets
    tag, reassign = chief.get(f"{TICKETS}/{reference}").headers["etag"], programs.reassign

    async def overtaken(who: Any, *asked: Any) -> Any:
        await there.tickets.claim(reference, "ann", there.clock.now)
        return await reassign(who, *asked)

    monkeypatch.setattr(programs, "reassign", overtaken)
    late = chief.post(f"{TICKETS}/{reference}/reassign", headers={"If-Match": tag}, json={"to": "ben"})

    assert problem(late) == CHANGED
    assert late.json()["detail"] == f"ticket {reference} has been claimed or given away since: look at it again"
    assert ann.get(f"{TICKETS}/{reference}").json()["assignee"] == "ann"


def test_who_was_overtaken_by_a_worker_of_the_same_token_is_told_so(there: Desk, ann: TestClient, monkeypatch: Any):
    """Both had seen it free: one of them has it, and the other does not think so too."""
    reference, programs = message(there), there.console.api.tickets
    tag, claim = ann.get(f"{TICKETS}/{reference}").headers["etag"], programs.claim

    async def overtaken(who: Any, *asked: Any) -> Any:
        await there.tickets.claim(reference, "ann", there.clock.now)
        return await claim(who, *asked)

    monkeypatch.setattr(programs, "claim", overtaken)
    late = ann.post(f"{TICKETS}/{reference}/claim", headers={"If-Match": tag})

    assert problem(late) == CHANGED
    assert late.json()["detail"] == f"ticket {reference} has been claimed or given away since: look at it again"


def test_another_desk_changes_a_trouble_ticket_as_it_saw_it(there: Desk, ann: TestClient):
    reference = message(there)
    tag = ann.get(f"{THEIRS}/{reference}", params={"fields": "status"}).headers["etag"]
    resolved = {"status": "resolved", "note": [{"text": "told"}]}

    claimed = ann.patch(f"{THEIRS}/{reference}", headers={"If-Match": tag}, json={"status": "inProgress"})
    late = ann.patch(f"{THEIRS}/{reference}", headers={"If-Match": tag}, json=resolved)
    closed = ann.patch(f"{THEIRS}/{reference}", headers={"If-Match": claimed.headers["etag"]}, json=resolved)

    assert (claimed.status_code, claimed.headers["content-location"]) == (200, f"{THEIRS}/{reference}")
    assert problem(late) == CHANGED
    assert (closed.status_code, closed.json()["status"]) == (200, "resolved")


def test_a_change_that_was_made_is_answered_again_under_its_key(there: Desk, ann: TestClient):
    """Although the ticket is not as it was seen: that is its own doing."""
    address = f"{TICKETS}/{message(there)}"
    asked = {"If-Match": ann.get(address).headers["etag"], "Idempotency-Key": "job-1"}

    first, again = (ann.post(f"{address}/claim", headers=asked) for _ in range(2))

    assert (again.status_code, again.json(), again.headers["etag"]) == (200, first.json(), first.headers["etag"])
    assert again.headers["idempotency-replayed"] == "true"


def test_looking_whether_a_ticket_is_as_it_was_is_written_down_and_comparing_is_not(there: Desk, ann: TestClient):
    """Who asks for a ticket looks at it, even when there is nothing new; who only says what they have seen is told nothing."""
    address = f"{TICKETS}/{message(there)}"
    tag = ann.get(address).headers["etag"]
    ann.get(address, headers={"If-None-Match": tag})
    written = len(asyncio.run(there.store.facts()))

    ann.post(f"{address}/renew", headers={"If-Match": '"x"'}, json={"claim_token": 1})

    assert len(asyncio.run(there.store.facts())) == written


@pytest.mark.parametrize(
    ("path", "method", "header"),
    [
        ("/api/v1/tickets/{reference}", "get", "If-None-Match"),
        ("/api/v1/tickets/{reference}/close", "post", "If-Match"),
        (f"{THEIRS}/{{reference}}", "patch", "If-Match"),
    ],
)
def test_the_description_has_it(there: Desk, path: str, method: str, header: str):
    told = there.browser().client.get("/api/openapi.json").json()["paths"][path][method]

    assert header in [one["name"] for one in told["parameters"]]
    assert {"304" if method == "get" else "412"} <= set(told["responses"])
    assert "ETag" in told["responses"]["200"]["headers"]
