"""A notice as a mail: its headers, the text, the same as HTML, and the ids by which a repeat and a thread are known."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from opsagent.adapters.notify.mailbox import Mailbox, mailbox
from opsagent.adapters.notify.wording import Letter, Wording
from opsagent.domain.message import message_of
from opsagent.domain.notice import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What is said, to whom, and the headers that are not the reader's business."""

    to: Mailbox
    letter: Letter
    headers: dict[str, str]

    def message(self, sender: Mailbox) -> EmailMessage:
        """As SMTP carries it. The headers take no line ends: EmailMessage refuses them, and none are in here."""
        made = EmailMessage(policy=SMTP)
        made["From"], made["To"], made["Subject"] = str(sender), str(self.to), self.letter.subject
        for name, value in self.headers.items():
            made[name] = value
        made.set_content(self.letter.text, cte="quoted-printable")
        made.add_alternative(self.letter.html, subtype="html", cte="quoted-printable")
        return made


def mail_of(notice: Notice, sender: Mailbox, wording: Wording, now: float) -> Mail:
    """The mail of a notice. ValueError: its address or its body is none; ConfigurationError: a template is broken."""
    message, to = message_of(notice.body), mailbox(notice.address)
    headers = {
        "Date": formatdate(now),
        "Message-ID": message_id(notice.id, sender),
        # RFC 3834, 5: no vacation note answers it. The second is what Exchange looks at.
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    if notice.follows:
        headers["In-Reply-To"] = message_id(notice.follows, sender)
    if notice.run_id:
        # Nobody ever sent the first of these: readers put together what refers to the same one, so a run is one thread.
        thread = message_id(f"run:{notice.run_id}", sender)
        headers["References"] = " ".join(one for one in (thread, headers.get("In-Reply-To")) if one)
    return Mail(to=to, letter=wording.letter(message, repeat=notice.possible_repeat), headers=headers)


def message_id(notice_id: str, sender: Mailbox) -> str:
    """The same for every attempt at a notice, so that a repeat is recognised by whoever looks."""
    return f"<{hashlib.sha256(notice_id.encode()).hexdigest()[:32]}@{sender.domain}>"
