"""One mail address, with or without a name before it: checked, so that none can smuggle a header or a second one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import formataddr

# The pattern browsers use (HTML standard, "valid e-mail address").
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_MAX_CHARS = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets


@dataclass(frozen=True, slots=True)
class Mailbox:
    """`address` is user@host in ASCII; `name` may be empty."""

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        """What follows the @."""
        return self.address.rpartition("@")[2]

    def __str__(self) -> str:
        return formataddr((self.name, self.address)) if self.name else self.address


def mailbox(text: str) -> Mailbox:
    """`ada@example.org` or `Ada <ada@example.org>`. ValueError: it is not exactly one address."""
    name, bracket, rest = text.strip().rpartition("<")
    address = rest.removesuffix(">") if bracket else rest
    whole = not bracket or rest.endswith(">")
    if not whole or not name.isprintable() or len(address) > _MAX_CHARS or not _ADDRESS.fullmatch(address):
        raise ValueError("it is not one mail address such as ada@example.org")
    return Mailbox(address, name.strip().strip('"'))
