from __future__ import annotations

import base64
import html
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.redaction import MARKER, MIN_LOOSE_CHARS, Close, Redaction, closed

SECRETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_characters="[]"), min_size=8, max_size=40
)
TEXTS = st.text(max_size=60)
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "hidden", "kept"),
    [
        ("Authorization: Bearer abc.def-123", "abc.def-123", "Authorization: Bearer "),
        ("curl -H 'Authorization: Basic dXNlcjpwYXNz' http://x/", "dXNlcjpwYXNz", "' http://x/"),
        ("X-API-Key: k3y-k3y", "k3y-k3y", "X-API-Key: "),
        ("Cookie: sid=abc; theme=dark\nHost: x", "sid=abc", "Host: x"),
        ("sent bearer abcdef0123456789 along", "abcdef0123456789", "along"),
        ("AWS_ACCESS_KEY_ID AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE", "AWS_ACCESS_KEY_ID"),
        ("aws_secret_access_key = wJalr/XUtn+FEMI next", "wJalr/XUtn+FEMI", "next"),
        ('{"SecretAccessKey": "a/b+c", "Expiration": "x"}', "a/b+c", '"Expiration": "x"'),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\nrest", "b3Bl", "rest"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut off", "MIIE", ""),
        ("password=hunter2", "hunter2", "password="),
        ("DB_PASSWORD_PROD='two words' x", "two words", " x"),
        ('password: "say \\"hi\\" now" x', "hi", " x"),
        ('password: "never closed', "never closed", "password"),
        ('log: {\\"token\\":\\"abc123\\",\\"n\\":1}', "abc123", "log"),
        ("mysql --password hunter2 -h db", "hunter2", "-h db"),
        ("GET /x?token=abc123&user=ada", "abc123", "user=ada"),
        ("postgresql://ada:p@ss:w@db/shop", "p@ss:w", "@db/shop"),
        (f"cookie was {JWT}", "c2lnbmF0dXJl", "cookie was"),
        ("slack xoxb-1234567890-abcdefghij", "abcdefghij", "slack"),
        ("post to https://hooks.slack.com/services/T0/B0/XyZ now", "XyZ", " now"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789 pushed", "ghp_abc", "pushed"),
        ("key opsa_0123456789abcdefGHIJ made", "opsa_0123", "made"),
        ("sk-proj-abcdefghijklmnopqrst used", "abcdefghij", "used"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, hidden: str, kept: str) -> None:
    shown = Redaction()(text)
    assert hidden not in shown
    assert kept in shown
    assert MARKER in shown
    assert Redaction()(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "prompt_tokens=150 completion_tokens: 20 token_count=3",
        "PWD=/srv/shop",
        "Basic configuration of the bearer network",
        "secret_name: shop-db in namespace prod",
        "https://shop.example:8443/healthz returned 503",
        "mail ops@example.org about http://h/a@b",
        "pass 3 of 5 failed, key not found, disk-full on /dev/sda1",
        "the certificate -----BEGIN CERTIFICATE----- is public",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert Redaction()(text) == text


@given(before=TEXTS, secret=SECRETS, after=TEXTS)
def test_a_known_secret_is_never_left(before: str, secret: str, after: str) -> None:
    redact = Redaction()
    assert redact.register(secret) or secret in MARKER
    encoded = [
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret),
        secret.encode().hex(),
        base64.b64encode(secret.encode()).decode(),
        base64.urlsafe_b64encode(secret.encode()).decode(),
    ]
    for form in encoded:
        shown = redact(f"{before} {form} {after}")
        assert form.strip('"=') not in shown
        assert redact(shown) == shown


@given(user=st.text(st.characters(codec="ascii"), max_size=9), secret=SECRETS)
def test_a_known_secret_is_found_inside_base64(user: str, secret: str) -> None:
    packed = base64.b64encode(f"{user}:{secret}:tail".encode()).decode()
    assert packed not in Redaction([secret])(f"x {packed} y")


@given(st.text(max_size=200))
def test_hiding_twice_changes_nothing(text: str) -> None:
    redact = Redaction(["hunter2-hunter2"])
    once = redact(text)
    assert redact(once) == once


TOKENS = [
    "password",
    "token",
    "=",
    ":",
    '"',
    "'",
    "\\",
    " ",
    "\n",
    "bearer",
    "Basic",
    "://",
    "@",
    "/",
    "a1",
    "-----BEGIN ",
]
TOKENS += ["PRIVATE KEY-----", "-----END ", "authorization", "cookie", "--", "_", "&", ";", "eyJ", ".", "xoxb-", MARKER]


@given(st.lists(st.sampled_from(TOKENS), max_size=30))
def test_hiding_twice_changes_nothing_in_what_nearly_looks_like_secrets(parts: list[str]) -> None:
    redact = Redaction()
    once = redact("".join(parts))
    assert redact(once) == once


def test_overlapping_secrets_leave_no_piece() -> None:
    redact = Redaction(["alpha-beta", "beta-gamma"])
    assert redact("x alpha-beta-gamma y") == f"x {MARKER} y"


def test_a_secret_held_twice_stays_hidden_until_both_let_go() -> None:
    redact = Redaction(["shared-value"])
    redact.register("shared-value")
    redact.unregister("shared-value")
    assert "shared-value" not in redact("shared-value")
    redact.unregister("shared-value")
    redact.unregister("shared-value")
    assert redact("shared-value") == "shared-value"


@pytest.mark.parametrize("value", ["", "  ", "abc", " x ", "redacted"])
def test_what_cannot_be_hidden_is_refused(value: str) -> None:
    redact = Redaction()
    assert not redact.register(value)
    assert redact("abc x redacted") == "abc x redacted"


@pytest.mark.parametrize(
    "piece",
    [
        *("password=", "password='", 'token:\\"', "token\\", "://a:", "-eyJ", "-----BEGIN PRIVATE KEY-----", "bearer "),
        *("xoxb-", "--token ", "cookie: ", "sk-", "basic aaaa", "authorization ", "key ", "gho_", "a"),
    ],
)
def test_time_grows_with_length_only(piece: str) -> None:
    redact = Redaction(["some-known-secret"])

    def taken(characters: int) -> float:
        text = piece * (characters // len(piece))
        start = time.perf_counter()
        redact(text)
        return time.perf_counter() - start

    small = min(taken(50_000) for _ in range(3))
    assert (
        min(taken(400_000) for _ in range(3)) < 8 * small * 6 + 0.2
    )  # quadratic would be 64 times; noise is allowed for


LONG = "Zq8/" + "kP0s+d7Fh2LmN4vBx9RtYw3E/" * 4 + "=="
ODD = "hunter/2&x\"y'z"


def wrapped(text: str, width: int = 20) -> str:
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


@pytest.mark.parametrize(
    "text",
    [
        base64.encodebytes(LONG.encode()).decode(),
        json.dumps({"data": base64.encodebytes(LONG.encode()).decode()}),
        wrapped(LONG),
        wrapped(LONG).replace("\n", "\r\n    "),
        quote(ODD, safe="").replace("%2F", "%2f"),
        quote(ODD, safe="").lower(),
        html.escape(ODD),
        html.escape(ODD).replace("&#x27;", "&#39;"),
        html.escape(ODD, quote=False),
        json.dumps(json.dumps(ODD)),
        json.dumps(json.dumps(json.dumps({"x": ODD}))),
        json.dumps(ODD).replace("/", "\\/"),
        " ".join(f"{byte:02x}" for byte in ODD.encode()),
        ":".join(f"{byte:02X}" for byte in ODD.encode()),
        "".join(f"\\x{byte:02x}" for byte in ODD.encode()),
    ],
)
def test_a_known_secret_is_found_however_it_was_wrapped_or_escaped(text: str) -> None:
    redact = Redaction([LONG, ODD])
    shown = redact(f"before {text} after")
    assert MARKER in shown
    assert shown.startswith("before ")
    assert shown.rstrip().endswith("after")
    pieces = ("hunter", "kP0s", base64.b64encode(LONG.encode()).decode()[8:20], "68 75", "68:75", "x68")
    assert any(one in text for one in pieces)
    assert not any(one in shown for one in pieces)
    assert redact(shown) == shown


@given(secret=SECRETS, text=TEXTS, width=st.integers(1, 20))
def test_a_known_secret_broken_over_lines_is_never_left(secret: str, text: str, width: int) -> None:
    redact = Redaction([secret])
    assert Close(secret).text == closed(secret)
    if len(closed(secret)) >= MIN_LOOSE_CHARS:
        assert wrapped(secret, width) not in redact(f"{text}\n{wrapped(secret, width)}\n{text}")


def test_a_short_value_is_not_seen_across_words() -> None:
    assert Redaction(["ab12"])("grab 12 of them") == "grab 12 of them"
