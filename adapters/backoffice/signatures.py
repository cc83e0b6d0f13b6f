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

SIGNATURES: Mapping[str, LookupSignature] = MappingProxyType({s.name: s for s in (_ACCOUNT, _BILL, _BUNDLES)})
