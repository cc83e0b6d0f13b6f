"""The look-ups of the embedded back office: what each takes and gives. Flows are checked against this table; it needs no database."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ivr.core.values import Kind, ListOf, LookupSignature, Record, Scalar

_NUMBER = {"number": Scalar(Kind.DIGITS)}

_ACCOUNT = LookupSignature(
    name="account",
    arguments=_NUMBER,
    not_found=True,
    answer=Record(
        {
            "number": Scalar(Kind.DIGITS),
            "language": Scalar(Kind.TEXT),  # zh-CN or en-US
            "balance": Scalar(Kind.MONEY),
            "suspended": Scalar(Kind.BOOL),
            "senior": Scalar(Kind.BOOL),  # 65 or older: may go straight to a person
            "plan": Scalar(Kind.TEXT),
            "has_data": Scalar(Kind.BOOL),
            "unlimited": Scalar(Kind.BOOL),
            "data_left": Scalar(Kind.VOLUME),  # 0 when there is none, and when it is unlimited
            "data_total": Scalar(Kind.VOLUME),
            "data_used": Scalar(Kind.VOLUME),
            "minutes_left": Scalar(Kind.DURATION),
            "minutes_used": Scalar(Kind.DURATION),
        }
    ),
)

_BILL = LookupSignature(
    name="bill",
    arguments=_NUMBER,
    not_found=True,
    answer=Record(
        {
            "month": Scalar(Kind.MONTH),
            "total": Scalar(Kind.MONEY),
            "plan_fee": Scalar(Kind.MONEY),
            "calls": Scalar(Kind.MONEY),
            "data": Scalar(Kind.MONEY),
            "messages": Scalar(Kind.MONEY),
            "other": Scalar(Kind.MONEY),
            "previous_month": Scalar(Kind.MONTH),
            "previous_total": Scalar(Kind.MONEY),
        }
    ),
)

_BUNDLES = LookupSignature(
    name="bundles",
    arguments=_NUMBER,
    answer=Record(
        {
            "count": Scalar(Kind.NUMBER),
            "items": ListOf(Record({"name": Scalar(Kind.TEXT), "left": Scalar(Kind.VOLUME), "expires": Scalar(Kind.DATE)})),
        }
    ),
)

# --- the look-ups of the example lines ---

_CARD = {"card": Scalar(Kind.DIGITS)}

_LOGIN = LookupSignature(
    name="login",
    arguments={**_CARD, "pin": Scalar(Kind.DIGITS, secret=True)},
    answer=Record(
        {
            "accepted": Scalar(Kind.BOOL),
            "locked": Scalar(Kind.BOOL),  # too many wrong PINs today, in whatever calls; a right one is not accepted either
            "left": Scalar(Kind.NUMBER),  # how many more may be tried today
        }
    ),
)

_CARD_BALANCE = LookupSignature(
    name="card_balance",
    arguments=_CARD,
    not_found=True,
    answer=Record({"available": Scalar(Kind.MONEY)}),
)

_TRANSACTIONS = LookupSignature(
    name="transactions",
    arguments={**_CARD, "language": Scalar(Kind.TEXT)},
    answer=Record(
        {"items": ListOf(Record({"date": Scalar(Kind.DATE), "what": Scalar(Kind.TEXT), "amount": Scalar(Kind.MONEY)}))}  # never negative
    ),
)

_PARCEL = LookupSignature(
    name="parcel",
    arguments={"number": Scalar(Kind.DIGITS)},
    not_found=True,
    answer=Record(
        {
            "state": Scalar(Kind.TEXT),  # accepted, moving, delivering, delivered or held
            "place": Scalar(Kind.TEXT),
            "date": Scalar(Kind.DATE),
            "time": Scalar(Kind.TIME),
            "history": ListOf(
                Record({"date": Scalar(Kind.DATE), "time": Scalar(Kind.TIME), "what": Scalar(Kind.TEXT)})
            ),  # the latest first
        }
    ),
)

_PATIENT = {"phone": Scalar(Kind.DIGITS), "born": Scalar(Kind.DIGITS)}  # born: day, month and year, eight digits
_SLOT = {"doctor": Scalar(Kind.TEXT), "date": Scalar(Kind.DATE), "time": Scalar(Kind.TIME)}

_APPOINTMENT = LookupSignature(name="appointment", arguments=_PATIENT, not_found=True, answer=Record(_SLOT))

_CANCEL_APPOINTMENT = LookupSignature(
    name="cancel_appointment", arguments=_PATIENT, not_found=True, answer=Record({"cancelled": Scalar(Kind.BOOL)})
)

_FREE_APPOINTMENTS = LookupSignature(name="free_appointments", arguments={}, answer=Record({"items": ListOf(Record(_SLOT))}))

SIGNATURES: Mapping[str, LookupSignature] = MappingProxyType(
    {
        signature.name: signature
        for signature in (
            *(_ACCOUNT, _BILL, _BUNDLES),
            *(_LOGIN, _CARD_BALANCE, _TRANSACTIONS),
            _PARCEL,
            *(_APPOINTMENT, _CANCEL_APPOINTMENT, _FREE_APPOINTMENTS),
        )
    }
)
