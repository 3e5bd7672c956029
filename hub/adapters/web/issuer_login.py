"""Login to the pages at the municipality's own OIDC issuer: an authorization code with PKCE.

OpenID Connect Core 1.0, section 3.1; RFC 7636; RFC 9700, section 2.1. What must be
known when the browser comes back rests in a cookie of its own, so any process of the hub can take it up. The
token that comes of it is the one that the API takes, and is checked as there.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs, urlencode

import httpx2
from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from hub.adapters.http.tokens import ISSUER_TIMEOUT_S, NotLoggedIn
from hub.adapters.web import visitors
from hub.errors import Unavailable

_COOKIE: Final = "tvaers_login"
_LASTS_S: Final = 600
_FOUND: Final = 302
_TOO_MANY: Final = 429


class IssuerLogin:
    """The hub as a client of an issuer. `endpoint` gives an address by its name in the discovery document."""

    def __init__(self, client: str, secret: str, endpoint: Callable[[str], str]) -> None:
        self._client, self._secret, self._endpoint = client, secret, endpoint

    def begin(self, request: Request, wanted: str, back: str) -> Response:
        """Send the browser to the issuer; it comes back to `back`. Raises `Unavailable`."""
        state, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(32)
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": back,
            "scope": "openid",
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"="),
            "code_challenge_method": "S256",
        }
        address = self._endpoint("authorization_endpoint")
        response = RedirectResponse(f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}", _FOUND)
        response.set_cookie(
            _COOKIE,
            urlencode({"state": state, "verifier": verifier, "next": wanted}),
            max_age=_LASTS_S,
            path="/login",
            httponly=True,
            # Not strict: the browser comes back from another site, and must bring it.
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response

    def end(self, request: Request, back: str) -> tuple[str, str]:
        """The token, and the page that was wanted. Raises `NotLoggedIn`, `Unavailable`."""
        kept = parse_qs(request.cookies.get(_COOKIE, ""))
        state, verifier, wanted = (kept.get(name, [""])[0] for name in ("state", "verifier", "next"))
        code, said = (request.query_params.get(name, "") for name in ("code", "state"))
        if not (code and state and hmac.compare_digest(said.encode(), state.encode())):
            raise NotLoggedIn
        return self._token(code, verifier, back), visitors.here(wanted)

    def forget(self, request: Request, response: Response) -> None:
        """The cookie has done its work."""
        response.delete_cookie(
            _COOKIE, path="/login", httponly=True, samesite="lax", secure=request.url.scheme == "https"
        )

    def _token(self, code: str, verifier: str, back: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
            "client_id": self._client,
            **({"client_secret": self._secret} if self._secret else {}),
        }
        try:
            answer = httpx2.post(self._endpoint("token_endpoint"), data=form, timeout=ISSUER_TIMEOUT_S)
            if answer.status_code == _TOO_MANY or answer.is_server_error:
                answer.raise_for_status()
            found = answer.json() if answer.is_success else None
        except (httpx2.HTTPError, ValueError) as error:
            raise Unavailable("the issuer of tokens does not answer: try again") from error
        token = found.get("access_token") if isinstance(found, dict) else None
        if not isinstance(token, str):
            raise NotLoggedIn
        return token
