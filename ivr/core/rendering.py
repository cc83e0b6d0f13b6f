"""From prompts to what is said in this call: the fixed words of its language, and the values at their places.

A value is brought into the shape in which its kind is spoken (money to the fen, volumes in whole bytes), so that whatever a flow
calculates can be said; what cannot be said at all is a failure of the step, never silence.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal

from ivr.core.evaluation import EvaluationFailed, evaluate
from ivr.core.flow import Prompts, Slot
from ivr.core.values import Kind, SpokenValue, Text, Value

Parts = tuple[Text | SpokenValue, ...]

_FEN = Decimal("0.01")
_MILLIONTH = Decimal("0.000001")
_ROUNDING = Context(prec=60, rounding=ROUND_HALF_UP)


def render(prompts: Prompts, language: str, variables: Mapping[str, Value], today: dt.date) -> Parts:
    """What is said for these prompts. Raises EvaluationFailed for a value that is not there or cannot be said."""
    return tuple(
        piece if isinstance(piece, Text) else _spoken(piece, variables, today) for prompt in prompts for piece in prompt.pieces[language]
    )


def _spoken(slot: Slot, variables: Mapping[str, Value], today: dt.date) -> SpokenValue:
    value = evaluate(slot.expression, variables)
    if value is None or value == "":
        raise EvaluationFailed(f"there is nothing to say for {slot.expression.text}")
    return SpokenValue(slot.kind, _shaped(slot.kind, value), today if slot.kind is Kind.DATE else None)


def _shaped(kind: Kind, value: Value) -> Value:
    match kind, value:
        case Kind.MONEY, (Decimal() | int()):
            return Decimal(value).quantize(_FEN, context=_ROUNDING)
        case Kind.NUMBER, Decimal():
            return value if value == value.to_integral_value() else value.quantize(_MILLIONTH, context=_ROUNDING).normalize(_ROUNDING)
        case Kind.VOLUME, (Decimal() | int()):
            if value < 0:
                raise EvaluationFailed("a volume below nothing")
            return int(Decimal(value).to_integral_value(ROUND_HALF_UP))
        case ((Kind.ORDINAL | Kind.COUNT), (Decimal() | int())):
            if value != int(value) or value < (1 if kind is Kind.ORDINAL else 0):
                raise EvaluationFailed(f"a {kind.value} of what is not whole, or too little")
            return int(value)
        case _:
            return value
