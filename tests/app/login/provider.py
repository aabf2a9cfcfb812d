"""An OpenID Connect provider that signs in one person, with the keys and checks of a real one."""

import base64
import time
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

ISSUER = "https://login.example.com"


class FakeProvider:
    """Answers at `address`, and browsers at `shown`; the attributes are what a test changes."""

    def __init__(self, address: str = ISSUER, shown: str = "") -> None:
        self.address, self.shown = address, shown or address
        self.claims: dict[str, Any] = {"sub": "1", "preferred_username": "ada"}
        self.signed_by = self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.issuer, self.audience, self.lifetime = address, "studio", 300
        self.nonce: str | None = None
        """Instead of the one that was asked for."""
        self.configured: dict[str, Any] = {}
        """What it says about itself, in place of the truth."""
        self.is_down = False
        self.asked_tokens = 0
        self.answered: dict[str, Any] | None = None
        """What is answered in place of a signed token."""
        self._asked: dict[str, dict[str, str]] = {}
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._configuration),
                Route("/keys", self._keys),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    def _configuration(self, request: Request) -> Response:
        if self.is_down:
            return Response(status_code=503)
        return JSONResponse(
            {
                "issuer": self.address,
                "authorization_endpoint": f"{self.shown}/authorize",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
                **self.configured,
            }
        )

    def _keys(self, request: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    def _authorize(self, request: Request) -> Response:
        given = dict(request.query_params)
        assert given["response_type"] == "code" and given["client_id"] == self.audience
        assert given["code_challenge_method"] == "S256" and "openid" in given["scope"].split()
        code = f"code{len(self._asked)}"
        self._asked[code] = given
        back = urlencode({"code": code, "state": given["state"]})
        return RedirectResponse(f"{given['redirect_uri']}?{back}")

    async def _token(self, request: Request) -> Response:
        self.asked_tokens += 1
        form = await request.form()
        asked = self._asked.pop(str(form["code"]), None)
        if asked is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        digest = sha256(str(form["code_verifier"]).encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        assert form["redirect_uri"] == asked["redirect_uri"]
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "iat": now,
            "exp": now + self.lifetime,
            "nonce": self.nonce or asked["nonce"],
            **self.claims,
        }
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.signed_by)
        answer = {"id_token": signed} if self.answered is None else self.answered
        return JSONResponse({"access_token": "x", "token_type": "Bearer", **answer})


def parameters(address: str) -> dict[str, str]:
    """The query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
