"""How people come in, by the settings: with a password, by signing in elsewhere, or unasked."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from app.login.errors import LoginRefusedError
from app.login.passwords import Passwords
from app.login.sessions import LoginSession, Sessions
from app.login.sign_in import SignIn, provider_of
from app.login.users import User, Users, make_owner
from app.roles import Visitor
from app.settings import AppSettings, anonymous_role
from blip2core.errors import ConfigError, os_problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Everything that decides who somebody is."""

    sessions: Sessions
    cookie: str
    """Name of the cookie, without the prefix of `app.login.cookies`; two studios under one name
    have two, as browsers do not look at ports.
    """
    anonymous: Visitor | None
    """Who somebody is that has not logged in; None where they have to."""
    passwords: Passwords | None = None
    sign_in: SignIn | None = None

    @property
    def asks(self) -> bool:
        """Whether anybody can log in."""
        return self.passwords is not None or self.sign_in is not None

    def still_holds(self, session: LoginSession) -> bool:
        """Return whether what a session rests on is still so; a person may be taken out of the file
        or get another role. Raises LoginRefusedError, see `person_of`.
        """
        return self.has_signed_in(session) or self.person_of(session) is not None

    def has_signed_in(self, session: LoginSession) -> bool:
        """Return whether a session began at the provider, and not with a password."""
        return session.credential.startswith(SignIn.CREDENTIAL)

    def is_valid(self, session: LoginSession) -> bool:
        """Return whether a session has neither ended nor lost what it rests on."""
        if self.sessions.is_over(session):
            return False
        try:
            return self.still_holds(session)
        except LoginRefusedError:
            return False

    def is_unchanged(self, person: User) -> bool:
        """Return whether a person of the file is still in it, with this role and password."""
        try:
            return self.passwords is not None and self.passwords.users.find(person.name) == person
        except LoginRefusedError:
            return False

    def person_of(self, session: LoginSession) -> User | None:
        """Return the person of the file whose session it is; None where it is of somebody else, as
        of who signed in elsewhere.

        Raises LoginRefusedError where the file of users cannot be read, see `Users.find`.
        """
        if self.passwords is None or self.has_signed_in(session):
            return None
        person = self.passwords.users.find(session.visitor.name)
        return person if person is not None and person.line == session.credential else None

    def begin_for(self, person: User, replaces: LoginSession | None) -> str:
        """Begin a session of a person of the file and return its token; see `Sessions.begin`."""
        visitor = Visitor(role=person.role, name=person.name)
        return self.sessions.begin(visitor, person.line, replaces=replaces)


def build_access(settings: AppSettings) -> Access:
    """Return how people come in.

    Where BLIP2_USERS names a file that is not there, it is made, with an owner whose password for
    the first login is printed. Raises ConfigError where the file cannot be used.
    """
    passwords = None
    if settings.users is not None:
        if not settings.users.exists():
            _make_owner(settings)
        passwords = Passwords(Users(settings.users))
    provider = provider_of(settings)
    known = f"{settings.users and settings.users.resolve()} {provider and provider.issuer}"
    role = anonymous_role(settings)
    return Access(
        sessions=Sessions(settings.session_hours * 3_600.0),
        cookie=f"blip2_session_{sha256(known.encode()).hexdigest()[:8]}",
        anonymous=None if role is None else Visitor(role=role),
        passwords=passwords,
        sign_in=None if provider is None else SignIn(provider),
    )


def _make_owner(settings: AppSettings) -> None:
    assert settings.users is not None
    try:
        password = make_owner(settings.users)
    except OSError as error:
        raise ConfigError(f"The file of users cannot be made: {os_problem(error)}.") from error
    print(
        f"There was no file of users at {settings.users}; it was made.\n"
        f"  Name: owner\n  Password for the first login: {password}",
        flush=True,
    )
