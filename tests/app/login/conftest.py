"""Passwords that are hashed quickly: tests need no slow ones."""

from functools import partial

import pytest
from argon2 import PasswordHasher

from app.login import users


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(users, "PasswordHasher", quick)
