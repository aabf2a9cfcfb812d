"""A flood of wrong passwords costs little and does not stop who knows theirs."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from app.login import passwords as module
from app.login.errors import LoginRefusedError
from app.login.passwords import Passwords
from app.login.users import User, Users, add_user
from tests.app.login.clock import Clock


class CountedUsers(Users):
    """Says how many checks ran, and how many at the same time."""

    runs = at_once = most = 0
    names: tuple[str, ...] = ()
    seconds = 0.0

    def verify(self, name: str, password: str) -> User | None:
        with self._counting:
            self.runs, self.at_once = self.runs + 1, self.at_once + 1
            self.names = (*self.names, name)
            self.most = max(self.most, self.at_once)
        time.sleep(self.seconds)
        try:
            return super().verify(name, password)
        finally:
            with self._counting:
                self.at_once -= 1

    _counting = threading.Lock()


@pytest.fixture
def users(tmp_path: Path) -> CountedUsers:
    add_user(tmp_path / "users", "ada", "correct horse")
    add_user(tmp_path / "users", "bob", "battery staple")
    return CountedUsers(tmp_path / "users")


async def outcome(check: Coroutine[Any, Any, User]) -> int:
    """200, or the status of the refusal."""
    try:
        await check
    except LoginRefusedError as error:
        return error.status
    return 200


def test_right_and_wrong(users: CountedUsers) -> None:
    async def run() -> None:
        passwords = Passwords(users)
        assert (await passwords.check("ada", "correct horse", "10.0.0.1")).role == "owner"
        for name, password in (("ada", "wrong horse"), ("eve", "correct horse"), ("ada", "")):
            with pytest.raises(LoginRefusedError, match="wrong"):
                await passwords.check(name, password, "10.0.0.1")
        with pytest.raises(LoginRefusedError, match="wrong"):
            await passwords.check("ada", "x" * 1_000_000, "10.0.0.1")
        assert users.runs == 3, "what cannot be a password is not hashed"

    asyncio.run(run())


def test_a_flood_runs_two_checks_at_a_time_and_most_of_it_none(users: CountedUsers) -> None:
    users.seconds = 0.02

    async def run() -> None:
        passwords = Passwords(users)
        flood = [
            outcome(passwords.check(f"name{number}", "wrong horse", "10.0.0.1"))
            for number in range(60)
        ]
        right = outcome(passwords.check("ada", "correct horse", "10.0.0.2"))
        *wrong, right_one = await asyncio.gather(*flood, right)
        assert right_one == 200, "who comes from elsewhere gets in"
        assert set(wrong) == {401, 503}
        assert users.runs == module.MOST_OF_ONE + 1
        assert users.names.index("ada") <= module.MOST_OF_ONE, "no others were checked before"
        assert users.most <= module.AT_ONCE

    asyncio.run(run())


def test_a_flood_from_everywhere_leaves_room_for_who_was_here(users: CountedUsers) -> None:
    users.seconds = 0.02

    async def run() -> None:
        passwords = Passwords(users)
        await passwords.check("ada", "correct horse", "10.0.0.1")
        flood = [
            outcome(passwords.check("eve", "wrong horse", f"10.1.{number}.1"))
            for number in range(100)
        ]
        many = [
            outcome(passwords.check(f"n{number}", "wrong horse", f"10.2.{number}.1"))
            for number in range(100)
        ]
        tasks = [asyncio.ensure_future(one) for one in (*flood, *many)]
        await asyncio.sleep(0.01)
        assert await outcome(passwords.check("ada", "correct horse", "10.9.9.9")) == 200
        assert users.names.count("ada") == 1, "a right password that was seen is not hashed again"
        statuses = await asyncio.gather(*tasks)
        assert set(statuses) == {401, 429, 503}
        assert users.runs <= module.AT_ONCE + module.MOST_WAITING + 1

    asyncio.run(run())


def test_failures_of_others_hold_up_no_one_at_home(users: CountedUsers) -> None:
    async def run() -> None:
        clock = Clock()
        passwords = Passwords(users, clock)
        await passwords.check("ada", "correct horse", "10.0.0.1")
        statuses = [
            await outcome(passwords.check("ada", "wrong horse", f"10.3.{number}.1"))
            for number in range(module.FREE_BY_NAME + 2)
        ]
        assert statuses == [401] * (module.FREE_BY_NAME + 1) + [429]
        clock.now += module.REMEMBERED_SECONDS + 1  # the digest is forgotten, the address not
        for number in range(module.FREE_BY_NAME + 2):
            await outcome(passwords.check("ada", "wrong horse", f"10.4.{number}.1"))
        assert await outcome(passwords.check("ada", "correct horse", "10.5.0.1")) == 429
        assert await outcome(passwords.check("ada", "correct horse", "10.0.0.1")) == 200
        assert await outcome(passwords.check("ada", "wrong horse", "10.6.0.1")) == 401, "all clear"

    asyncio.run(run())


def test_who_could_not_even_wait_has_not_failed(users: CountedUsers) -> None:
    async def run() -> None:
        passwords = Passwords(users, Clock())
        passwords._waiting = Counter({"10.9.9.9": module.AT_ONCE + module.MOST_WAITING})
        statuses = {
            await outcome(passwords.check("ada", "correct horse", "10.0.0.1")) for _ in range(50)
        }
        assert statuses == {503}
        passwords._waiting.clear()
        assert await outcome(passwords.check("ada", "correct horse", "10.0.0.1")) == 200

    asyncio.run(run())


def test_the_delay_is_told(users: CountedUsers) -> None:
    async def run() -> None:
        passwords = Passwords(users, Clock())
        for _ in range(module.FREE_BY_NAME + 1):
            await outcome(passwords.check("ada", "wrong horse", "10.0.0.1"))
        with pytest.raises(LoginRefusedError, match="again in 1 s") as told:
            await passwords.check("ada", "wrong horse", "10.0.0.1")
        assert told.value.retry_after == 1

    asyncio.run(run())


def test_a_new_password_ends_the_old_one_also_where_it_is_remembered(users: CountedUsers) -> None:
    async def run() -> None:
        passwords = Passwords(users)
        await passwords.check("bob", "battery staple", "10.0.0.1")
        users.set_password("bob", "another staple")
        assert await outcome(passwords.check("bob", "battery staple", "10.0.0.1")) == 401
        assert await outcome(passwords.check("bob", "another staple", "10.0.0.1")) == 200
        passwords.forget("bob")
        assert not [known for known in passwords._at_home if known[0] == "bob"]

    asyncio.run(run())


def test_who_has_a_large_network_is_slowed_down_in_all_of_it(users: CountedUsers) -> None:
    async def run() -> None:
        passwords = Passwords(users, lambda: 0.0)
        assert await outcome(passwords.check("bob", "battery staple", "2001:db8:1:ffff::1")) == 200
        told = [
            await outcome(passwords.check(f"name{number}", "wrong", f"2001:db8:1:{number:x}::1"))
            for number in range(130)
        ]
        assert told == [401] * 101 + [429] * 29
        assert await outcome(passwords.check("ada", "correct horse", "2001:db8:1:fff::1")) == 429
        assert await outcome(passwords.check("ada", "correct horse", "2001:db8:2::1")) == 200
        # Where somebody has logged in before, strangers around do not hold them up, and their
        # right password takes back no failure of the strangers.
        passwords._right.clear()
        assert await outcome(passwords.check("bob", "battery staple", "2001:db8:1:ffff::1")) == 200
        assert await outcome(passwords.check("ada", "correct horse", "2001:db8:1:fff::1")) == 429

    asyncio.run(run())
