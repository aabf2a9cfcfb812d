"""The people who may log in: a file of names and hashed passwords, one `name:hash` a line.

    python -m app.users FILE NAME      asks for a password twice and writes the line

The hash is Argon2's; a password is never stored, logged or shown.
"""

from __future__ import annotations

import getpass
import hmac
import os
import re
import secrets
import sys
from hashlib import sha256
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from blip2core.errors import ConfigError, os_problem

NAME = re.compile(r"[A-Za-z0-9._-]{1,80}")
SHORTEST = 8
"""Characters of a password, at least."""
KNOWN = 1_000
"""Right passwords that are remembered, as keyed digests, so that Argon2 runs once for each."""


class Users:
    """The people of a file. A change of the file counts after a restart."""

    def __init__(self, hashes: dict[str, str]) -> None:
        self._hashes = hashes
        self._hasher = PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_hex())
        self._key, self._right = secrets.token_bytes(), set[bytes]()

    def check(self, name: str, password: str) -> bool:
        """Return whether a password is right; takes as long for unknown names."""
        digest = hmac.digest(self._key, f"{name}\0{password}".encode(), sha256)
        if digest in self._right:
            return True
        try:
            right = self._hasher.verify(self._hashes.get(name, self._nobody), password)
        except (Argon2Error, InvalidHashError):
            return False
        if right and name in self._hashes:
            if len(self._right) >= KNOWN:
                self._right.clear()
            self._right.add(digest)
            return True
        return False


def read_users(file: Path) -> Users:
    """Read a file of people. Raises ConfigError with the file and the line that is wrong."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"The file of users cannot be read: {os_problem(error)}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"The file of users {file} is not UTF-8 text.") from error
    hashes: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, _, hashed = line.strip().partition(":")
        if not name or name.startswith("#"):
            continue
        if not NAME.fullmatch(name) or not hashed.startswith("$argon2") or name in hashes:
            raise ConfigError(f"{file}, line {number}: expected a new name, a colon and a hash.")
        hashes[name] = hashed
    if not hashes:
        raise ConfigError(f"{file} names nobody: add people with python -m app.users.")
    return Users(hashes)


def add_user(file: Path, name: str, password: str) -> None:
    """Write a person's line; one who is there already gets the new password.

    Raises ConfigError where the name or the password is not allowed.
    """
    if not NAME.fullmatch(name):
        raise ConfigError("A name has 1 to 80 letters, digits, dots, dashes or underscores.")
    if len(password) < SHORTEST:
        raise ConfigError(f"A password has at least {SHORTEST} characters.")
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    kept = [line for line in lines if line.partition(":")[0] != name]
    text = "\n".join([*kept, f"{name}:{PasswordHasher().hash(password)}", ""])
    partial = file.with_name(f".{file.name}.partial")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
    partial.replace(file)


def main(arguments: list[str]) -> int:
    """Run the command of the module's docstring; return its exit code."""
    if len(arguments) != 2:
        print("usage: python -m app.users FILE NAME", file=sys.stderr)
        return 2
    password = getpass.getpass("Password: ")
    if password != getpass.getpass("Again: "):
        print("The two are different; nothing was written.", file=sys.stderr)
        return 2
    try:
        add_user(Path(arguments[0]), arguments[1], password)
    except (ConfigError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
