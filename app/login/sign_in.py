"""Signing in with OpenID Connect: at Hugging Face on a Space, at any provider elsewhere.

The flow is Authlib's: authorization code with PKCE (S256), state and nonce; the identity token is
verified with the keys that the provider publishes.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeGuard
from urllib.parse import urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from joserfc.errors import JoseError
from starlette.requests import Request
from starlette.responses import Response

from app.login.errors import LoginRefusedError, too_many_attempts
from app.login.networks import networks_of
from app.login.throttle import Throttle
from app.roles import Role, Visitor
from app.settings import AppSettings, is_private_way, signs_in_at_hugging_face
from blip2core.errors import ConfigError
from blip2core.texts import clean_text

_ADDRESSES = ("authorization_endpoint", "token_endpoint", "jwks_uri")
"""What a provider says about itself that is used here, OpenID Connect Discovery 1.0 section 3."""
LONGEST_NAME = 200
"""Characters of a name, and of a subject."""
_CANNOT_BE_ASKED = "The sign-in service cannot be asked at this moment. Try again later."


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A service that knows people, and who of them is what here."""

    issuer: str
    client_id: str
    client_secret: str
    scopes: str
    name_claim: str
    """Which of a person's claims is their name here."""
    owners: frozenset[str]
    curators: frozenset[str]
    others: Role | None
    """Role of everybody else; None: they are not let in."""
    marks_names: bool
    """Whether the names of its people say where they signed in, as others may have the same name in
    the file of users.
    """

    @property
    def host(self) -> str:
        """The name of the service, for people."""
        return urlsplit(self.issuer).hostname or self.issuer

    def role_of(self, name: str) -> Role | None:
        """Return a person's role, None where they are not let in."""
        if name in self.owners:
            return "owner"
        return "curator" if name in self.curators else self.others

    def name_here(self, name: str) -> str:
        """Return a person's name in the studio: ada, or `ada (login.example.com)`, which nobody in
        a file of users can be called.
        """
        return f"{name} ({self.host})" if self.marks_names else name


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Somebody of whom the provider has said who they are."""

    visitor: Visitor
    credential: str
    """What a session of theirs rests on: issuer and subject, which no two people share, as they may
    a name (OpenID Connect Core 1.0 section 5.7).
    """


def provider_of(settings: AppSettings) -> Provider | None:
    """Return the provider of the settings, or on a Space with sign-in Hugging Face; None: none.

    Raises ConfigError where others could read what is sent to it.
    """
    issuer, owners = settings.oidc_issuer, set(settings.owners)
    client = settings.oidc_client_id or ""
    secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else ""
    scopes = "openid profile email"
    if signs_in_at_hugging_face(settings):
        issuer = os.environ.get("OPENID_PROVIDER_URL", "https://huggingface.co")
        client = os.environ["OAUTH_CLIENT_ID"]
        secret = os.environ.get("OAUTH_CLIENT_SECRET", "")
        scopes = os.environ.get("OAUTH_SCOPES", "openid profile")
        owners |= {os.environ.get("SPACE_AUTHOR_NAME", "")} - {""}
    if issuer is None:
        return None
    if not is_private_way(issuer):  # of the settings it is known
        raise ConfigError("OPENID_PROVIDER_URL must be an address that begins with https://.")
    return Provider(
        issuer=issuer.rstrip("/"),
        client_id=client,
        client_secret=secret,
        scopes=scopes,
        name_claim=settings.oidc_name,
        owners=frozenset(owners),
        curators=frozenset(settings.curators),
        others=None if settings.oidc_role == "nobody" else settings.oidc_role,
        marks_names=settings.users is not None,
    )


def _network(request: Request) -> str:
    """Return whom the steps of signing in count for."""
    return networks_of(request.client.host if request.client else "")[-1]


def is_name(claim: object) -> TypeGuard[str]:
    """Return whether a claim can be a name: a text that looks like no other one, with nothing in it
    that cannot be seen.
    """
    if not isinstance(claim, str) or not 0 < len(claim) <= LONGEST_NAME:
        return False
    return claim.isprintable() and claim == clean_text(claim)


FREE_TRIES = 20
"""Steps of signing in, of which each takes two, before who asks from an address has to wait."""
MOST_STATES = 20_000
"""Ways back that are remembered."""


class SignIn:
    """The two steps of signing in at a provider."""

    CREDENTIAL: ClassVar[str] = "oidc "
    """How the credential of a session begins that began so; no line of a file of users does."""

    def __init__(self, provider: Provider, **client: Any) -> None:
        self.provider = provider
        self._client = OAuth().register(
            "provider",
            client_id=provider.client_id,
            client_secret=provider.client_secret or None,
            server_metadata_url=f"{provider.issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": provider.scopes,
                "code_challenge_method": "S256",
                "timeout": 10.0,
                # Each step has a client of its own, and reading the certificates takes 0.1 s.
                "verify": httpx2.create_ssl_context(),
                **client,
            },
        )
        self._tries = Throttle(FREE_TRIES)
        self._came: OrderedDict[str, None] = OrderedDict()
        """The states of those who came back: each is good for one way back."""

    async def send(self, request: Request, back: str) -> Response:
        """Return a redirect to the provider, which sends the person to the address `back`.

        Raises LoginRefusedError where the provider cannot be asked.
        """
        self._count(request)
        try:
            await self._check_ways()
            response: Response = await self._client.authorize_redirect(request, back)
        except (httpx2.HTTPError, AuthlibBaseError, ValueError, RuntimeError) as error:
            raise LoginRefusedError(_CANNOT_BE_ASKED, status=503, retry_after=10) from error
        return response

    async def receive(self, request: Request) -> SignedIn:
        """Return who came back from the provider.

        Raises LoginRefusedError where that cannot be said, or they are not let in.
        """
        self._count(request)
        state = request.query_params.get("state", "")[:LONGEST_NAME]
        if state in self._came:
            raise LoginRefusedError("Signing in did not succeed. Try once more.")
        self._came[state] = None
        if len(self._came) > MOST_STATES:
            self._came.popitem(last=False)
        try:
            await self._check_ways()
            token = await self._client.authorize_access_token(request)
        except httpx2.HTTPError as error:
            raise LoginRefusedError(_CANNOT_BE_ASKED, status=503, retry_after=10) from error
        except (AuthlibBaseError, JoseError, ValueError, KeyError) as error:
            raise LoginRefusedError("Signing in did not succeed. Try once more.") from error
        if "id_token" not in token:  # what is beside it was signed by nobody
            raise LoginRefusedError("Signing in did not succeed. Try once more.")
        person = self._person(token.get("userinfo") or {})
        self._tries.succeeded(_network(request), forget=True)
        return person

    def _count(self, request: Request) -> None:
        """Count a step of somebody. Raises LoginRefusedError where there were too many: each makes
        the studio ask the provider.
        """
        if wait := self._tries.attempt(_network(request)):
            raise too_many_attempts(wait)

    def _person(self, claims: Mapping[str, Any]) -> SignedIn:
        """Return whom the claims of a token are about. Raises LoginRefusedError, see `receive`."""
        claim = self.provider.name_claim
        name, subject = claims.get(claim), claims.get("sub")
        unsure = claim == "email" and claims.get("email_verified") is not True
        if not is_name(name) or not is_name(subject) or unsure:
            raise LoginRefusedError(f"The sign-in service does not say who you are ({claim}).")
        role = self.provider.role_of(name)
        if role is None:
            raise LoginRefusedError(f"{name} is not let in here.", status=403)
        return SignedIn(
            visitor=Visitor(role=role, name=self.provider.name_here(name)),
            credential=f"{self.CREDENTIAL}{self.provider.issuer} {subject}",
        )

    async def _check_ways(self) -> None:
        """Raise ValueError where the provider names an address on whose way others could read a
        token or give keys of their own.
        """
        known = await self._client.load_server_metadata()
        for name in _ADDRESSES:
            if not is_private_way(str(known.get(name, ""))):
                raise ValueError(f"The provider names no {name} that begins with https://.")
