"""A flow while it is being made: nodes by name, before they are text. What all imported flows share is here: names, the way to help."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from ivr.core.flow import ACTIONS
from ivr.core.marks import Mark
from ivr.errors import UserError
from ivr.language.loader import MAX_NODES

MAX_TRIES = 9


@dataclass(frozen=True, slots=True)
class Shared:
    """A prompt of the prompts files, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Said:
    """A text of the flow's own. `about` stands beside it as a comment."""

    text: str
    about: str = ""


Words = tuple[Shared | Said, ...]


@dataclass(frozen=True, slots=True)
class Go:
    """The way to a node, by its full name."""

    target: str


@dataclass(frozen=True, slots=True)
class Choices:
    """Keys and where they lead, by full names."""

    targets: Mapping[str, str]


Value = Words | Go | Choices | str


@dataclass(slots=True)
class DraftNode:
    """A node: its keys in the order in which they are written, and what is told about it above."""

    name: str
    mark: Mark
    keys: dict[str, Value]
    comments: list[str] = field(default_factory=list)
    heading: str = ""

    @property
    def scope(self) -> str:
        """The sub-flow it is in; "" for the line itself."""
        return self.name.rpartition("/")[0]

    @property
    def asks(self) -> bool:
        """Whether a caller is waited for."""
        return "menu" in self.keys or "collect" in self.keys

    def said(self) -> Iterator[Said]:
        """The texts of its own."""
        for value in self.keys.values():
            yield from (word for word in value if isinstance(word, Said)) if isinstance(value, tuple) else ()

    def targets(self) -> Iterator[tuple[str, str]]:
        """The keys that lead on, and where; choices as the key that is pressed."""
        for key, value in self.keys.items():
            if isinstance(value, Go):
                yield key, value.target
            elif isinstance(value, Choices):
                yield from value.targets.items()

    def silent_ways(self) -> Iterator[tuple[str, str]]:
        """Where the call goes if the caller does nothing, with the key that says so."""
        for key, value in self.keys.items():
            if isinstance(value, Go) and (key == "exhausted" or not self.asks):
                yield key, value.target


class Draft:
    """The flow. Names are given out by `name`; what is asked for by `leave`, `no_answer` and `ended` is there because it was asked for."""

    def __init__(self, line: str, language: str, about: str) -> None:
        self.line = line
        self.language = language
        self.about = about
        self.start = ""
        self.nodes: dict[str, DraftNode] = {}
        self.starts: dict[str, str] = {}  # of the sub-flows
        self._names: set[str] = {"leave", "goodbye", "trouble", "no_answer", "ended"}

    def name(self, wanted: str, scope: str = "") -> str:
        """A name that nobody has, like the one wanted."""
        base = slug(wanted)
        prefix = f"{scope}/" if scope else ""
        number, name = 1, base
        while prefix + name in self._names or name in ACTIONS:
            number += 1
            name = f"{base[:58]}_{number}"
        self._names.add(prefix + name)
        return prefix + name

    def add(self, name: str, mark: Mark, keys: dict[str, Value], *comments: str, heading: str = "") -> DraftNode:
        """A node under a name that `name` gave."""
        node = DraftNode(name, mark, keys, list(comments), heading)
        self.nodes[name] = node
        if len(self.nodes) > MAX_NODES:
            raise UserError(f"{mark}: error: the flow would have more than {MAX_NODES} nodes; import a part of it")
        return node

    @property
    def leave(self) -> str:
        """The node at which a caller leaves a message: where all goes that the importer cannot carry over."""
        return "leave"

    @property
    def no_answer(self) -> str:
        """The node that calls come to which nobody answered."""
        return "no_answer"

    @property
    def ended(self) -> str:
        """The node that ends a call without a word."""
        return "ended"

    def complete(self) -> None:
        """Add what has been asked for, and where a call goes when something breaks."""
        mark = Mark("", 1, 1)
        asked = {target for node in self.nodes.values() for _, target in node.targets()} | {self.start}
        if self.no_answer in asked:
            self.add("no_answer", mark, {"say": (Shared("all_busy"),), "then": Go("leave")})
        self.add("trouble", mark, {"say": (Shared("sorry_trouble"),), "then": Go("leave")})
        promises = {name: (Shared(f"message_{name}"),) for name in ("kept", "saved", "too_short", "not_kept")}
        self.add("leave", mark, {"message": (Shared("leave_message"),), "topic": "callback", **promises, "then": Go("goodbye")})
        self.add("goodbye", mark, {"hangup": (Shared("goodbye"),)})
        if self.ended in asked:
            self.add("ended", mark, {"hangup": ()})
        next(node for node in self.nodes.values() if node.mark == mark).heading = "what every line needs"

    def circle(self) -> list[tuple[DraftNode, str]] | None:
        """A way round on which nobody waits for the caller, as nodes with the key that leads on; None when there is none."""
        done: set[str] = set()
        for begin in self.nodes:
            path: dict[str, tuple[str, Iterator[tuple[str, str]]]] = {}
            waiting = begin
            while waiting not in done:
                if waiting not in path:
                    path[waiting] = ("", self._silent_ways(waiting))
                key, target = next(path[waiting][1], ("", ""))
                path[waiting] = (key, path[waiting][1])
                if not key:
                    done.add(waiting)
                    del path[waiting]
                    if not path:
                        break
                    waiting = next(reversed(path))
                elif target in path:
                    names = list(path)
                    return [(self.nodes[name], path[name][0]) for name in names[names.index(target) :]]
                elif target not in done:
                    waiting = target
        return None

    def _silent_ways(self, name: str) -> Iterator[tuple[str, str]]:
        node = self.nodes.get(name)
        if node is not None:
            yield from node.silent_ways()
            if isinstance(subflow := node.keys.get("call"), str):
                yield "call", self.starts[subflow]

    def reachable(self) -> set[str]:
        """The nodes that a call can come to."""
        found, waiting = set[str](), [self.start, "trouble"]
        while waiting:
            name = waiting.pop()
            if name not in found and name in self.nodes:
                found.add(name)
                node = self.nodes[name]
                waiting.extend(target for _, target in node.targets())
                if isinstance(subflow := node.keys.get("call"), str):
                    waiting.append(self.starts[subflow])
        return found

    def drop_unreachable(self) -> tuple[DraftNode, ...]:
        """Take out what no call comes to any more. Returned are the nodes whose words are heard nowhere else."""
        found = self.reachable()
        heard = {word for name in found for word in self.nodes[name].said()}
        lost = tuple(node for name, node in self.nodes.items() if name not in found and any(word not in heard for word in node.said()))
        self.nodes = {name: node for name, node in self.nodes.items() if name in found}
        self.starts = {scope: start for scope, start in self.starts.items() if start in found}
        return lost


def slug(text: str) -> str:
    """A name made of a text: small letters, digits and _, a letter first."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60].strip("_")
    if not name:
        return "node"
    return name if name[0].isalpha() else f"n_{name}"


def file_of(mark: Mark) -> str:
    """The name of a file, without its folders: a flow tells nobody how a machine is laid out."""
    return mark.path.replace("\\", "/").rpartition("/")[2]


def extension(text: str) -> str:
    """The name of an extension of the dialplan for a destination elsewhere: 9196 becomes ext_9196."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:56].strip("_")
    return name if name[:1].isalpha() else f"ext_{name or 'unknown'}"


def duration(milliseconds: int) -> str:
    """As a flow writes it: 5s, 2500ms, 2min. At least 100 ms, at most a day."""
    bounded = min(max(milliseconds, 100), 24 * 60 * 60 * 1000)
    if bounded % 60_000 == 0:
        return f"{bounded // 60_000}min"
    if bounded >= 1_000_000:
        return f"{bounded // 1000}s"
    return f"{bounded // 1000}s" if bounded % 1000 == 0 else f"{bounded}ms"


def without_about(words: Words) -> Words:
    """The words alone."""
    return tuple(replace(word, about="") if isinstance(word, Said) else word for word in words)
