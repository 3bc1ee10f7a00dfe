"""Who may use the console: hosts, the session's token, and where a command came from.

* ``Host`` must be an address, this machine's name, or one that was allowed: a foreign name that
  leads here is a rebinding attack.
* With a token, each request needs it, in a header or in the cookie that the printed URL sets.
* A command (POST) needs a header that no form of another site can send, and no foreign ``Origin``.

What is NOT here: encryption. On a network that is not yours, use a tunnel.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["COMMAND_HEADER", "TOKEN_HEADER", "Access", "Guard", "is_loopback", "new_token"]

TOKEN_HEADER, COMMAND_HEADER = "x-thermoscope-token", "x-thermoscope-console"
COOKIE_AGE_S = 7 * 86_400
REFUSED = """<!doctype html><meta charset="utf-8"><title>thermoscope</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="dark">
<h1>Not without the token</h1><p>Open the address that <code>thermoscope rig serve</code> printed;
it ends in <code>?token=…</code></p>"""
SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
        b"form-action 'self'",
    ),
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def new_token() -> str:
    """A token that nobody can guess: 192 random bits."""
    return secrets.token_urlsafe(24)


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Access:
    """The rules of one session.

    Attributes:
        token: What a client must know; empty: nothing.
        hosts: Names, beside this machine's own, under which it may be reached.
    """

    token: str = ""
    hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, token: str, hosts: Iterable[str]) -> Access:
        """With the names of this machine added."""
        own = socket.gethostname().lower()
        names = {"localhost", own, f"{own}.local", *(host.lower() for host in hosts)}
        return cls(token, frozenset(names))

    def knows_host(self, header: str) -> bool:
        """Whether a ``Host`` header means this machine."""
        name = _host_name(header)
        if name in self.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True  # nobody can point an address elsewhere

    def admits(self, offered: str) -> bool:
        """Whether the token is right; takes the same time for every wrong one."""
        return not self.token or secrets.compare_digest(offered.encode(), self.token.encode())


def _host_name(header: str) -> str:
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""


class Guard:
    """The rules around an application.

    Args:
        app: What is behind it.
        access: The rules.
        cookie: Name of the cookie; two consoles on one machine need two.
    """

    def __init__(self, app: App, access: Access, *, cookie: str) -> None:
        self._app, self._access, self._cookie = app, access, cookie

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        if not self._access.knows_host(headers.get("host", "")):
            return await _answer(send, HTTPStatus.MISDIRECTED_REQUEST, "unknown host name")
        offered = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and offered and self._access.admits(offered):
            return await self._let_in(send)
        if not self._access.admits(self._token_of(headers)):
            return await _answer(send, HTTPStatus.UNAUTHORIZED, REFUSED, kind="text/html")
        if scope["method"] not in ("GET", "HEAD") and not _is_own_command(headers):
            return await _answer(send, HTTPStatus.FORBIDDEN, "commands only from the console")
        return await self._pass_on(scope, receive, send)

    def _token_of(self, headers: dict[str, str]) -> str:
        if TOKEN_HEADER in headers:
            return headers[TOKEN_HEADER]
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return ""
        return morsel.value if morsel else ""

    async def _let_in(self, send: Send) -> None:
        """The token goes from the address into a cookie."""
        kept = f"HttpOnly; SameSite=Lax; Path=/; Max-Age={COOKIE_AGE_S}"
        cookie = f"{self._cookie}={self._access.token}; {kept}"
        more = ((b"location", b"/"), (b"set-cookie", cookie.encode("latin-1")))
        await _answer(send, HTTPStatus.SEE_OTHER, "", more=more)

    async def _pass_on(self, scope: Message, receive: Receive, send: Send) -> None:
        async def safe_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *SAFE_HEADERS]}
            await send(message)

        await self._app(scope, receive, safe_send)


def _is_own_command(headers: dict[str, str]) -> bool:
    """Whether our page, or a program, sent it; a form or script of another site cannot."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return False
    return COMMAND_HEADER in headers


async def _answer(
    send: Send,
    status: HTTPStatus,
    text: str,
    *,
    kind: str = "text/plain",
    more: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    body = text.encode()
    headers = [
        (b"content-type", f"{kind}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *SAFE_HEADERS,
        *more,
    ]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
