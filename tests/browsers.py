"""A real Chromium on a served OpsAgent: visitors who are signed in, and what their browsers complained about."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from served import Served

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
DESK = {"viewport": {"width": 1280, "height": 860}}
WITHIN_MS = 20_000
PLAIN_NAME = "plain.test"  # a name of loopback which, over http, a browser does not call secure


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of the system; nothing is downloaded, and it asks nobody for anything by itself."""
    program = shutil.which("chromium")
    assert program, "install it with: apt-get install chromium"
    expect.set_options(timeout=WITHIN_MS)
    with sync_playwright() as playwright:
        quiet = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
        quiet.append(f"--host-resolver-rules=MAP {PLAIN_NAME} 127.0.0.1")
        browser = playwright.chromium.launch(executable_path=program, args=quiet)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """One person at one browser; `complaints` are what a browser says only when something is wrong."""

    served: Served
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """The page, once it is live."""
        self.page.goto(f"{self.served.url}{path}")
        self.page.wait_for_function("() => window.did_handshake === true")
        return self.page

    def by_plain_name(self) -> None:
        """From now on by a name over http, as in a network at home."""
        (cookie,) = self.context.cookies()
        self.context.add_cookies(
            [{"name": cookie["name"], "value": cookie["value"], "domain": PLAIN_NAME, "path": "/"}]
        )
        self.served = replace(self.served, url=self.served.url.replace("127.0.0.1", PLAIN_NAME))

    def is_content(self) -> None:
        """The browser had nothing to complain about."""
        assert not self.complaints, self.complaints


def visitor(browser: Browser, served: Served, key: str = "", **screen: Any) -> Visitor:
    """Somebody new, signed in with a key if one is given."""
    context = browser.new_context(**(screen or DESK))
    context.set_default_timeout(WITHIN_MS)
    if key:
        answer = context.request.post(f"{served.url}/api/v1/session", data={"key": key})
        assert answer.status == 201, answer.text()
    page = context.new_page()
    made = Visitor(served, context, page)
    host = urlsplit(served.url).netloc

    def said(kind: str, words: str) -> None:
        made.complaints.append(f"{kind}: {words}")

    def printed(one: ConsoleMessage) -> None:
        over_http = PLAIN_NAME in one.location["url"] and one.text.startswith("The Cross-Origin-Opener-Policy header")
        if one.type in {"error", "warning"} and not over_http:
            said("console", f"{one.text} {one.location}")

    page.on("console", printed)
    page.on("pageerror", lambda one: said("script", str(one)))
    page.on("request", lambda one: None if _is_ours(one.url, host) else said("request elsewhere", one.url))
    page.on("response", lambda one: said("answer", f"{one.status} {one.url}") if one.status >= 400 else None)
    return made


def _is_ours(url: str, host: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"data", "blob", "about"} or parts.netloc.replace(PLAIN_NAME, "127.0.0.1") == host
