"""Signing in with OpenID Connect: at Hugging Face on a Space, at any provider elsewhere.

The flow is Authlib's: authorization code with PKCE (S256), state and nonce; the identity token is
verified with the keys that the provider publishes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from joserfc.errors import JoseError
from starlette.requests import Request
from starlette.responses import Response

from app.login.errors import LoginRefusedError
from app.roles import Role, Visitor
from app.settings import AppSettings, is_private_way, signs_in_at_hugging_face
from blip2core.errors import ConfigError

_ADDRESSES = ("authorization_endpoint", "token_endpoint", "jwks_uri")
"""What a provider says about itself that is used here, OpenID Connect Discovery 1.0 section 3."""
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

    @property
    def host(self) -> str:
        """The name of the service, for people."""
        return urlsplit(self.issuer).hostname or self.issuer

    def role_of(self, name: str) -> Role | None:
        """Return a person's role, None where they are not let in."""
        if name in self.owners:
            return "owner"
        return "curator" if name in self.curators else self.others


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
    )


class SignIn:
    """The two steps of signing in at a provider."""

    CREDENTIAL: ClassVar[str] = "oidc"
    """What a session rests on that began so."""

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
                **client,
            },
        )

    async def send(self, request: Request, back: str) -> Response:
        """Return a redirect to the provider, which sends the person to the address `back`.

        Raises LoginRefusedError where the provider cannot be asked.
        """
        try:
            await self._check_ways()
            response: Response = await self._client.authorize_redirect(request, back)
        except (httpx2.HTTPError, AuthlibBaseError, ValueError, RuntimeError) as error:
            raise LoginRefusedError(_CANNOT_BE_ASKED, status=503, retry_after=10) from error
        return response

    async def receive(self, request: Request) -> Visitor:
        """Return who came back from the provider.

        Raises LoginRefusedError where that cannot be said, or they are not let in.
        """
        try:
            await self._check_ways()
            token = await self._client.authorize_access_token(request)
        except httpx2.HTTPError as error:
            raise LoginRefusedError(_CANNOT_BE_ASKED, status=503, retry_after=10) from error
        except (AuthlibBaseError, JoseError, ValueError, KeyError) as error:
            raise LoginRefusedError("Signing in did not succeed. Try once more.") from error
        claims = token.get("userinfo") or {}
        name = claims.get(self.provider.name_claim)
        unsure = self.provider.name_claim == "email" and claims.get("email_verified") is not True
        if not isinstance(name, str) or not 0 < len(name) <= 200 or unsure:
            raise LoginRefusedError(
                f"The sign-in service does not say who you are ({self.provider.name_claim})."
            )
        role = self.provider.role_of(name)
        if role is None:
            raise LoginRefusedError(f"{name} is not let in here.", status=403)
        return Visitor(role=role, name=name)

    async def _check_ways(self) -> None:
        """Raise ValueError where the provider names an address on whose way others could read a
        token or give keys of their own.
        """
        known = await self._client.load_server_metadata()
        for name in _ADDRESSES:
            if not is_private_way(str(known.get(name, ""))):
                raise ValueError(f"The provider names no {name} that begins with https://.")
