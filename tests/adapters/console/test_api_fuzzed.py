"""Every operation of the description, with data that fit it and data that do not: nothing breaks, and every answer is as described.

IVR_FUZZ is how many of each are tried for an operation; `make fuzz-api` tries many.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis.strategies import sampled_from
from schemathesis.checks import CHECKS, load_all_checks
from starlette.testclient import TestClient

from adapters.console.api.document import describe
from adapters.console.app import API, make_app
from ivr.desk.people import Role
from tests.adapters.console.desk import PASSWORD, Desk, desk
from tests.adapters.console.test_api import message

load_all_checks()
(positive_data_acceptance,) = CHECKS.get_by_names(["positive_data_acceptance"])
EACH = int(os.environ.get("IVR_FUZZ", "8"))
ADMINS = ("/api/v1/accounts", "/api/v1/webhooks")
OPERATIONS = [
    (path, method)
    for path, operations in describe(route for part in API for route in part.routes)["paths"].items()
    for method in operations
]
# Why a request is refused that is as described: what JSON Schema has no words for.
IN_WORDS_ONLY = ("no_cursor", "out_of_range", "no_such_agent", "no_webhook", "no_customer", "number_not_callable", "note_missing")
MARKUP = "<img src=x onerror=alert(1)>"


@dataclass
class Fuzzed:
    """A desk with some tickets, and the tokens of who may do most."""

    there: Desk
    admin: str
    supervisor: str
    references: tuple[str, ...]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    with desk(Path(tmp_path_factory.mktemp("fuzzed"))) as there:
        asyncio.run(there.gate.add("chief", Role.SUPERVISOR, PASSWORD, "test"))
        tokens = there.console.api.tokens
        admin = asyncio.run(tokens.add("admin", "test", role=Role.ADMIN))
        supervisor = asyncio.run(tokens.add("chief", "test", person="chief"))
        references = tuple(message(there, f"s{one}", caller=f"1390000{one:04}", topic=MARKUP if one else "bill") for one in range(20))
        yield Fuzzed(there, admin, supervisor, references)


@pytest.fixture(scope="module")
def described(fuzzed: Fuzzed) -> Any:
    return schemathesis.openapi.from_asgi("/api/openapi.json", make_app(replace(fuzzed.there.console, names=("testserver",))))


@pytest.mark.parametrize("mode", schemathesis.GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=str)
def test_every_operation_answers_as_described(fuzzed: Fuzzed, described: Any, path: str, method: str, mode: schemathesis.GenerationMode):
    operation = described[path][method]
    keys = (f"{mode.value}-{path}-{number}" for number in count())
    token = fuzzed.admin if path.startswith(ADMINS) else fuzzed.supervisor

    @settings(max_examples=EACH, deadline=None, derandomize=EACH < 100, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode), known=sampled_from(fuzzed.references))
    def answers(case: schemathesis.Case, known: str) -> None:
        assume([] not in case.query.values())  # what is sent has no trace of it
        fuzzed.there.clock.pass_(seconds=1)  # so that nobody asks too often, and claims run out
        if mode.is_positive and "reference" in (case.path_parameters or {}):
            case.path_parameters["reference"] = known
        headers = {"Authorization": f"Bearer {token}"}
        if mode.is_positive and "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = next(keys)  # one that was used for something else is refused
        if mode.is_positive and "If-Match" in case.headers:
            case.headers["If-Match"] = "*"  # any other is out of date
        response = case.call(headers=headers)
        meant = mode.is_positive and response.status_code == 422 and response.json()["code"] in IN_WORDS_ONLY
        case.validate_response(response, excluded_checks=[positive_data_acceptance] if meant else [], headers=headers)

    answers()


def test_nothing_was_lost_or_broken_on_the_way(fuzzed: Fuzzed):
    """After all of that, the promises are as they were kept, and the history has no gap."""
    asyncio.run(fuzzed.there.tickets.return_expired(fuzzed.there.clock.now))
    asyncio.run(fuzzed.there.tickets.escalate_due(fuzzed.there.clock.now))

    assert asyncio.run(fuzzed.there.tickets.audit(fuzzed.there.clock.now)) == ()
    assert asyncio.run(fuzzed.there.store.audit()) == ()
    client: TestClient = fuzzed.there.program(fuzzed.supervisor)
    assert client.get("/api/v1/tickets", params={"limit": 200}).status_code == 200
