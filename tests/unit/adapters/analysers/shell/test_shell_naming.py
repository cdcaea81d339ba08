"""What a change is known to touch is named: an approval shows it, and what is forbidden is found by it."""

from __future__ import annotations

import pytest

from opsagent.adapters.policy_tables import command_tables
from opsagent.adapters.policy_yaml import read_file
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Decision, Proof
from opsagent.errors import OpsAgentError

ANYWHERE = Connection(id="c", tenant="t", name="c")
USERS = "/etc/passwd /etc/group /etc/shadow /etc/gshadow"


@pytest.mark.parametrize(
    ("text", "writes", "deletes"),
    [
        ("rm a b", "", "a b"),
        ("unlink a", "", "a"),
        ("rmdir a", "", "a"),
        ("shred -u a", "", "a"),
        ("mv a b c", "c", "a b"),
        ("cp -a a b c", "c", ""),
        ("install -m 755 a /usr/local/bin/a", "/usr/local/bin/a", ""),
        ("install -d a b", "a b", ""),
        ("mkdir -p a b", "a b", ""),
        ("mktemp", "/tmp/*", ""),
        ("touch a b", "a b", ""),
        ("ln -s /etc/hosts b", "b", ""),
        ("ln -s /etc/hosts", "hosts", ""),
        ("chmod 600 a b", "a b", ""),
        ("chmod -R u+x a", "a", ""),
        ("chown root: a b", "a b", ""),
        ("chown -R root a", "a", ""),
        ("chgrp www a", "a", ""),
        ("setfacl -m u:a:r f", "f", ""),
        ("chattr +i f", "f", ""),
        ("setcap cap_net_raw+ep f", "f", ""),
        ("truncate -s 0 a b", "a b", ""),
        ("fallocate -l 1G f", "f", ""),
        ("tee a b", "a b", ""),
        ("dd if=a of=b bs=1M", "b", ""),
        ("split -l 10 a part-", "part-*", ""),
        ("split a", "x*", ""),
        ("gzip a", "a.gz", "a"),
        ("gzip -k a", "a.gz", ""),
        ("gunzip a.gz", "a", "a.gz"),
        ("gzip -d a.gz", "a", "a.gz"),
        ("xz -9 a", "a.xz", "a"),
        ("zstd a", "a.zst", ""),
        ("xz -t -d a.xz", "a", "a.xz"),
        ("zip -r o.zip a b", "o.zip", ""),
        ("tar czf o.tgz a b", "o.tgz", ""),
        ("tar -c -f o.tar a", "o.tar", ""),
        ("tar xzf a.tgz -C /srv/app", "/srv/app", ""),
        ("tar -xf a.tar", ".", ""),
        ("unzip -o a.zip -d /srv/app", "/srv/app", ""),
        ("unzip a.zip", ".", ""),
        ("mkfifo p q", "p q", ""),
        ("mknod p b 8 0", "p", ""),
        ("sort -o x y", "x", ""),
        ("uniq a b", "b", ""),
        ("xxd -r a b", "b", ""),
        ("sed -i s/a/b/ x y", "x y", ""),
        ("find a -delete", "", "a"),
        ("find a -fprint o", "o", ""),
        ("curl -o x http://h/", "x", ""),
        ("curl -O 'http://h/d/x.tgz?y=1'", "x.tgz", ""),
        ("rsync -a a/ /srv/b/", "/srv/b/", ""),
        ("useradd bob", USERS, ""),
        ("passwd bob", USERS, ""),
        ("visudo", "/etc/sudoers", ""),
        ("crontab -r", "/var/spool/cron", ""),
        ("journalctl --vacuum-size=1G", "/var/log/journal", ""),
        ("sysctl -w vm.swappiness=1", "/proc/sys/vm/swappiness", ""),
        ("sysctl net.ipv4.ip_forward=1", "/proc/sys/net/ipv4/ip_forward", ""),
        ("hostnamectl set-hostname x", "/etc/hostname /etc/machine-info", ""),
        ("timedatectl set-timezone UTC", "/etc/localtime /etc/adjtime", ""),
        ("systemctl enable --now nginx", "/etc/systemd/system", ""),
        ("docker cp web:/etc/hosts /tmp/h", "/tmp/h", ""),
        ("kubectl cp -n p web:/x ./x", "./x", ""),
    ],
)
async def test_paths(analyser, text, writes, deletes):
    (manifest,) = await analyser.analyse_all([text], ANYWHERE)
    assert manifest.proof is not Proof.READ
    assert list(manifest.writes) == writes.split()
    assert list(manifest.deletes) == deletes.split()


@pytest.mark.parametrize(
    ("text", "services", "processes", "contacts"),
    [
        ("systemctl stop a b", "a b", "", ""),
        ("systemctl kill -s HUP a", "a", "", ""),
        ("systemctl set-property a CPUQuota=5%", "a", "", ""),
        ("systemctl reset-failed a", "a", "", ""),
        ("systemctl edit a", "a", "", ""),
        ("service a restart", "a", "", ""),
        ("rc-service a restart", "a", "", ""),
        ("supervisorctl restart a b", "a b", "", ""),
        ("nginx -s reload", "nginx", "", ""),
        ("apachectl graceful", "apache2", "", ""),
        ("postfix reload", "postfix", "", ""),
        ("mysqladmin shutdown", "mysql", "", ""),
        ("rabbitmqctl stop_app", "rabbitmq-server", "", ""),
        ("update-rc.d a defaults", "a", "", ""),
        ("docker restart -t 5 a b", "a b", "", ""),
        ("docker rm -f a", "a", "", ""),
        ("docker container stop a", "a", "", ""),
        ("docker exec -it a sh", "a", "", ""),
        ("docker compose restart a", "a", "", ""),
        ("docker cp a:/x y", "a", "", ""),
        ("kubectl delete pod a -n p", "pod a", "", ""),
        ("kubectl -n p rollout restart deploy/a", "deploy/a", "", ""),
        ("kubectl scale deploy a --replicas=3", "deploy a", "", ""),
        ("kubectl drain n1 --ignore-daemonsets", "n1", "", ""),
        ("kubectl exec -it a -- sh", "a", "", ""),
        ("helm rollback a 3", "a", "", ""),
        ("kill -9 12 13", "", "12 13", ""),
        ("pkill -9 a", "", "a", ""),
        ("pkill -HUP -f a", "", "a", ""),
        ("killall -s HUP a b", "", "a b", ""),
        ("renice 5 -p 12", "", "12", ""),
        ("renice -n 5 12", "", "12", ""),
        ("fuser -k 80/tcp", "", "80/tcp", ""),
        ("rsync -a x root@h:/y", "", "", "h"),
        ("rsync -a rsync://h/y x", "", "", "h"),
    ],
)
async def test_services_processes_and_hosts(analyser, text, services, processes, contacts):
    (manifest,) = await analyser.analyse_all([text], ANYWHERE)
    assert manifest.proof is not Proof.READ
    assert list(manifest.services) == services.split()
    assert list(manifest.processes) == processes.split()
    assert list(manifest.contacts) == contacts.split()


async def test_the_processes_of_a_user_are_named(analyser):
    (manifest,) = await analyser.analyse_all(["pkill -u bob"], ANYWHERE)
    assert manifest.processes == ("-u bob",)


@pytest.mark.parametrize(
    "text",
    ["gzip -t a.gz", "gunzip -c a.gz | head", "xz -l a.xz", "bzip2 -dc a.bz2", "unzip -l a.zip", "tar tzf a.tgz",
     "nginx -t", "crontab -l", "journalctl -n 5", "sysctl vm.swappiness", "hostnamectl status", "xxd -r -p a"],
)  # fmt: skip
async def test_what_only_looks_names_no_change(analyser, text):
    (manifest,) = await analyser.analyse_all([text], ANYWHERE)
    assert manifest.proof is Proof.READ, manifest.reasons
    assert not manifest.writes


@pytest.mark.parametrize(
    "text",
    ["tar xf a.tar -C /srv/opsagent", "gzip /srv/opsagent/store.db", "rsync -a --delete a/ /etc/", "tar cf /dev/sda a"],
)
async def test_what_is_named_can_be_forbidden(verdicts, text):
    (verdict,) = await verdicts([text])
    assert (verdict.decision, verdict.rule) == (Decision.DENY, "forbidden")


def test_what_is_implied_is_checked_at_the_start(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text("commands:\n  shopctl: {effect: stops the shop, implies: 'service:shop'}\n")
    section, _ = read_file(file)
    table = command_tables(section.section("commands"))["shopctl"]
    assert [(kind.value, name) for kind, name in table.implies] == [("service", "shop")]
    file.write_text("commands:\n  shopctl: {effect: stops the shop, implies: 'shop'}\n")
    section, _ = read_file(file)
    with pytest.raises(OpsAgentError, match="not a kind and a name"):
        command_tables(section.section("commands"))
