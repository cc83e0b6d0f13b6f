"""Keys to meaning: which choice a row of keys is, and whether an entry is complete."""

from __future__ import annotations

from collections.abc import Iterable


def first_choice(keys: str, choices: Iterable[str]) -> tuple[str, str]:
    """The longest choice that typed-ahead keys begin with, and the keys after it; the first key alone when none fits."""
    fitting = [choice for choice in choices if keys.startswith(choice)]
    choice = max(fitting, key=len, default=keys[0])
    return choice, keys[len(choice) :]


def may_go_on(keys: str, choices: Iterable[str]) -> bool:
    """Whether these keys may be the beginning of a choice that has more of them."""
    return any(choice.startswith(keys) and len(choice) > len(keys) for choice in choices)


def first_entry(keys: str, max_digits: int) -> tuple[str, str, bool]:
    """The entry that typed-ahead keys begin with, the keys after it, and whether it is complete: ended by # or of full length."""
    entry, hash_key, rest = keys.partition("#")
    if hash_key and len(entry) <= max_digits:
        return entry, rest, True
    return keys[:max_digits], keys[max_digits:], len(keys) >= max_digits


def fits(entry: str, min_digits: int, max_digits: int) -> bool:
    """Whether an entry has only digits and a length that the form accepts."""
    return min_digits <= len(entry) <= max_digits and entry.isascii() and entry.isdigit()
