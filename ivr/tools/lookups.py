"""The look-ups that a back office has, for those who write flows: what each takes, and what its answer is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ivr.core.values import ListOf, LookupSignature, Record, Scalar, Type


def lines_of(signatures: Iterable[LookupSignature]) -> Iterator[str]:
    """For people: `account(number: digits) → may find nothing`, then each field and its kind. An optional one may be null."""
    for number, signature in enumerate(signatures):
        if number:
            yield ""
        arguments = ", ".join(f"{name}: {_told(type_)}" for name, type_ in signature.arguments.items())
        yield f"{signature.name}({arguments})" + " → may find nothing" * signature.not_found
        width = max(map(len, signature.answer.fields), default=0)
        yield from (f"  {name:<{width}}  {_told(type_)}" for name, type_ in signature.answer.fields.items())


def data_of(signature: LookupSignature) -> Mapping[str, object]:
    """For programs: the same as data."""
    return {
        "name": signature.name,
        "arguments": [{"name": name, **_data(type_)} for name, type_ in signature.arguments.items()],
        "may_find_nothing": signature.not_found,
        "fields": _fields(signature.answer),
    }


def _told(type_: Type) -> str:
    match type_:
        case Scalar(kind=kind, optional=optional, secret=secret):
            return f"{'optional ' * optional}{'secret ' * secret}{kind.value}"
        case ListOf(item=Record() as item):
            return f"list of: {_inside(item)}"
        case ListOf(item=item):
            return f"list of {_told(item)}"
        case Record(optional=optional):
            return f"{'optional ' * optional}record of: {_inside(type_)}"


def _inside(record: Record) -> str:
    """The fields of a record within a line; one that has fields of its own in brackets."""
    told = ((name, _told(type_), isinstance(type_, Scalar)) for name, type_ in record.fields.items())
    return ", ".join(f"{name} {kind}" if single else f"{name} ({kind})" for name, kind, single in told)


def _data(type_: Type) -> Mapping[str, object]:
    match type_:
        case Scalar(kind=kind, optional=optional, secret=secret):
            return {"kind": kind.value, "optional": optional, "secret": secret}
        case ListOf(item=item):
            return {"kind": "list", "item": _data(item)}
        case Record(optional=optional):
            return {"kind": "record", "optional": optional, "fields": _fields(type_)}


def _fields(record: Record) -> list[Mapping[str, object]]:
    return [{"name": name, **_data(type_)} for name, type_ in record.fields.items()]
