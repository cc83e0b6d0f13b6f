"""Which FreeSWITCH menu is where: the one that a call begins with, what is below it, and which ones need to know the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ivr.errors import UserError
from ivr.tools.importing.document import Element
from ivr.tools.importing.draft import Draft, slug


@dataclass(slots=True, eq=False)
class Menu:
    """A menu, the node it becomes, and the sub-flow that is in; "" for the line itself."""

    name: str
    element: Element
    entries: list[Element]
    node: str = ""
    scope: str = ""
    before: Menu | None = None  # the menu that this one goes back to; None at the top and at the start of a sub-flow
    above: tuple[Menu, ...] = ()  # a way to it
    leads_to: dict[str, bool] = field(default_factory=dict)  # False: only whoever has failed too often goes there, and not back


def first_menu(menus: Mapping[str, Menu], start: str | None) -> Menu:
    """The menu that is named, or the first that no other leads to, or the first. Raises UserError for a name that no menu has."""
    if start is not None:
        if start in menus:
            return menus[start]
        raise UserError(f"there is no menu '{start}'; there are {', '.join(menus)}")
    entered = {name for menu in menus.values() for name in menu.leads_to if name != menu.name}
    return next((menu for name, menu in menus.items() if name not in entered), next(iter(menus.values())))


def arrange(menus: Mapping[str, Menu], top: Menu, draft: Draft) -> dict[Menu, None]:
    """The menus that calls come to, in order. One that several lead to becomes a sub-flow, so that it knows the way back."""
    order = _in_order(menus, top)
    parents: dict[Menu, list[Menu]] = {}
    for menu in order:
        for child in (menus[name] for name in menu.leads_to):
            if child not in (menu, top) and child not in menu.above:  # else it is a way back
                parents.setdefault(child, []).append(menu)
    for menu in order:
        mine = parents.get(menu, [])
        if len(mine) > 1:
            menu.scope = draft.name(slug(menu.name))
            menu.node = draft.starts[menu.scope] = draft.name("menu", menu.scope)
            continue
        if mine:
            menu.before = mine[0] if mine[0].leads_to[menu.name] else mine[0].before
            menu.scope = mine[0].scope
        menu.node = draft.name(slug(menu.name), menu.scope)
    return order


def _in_order(menus: Mapping[str, Menu], top: Menu) -> dict[Menu, None]:
    """Depth first, so that a way that closes a circle is one to a menu above."""
    order: dict[Menu, None] = {}
    waiting: list[tuple[Menu, tuple[Menu, ...]]] = [(top, ())]
    while waiting:
        menu, path = waiting.pop()
        if menu not in order:
            order[menu] = None
            menu.above = path
            waiting.extend((menus[name], (*path, menu)) for name in reversed(menu.leads_to) if menus[name] not in order)
    return order
