"""The look-ups of a back office, as designers and programs read them."""

from __future__ import annotations

import json

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.values import Kind, ListOf, LookupSignature, Record, Scalar
from ivr.tools.lookups import data_of, lines_of
from tests.test_cli import ivr

LOANS = LookupSignature(
    name="loans",
    arguments={"card": Scalar(Kind.DIGITS), "pin": Scalar(Kind.DIGITS, secret=True)},
    not_found=True,
    answer=Record(
        {
            "owed": Scalar(Kind.MONEY),
            "due": Scalar(Kind.DATE, optional=True),
            "rates": ListOf(Scalar(Kind.NUMBER)),
            "items": ListOf(Record({"on": Scalar(Kind.DATE), "place": Record({"town": Scalar(Kind.TEXT)})})),
            "branch": Record({"name": Scalar(Kind.TEXT), "phone": Scalar(Kind.DIGITS, optional=True)}, optional=True),
        }
    ),
)
PING = LookupSignature(name="ping", arguments={}, answer=Record({}))


def test_a_look_up_is_told_with_what_it_takes_and_every_field_of_its_answer():
    assert list(lines_of((LOANS, PING))) == [
        "loans(card: digits, pin: secret digits) → may find nothing",
        "  owed    money",
        "  due     optional date",
        "  rates   list of number",
        "  items   list of: on date, place (record of: town text)",
        "  branch  optional record of: name text, phone optional digits",
        "",
        "ping()",
    ]


def test_programs_get_the_same_as_data():
    told = data_of(LOANS)

    assert told["arguments"] == [
        {"name": "card", "kind": "digits", "optional": False, "secret": False},
        {"name": "pin", "kind": "digits", "optional": False, "secret": True},
    ]
    assert told["may_find_nothing"] is True
    assert told["fields"][2:4] == [
        {"name": "rates", "kind": "list", "item": {"kind": "number", "optional": False, "secret": False}},
        {
            "name": "items",
            "kind": "list",
            "item": {
                "kind": "record",
                "optional": False,
                "fields": [
                    {"name": "on", "kind": "date", "optional": False, "secret": False},
                    {
                        "name": "place",
                        "kind": "record",
                        "optional": False,
                        "fields": [{"name": "town", "kind": "text", "optional": False, "secret": False}],
                    },
                ],
            },
        },
    ]


def test_the_command_tells_the_back_office_in_the_box():
    told = ivr("lookups")

    assert told.returncode == 0
    assert told.stdout.startswith("account(number: digits) → may find nothing\n  number        digits\n")
    assert "\nbundles(number: digits)\n  count  number\n  items  list of: name text, left volume, expires date\n" in told.stdout


def test_the_command_tells_them_to_programs():
    told = ivr("lookups", "--format", "json")

    assert [one["name"] for one in json.loads(told.stdout)["lookups"]] == list(SIGNATURES)
