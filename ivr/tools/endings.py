"""What can become of a call from each state: whether it can end well, whether silence ends it, how far help is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ivr.core.events import (
    CALLBACK,
    CallStarted,
    CommandFailed,
    DigitsEntered,
    LookupAnswered,
    MessageKept,
    MessageNotKept,
    NothingHeard,
    PromptPlayed,
    Released,
    TextQueued,
    TransferEnded,
)
from ivr.core.state import Phase
from ivr.tools.exploring import Seen, Way

NEVER = math.inf


def without_good_end(seen: Sequence[Seen]) -> int | None:
    """The nearest state in which the caller waits for something that can no longer come: a release, a talk or a kept message.

    That the line fails is no way out.
    """
    before = _before(seen, working=True)
    good = [number for number, one in enumerate(seen) if any(_ends_well(way) for way in one.ways)]
    saved = set(good)
    while good:
        for origin in before[good.pop()]:
            if origin not in saved:
                saved.add(origin)
                good.append(origin)
    lost = [number for number, one in enumerate(seen) if number not in saved and one.ways and not one.state.hung_up]
    return min(lost, key=lambda number: (seen[number].cost, number), default=None)


def _ends_well(way: Way) -> bool:
    match way.event:
        case Released() | MessageKept() | TransferEnded(answered=True) | TransferEnded(reason="callback"):
            return True
        case _:
            return False


# --- silence ------------------------------------------------------------------------------------------------------


def silent(state: Seen, way: Way) -> bool:
    """Whether something happens although the caller does nothing, while the line works. Look-ups and texts may fail as they like."""
    match way.event:
        case NothingHeard() | Released() | MessageNotKept(hung_up=False):
            return True
        case TransferEnded(reason=reason):
            return reason != CALLBACK
        case PromptPlayed(keys=keys) | LookupAnswered(keys=keys) | TextQueued(keys=keys):
            return not keys
        case CommandFailed(keys=keys):
            return state.state.phase in (Phase.LOOKING_UP, Phase.TEXTING) and not keys
        case _:
            return False


def _silently(seen: Sequence[Seen]) -> list[list[int]]:
    """For each state, where silence leads."""
    return [
        [] if one.state.hung_up else list(dict.fromkeys(target for way in one.ways if silent(one, way) for target in way.to))
        for one in seen
    ]


def silent_circle(seen: Sequence[Seen]) -> tuple[int, tuple[int, ...]] | None:
    """The nearest state to which silence comes back, and the states on the shortest way round, that state last; None if there is none."""
    leads = _silently(seen)
    on_circles = _left_over(leads)
    for start in sorted(on_circles, key=lambda number: (seen[number].cost, number)):
        came: dict[int, int] = {}
        waiting = [start]
        for number in waiting:
            for target in leads[number]:
                if target == start:
                    way, at = [start], number
                    while at != start:
                        way.append(at)
                        at = came[at]
                    return start, tuple(reversed(way))
                if target in on_circles and target not in came:
                    came[target] = number
                    waiting.append(target)
    return None


def _left_over(leads: Sequence[Sequence[int]]) -> set[int]:
    """The states from which silence can go on for ever: what is left when every state is taken away that leads to none that is left."""
    left = [len(targets) for targets in leads]
    before: list[list[int]] = [[] for _ in leads]
    for number, targets in enumerate(leads):
        for target in targets:
            before[target].append(number)
    ended = [number for number, many in enumerate(left) if many == 0]
    gone = set(ended)
    while ended:
        for origin in before[ended.pop()]:
            left[origin] -= 1
            if left[origin] == 0:
                gone.add(origin)
                ended.append(origin)
    return set(range(len(leads))) - gone


def longest_silence(seen: Sequence[Seen]) -> int:
    """The most turns that the line takes on its own. There must be no silent circle."""
    leads = _silently(seen)
    longest: dict[int, int] = {}
    for start in range(len(seen)):
        waiting = [start]
        while waiting:
            number = waiting[-1]
            missing = [target for target in leads[number] if target not in longest]
            if missing:
                waiting.extend(missing)
            else:
                waiting.pop()
                longest[number] = max((longest[target] + 1 for target in leads[number]), default=0)
    return max(longest.values(), default=0)


# --- help ---------------------------------------------------------------------------------------------------------


def needs_help(one: Seen) -> bool:
    """Whether a caller is asked something, or has just come, and has not been helped yet."""
    state = one.state
    return state.phase in (Phase.NEW, Phase.ASKING) and not (state.references or state.transferred or state.hung_up)


def menus_to_help(seen: Sequence[Seen]) -> list[float]:
    """For each state, how many menus lie between the caller and a person or a message, whatever the back office does; NEVER if help is
    out of reach. The caller does what is best for them; hours, answers and failures of look-ups come as is worst. Where a limit that the
    flow sets sends the call elsewhere, that is as it was meant, and how help is reached from there is not asked."""
    far: list[float] = [0 if one.state.phase in (Phase.TRANSFERRING, Phase.RECORDING) else NEVER for one in seen]
    before = _before(seen)
    waiting = dict.fromkeys(origin for number, menus in enumerate(far) if menus == 0 for origin in before[number])
    while waiting:
        number = next(iter(waiting))
        del waiting[number]
        menus = _menus(seen, far, number)
        if menus < far[number]:
            far[number] = menus
            waiting.update(dict.fromkeys(before[number]))
    return far


def _menus(seen: Sequence[Seen], far: Sequence[float], number: int) -> float:
    here = seen[number]
    match here.state.phase:
        case Phase.ASKING:
            keyed = (way for way in here.ways if isinstance(way.event, DigitsEntered | NothingHeard))
            ways = [leads for way in keyed if (leads := _unlimited(seen, here, way))]
            return min((max(far[target] + _left(here, seen[target]) for target in leads) for leads in ways), default=NEVER)
        case Phase.NEW | Phase.SPEAKING | Phase.LOOKING_UP | Phase.TEXTING:
            return max((far[target] for target in _happens(seen, here)), default=NEVER)
        case Phase.TRANSFERRING | Phase.RECORDING:
            return 0
        case _:
            return NEVER


def helpless_way(seen: Sequence[Seen], menus: Sequence[float], start: int) -> tuple[int, ...]:
    """From a state in which the caller can do nothing: the states on a way along which help never comes."""
    way: list[int] = []
    at = start
    while seen[at].state.phase is not Phase.ASKING:
        lost = [target for target in _happens(seen, seen[at]) if menus[target] == NEVER and target not in way]
        if not lost:
            break
        at = min(lost, key=lambda number: (seen[number].cost, number))
        way.append(at)
    return tuple(way)


def _unlimited(seen: Sequence[Seen], here: Seen, way: Way) -> list[int]:
    """Where something leads in calls that do not come to a limit by it."""
    if isinstance(way.event, CallStarted) and way.event.crowded:
        return []
    return [target for target in way.to if here.state.limited or not seen[target].state.limited]


def _happens(seen: Sequence[Seen], here: Seen) -> Iterator[int]:
    """Where a call goes on when nobody presses a key and the line works."""
    for way in here.ways:
        if here.state.phase is Phase.NEW or silent(here, way):
            yield from _unlimited(seen, here, way)


def _left(here: Seen, there: Seen) -> int:
    """One when a menu is left behind, none when it is heard again."""
    return int(not (there.state.phase is Phase.ASKING and there.state.node == here.state.node))


def _before(seen: Sequence[Seen], *, working: bool = False) -> list[list[int]]:
    """For each state, the states that lead to it; if need be only while the line is working."""
    before: list[list[int]] = [[] for _ in seen]
    for number, one in enumerate(seen):
        for way in one.ways:
            if working and isinstance(way.event, CommandFailed) and one.state.phase is not Phase.LOOKING_UP:
                continue
            for target in way.to:
                before[target].append(number)
    return before
