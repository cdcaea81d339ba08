"""Which real servers and programs the tests use, which are here, and how to install the missing ones."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Needed:
    """A program the tests start: `places` are looked at besides PATH."""

    program: str
    package: str
    why: str
    places: tuple[str, ...] = ()

    def path(self) -> str | None:
        return shutil.which(self.program, path=os.pathsep.join([os.environ.get("PATH", ""), *self.places]))


SBIN = ("/usr/sbin", "/sbin")
NEEDED = (
    Needed("bash", "bash", "the shell that commands run in"),
    Needed("bwrap", "bubblewrap", "the strong sandbox backend"),
    Needed("mawk", "mawk", "awk programs, run for real"),
    Needed("gawk", "gawk", "awk programs, run for real"),
    Needed("ps", "procps", "diagnosis commands of the runbooks"),
    Needed("ss", "iproute2", "diagnosis commands of the runbooks", SBIN),
    Needed("curl", "curl", "checks of the runbooks"),
    Needed("openssl", "openssl", "the certificate runbook"),
    Needed("git", "git", "diagnosis commands"),
    Needed("prometheus", "prometheus", "real alerts, end to end"),
    Needed("prometheus-alertmanager", "prometheus-alertmanager", "real webhooks, end to end"),
    Needed("psql", "postgresql-client", "the PostgreSQL runbooks"),
    Needed(
        "pg_ctl", "postgresql", "the PostgreSQL runbooks", tuple(f"/usr/lib/postgresql/{v}/bin" for v in range(13, 19))
    ),
    Needed("mariadbd", "mariadb-server", "the SQL executor", SBIN),
    Needed("mariadb-install-db", "mariadb-server", "the SQL executor"),
    Needed("sshd", "openssh-server", "the SSH executor", SBIN),
    Needed("sftp-server", "openssh-sftp-server", "the SSH executor", ("/usr/lib/openssh", "/usr/libexec/openssh")),
    Needed("chromium", "chromium", "the pages, in a real browser"),
    Needed("nginx", "nginx-light", "the web server runbooks", SBIN),
)


def main() -> int:
    """`--packages` prints Debian's names of everything; else the missing ones. Exit 1 when some are missing in CI."""
    if "--packages" in sys.argv[1:]:
        sys.stdout.write(" ".join(sorted({one.package for one in NEEDED})) + "\n")
        return 0
    missing = [one for one in NEEDED if one.path() is None]
    for one in missing:
        sys.stdout.write(f"missing: {one.program} ({one.why}); install it with: apt-get install {one.package}\n")
    return 1 if missing and os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main())
