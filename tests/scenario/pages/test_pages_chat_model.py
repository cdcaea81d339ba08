"""The chat page with a scripted model: what is shown while it thinks, whose words an answer is, a task it starts."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from playwright.sync_api import Browser, expect

from browsers import visitor
from model_house import asking
from served import serve, shop_in
from servers.model import Answer, scripted_model

PROMPT = "A person writes to you in a chat"


def test_it_says_that_it_thinks_and_whose_words_an_answer_is(tmp_path: Path, browser: Browser) -> None:
    told = threading.Event()
    with scripted_model() as model, serve(tmp_path / "data", **asking(model)) as served:
        admin = served.admin()
        shop = shop_in(tmp_path, "kiosk")
        shop.register(admin)
        answer = {"kind": "answer", "text": "All is **quiet** <b>here</b>."}
        model.on(PROMPT, say=Answer(json.dumps(answer), hold=told))
        model.on(PROMPT, "mend the kiosk", say={"kind": "task", "text": "I will mend it.", "runbook": shop.runbook})
        someone = visitor(browser, served, (served.folder / "admin.key").read_text().strip())
        page = someone.open("/chat")
        page.get_by_label("Message").fill("how is the kiosk")
        page.keyboard.press("Enter")
        expect(page.locator("li.message")).to_contain_text("how is the kiosk")
        expect(page.get_by_text("It reads what is known")).to_be_visible()
        expect(page.locator("li.answer")).to_have_count(0)
        told.set()
        said = page.locator("li.answer")
        expect(said).to_contain_text("All is quiet <b>here</b>.")
        expect(said).to_contain_text("openai:scripted")
        expect(said.get_by_role("link", name="The kiosk is down")).to_be_visible()
        expect(page.get_by_text("It reads what is known")).to_be_hidden()
        page.get_by_label("Message").fill("mend the kiosk")
        page.keyboard.press("Enter")
        expect(page.locator("li.run")).to_contain_text("I will mend it.")
        expect(page.locator(".run-here")).to_be_visible()
        someone.context.close()
        someone.is_content()
