"""Tells the addresses of SNS itself from everything else."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# https://docs.aws.amazon.com/general/latest/gr/sns.html lists the endpoints; China's end in .cn.
_HOST = re.compile(r"sns\.[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}\.amazonaws\.com(?:\.cn)?")
_SAFE = re.compile(r"[\x21-\x7e]{1,2048}")


def is_of_sns(address: str) -> bool:
    """Whether it is an https address of `sns.<region>.amazonaws.com(.cn)`, with no user, port or fragment in it."""
    if not _SAFE.fullmatch(address) or "\\" in address:
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(_HOST.fullmatch(parts.netloc)) and not parts.fragment


def is_certificate(address: str) -> bool:
    """Whether SNS keeps a signing certificate there."""
    return is_of_sns(address) and urlsplit(address).path.endswith(".pem") and not urlsplit(address).query
