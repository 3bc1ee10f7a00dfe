"""Who gets in: token, host name, origin. No camera, no server: the rules alone."""

import asyncio

import pytest

from thermoscope.rig.serve_access import Access, Guard, is_loopback, new_token

TOKEN = "correct-horse"


async def page(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})
    await send({"type": "http.response.body", "body": b"inside"})


def ask(access, path="/", *, method="GET", query="", host="127.0.0.1:8765", **headers):
    """Status, headers and body of what comes through the guard."""
    sent = [(b"host", host.encode())]
    sent += [(k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in headers.items()]
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(),
        "headers": sent,
    }  # fmt: skip
    got = []

    async def send(message):
        got.append(message)

    asyncio.run(Guard(page, access, cookie="console")(scope, None, send))
    return got[0]["status"], dict(got[0]["headers"]), got[1]["body"]


@pytest.fixture
def access():
    return Access.of(TOKEN, ["Rig.Example"])


def test_without_the_token_nothing_is_told(access):
    for path in ("/", "/api/state", "/api/live", "/page.js", "/nowhere"):
        status, headers, body = ask(access, path)
        assert status == 401
        assert b"thermoscope rig serve" in body
        assert b"x-own" not in headers
    assert ask(access, "/api/stop", method="POST", x_thermoscope_console="1")[0] == 401


@pytest.mark.parametrize("wrong", ["", "correct-hors", "correct-horse-", "CORRECT-HORSE", "ä"])
def test_a_wrong_token_is_refused(access, wrong):
    assert ask(access, x_thermoscope_token=wrong)[0] == 401
    assert ask(access, cookie=f"console={wrong}")[0] == 401
    assert ask(access, query=f"token={wrong}x")[0] == 401


def test_the_right_token_comes_in_a_header_or_a_cookie(access):
    assert ask(access, x_thermoscope_token=TOKEN)[::2] == (200, b"inside")
    assert ask(access, cookie=f"a=b; console={TOKEN}")[0] == 200
    assert ask(access, cookie=f"other={TOKEN}")[0] == 401
    assert ask(access, cookie="console=; ;;=\x01")[0] == 401


def test_the_printed_address_moves_the_token_into_a_cookie(access):
    status, headers, body = ask(access, query=f"token={TOKEN}")

    assert (status, headers[b"location"], body) == (303, b"/", b"")
    cookie = headers[b"set-cookie"].decode()
    assert cookie.startswith(f"console={TOKEN}; HttpOnly; SameSite=Lax")
    assert ask(access, "/api/state", query=f"token={TOKEN}")[0] == 401  # only for the page


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8765", "localhost", "192.168.4.2:80", "[::1]:8765", "rig.example", "RIG.example."],
)
def test_known_hosts(access, host):
    assert ask(access, host=host, x_thermoscope_token=TOKEN)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "", "127.0.0.1.evil.example", "rig.example.evil", "[:"]
)
def test_a_foreign_name_that_leads_here_is_refused(host):
    assert ask(Access.of("", []), host=host)[0] == 421


def test_commands_come_from_the_page_or_a_program():
    access = Access.of("", [])
    own = {"x_thermoscope_console": "1"}
    at = "http://127.0.0.1:8765"

    assert ask(access, "/api/stop", method="POST", **own)[0] == 200
    assert ask(access, "/api/stop", method="POST", origin=at, **own)[0] == 200
    assert ask(access, "/api/stop", method="POST")[0] == 403  # a form of another site
    assert ask(access, "/api/stop", method="POST", origin=at)[0] == 403
    for origin in ("http://evil.example", "null", "http://127.0.0.1:9999"):
        assert ask(access, "/api/stop", method="POST", origin=origin, **own)[0] == 403
    assert ask(access, "/api/stop", method="DELETE", origin=at)[0] == 403


def test_every_answer_forbids_what_the_page_does_not_need(access):
    for answer in (ask(access), ask(access, x_thermoscope_token=TOKEN), ask(access, host="evil")):
        headers = answer[1]
        assert headers[b"x-frame-options"] == b"DENY"
        assert headers[b"content-security-policy"].startswith(b"default-src 'self'")


def test_tokens_are_long_and_new():
    assert len(new_token()) == 32
    assert new_token() != new_token()


def test_loopback():
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "192.168.1.2", "::", "rig.local", "")))
