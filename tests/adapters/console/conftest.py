"""A desk for each test, with one person of each role."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.adapters.console.desk import Desk, desk, of_person, people


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        asyncio.run(people(made.gate))
        yield made


@pytest.fixture
def ann(there: Desk) -> TestClient:
    """Her program."""
    return of_person(there, "ann")


@pytest.fixture
def ben(there: Desk) -> TestClient:
    """His program."""
    return of_person(there, "ben")
