"""The file of people and hashed passwords."""

from pathlib import Path

import pytest

from app.serving import users
from app.serving.users import add_user, main, read_users
from blip2core.errors import ConfigError


def test_only_the_right_password_of_a_known_name(tmp_path: Path) -> None:
    file = tmp_path / "users"
    add_user(file, "ada", "correct horse")
    add_user(file, "bob", "battery staple")
    people = read_users(file)
    for _ in range(2):  # the second time from memory
        assert people.check("ada", "correct horse")
        assert not people.check("ada", "battery staple")
        assert not people.check("eve", "correct horse")
    assert "horse" not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_new_password_replaces_the_old(tmp_path: Path) -> None:
    file = tmp_path / "users"
    for password in ("first password", "second password"):
        add_user(file, "ada", password)
    people = read_users(file)
    assert people.check("ada", "second password") and not people.check("ada", "first password")


@pytest.mark.parametrize(
    ("name", "password"), [("a:b", "long enough"), ("", "long enough"), ("ada", "short")]
)
def test_what_is_not_allowed(name: str, password: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        add_user(tmp_path / "users", name, password)
    assert not (tmp_path / "users").exists()


def test_the_shortest_password(tmp_path: Path) -> None:
    file = tmp_path / "users"
    with pytest.raises(ConfigError, match="at least 8"):
        add_user(file, "ada", "1234567")
    add_user(file, "ada", "12345678")
    assert read_users(file).check("ada", "12345678")


@pytest.mark.parametrize("text", ["", "# nobody\n", "ada:secret\n", "ada\n", "a b:$argon2id$x\n"])
def test_broken_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "users").write_text(text)
    with pytest.raises(ConfigError, match="users"):
        read_users(tmp_path / "users")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "users").write_bytes(b"ada:\xff\n")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        read_users(tmp_path / "users")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_users(tmp_path / "users")


def test_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = iter(["a password", "a password", "a password", "another"])
    monkeypatch.setattr(users.getpass, "getpass", lambda _: next(typed))
    file = str(tmp_path / "users")
    assert main([file, "ada"]) == 0
    assert read_users(Path(file)).check("ada", "a password")
    assert main([file, "ada"]) == 2
    assert main([file]) == 2
    assert "different" in capsys.readouterr().err
