"""The programs' side as a program meets it: over HTTP, on a real database."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from adapters.storage.recordings import wav
from ivr.calls.ports import AttemptState, UnansweredCall, UnansweredKind
from ivr.desk.people import Action, Role
from tests.adapters.console.desk import NOON, Desk, of_role
from tests.contracts.stories import SPEECH, facts, intent

CALLER, MASKED = "13900001008", "139****1008"
TICKETS = "/api/v1/tickets"


def message(there: Desk, session: str = "s1", *, caller: str = CALLER, topic: str = "billing", at: dt.datetime = NOON) -> str:
    """A caller has left a message; the reference."""
    of = intent(session, caller=caller, topic=topic, at=at)
    told = facts(of, folder=there.settings.recordings)
    told.path.parent.mkdir(parents=True, exist_ok=True)
    told.path.write_bytes(SPEECH)
    return asyncio.run(there.tickets.capture(of, told, at))


def looked_at(there: Desk) -> list[tuple[str, str]]:
    """What was written down of looking and listening, the oldest first."""
    told = asyncio.run(there.store.facts())
    return [(fact.actor, fact.subject) for fact in reversed(told) if fact.action in (Action.LOOKED_AT, Action.LISTENED)]


def test_a_ticket_from_the_list_to_its_end(there: Desk, ann: TestClient):
    reference = message(there)

    listed = ann.get(TICKETS).json()["tickets"]
    seen = ann.get(f"{TICKETS}/{reference}").json()
    claimed = ann.post(f"{TICKETS}/{reference}/claim").json()
    heard = ann.get(f"{TICKETS}/{reference}/messages/1/audio")
    done = ann.post(
        f"{TICKETS}/{reference}/close", json={"claim_token": claimed["claim_token"], "note": "told <b>all</b>", "outcome": "informed"}
    )

    assert [(one["reference"], one["state"], one["caller"]) for one in listed] == [(reference, "open", MASKED)]
    assert (seen["caller"], seen["claim_token"], seen["recordings"][0]["seconds"]) == (MASKED, None, 4.0)
    assert (claimed["state"], claimed["assignee"], claimed["caller"], claimed["claim_token"]) == ("claimed", "ann", CALLER, 1)
    assert (heard.status_code, heard.headers["content-type"], heard.content) == (200, "audio/wav", wav(SPEECH))
    assert (done.status_code, done.json()["state"], done.json()["outcome"]) == (200, "resolved", "informed")
    assert (done.json()["caller"], done.json()["note"]) == (MASKED, "told <b>all</b>")
    assert ann.get(TICKETS).json() == {"tickets": [], "next": None}
    assert looked_at(there) == [("ann", f"ticket {reference}")] * 2 + [("ann", f"ticket {reference}, message 1")]
    assert asyncio.run(there.tickets.audit(NOON)) == ()


def test_who_does_not_have_a_ticket_changes_nothing_and_hears_nothing(there: Desk, ann: TestClient, ben: TestClient):
    reference = message(there)
    token = ann.post(f"{TICKETS}/{reference}/claim").json()["claim_token"]
    shown = {"claim_token": token}

    refusals = [
        ben.post(f"{TICKETS}/{reference}/claim"),
        *(ben.post(f"{TICKETS}/{reference}/{what}", json=shown) for what in ("renew", "release", "call")),
        ben.post(f"{TICKETS}/{reference}/hand-over", json={**shown, "to": "ben"}),
        ben.post(f"{TICKETS}/{reference}/close", json={**shown, "note": "all done"}),
        ben.get(f"{TICKETS}/{reference}/messages/1/audio"),
    ]

    assert [(one.status_code, one.json()["code"]) for one in refusals] == [(409, "taken")] * 6 + [(409, "not_yours")]
    assert refusals[0].json() == {
        "type": "/api#taken",
        "title": "Too late, or not yours",
        "status": 409,
        "code": "taken",
        "detail": f"ticket {reference} is ann's",
    }
    assert refusals[0].headers["content-type"] == "application/problem+json"
    assert ben.get(f"{TICKETS}/{reference}").json()["caller"] == MASKED
    assert asyncio.run(there.tickets.ticket(reference)).assignee == "ann"  # type: ignore[union-attr]


def test_a_claim_token_that_is_out_of_date_changes_nothing(there: Desk, ann: TestClient, ben: TestClient):
    """A program that slept through the end of its claim cannot close over what the next one does."""
    reference = message(there)
    first = ann.post(f"{TICKETS}/{reference}/claim").json()["claim_token"]
    ann.post(f"{TICKETS}/{reference}/release", json={"claim_token": first})
    second = ann.post(f"{TICKETS}/{reference}/claim").json()["claim_token"]

    late = ann.post(f"{TICKETS}/{reference}/close", json={"claim_token": first, "note": "done"})
    handed = ann.post(f"{TICKETS}/{reference}/hand-over", json={"claim_token": second, "to": "ben"})
    too_late = ann.post(f"{TICKETS}/{reference}/renew", json={"claim_token": second})
    renewed = ben.post(f"{TICKETS}/{reference}/renew", json={"claim_token": second + 1})

    assert (late.status_code, late.json()["code"]) == (409, "stale_token")
    assert (handed.json()["assignee"], handed.json()["caller"], handed.json()["claim_token"]) == ("ben", MASKED, None)
    assert too_late.json()["code"] == "taken"
    assert renewed.json()["caller"] == CALLER


def test_a_call_back_is_planned_once_and_not_by_a_program_without_a_telephone(there: Desk, ann: TestClient):
    reference = message(there)
    own = of_role(there, Role.AGENT)
    no_telephone = own.post(f"{TICKETS}/{reference}/call", json={"claim_token": 0})
    token = ann.post(f"{TICKETS}/{reference}/claim").json()["claim_token"]

    calls = [ann.post(f"{TICKETS}/{reference}/call", json={"claim_token": token}) for _ in range(2)]
    closing = ann.post(f"{TICKETS}/{reference}/close", json={"claim_token": token, "note": "done"})
    there.clock.pass_(hours=1)  # it is 21:00 in Shanghai
    reference = message(there, "s2", caller="13900001009")
    token = ann.post(f"{TICKETS}/{reference}/claim").json()["claim_token"]
    at_night = ann.post(f"{TICKETS}/{reference}/call", json={"claim_token": token})

    assert no_telephone.json()["code"] == "no_telephone"
    assert [(one.status_code, one.json()["number"], one.json()["state"]) for one in calls] == [(202, 1, "planned")] * 2
    assert closing.json()["code"] == "call_under_way"
    assert (at_night.status_code, at_night.json()["code"]) == (409, "hours")


def test_a_call_that_was_lost_sight_of_is_settled_before_another_is_made(there: Desk, ann: TestClient):
    reference = message(there)
    token = ann.post(f"{TICKETS}/{reference}/claim").json()["claim_token"]
    attempt = ann.post(f"{TICKETS}/{reference}/call", json={"claim_token": token}).json()
    told = {"claim_token": token, "outcome": "no_answer"}

    too_early = ann.post(f"{TICKETS}/{reference}/settle", json=told)
    ticket = asyncio.run(there.tickets.ticket(reference))
    assert ticket is not None
    asyncio.run(there.tickets.attempt_went_on(ticket.attempts[-1].channel_id, AttemptState.SENT, NOON))
    there.clock.pass_(minutes=31)  # the claim runs out in the middle of it
    asyncio.run(there.tickets.return_expired(there.clock.now))
    token = ann.post(f"{TICKETS}/{reference}/claim").json()["claim_token"]
    again = ann.post(f"{TICKETS}/{reference}/call", json={"claim_token": token})
    settled = ann.post(f"{TICKETS}/{reference}/settle", json={**told, "claim_token": token})

    assert attempt["number"] == 1
    assert (too_early.status_code, too_early.json()["code"]) == (409, "nothing_to_settle")
    assert (again.status_code, again.json()["code"]) == (409, "unsettled")
    assert (settled.json()["state"], settled.json()["tries"][0]["outcome"]) == ("claimed", "no_answer")  # under the later claim
    assert asyncio.run(there.tickets.audit(there.clock.now)) == ()


def test_the_next_ticket_is_given_out_in_the_order_of_the_queue(there: Desk, ann: TestClient):
    for number in range(3):
        message(there, f"s{number}", caller=f"1390000100{number}", at=NOON - dt.timedelta(minutes=number))

    queue = [one["reference"] for one in ann.get("/api/v1/queue").json()]
    given = [ann.post(f"{TICKETS}/next").json()["reference"] for _ in range(3)]

    assert given == queue
    assert ann.post(f"{TICKETS}/next").status_code == 204


def test_a_list_is_paged_without_gaps_while_it_changes(there: Desk, ann: TestClient):
    references = [message(there, f"s{one}", caller=f"1390000{one:04}", at=NOON + dt.timedelta(minutes=one // 2)) for one in range(7)]

    seen, after = [], None
    while True:
        page = ann.get(TICKETS, params={"limit": 3, "order": "-created_at", **({"after": after} if after else {})}).json()
        seen += [one["reference"] for one in page["tickets"]]
        message(there, f"later{len(seen)}", caller=f"1380000{len(seen):04}", at=NOON + dt.timedelta(hours=1))  # before what was seen
        if (after := page["next"]) is None:
            break
    of_another = ann.get(
        TICKETS, params={"order": "due_at", "after": ann.get(TICKETS, params={"limit": 1, "order": "priority"}).json()["next"]}
    )

    assert sorted(seen) == sorted(references)
    assert [one.json()["code"] for one in (of_another, ann.get(TICKETS, params={"after": "!"}))] == ["no_cursor"] * 2


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"topic": "bill"}, ["s2"]),
        ({"state": ["claimed", "resolved"]}, ["s1"]),
        ({"assignee": "ann"}, ["s1"]),
        ({"line": "10086"}, []),
        ({"created_since": "2026-03-05T12:00:00Z"}, ["s1"]),
        ({"created_before": "2026-03-05T20:00:00+08:00"}, ["s2"]),
        ({"due_before": "2026-03-05T12:00:00Z"}, []),
        ({"topic": "bill' OR '1'='1"}, []),
    ],
    ids=str,
)
def test_a_list_is_filtered(there: Desk, ann: TestClient, filters: dict[str, str], found: list[str]):
    named = {message(there, "s1"): "s1", message(there, "s2", topic="bill", at=NOON - dt.timedelta(hours=1)): "s2"}
    ann.post(f"{TICKETS}/{next(iter(named))}/claim")

    assert [named[one["reference"]] for one in ann.get(TICKETS, params=filters).json()["tickets"]] == found


@pytest.mark.parametrize(
    "asked",
    ["order=assignee", "order=due_at;--", "limit=0", "limit=9999999999999999999999", "state=lost", "created_since=yesterday",
     "created_since=2026-03-05T12:00:00", "due_before=0.06", "created_before=1772712000", "asignee=ann", "topic=%00", "topic="],
)  # fmt: skip
def test_what_is_not_described_is_not_understood(there: Desk, ann: TestClient, asked: str):
    answer = ann.get(f"{TICKETS}?{asked}")

    assert (answer.status_code, answer.json()["code"]) == (422, "not_understood")


@pytest.mark.parametrize("day", ["0", "1772668800", "2026-03-05T00:00:00", "yesterday"])
def test_a_day_is_a_day_and_nothing_else(there: Desk, day: str):
    """A number would be taken for seconds since 1970."""
    answer = of_role(there, Role.SUPERVISOR).get("/api/v1/statement", params={"from": "2026-03-05", "to": day})

    assert answer.json()["errors"] == [{"at": "query.to", "problem": "Value error, it looks like 2026-03-05"}]


def test_a_key_makes_a_change_once_and_gives_the_same_answer_again(there: Desk, ann: TestClient, ben: TestClient):
    message(there)
    message(there, "s2", caller="13900001009")
    key = {"Idempotency-Key": "job-1"}

    first = ann.post(f"{TICKETS}/next", headers=key)
    again = ann.post(f"{TICKETS}/next", headers=key)
    of_another_thing = ann.post(f"{TICKETS}/{first.json()['reference']}/claim", headers=key)
    of_another_program = ben.post(f"{TICKETS}/next", headers=key)
    there.clock.pass_(hours=25)
    forgotten = ann.post(f"{TICKETS}/next", headers=key)

    assert (again.status_code, again.content) == (200, first.content)
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    assert (of_another_thing.status_code, of_another_thing.json()["code"]) == (422, "key_used")
    assert of_another_program.json()["reference"] != first.json()["reference"]
    assert forgotten.status_code == 204


def test_a_change_that_was_refused_may_be_tried_again_under_its_key(there: Desk, ann: TestClient, ben: TestClient):
    reference = message(there)
    token = ann.post(f"{TICKETS}/{reference}/claim").json()["claim_token"]
    key = {"Idempotency-Key": "job-2"}

    refused = ben.post(f"{TICKETS}/{reference}/claim", headers=key)
    ann.post(f"{TICKETS}/{reference}/release", json={"claim_token": token})

    assert refused.status_code == 409
    assert ben.post(f"{TICKETS}/{reference}/claim", headers=key).json()["assignee"] == "ben"


def test_many_at_once_with_one_key_do_it_once(there: Desk):
    """Programs that give up waiting and ask again, while the first request is still being done."""
    for number in range(5):
        message(there, f"s{number}", caller=f"1390000100{number}")
    token = asyncio.run(there.console.api.tokens.add("many", "test", role=Role.AGENT))
    programs = [there.program(token) for _ in range(5)]

    statuses = asyncio.run(_statuses(programs))

    assert set(statuses) <= {200, 409}
    assert 200 in statuses
    assert len(programs[0].get(TICKETS, params={"state": "claimed"}).json()["tickets"]) == 1


async def _statuses(programs: list[TestClient]) -> list[int]:
    asked = (asyncio.to_thread(one.post, f"{TICKETS}/next", headers={"Idempotency-Key": "one"}) for one in programs)
    return [answer.status_code for answer in await asyncio.gather(*asked)]


def test_who_asks_too_often_is_told_when_to_come_back(there: Desk, ann: TestClient, ben: TestClient):
    statuses = [ann.get("/api/v1/queue").status_code for _ in range(101)]
    refused = ann.get("/api/v1/queue")
    others = ben.get("/api/v1/queue").status_code
    there.clock.pass_(seconds=int(refused.headers["retry-after"]))

    assert statuses == [200] * 100 + [429]
    assert (refused.headers["retry-after"], refused.json()["code"]) == ("1", "too_many")
    assert others == 200
    assert ann.get("/api/v1/queue").status_code == 200


def test_a_token_opens_nothing_once_it_is_revoked_or_its_person_is_closed(there: Desk, ann: TestClient, ben: TestClient):
    asyncio.run(there.gate.set_closed("ann", closed=True, actor="test"))
    asyncio.run(there.console.api.tokens.revoke("ben.crm", "test"))

    assert [one.get(TICKETS).status_code for one in (ann, ben, there.program("slf_wrong"), there.program(""))] == [401] * 4


def test_supervisors_hear_everything_and_give_tickets_out(there: Desk, ann: TestClient):
    reference = message(there)
    chief = of_role(there, Role.SUPERVISOR)

    heard = chief.get(f"{TICKETS}/{reference}/messages/1/audio")
    given = chief.post(f"{TICKETS}/{reference}/reassign", json={"to": "ann"})
    to_nobody = [chief.post(f"{TICKETS}/{reference}/reassign", json={"to": name}) for name in ("nobody", "operator")]
    history = chief.get(f"{TICKETS}/{reference}/history").json()

    assert heard.status_code == 200
    assert (given.json()["assignee"], given.json()["caller"]) == ("ann", MASKED)
    assert [one.json()["code"] for one in to_nobody] == ["no_such_agent"] * 2
    assert [(one["kind"], one["by"]) for one in history][-1] == ("claimed", "program:supervisor.crm")
    assert looked_at(there) == [("program:supervisor.crm", f"ticket {reference}, message 1")]
    assert ann.get(f"{TICKETS}/{reference}").json()["caller"] == CALLER


def test_the_statement_names_what_is_missing_and_sums_up(there: Desk):
    message(there)
    call = UnansweredCall("s9", UnansweredKind.BUSY, "13900001003", "1008611", "zh-CN", NOON)
    asyncio.run(there.tickets.record_unanswered(call, NOON))
    chief = of_role(there, Role.SUPERVISOR)

    told = chief.get("/api/v1/statement", params={"from": "2026-03-01", "to": "2026-03-31"}).json()
    wrong = chief.get("/api/v1/statement", params={"from": "2026-03-31", "to": "2026-03-01"})

    assert (told["from"], told["promised"], told["open"], told["kept"], told["calls"]) == ("2026-03-01", 2, 2, 0, {"busy": 1})
    assert len(told["tickets"]) == 2
    assert wrong.status_code == 422


def test_people_and_facts_are_told_without_secrets(there: Desk):
    admin = of_role(there, Role.ADMIN)

    people = admin.get("/api/v1/accounts").json()
    told = admin.get("/api/v1/facts", params={"limit": 2}).json()

    assert {one["name"] for one in people} == set(Role)
    assert set(people[0]) == {"name", "role", "created_at", "closed"}
    assert [one["action"] for one in told] == ["token_added", "account_added"]


def test_what_is_not_there_is_told_as_a_problem(there: Desk, ann: TestClient):
    answers = [
        ann.get(f"{TICKETS}/999999"),
        ann.post(f"{TICKETS}/999999/claim"),
        ann.get("/api/v1/nothing"),
        ann.put(TICKETS),
        ann.post(f"{TICKETS}/999999/close", content=b"{"),
        ann.post(f"{TICKETS}/999999/close", json={"claim_token": 1, "note": "x", "more": 1}),
    ]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [
        (404, "not_found"),
        (404, "not_found"),
        (404, "not_found"),
        (405, "no_method"),
        (422, "not_understood"),
        (422, "not_understood"),
    ]
    assert all(one.headers["content-type"] == "application/problem+json" for one in answers)
    assert answers[3].headers["allow"] == "GET"
    assert answers[5].json()["errors"] == [{"at": "body.more", "problem": "Extra inputs are not permitted"}]


WORDS = ("<img src=x onerror=alert(1)>", '"><script>alert(1)</script>', "'; DROP TABLE ticket; --", "{{ 7 * 7 }}", "=1+1", "用户\u202e说")


@pytest.mark.parametrize("word", WORDS)
def test_hostile_words_come_back_as_data_and_nothing_else(there: Desk, ann: TestClient, word: str):
    """Every text that a program can send, and every text that a caller or another desk can have sent before."""
    reference = message(there, topic=word)
    token = ann.post(f"{TICKETS}/{reference}/claim").json()["claim_token"]

    listed = ann.get(TICKETS, params={"topic": word})
    closed = ann.post(f"{TICKETS}/{reference}/close", json={"claim_token": token, "note": word})
    nobody = ann.post(f"{TICKETS}/{reference}/hand-over", json={"claim_token": token, "to": word})
    nothing = ann.get(f"{TICKETS}?{quote(word)}={quote(word)}")

    assert listed.json()["tickets"][0]["topic"] == word
    assert closed.json()["note"] == word
    assert [(one.status_code, one.json()["code"]) for one in (nobody, nothing)] == [(422, "not_understood")] * 2
    for one in (listed, closed, nobody, nothing):
        assert one.headers["content-type"] in ("application/json", "application/problem+json")
        assert one.headers["x-content-type-options"] == "nosniff"
    assert word not in json.dumps(nobody.json(), ensure_ascii=False)  # what was sent is not sent back
    assert asyncio.run(there.tickets.audit(NOON)) == ()


def test_the_page_shows_every_operation_without_a_script(there: Desk):
    told = there.browser().client.get("/api/openapi.json").json()
    _, page = there.browser().open("/api")

    operations = [f"{method.upper()} {path}" for path, methods in told["paths"].items() for method in methods]
    assert told["openapi"] == "3.1.0"
    assert len(operations) == 26
    assert [one for one in operations if f"<code>{one}</code>" not in page] == []
    assert "<code>claim_token</code>" in page
    assert "`" not in page
    for methods in told["paths"].values():
        for operation in methods.values():
            assert operation["description"]
            assert "null" not in json.dumps(operation.get("parameters", []))
            assert operation["security"] == [{"HTTPBearer": []}]
            assert {"401", "403", "422", "429", "503"} <= set(operation["responses"])
