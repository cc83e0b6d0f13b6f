"""Expressions about other variables: how the values of a sub-flow are kept apart from those of the line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ivr.core.expressions import Binary, Choice, Expression, Field, Function, Literal, Many, Name, Term, Unary


def renamed(expression: Expression, name: Callable[[str], str]) -> Expression:
    """The same expression about other variables; its text stays as it was written."""
    return replace(expression, root=_renamed(expression.root, name))


def _renamed(term: Term, name: Callable[[str], str]) -> Term:
    match term:
        case Name():
            return replace(term, name=name(term.name))
        case Field():
            return replace(term, of=_renamed(term.of, name))
        case Many():
            return replace(term, items=tuple(_renamed(item, name) for item in term.items))
        case Unary():
            return replace(term, operand=_renamed(term.operand, name))
        case Binary():
            return replace(term, left=_renamed(term.left, name), right=_renamed(term.right, name))
        case Choice():
            return replace(term, condition=_renamed(term.condition, name), yes=_renamed(term.yes, name), no=_renamed(term.no, name))
        case Function():
            return replace(term, arguments=tuple(_renamed(argument, name) for argument in term.arguments))
        case Literal():
            return term
