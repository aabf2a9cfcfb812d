"""The people who may log in: a file of names, roles and hashed passwords, one person a line.

    python -m app.users FILE NAME [--role visitor|curator|owner]

asks for a password twice and writes the line `name:role:hash`. The hash is Argon2's; a password is
never stored, logged or shown. `name:hash`, as version 0.1 wrote it, is an owner: everybody was.
"""

from __future__ import annotations

import argparse
import getpass
import logging
import os
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from filelock import FileLock

from app.login.errors import LoginRefusedError
from app.roles import ROLES, Role
from blip2core.disk import sync_name
from blip2core.errors import ConfigError, os_problem

LONGEST_NAME = 80
NAME = re.compile(rf"[A-Za-z0-9._-]{{1,{LONGEST_NAME}}}")
SHORTEST, LONGEST = 8, 1_000
"""Characters of a password."""
ONCE = "once"
"""Stands behind the role of who must choose a password of their own first."""
LOOK_SECONDS = 1.0
"""Seconds until a changed file that could not be read is read again."""
KEPT_SECONDS = 10.0
"""How long the people who were read last stay while the file cannot be read: editors replace a file
in steps. Afterwards nobody of it is let in, as it may have been changed to keep somebody out.
"""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A line of the file."""

    name: str
    role: Role
    hash: str
    once: bool = False
    """The password was made by the program, and serves only to choose another."""

    @property
    def line(self) -> str:
        """The line of the file."""
        return f"{self.name}:{self.role}{f',{ONCE}' if self.once else ''}:{self.hash}"


class Users:
    """The people of a file, which is read again when it has changed: who is taken out of it is out
    at once. Raises ConfigError where it cannot be read at first.
    """

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.file = file
        self._clock, self._lock = clock, threading.Lock()
        self._next_look = 0.0
        """When a file that could not be read is read again."""
        self._failing_since: float | None = None
        """When it was first seen that the file cannot be read; None where it can."""
        self._seen = self._tried = _state(file)
        self._people = read_people(file)
        self._hasher = PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_hex())

    def find(self, name: str) -> User | None:
        """Return the person of this name, None where there is none (any more).

        Raises LoginRefusedError where the file has not been readable for `KEPT_SECONDS`.
        """
        return self._current().get(name)

    def are_known(self) -> bool:
        """Return whether it is known who the people are; see `find`."""
        try:
            self._current()
        except LoginRefusedError:
            return False
        return True

    def verify(self, name: str, password: str) -> User | None:
        """Return the person whose password this is, None where it is wrong.

        Takes some 50 milliseconds of a core and 64 MB, and as long for names that nobody has.
        Raises LoginRefusedError, see `find`.
        """
        person = self.find(name)
        try:
            self._hasher.verify(person.hash if person else self._nobody, password)
        except (Argon2Error, InvalidHashError):
            return None
        return person

    def set_password(self, name: str, password: str) -> None:
        """Give a person another password.

        Raises ConfigError, see `add_user`, LoginRefusedError, see `find`, and OSError.
        """
        person = self.find(name)
        if person is None:
            raise ConfigError(f"There is nobody called {name} any more.")
        add_user(self.file, name, password, role=person.role, replaces=person)

    def _current(self) -> Mapping[str, User]:
        with self._lock:
            now, state = self._clock(), _state(self.file)
            if state == self._seen:
                self._failing_since = None
            elif state != self._tried or now >= self._next_look:
                self._read(state, now)
            if self._failing_since is not None and now - self._failing_since >= KEPT_SECONDS:
                raise LoginRefusedError(
                    "The file of users cannot be read, so nobody with a password is let in; whoever"
                    " runs the studio finds the cause in its log.",
                    status=503,
                    retry_after=KEPT_SECONDS,
                )
            return self._people

    def _read(self, state: tuple[int, ...] | None, now: float) -> None:
        self._tried = state
        try:
            self._people, self._seen = read_people(self.file), state
        except ConfigError as error:  # being written, perhaps
            self._next_look = now + LOOK_SECONDS
            if self._failing_since is None:
                self._failing_since = now
                _log.warning("The file of users was changed and is not used: %s", error)
        else:
            self._failing_since = None


def read_people(file: Path) -> dict[str, User]:
    """Return the people of a file by name. Raises ConfigError with the line that is wrong."""
    people: dict[str, User] = {}
    for number, line in enumerate(_lines(file), 1):
        if not line.strip() or line.startswith("#"):
            continue
        person = _person(line.strip())
        if person is None or person.name in people:
            raise ConfigError(
                f"{file}, line {number}: expected a new name, a role and a hash, with colons "
                f"between; roles are {', '.join(ROLES)}."
            )
        people[person.name] = person
    if not people:
        raise ConfigError(f"{file} names nobody: add people with python -m app.users.")
    return people


def _person(line: str) -> User | None:
    name, *described, hashed = line.split(":") if ":" in line else (line, "")
    role, _, mark = (described or ["owner"])[0].partition(",")
    found = next((one for one in ROLES if one == role), None)
    wrong = (
        not NAME.fullmatch(name)
        or not hashed.startswith("$argon2")
        or mark not in ("", ONCE)
        or len(described) > 1
    )
    if found is None or wrong:
        return None
    return User(name=name, role=found, hash=hashed, once=mark == ONCE)


def add_user(
    file: Path,
    name: str,
    password: str,
    *,
    role: Role | None = None,
    once: bool = False,
    replaces: User | None = None,
) -> User:
    """Write a person's line; one who is there already gets the new password.

    Without a role they keep theirs; the first in a new file is its owner, others are curators.
    Raises ConfigError where the name or the password is not allowed, the file is wrong, or the
    person that this `replaces` is not in it any more as they were.
    """
    if not NAME.fullmatch(name):
        raise ConfigError("A name has 1 to 80 letters, digits, dots, dashes or underscores.")
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigError(f"A password has {SHORTEST} to {LONGEST:,} characters.")
    hashed = PasswordHasher().hash(password)  # takes long, so nobody waits for it
    with FileLock(lock := file.with_name(f".{file.name}.lock")):
        keep_owner(lock, file)
        lines = _lines(file) if file.exists() else []
        people = read_people(file) if any(_is_person(line) for line in lines) else {}
        if replaces is not None and people.get(name) != replaces:
            raise ConfigError("The file of users was changed meanwhile: try once more.")
        usual: Role = people[name].role if name in people else "curator" if people else "owner"
        person = User(name=name, role=role or usual, hash=hashed, once=once)
        kept = [line for line in lines if line.partition(":")[0].strip() != name]
        _write(file, "\n".join([*kept, person.line, ""]))
    return person


def _write(file: Path, text: str) -> None:
    """Replace a file whole; it is on disk when this returns."""
    partial = file.with_name(f".{file.name}.partial")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    keep_owner(partial, file)
    partial.replace(file)
    sync_name(file)


def keep_owner(new: Path, old: Path) -> None:
    """Give a file to whom an older one belongs: root may add people to the file of a studio that
    runs as somebody else, who has to read it.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        owner = (old if old.exists() else old.parent).stat()
        os.chown(new, owner.st_uid, owner.st_gid)


def make_owner(file: Path) -> str:
    """Write a new file with an owner called "owner"; return the password for their first login.

    Raises OSError where the file cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    password = secrets.token_urlsafe(12)
    add_user(file, "owner", password, role="owner", once=True)
    return password


def _is_person(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"The file of users cannot be read: {os_problem(error)}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"The file of users {file} is not UTF-8 text.") from error


def _state(file: Path) -> tuple[int, ...] | None:
    """Return what changes whenever the file does; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def main(arguments: Sequence[str]) -> int:
    """Run the command of the module's docstring; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m app.users", description="Add a person, or give them another password."
    )
    parser.add_argument("file", type=Path, help="the file that BLIP2_USERS names")
    parser.add_argument("name", help="letters, digits, dots, dashes or underscores")
    parser.add_argument(
        "--role",
        choices=ROLES,
        help="visitors ask; curators keep, import and judge too; owners do everything. The first "
        "in a file is its owner, others are curators.",
    )
    try:
        given = parser.parse_args(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    password = getpass.getpass("Password: ")
    if password != getpass.getpass("Again: "):
        print("The two are different; nothing was written.", file=sys.stderr)
        return 2
    try:
        person = add_user(given.file, given.name, password, role=given.role)
    except (ConfigError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{person.name} is written down as {person.role}.")
    return 0
