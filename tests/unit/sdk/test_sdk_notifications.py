"""NotificationService: the methods of the seed, over the durable outbox."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opsagent import NotificationService
from opsagent.bootstrap import build
from opsagent.domain.notice import NoticeStatus
from opsagent.errors import ConfigurationError, InputError
from opsagent.settings import Settings
from servers.mail import MailServer, mail_server, text_of
from servers.sink import sink


def service(folder: Path, **settings: object) -> NotificationService:
    return NotificationService(settings=settings_of(folder, **settings))


def settings_of(folder: Path, **changes: object) -> Settings:
    given = {"data_dir": folder / "data", "sandbox_root": folder / "sandbox", "allow_private_callbacks": True}
    return Settings.load(given | changes, environ={})


def by_mail(server: MailServer) -> dict[str, object]:
    return {
        "smtp_host": "localhost", "smtp_port": server.port, "smtp_security": "plain", "mail_from": "ops@example.org"
    }  # fmt: skip


async def test_mail_slack_and_webhook_at_once_to_their_defaults(tmp_path: Path) -> None:
    with mail_server() as mail, sink(lambda: "ok") as slack:
        service_ = service(
            tmp_path,
            slack_webhook_url=f"{slack.url}services/T/B/secret",
            default_slack_channel="#ops",
            default_email_recipients=["ada@example.org", "bob@example.org"],
            **by_mail(mail),
        )
        told = await service_.send_to_channels(["email", "slack"], "CPU usage exceeded 90%", subject="Alert")
    assert [(one.channel, one.delivered) for one in told] == [("email", True), ("slack-webhook", True)]
    assert sorted(one["To"] for one in mail.got) == ["ada@example.org", "bob@example.org"]
    assert (mail.got[0]["Subject"], text_of(mail.got[0])) == ("Alert", "CPU usage exceeded 90%\n")
    assert json.loads(slack.got[0].body)["text"] == "Alert\nCPU usage exceeded 90%"


async def test_mailtrap_and_webhook_as_the_seed_calls_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSAGENT_MAIL_FROM", "ops@example.org")
    monkeypatch.setenv("OPSAGENT_ALLOW_PRIVATE_CALLBACKS", "true")
    with sink(lambda: '{"success": true, "message_ids": ["m1"]}') as there:
        monkeypatch.setenv("OPSAGENT_MAILTRAP_URL", f"{there.url}api/send".replace("127.0.0.1", "localhost"))
        made = NotificationService(mailtrap_token="a-token", data_dir=tmp_path / "data")
        async with made:
            mailed = await made.send_email_mailtrap(to="admin@example.com", subject="Critical Alert", body="CPU")
            hooked = await made.send_webhook(url=f"{there.url}hook", payload={"severity": "critical", "n": 1})
            unified = await made.send_notification(channel="email", message="Again", to="a@example.com", subject="S")
    assert (mailed.delivered, hooked.delivered, unified.delivered) == (True, True, True)
    assert [got.path for got in there.got] == ["/api/send", "/hook", "/api/send"]
    assert json.loads(there.got[0].body)["subject"] == "Critical Alert"
    assert json.loads(there.got[1].body) == {"severity": "critical", "n": 1}


async def test_what_failed_waits_in_the_outbox_and_a_key_is_sent_once(tmp_path: Path) -> None:
    with mail_server() as mail:
        mail.rcpt = ["451 later"]
        async with service(tmp_path, **by_mail(mail)) as made:
            first = await made.send_email(to="ada@example.org", subject="S", body="B", key="k")
            again = await made.send_email(to="ada@example.org", subject="S", body="B", key="k")
        assert (first.status, again.notice_id) == ("pending", first.notice_id)
        assert "451 later" in first.error
        async with build(settings_of(tmp_path, **by_mail(mail)), serving=False) as app:
            waiting = await app.stores.notices.get("default", first.notice_id)
            assert (waiting.status, waiting.attempts) == (NoticeStatus.PENDING, 1)
    assert not mail.got


async def test_what_is_not_set_up_is_refused_in_words(tmp_path: Path) -> None:
    made = service(tmp_path)
    for asking in (
        made.send_email(to="ada@example.org", subject="S", body="B"),
        made.send_email_smtp(to="ada@example.org", subject="S", body="B"),
        made.send_notification("webhook", "nobody is named"),
        made.send_webhook("https://example.org/", {"at": object()}),
    ):
        with pytest.raises(InputError) as caught:
            await asking
        assert caught.value.fix


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp_host": "mail.example.org", "smtp_security": "plain", "mail_from": "a@b"},
        {"smtp_host": "mail.example.org"},
        {"smtp_host": "mail.example.org", "mail_from": "a@b", "smtp_username": "x"},
        {"smtp_host": "mail.example.org", "mail_from": "nobody"},
        {"default_email_recipients": ["a@b"]},
        {"default_slack_channel": "#ops"},
    ],
)
async def test_half_a_set_up_stops_the_start(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        build(settings_of(tmp_path, **wrong), serving=False)
    assert caught.value.fix
