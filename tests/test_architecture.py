"""The allowed import directions of docs/architecture.md, read from the code with `ast`."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.conftest import HOME

PURE_STDLIB = {
    "__future__", "bisect", "collections", "collections.abc", "dataclasses", "datetime", "decimal", "difflib", "enum", "functools",
    "itertools", "math", "operator", "re", "string", "types", "typing", "zoneinfo",
}  # fmt: skip

# What each part may import of ours: prefixes of module names. A part is the longest prefix that a module's name begins with.
MAY_IMPORT = {
    "ivr.errors": (),
    "ivr.core": ("ivr.core", "ivr.errors"),
    "ivr.speech": ("ivr.speech", "ivr.core"),
    "ivr.language": ("ivr.language", "ivr.core"),
    "ivr.calls": ("ivr.calls", "ivr.core", "ivr.speech", "ivr.errors"),
    "ivr.desk": ("ivr.desk", "ivr.calls", "ivr.core", "ivr.speech", "ivr.errors"),
    "ivr.tools": ("ivr.tools", "ivr.calls", "ivr.language", "ivr.core", "ivr.speech", "ivr.errors"),
    "ivr.config": ("ivr.errors",),
    "ivr.bootstrap": ("ivr", "adapters"),
    "ivr.cli": ("ivr",),
    "adapters.memory": ("adapters.memory", "ivr.calls", "ivr.core", "ivr.speech", "ivr.errors"),
    **{
        f"adapters.{family}": (f"adapters.{family}", "ivr.calls", "ivr.desk", "ivr.core", "ivr.speech", "ivr.errors", "ivr.config")
        for family in ("telephony", "speech", "storage", "backoffice", "sms", "console")
    },
}


def modules() -> list[tuple[str, Path]]:
    found = []
    for path in sorted([*(HOME / "ivr").rglob("*.py"), *(HOME / "adapters").rglob("*.py")]):
        name = ".".join(path.relative_to(HOME).with_suffix("").parts).removesuffix(".__init__")
        if name not in ("ivr", "adapters"):
            found.append((name, path))
    return found


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            assert node.module is not None
            found.add(node.module)
            found.update(
                f"{node.module}.{alias.name}" for alias in node.names if (HOME / Path(*node.module.split("."), alias.name)).is_dir()
            )
    return found


def within(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def part_of(name: str) -> str:
    parts = [part for part in MAY_IMPORT if within(name, (part,))]
    assert parts, f"{name} belongs to no part; name it in MAY_IMPORT and in docs/architecture.md"
    return max(parts, key=len)


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_module_imports_only_what_its_part_may(name: str, path: Path):
    allowed = MAY_IMPORT[part_of(name)]

    foreign = {one for one in imports(path) if within(one, ("ivr", "adapters", "tests")) and not within(one, allowed)}

    assert not foreign, f"{name} imports {', '.join(sorted(foreign))}"


@pytest.mark.parametrize(
    ("name", "path"), [one for one in modules() if within(one[0], ("ivr.core", "ivr.speech"))], ids=lambda value: str(value)
)
def test_the_core_touches_no_clock_file_or_network(name: str, path: Path):
    outside = {one for one in imports(path) if not within(one, ("ivr",))}

    assert outside <= PURE_STDLIB, f"{name} imports {', '.join(sorted(outside - PURE_STDLIB))}"


@pytest.mark.parametrize(("name", "path"), [one for one in modules() if within(one[0], ("ivr.language",))], ids=lambda value: str(value))
def test_the_language_opens_no_files(name: str, path: Path):
    outside = {one for one in imports(path) if not within(one, ("ivr",))}

    assert outside <= PURE_STDLIB | {"yaml", "calendar", "icalendar.parser", "icalendar.prop", "icalendar.timezone"}


def test_the_standard_library_list_names_only_the_standard_library():
    assert {name.split(".")[0] for name in PURE_STDLIB} <= set(sys.stdlib_module_names)
