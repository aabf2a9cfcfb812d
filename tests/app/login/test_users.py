"""The file of people and hashed passwords."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.login import users
from app.login.errors import LoginRefusedError
from app.login.users import User, Users, add_user, main, make_owner, read_people
from blip2core.errors import ConfigError
from tests.app.login.clock import Clock


def test_only_the_right_password_of_a_known_name(tmp_path: Path) -> None:
    file = tmp_path / "users"
    add_user(file, "ada", "correct horse")
    add_user(file, "bob", "battery staple")
    people = Users(file)
    assert people.verify("ada", "correct horse")
    assert not people.verify("ada", "battery staple")
    assert not people.verify("eve", "correct horse")
    assert "horse" not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_new_password_replaces_the_old(tmp_path: Path) -> None:
    file = tmp_path / "users"
    for password in ("first password", "second password"):
        add_user(file, "ada", password)
    people = Users(file)
    assert people.verify("ada", "second password") and not people.verify("ada", "first password")


@pytest.mark.parametrize(
    ("name", "password"), [("a:b", "long enough"), ("", "long enough"), ("ada", "short")]
)
def test_what_is_not_allowed(name: str, password: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        add_user(tmp_path / "users", name, password)
    assert not (tmp_path / "users").exists()


def test_the_shortest_password(tmp_path: Path) -> None:
    file = tmp_path / "users"
    with pytest.raises(ConfigError, match="8 to 1,000"):
        add_user(file, "ada", "1234567")
    add_user(file, "ada", "12345678")
    assert Users(file).verify("ada", "12345678")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nobody\n",
        "ada:secret\n",
        "ada\n",
        "a b:$argon2id$x\n",
        "ada:king:$argon2id$x\n",
        "ada:owner,twice:$argon2id$x\n",
        "ada:owner:more:$argon2id$x\n",
        "ada:owner:$argon2id$x\nada:owner:$argon2id$x\n",
    ],
)
def test_broken_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "users").write_text(text)
    with pytest.raises(ConfigError, match="users"):
        Users(tmp_path / "users")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "users").write_bytes(b"ada:\xff\n")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        Users(tmp_path / "users")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        Users(tmp_path / "users")


def test_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = iter(["a password", "a password", "a password", "another"])
    monkeypatch.setattr(users.getpass, "getpass", lambda _: next(typed))
    file = str(tmp_path / "users")
    assert main([file, "ada"]) == 0
    assert Users(Path(file)).verify("ada", "a password")
    assert main([file, "ada"]) == 2
    assert main([file]) == 2
    assert main([file, "ada", "--role", "king"]) == 2
    shown = capsys.readouterr()
    assert "different" in shown.err and "ada is written down as owner" in shown.out


def test_the_first_is_the_owner_and_roles_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "users"
    assert add_user(file, "ada", "correct horse").role == "owner"
    assert add_user(file, "bob", "correct horse").role == "curator"
    assert add_user(file, "eve", "correct horse", role="visitor").role == "visitor"
    assert add_user(file, "eve", "another horse").role == "visitor"
    roles = {name: person.role for name, person in read_people(file).items()}
    assert roles == {"ada": "owner", "bob": "curator", "eve": "visitor"}


def test_a_file_of_version_0_1_has_owners(tmp_path: Path) -> None:
    file = tmp_path / "users"
    hashed = add_user(file, "ada", "correct horse").hash
    file.write_text(f"# us\nada:{hashed}\n")
    person = Users(file).verify("ada", "correct horse")
    assert person is not None and person.role == "owner"
    add_user(file, "bob", "battery staple")
    assert file.read_text().startswith(f"# us\nada:{hashed}\nbob:curator:")


def test_a_change_of_the_file_counts_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "users"
    add_user(file, "ada", "correct horse")
    people = Users(file)
    add_user(file, "bob", "battery staple")
    assert people.verify("bob", "battery staple")
    people.set_password("bob", "another staple")
    assert people.verify("bob", "another staple") and not people.verify("bob", "battery staple")
    file.write_text("nonsense\n")
    assert people.find("ada"), "a file that is being written takes nobody away"
    assert "is not used" in caplog.text
    add_user(tmp_path / "new", "eve", "correct horse")
    (tmp_path / "new").replace(file)
    assert people.find("ada") is None and people.find("eve")
    with pytest.raises(ConfigError, match="nobody called ada"):
        people.set_password("ada", "a new password")


def test_a_file_that_could_not_be_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "users"
    add_user(file, "ada", "correct horse")
    people = Users(file)
    add_user(file, "bob", "battery staple")
    monkeypatch.setattr(users, "LOOK_SECONDS", 0.0)
    with monkeypatch.context() as changed:

        def closed(path: Path) -> dict[str, User]:
            raise ConfigError("Permission denied")

        changed.setattr(users, "read_people", closed)
        assert people.find("bob") is None
    assert people.find("bob") is not None, "though the file is the same as then"


def test_who_is_taken_out_meanwhile_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "users"
    for name in ("ada", "eve"):
        add_user(file, name, "correct horse")
    people, plain = Users(file), users.PasswordHasher

    class Slow:
        """While it works somebody edits the file."""

        def hash(self, password: str) -> str:
            ada, _ = file.read_text().splitlines()
            file.write_text(f"{ada}\n")
            return plain().hash(password)

    monkeypatch.setattr(users, "PasswordHasher", Slow)
    with pytest.raises(ConfigError, match="changed meanwhile"):
        people.set_password("eve", "another horse")
    assert list(read_people(file)) == ["ada"]


def test_an_owner_is_made_for_one_login(tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "users"
    password = make_owner(file)
    owner = Users(file).verify("owner", password)
    assert owner is not None and owner.once and owner.role == "owner"
    assert add_user(file, "owner", "of my own choice").once is False


def deleted(file: Path) -> None:
    file.unlink()


def damaged(file: Path) -> None:
    file.write_bytes(b"ada:\xff\n")


def emptied(file: Path) -> None:
    file.write_text("# nobody\n")


def replaced_by_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("harm", [deleted, damaged, emptied, replaced_by_a_folder])
def test_nobody_is_known_while_the_file_cannot_be_read(
    harm: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, clock = tmp_path / "users", Clock()
    add_user(file, "ada", "correct horse")
    kept = file.read_bytes()
    people = Users(file, clock)
    harm(file)
    assert people.find("ada") and people.are_known(), "an editor replaces a file in steps"
    clock.now += users.KEPT_SECONDS - 0.1
    assert people.verify("ada", "correct horse")
    clock.now += 0.2
    assert not people.are_known()
    for ask in (
        lambda: people.find("ada"),
        lambda: people.find("eve"),
        lambda: people.verify("ada", "correct horse"),
        lambda: people.set_password("ada", "another horse"),
    ):
        with pytest.raises(LoginRefusedError, match="cannot be read") as refused:
            ask()
        assert refused.value.status == 503 and refused.value.retry_after == users.KEPT_SECONDS
    assert caplog.text.count("is not used") == 1, "not one line for each request"
    if file.is_dir():
        file.rmdir()
    file.write_bytes(kept)
    assert people.find("ada") and people.are_known()
    harm(file)
    assert people.find("ada"), "the time begins anew"


def test_a_disk_that_comes_back_with_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, clock = tmp_path / "users", Clock()
    add_user(file, "ada", "correct horse")
    people = Users(file, clock)
    with monkeypatch.context() as away:

        def closed(path: Path) -> dict[str, User]:
            raise ConfigError("Input/output error")

        away.setattr(users, "read_people", closed)
        away.setattr(users, "_state", lambda path: None)
        assert people.are_known()
        clock.now += users.KEPT_SECONDS
        assert not people.are_known()
    assert people.are_known() and people.find("ada")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root alone can do it")
def test_a_file_of_somebody_else_stays_theirs(tmp_path: Path) -> None:
    """Root adds a person; the studio, which runs as another user, still reads and writes it."""
    file = tmp_path / "users"
    add_user(file, "ada", "correct horse")
    for path in tmp_path.iterdir():
        os.chown(path, 65_534, 65_534)
    add_user(file, "bob", "battery staple")
    lock = file.with_name(".users.lock")
    lock.unlink(missing_ok=True)
    add_user(file, "eve", "battery staple")
    assert {path.stat().st_uid for path in (file, lock) if path.exists()} == {65_534}
