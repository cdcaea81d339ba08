"""Where the server listens and where it keeps its data."""

from __future__ import annotations

from pathlib import Path

from opsagent.settings.area import Area, setting


class ServerSettings(Area):
    """The address and the data folder."""

    host: str = setting(
        "127.0.0.1",
        "Address to listen on. Anything but loopback wants TLS in front of it.",
        min_length=1,
        max_length=253,
    )
    port: int = setting(8080, "TCP port to listen on; 0 takes a free one and says which.", ge=0, le=65535)
    public_url: str = setting(
        "",
        "Where people and their tools reach this server from outside (https://ops.example.com); messages link to it.",
        pattern=r"^(https?://[^\s/?#]+(/[^\s?#]*)?)?$",
        shown="none",
    )
    data_dir: Path = setting(
        Path("~/.local/share/opsagent"),
        "Data folder: store, keys, artifacts. Made with mode 0700. Follows XDG_DATA_HOME when that is set.",
        shown="~/.local/share/opsagent",
    )
