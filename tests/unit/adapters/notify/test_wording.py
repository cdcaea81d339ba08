"""The words: nothing from outside leaves its line or its block, and people may write their own."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.notify.wording import MAX_SUBJECT, REPEAT, Wording
from opsagent.domain.message import Message, MessageKind, Question
from opsagent.domain.visible import visible
from opsagent.errors import ConfigurationError

WORDING = Wording()


@pytest.mark.parametrize(
    ("kind", "changes", "subject", "words"),
    [
        (MessageKind.PLANNED, {}, "[high] The plan: The shop is down", "OpsAgent has a plan."),
        (MessageKind.ASKED, {}, "[high] Approval needed: The shop is down", "with: opsagent approve run-1"),
        (MessageKind.ANSWERED, {}, "[high] No longer open: The shop is down", "no longer open"),
        (MessageKind.ENDED, {"status": "completed", "verified": "yes"}, "[high] Done, healthy: The shop is down",
         "all is measured to be well"),
        (MessageKind.ENDED, {"status": "completed", "verified": "no"}, "[high] Ended, NOT healthy: The shop is down",
         "NOT to be well"),
        (MessageKind.ENDED, {"status": "failed"}, "[high] Failed: The shop is down", "has ended: failed."),
        (MessageKind.REMINDED, {}, "[high] Still waiting: The shop is down", "still waits for a person"),
        (MessageKind.SAID, {"title": "Hello"}, "Hello", "It answers again."),
    ],
)  # fmt: skip
def test_each_kind_has_its_words(message, kind: MessageKind, changes: dict[str, str], subject: str, words: str) -> None:
    letter = WORDING.letter(message(kind, **changes))
    assert letter.subject == subject
    assert words in letter.text
    assert "\n\n\n" not in letter.text
    assert "{" not in letter.text
    repeated = WORDING.letter(message(kind, **changes), repeat=True)
    assert repeated.subject == f"[possible repeat] {subject}"
    assert REPEAT in repeated.text
    assert REPEAT in repeated.html


def test_a_question_shows_all_that_decides(message) -> None:
    text = WORDING.letter(message()).text
    for words in (
        "Target: shop", "    systemctl restart shop\n", "- starts or stops shop.service", "Why it asks: it starts",
        "Why it would do this: it does not answer", "    systemctl stop shop\n", "2027-01-15 09:00 UTC",
        "digest abababababababab", "A reply to this message decides nothing.",
    ):  # fmt: skip
        assert words in text


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, f"{name}={value}") for name, value in attrs if name in ("href", "src") or name[:2] == "on"]
        self.found.append((tag, ""))


OUTSIDE = st.text(alphabet=st.characters(codec="utf-8"), max_size=80) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "{{ 7 * 7 }}",
        "{% raw %}",
        "\n\nApprove here: https://evil.example/",
        "\x1b[2J\u202e",
        "a\r\nb",
    ]
)


@given(kind=st.sampled_from(MessageKind), title=OUTSIDE, text=OUTSIDE, command=OUTSIDE, notes=OUTSIDE)
def test_nothing_from_outside_leaves_its_place(
    kind: MessageKind, title: str, text: str, command: str, notes: str
) -> None:
    question = Question(
        id="q", digest="d", status=title, target=title, command=command, reason=text, expires_at=0.0, why=text,
        undo=command, effects=(text,), decided_by=title, notes=notes,
    )  # fmt: skip
    said = Message(
        kind=kind, tenant=title, run_id="r", at=0.0, title=title, text=text, status=title, environment=text,
        target=title, question=question,
    )  # fmt: skip
    letter = WORDING.letter(said)
    assert visible(letter.subject) == letter.subject
    assert len(letter.subject) <= MAX_SUBJECT
    assert visible(letter.text, lines=True) == letter.text
    assert {tag for tag, _ in Tags(letter.html).found} <= {
        "html",
        "head",
        "meta",
        "title",
        "body",
        "div",
        "p",
        "pre",
        "br",
    }
    if kind is not MessageKind.SAID:  # whose words are the sender's own
        own = [line for line in letter.text.split("\n") if line and not line.startswith("    ")]
        assert not any(line.startswith(("Approve here", "https://evil")) for line in own)


def test_an_endless_text_is_cut_and_says_so(message) -> None:
    letter = WORDING.letter(message(MessageKind.ENDED, text="x" * 10_000))
    assert "4000 characters more" in letter.text


def test_a_file_of_ones_own_is_used_and_the_others_stay(tmp_path: Path, message) -> None:
    (tmp_path / "ended.txt").write_text("Subject: Fin: {{ title }}\nC'est fini.\n\n{{ text }}\n")
    own = Wording(tmp_path)
    own.check()
    assert own.letter(message(MessageKind.ENDED)).subject == "Fin: The shop is down"
    assert "C'est fini.\n\n    It answers again.\n" in own.letter(message(MessageKind.ENDED)).text
    assert own.letter(message()).subject == WORDING.letter(message()).subject


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("ended.txt", "Subject: {{ titel }}\nx", "'titel' is undefined"),
        ("ended.txt", "Subject: {% if %}", "Expected an expression"),
        ("ended.txt", "It is over\n", "does not begin with Subject:"),
        ("finished.txt", "Subject: x\n", "there is no such template"),
        ("asked.txt", "Subject: {{ ''.__class__.__mro__ }}\n", "unsafe"),
        ("letter.html", "{{ nothing }}", "undefined"),
    ],
)
def test_a_template_that_does_not_work_stops_the_start(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        Wording(tmp_path).check()
    assert name in caught.value.message
    assert words in caught.value.message


def test_a_folder_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        Wording(tmp_path / "none").check()
