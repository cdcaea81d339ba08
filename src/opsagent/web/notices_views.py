"""From noun to wire, continued: notices and channels."""

from __future__ import annotations

from collections.abc import Iterable

from opsagent.domain.message import Message, message_of
from opsagent.domain.notice import Notice, NoticeStatus
from opsagent.domain.page import Page
from opsagent.loop.telling import Telling
from opsagent.web import notices_wire as wire
from opsagent.web.views import iso

_RESULT = "result"


def notice_json(notice: Notice, telling: Telling) -> wire.NoticeJson:
    """Where a notice stands."""
    message = _message(notice)
    return {
        "noticeId": notice.id,
        "channel": notice.channel,
        "address": telling.shown(notice),
        "kind": message.kind.value if message else _RESULT,
        "title": message.title if message else "",
        "runId": notice.run_id or None,
        "status": notice.status.value,
        "attempts": notice.attempts,
        "nextAt": iso(notice.due_at) if notice.status is NoticeStatus.PENDING else None,
        "possibleRepeat": notice.possible_repeat,
        "lastError": notice.last_error,
        "createdAt": iso(notice.created_at),
    }


def notice_detail(notice: Notice, telling: Telling) -> wire.NoticeDetail:
    """With what it says."""
    return {
        **notice_json(notice, telling),
        "body": notice.body,
        "follows": notice.follows or None,
        "receipt": notice.receipt,
    }


def notice_list(page: Page[Notice], telling: Telling) -> wire.NoticeList:
    """A page."""
    cursor = page.cursor or None
    return {"notices": [notice_json(one, telling) for one in page.items], "nextCursor": cursor, "lastKey": cursor}


def sent_json(notices: Iterable[Notice], telling: Telling) -> wire.TestSent:
    """What a test has put on its way."""
    return {"notices": [notice_json(one, telling) for one in notices]}


def channel_list(telling: Telling, tenant: str) -> wire.ChannelList:
    """The channels, and who of the tenant is told by each."""
    return {"channels": [_channel(telling, name, tenant) for name in sorted(telling.channels)]}


def _channel(telling: Telling, name: str, tenant: str) -> wire.ChannelJson:
    channel = telling.channels[name]
    told: list[wire.AddressJson] = [
        {
            "name": one.name,
            "address": channel.shown(one.address),
            "about": sorted(kind.value for kind in one.kinds),
            "priorities": sorted(priority.value for priority in one.priorities),
            "environments": sorted(one.environments),
        }
        for one in telling.audiences
        if one.channel == name and one.tenant in ("", tenant)
    ]
    return {"name": name, "about": channel.about, "addresses": told}


def _message(notice: Notice) -> Message | None:
    try:
        return message_of(notice.body)
    except ValueError:
        return None
