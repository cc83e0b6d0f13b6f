"""The caller's turn: menus, forms and lists, the keys that answer them, silence, wrong keys, and the keys that work everywhere.

What is said counts as the key it stands for. How it is understood is in `listening`.
"""

from __future__ import annotations

import datetime as dt

from ivr.core import listening
from ivr.core.commands import AskDigits
from ivr.core.evaluation import EvaluationFailed
from ivr.core.events import NO_TROUBLE, NOT_THIS_LANGUAGE, Hypothesis
from ivr.core.flow import ACTIONS, BACK, LOUDER, SLOWER, Asks, Collect, Menu, ReadsList, Target
from ivr.core.matching import first_choice, first_entry, fits, may_go_on
from ivr.core.notes import ChoiceMade, InputRejected, ListeningFailed, MannerChosen, PageTurned, PhraseHeard, TriesExhausted, ValueCollected
from ivr.core.rendering import Parts
from ivr.core.state import Passed, Phase
from ivr.core.turn import Turn
from ivr.core.values import Manner, Value


def enter(turn: Turn, node: Asks) -> None:
    """The call comes to a question anew: failures are counted anew, and keys that came early may answer it."""
    _start_anew(turn, node.name)
    if isinstance(node, ReadsList):
        _enter_list(turn, node)
        return
    if not node.barge_in or (isinstance(node, Collect) and node.secret):
        turn.set(keys="")
    _answer_or_ask(turn, node)


def answered(turn: Turn, digits: str) -> None:
    """The caller keyed something."""
    node, begun = turn.node, turn.state.partial
    entry = (begun + (digits.removesuffix("#") if begun else digits)) or "#"  # where one key was missing, # came as a key of its own
    turn.set(partial="")
    assert isinstance(node, Asks)
    if turn.state.offered:
        _answer_offer(turn, node, entry)
    elif isinstance(node, Collect):
        _fill_in(turn, node, entry)
    else:
        _press(turn, node, entry)


def unanswered(turn: Turn) -> None:
    """The caller was silent; where an entry had begun, that was its end."""
    node = turn.node
    assert isinstance(node, Asks)
    if turn.state.partial:
        answered(turn, "")
    else:
        _retry(turn, node, "noinput")


# --- what is said ---


def listens(turn: Turn) -> bool:
    """Whether the caller may speak now."""
    node = turn.node
    return isinstance(node, Asks) and listening.grammar(turn.flow, turn.state, node) is not None


def heard(turn: Turn, hypotheses: tuple[Hypothesis, ...]) -> None:
    """The caller said something."""
    node = turn.node
    assert isinstance(node, Asks)
    understood = listening.understood(turn.flow, turn.state, node, hypotheses)
    if not understood:
        _retry(turn, node, "nomatch")
        return
    best = understood[0]
    if not best.phrase:
        assert isinstance(node, Collect)
        _fill_in(turn, node, best.entry)
        return
    turn.note(PhraseHeard(node.name, best.phrase, best.entry, best.confidence, best.sure))
    if turn.state.offered:
        _answer_offer(turn, node, best.entry)
    elif best.sure:
        _press(turn, node, best.entry)
    else:
        _offer(turn, node, listening.worth_offering(understood))


def nobody_listens(turn: Turn, reason: str) -> None:
    """The caller is asked to use the keys, and asked again what they were being asked.

    On a line that has no recogniser at all, or none for the language, that is as it should be, and nothing is said of it.
    """
    node, speech = turn.node, turn.flow.speech
    assert isinstance(node, Asks)
    assert speech is not None
    turn.note(ListeningFailed(node.name, reason))
    turn.set(deaf=(*turn.state.deaf, turn.state.language) if reason == NOT_THIS_LANGUAGE else turn.flow.languages)
    if turn.state.keys:
        _answer_ahead(turn, node)
    else:
        excuse = () if reason in NO_TROUBLE else turn.render(speech.use_keys)
        _ask(turn, node, excuse + turn.state.asked)


def _offer(turn: Turn, node: Asks, keys: tuple[str, ...]) -> None:
    """Ask whether that was meant."""
    speech = turn.flow.speech
    assert speech is not None
    turn.set(offered=keys)
    _ask(turn, node, turn.render(speech.did_you_mean, heard=listening.name_of(turn.flow, turn.state, node, keys[0])))


def _answer_offer(turn: Turn, node: Asks, key: str) -> None:
    speech, (meant, *others) = turn.flow.speech, turn.state.offered
    assert speech is not None
    turn.set(offered=())
    if key == speech.yes:
        _press(turn, node, meant)
    elif key == speech.no and others:
        _offer(turn, node, tuple(others))
    elif key == speech.no:
        _retry(turn, node, "nomatch")
    else:
        _universal_or_wrong(turn, node, key)


def _press(turn: Turn, node: Asks, key: str) -> None:
    """A key, however it came: what a menu or list does with it, or what it does everywhere."""
    match node:
        case Menu():
            _choose(turn, node, key)
        case ReadsList():
            _turn_page(turn, node, key)
        case Collect():
            _universal_or_wrong(turn, node, key)


# --- asking ---


def _answer_or_ask(turn: Turn, node: Asks) -> None:
    parts = turn.state.pending + _words_of(turn, node)
    turn.set(pending=(), heard=turn.state.heard + parts)  # keys pressed ahead cut it short as if it had been heard: "repeat" says it all
    if turn.state.keys:
        _answer_ahead(turn, node)
    else:
        _ask(turn, node, parts)


def _words_of(turn: Turn, node: Asks) -> Parts:
    """What a node asks."""
    if not isinstance(node, ReadsList):
        return turn.render(node.prompts)
    page, items = turn.state.page, _items(turn, node)
    first = page * node.page_size
    asked = node.more if page + 1 < _pages(node, items) else node.last
    return _words_of_items(turn, node, items[first : first + node.page_size]) + turn.render(asked)


def _ask(turn: Turn, node: Asks, parts: Parts, digits: int = 0, timeout: dt.timedelta | None = None) -> None:
    command = AskDigits(
        turn.utterance(parts),
        max_digits=1 if turn.state.offered else digits or _most_digits(node),
        first_timeout=timeout or node.timing.timeout,
        digit_timeout=node.timing.digit_timeout,
        barge_in=isinstance(node, ReadsList) or node.barge_in,
        secret=isinstance(node, Collect) and node.secret,
        grammar=listening.grammar(turn.flow, turn.state, node),
    )
    turn.set(asked=parts)
    turn.wait(Phase.ASKING, command)


def _most_digits(node: Asks) -> int:
    match node:
        case Menu():
            return max(map(len, (*node.choices, "x")))
        case Collect():
            return node.max_digits
        case ReadsList():
            return 1


def _start_anew(turn: Turn, node: Target) -> None:
    place, history = Passed(node, turn.state.returns), turn.state.history
    kept = history[: history.index(place)] if place in history else history
    turn.set(noinputs=0, nomatches=0, partial="", offered=(), history=kept)


def _retry(turn: Turn, node: Asks, reason: str) -> None:
    turn.set(keys="", offered=())
    if reason == "noinput":
        turn.set(noinputs=turn.state.noinputs + 1)
        count, apologies = turn.state.noinputs, node.retry.noinput
    else:
        turn.set(nomatches=turn.state.nomatches + 1)
        count, apologies = turn.state.nomatches, node.retry.nomatch
    if turn.flow.limits.tries is not None:
        turn.set(rejected=turn.state.rejected + 1)
    tries = turn.state.noinputs + turn.state.nomatches
    turn.note(InputRejected(node.name, reason, tries))
    if tries >= node.retry.tries:
        turn.note(TriesExhausted(node.name, node.retry.exhausted))
        turn.set(heard=())
        turn.go(node.retry.exhausted)
    elif not turn.exceeds_a_limit():
        apology = turn.render(apologies[min(count, len(apologies)) - 1]) if apologies else ()
        again = turn.render(node.again) if not isinstance(node, ReadsList) and node.again else _words_of(turn, node)
        _ask(turn, node, apology + again)


# --- keys ---


def _answer_ahead(turn: Turn, node: Asks) -> None:
    """Take an answer from the keys that were pressed ahead."""
    match node:
        case _ if turn.state.offered:
            _answer_offer(turn, node, _next_key(turn))
        case Menu():
            _choose_ahead(turn, node)
        case Collect():
            _fill_in_ahead(turn, node)
        case ReadsList():
            _press(turn, node, _next_key(turn))


def _next_key(turn: Turn) -> str:
    """The first key that was pressed ahead; the others wait."""
    key, keys = turn.state.keys[0], turn.state.keys[1:]
    turn.set(keys=keys)
    return key


def _choose_ahead(turn: Turn, node: Menu) -> None:
    """Where the keys may be the beginning of a longer choice, wait for its end."""
    keys = turn.state.keys
    if may_go_on(keys, node.choices):
        turn.set(keys="", partial=keys)
        _ask(turn, node, (), max(map(len, node.choices)) - len(keys), node.timing.digit_timeout)
        return
    key, rest = first_choice(keys, (*node.choices, *turn.flow.universals))
    turn.set(keys=rest)
    _choose(turn, node, key)


def _fill_in_ahead(turn: Turn, node: Collect) -> None:
    """What is only the beginning of an entry waits for the rest."""
    keys = turn.state.keys
    if keys[0] in turn.flow.universals and not keys[0].isdigit():
        turn.set(keys=keys[1:])
        _universal(turn, node, keys[0])
        return
    entry, rest, whole = first_entry(keys, node.max_digits)
    turn.set(keys=rest)
    if whole:
        _fill_in(turn, node, entry or "#")
    else:
        turn.set(partial=entry)
        _ask(turn, node, (), node.max_digits - len(entry), node.timing.digit_timeout)


def _choose(turn: Turn, node: Menu, key: str) -> None:
    if key in node.choices:
        turn.note(ChoiceMade(node.name, key, node.choices[key], universal=False))
        turn.passed(node.name)
        turn.go(node.choices[key])
    else:
        _universal_or_wrong(turn, node, key)


def _fill_in(turn: Turn, node: Collect, entry: str) -> None:
    if fits(entry, node.min_digits, node.max_digits):
        turn.note(ValueCollected(node.name, len(entry)))
        turn.assign(node.variable, entry)
        turn.passed(node.name)
        turn.go(node.then)
    else:
        _universal_or_wrong(turn, node, entry)


def _universal_or_wrong(turn: Turn, node: Asks, key: str) -> None:
    if key in turn.flow.universals:
        _universal(turn, node, key)
    else:
        _retry(turn, node, "nomatch")


def _universal(turn: Turn, node: Asks, key: str) -> None:
    action = turn.flow.universals[key]
    turn.note(ChoiceMade(node.name, key, action, universal=True))
    if action == BACK and turn.state.history:
        *earlier, place = turn.state.history
        turn.set(history=tuple(earlier), returns=place.returns, heard=())
        turn.go(place.node)
    elif action in ACTIONS:
        if action in (SLOWER, LOUDER):
            _change_manner(turn, node, action)
        _say_again(turn, node)
    else:
        turn.passed(node.name)
        turn.go(action)


def _change_manner(turn: Turn, node: Asks, action: str) -> None:
    """Slower, or louder; as it was, when it is that already."""
    old = turn.state.manner
    new = Manner(old.slower != (action == SLOWER), old.louder != (action == LOUDER))
    turn.note(MannerChosen(node.name, new.slower, new.louder))
    turn.set(manner=new)


def _say_again(turn: Turn, node: Asks) -> None:
    """Everything since the caller's last key."""
    parts = turn.state.heard or _words_of(turn, node)
    turn.set(heard=parts)
    if turn.state.keys:
        _answer_ahead(turn, node)
    else:
        _ask(turn, node, parts)


# --- lists ---


def _enter_list(turn: Turn, node: ReadsList) -> None:
    items = _items(turn, node)
    if len(items) > node.page_size:
        _read_page(turn, node, 0)
        return
    if items:
        turn.note(PageTurned(node.name, 1, 1))
    turn.set(pending=turn.state.pending + _words_of_items(turn, node, items))
    turn.go(node.then if items else node.empty)


def _read_page(turn: Turn, node: ReadsList, page: int) -> None:
    turn.set(page=page, noinputs=0, nomatches=0)
    turn.note(PageTurned(node.name, page + 1, _pages(node, _items(turn, node))))
    _answer_or_ask(turn, node)


def _turn_page(turn: Turn, node: ReadsList, key: str) -> None:
    keys, page = node.keys, turn.state.page
    if key == keys.stop:
        turn.note(ChoiceMade(node.name, key, node.then, universal=False))
        turn.passed(node.name)
        turn.go(node.then)
        return
    other = page + 1 if key == keys.forward else page - 1 if key == keys.backward else -1
    if 0 <= other < _pages(node, _items(turn, node)):
        turn.note(ChoiceMade(node.name, key, node.name, universal=False))
        turn.set(heard=())
        _read_page(turn, node, other)
    else:
        _universal_or_wrong(turn, node, key)


def _items(turn: Turn, node: ReadsList) -> tuple[Value, ...]:
    items = turn.value(node.items)
    if not isinstance(items, tuple):
        raise EvaluationFailed("null cannot be read as a list")
    return items


def _pages(node: ReadsList, items: tuple[Value, ...]) -> int:
    return -(-len(items) // node.page_size)


def _words_of_items(turn: Turn, node: ReadsList, items: tuple[Value, ...]) -> Parts:
    return tuple(part for item in items for part in turn.render(node.each, **{node.variable: item}))
