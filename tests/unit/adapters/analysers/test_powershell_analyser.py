"""PowerShell: what is proven to read, what is known to change, and a list of ways round both."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsagent.adapters.analysers.powershell.analyser import PowerShellAnalyser, manifest_of
from opsagent.adapters.analysers.powershell.table import load_table
from opsagent.adapters.policy_files import load_policy
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Decision, Proof
from opsagent.domain.policy import judge

WIN = Connection(id="c", tenant="t", name="win1", executor="powershell", address="winrm://win1:5986")
POLICY, _ = load_policy()


def decision(text: str) -> Decision:
    command = Command(executor="powershell", text=text, connection_id="c")
    return judge(POLICY, manifest_of(text), command=command, connection=WIN).decision


READS = [
    "Get-Service",
    "get-service -name Spooler",
    "Get-Service -Name Spooler,W3SVC | Where-Object { $_.Status -eq 'Stopped' } | Select-Object Name,Status",
    "Get-Service | where Status -eq Stopped",
    "Get-Process | Sort-Object CPU -Descending | Select-Object -First 5 Name,CPU,WS | Format-Table -AutoSize",
    "gps | ? { $_.CPU -gt 10 -and ($_.Name -like 'w*' -or $_.WS -ge 200mb) } | select Name",
    "Get-Process | ForEach-Object { $_.Name }",
    "Get-EventLog -LogName System -Newest 20 -EntryType Error",
    "Get-WinEvent -FilterHashtable @{LogName='System'; Level=2,3} -MaxEvents 5 | Format-List",
    "Get-ChildItem C:\\inetpub\\logs -Recurse -File -Filter *.log | Sort-Object Length -Descending | select -First 10",
    "Get-Content C:\\logs\\app.log -Tail 50 | Select-String -Pattern 'error' -SimpleMatch",
    'Select-String -Path C:\\logs\\*.log -Pattern "timed out"',
    "Test-Path 'C:\\Program Files\\App\\app.exe'",
    "Get-CimInstance Win32_OperatingSystem | Select-Object FreePhysicalMemory,LastBootUpTime",
    "Get-CimInstance -ClassName Win32_LogicalDisk -Filter 'DriveType=3' | ConvertTo-Json -Depth 2",
    "Get-ItemProperty 'HKLM:\\SOFTWARE\\App' -Name Version",
    "Get-NetTCPConnection -State Listen -ErrorAction SilentlyContinue",
    "Test-NetConnection win1 -Port 5986",
    "Get-Service\nGet-Process; Get-Date",
    "Get-Process |\n  Select-Object Name",
    "hostname",
    "ipconfig /all",
    "ipconfig.exe /all",
    "sc.exe query Spooler",
    "netstat -ano",
    "w32tm /query /status",
    "Get-Volume | Format-Table",
]
EFFECTS = {
    "Restart-Service -Name Spooler -Force": ("services", "Spooler"),
    "Stop-Service W3SVC": ("services", "W3SVC"),
    "Stop-Process -Id 4711 -Force": ("processes", "4711"),
    "Remove-Item C:\\temp\\old.log": ("deletes", "C:\\temp\\old.log"),
    "del C:\\temp\\old.log": ("deletes", "C:\\temp\\old.log"),
    "Clear-Content C:\\logs\\app.log": ("writes", "C:\\logs\\app.log"),
    "Set-Content -Path C:\\a.txt -Value 'x'": ("writes", "C:\\a.txt"),
    "Copy-Item C:\\a.txt C:\\b.txt": ("writes", "C:\\b.txt"),
    "Move-Item C:\\a.txt C:\\b.txt": ("deletes", "C:\\a.txt"),
}
EVASIONS = [
    # what is called is not a plain name
    "& Get-Service",
    "& 'Remove-Item' x",
    ". .\\a.ps1",
    ".\\a.ps1",
    "C:\\x\\Get-Service",
    "& { rm x }",
    "&(gcm rm) x",
    "Microsoft.PowerShell.Management\\Get-Service",
    "$x",
    "$x = Get-Service",
    "Get-Service; $y.Delete()",
    # code in what looks like data
    "iex 'rm x'",
    "Invoke-Expression 'rm x'",
    "Invoke-Command { rm x }",
    "Start-Job { rm x }",
    'Get-Service "$(rm x)"',
    "Get-Service (rm x)",
    "Get-Service @(rm x)",
    "Get-Service $(rm x)",
    "Get-Service ${x}",
    "Get-Service $x",
    "Get-Service @args",
    "Get-Service -Name { rm x }",
    "Get-Process | Where-Object { rm x }",
    "Get-Process | Where-Object { $_.Kill() }",
    "Get-Process | Where-Object { $_.Kill ( ) }",
    "Get-Process | ? { [IO.File]::Delete('x') }",
    "Get-Process | ? { $_[0] }",
    "Get-Process | ForEach-Object { Stop-Process $_ }",
    "Get-Process | % Kill",
    "gps | ForEach-Object -MemberName Kill",
    "Get-Process | % { & $_.Path }",
    "Get-Process | ? { $_.Name -replace 'a','b' }",
    "Get-Process | ? { ($x = 1) }",
    "Get-Process | select @{n='x';e={rm x}}",
    "Get-Process | Sort-Object { rm x }",
    "Get-Process | Group-Object { rm x }",
    "Get-WinEvent -FilterHashtable @{LogName=(rm x)}",
    "Get-WinEvent -FilterHashtable @{Path='C:\\a.evtx'}",
    "Get-WinEvent -FilterHashtable @{LogName='a'; x={rm x}}",
    "powershell -EncodedCommand AAAA",
    "pwsh -c 'rm x'",
    "cmd /c del x",
    "wmic process call create x",
    "Get-Process > a.txt",
    "Get-Process >> a.txt",
    "Get-Process 2>&1",
    "Get-Process | Out-File a",
    "Get-Process | Tee-Object a",
    "Get-Process | Export-Csv a",
    "Get-Process | Set-Content a",
    "Get-Process *> $null",
    # PowerShell reads these characters as others
    "Get-Service \u2018a\u2019",
    "Get-Process \u2013Name x",
    "Get-Service\u00a0-Name x",
    "Get-Service 'a\u2019; rm x; \u2018b'",
    "Get-Ser`vice",
    "Get-Service `\n -Name x",
    'Get-Service "a`"; rm x #"',
    "Get-Service\r\nrm x",
    "Get-Service \u2028 rm x",
    "Get-Service 'a''; rm x",
    "Get-Service 'a'b",
    "Get-Service a'b; rm x'",
    'Get-Service "a""; rm x"',
    "Get-Service # ; rm x",
    "<# x #> Get-Service",
    "#requires -Modules evil",
    "Get-Service --% | rm x",
    "@'\nx\n'@ | iex",
    # more than one
    "Get-Service && rm x",
    "Get-Service || rm x",
    "Get-Service & rm x",
    "Get-Service &",
    "if (1) { rm x }",
    "foreach ($a in 1) { rm x }",
    "function Get-Service { rm x }; Get-Service",
    "filter x { rm x }",
    "Set-Alias Get-Service rm; Get-Service x",
    "sal a rm",
    "trap { rm x } Get-Service",
    "param($x = (rm x))",
    "begin { rm x }",
    "using module evil",
    "class A { A() { rm x } }",
    "try { rm x } finally { }",
    "switch (1) { 1 { rm x } }",
    "do { rm x } while (0)",
    "data { rm x }",
    "1..3 | % { rm x }",
    # parameters that are not known, are abbreviated, or go elsewhere
    "Get-Service -ComputerName other",
    "Get-Service -Comp other",
    "Get-Process -cn other",
    "Get-CimInstance Win32_Service -CimSession x",
    "Get-Process -OutVariable x",
    "Get-Process -PipelineVariable x",
    "Get-Process -ErrorAction Inquire",
    "Get-ChildItem -Path:env:",
    "Get-Content -Wait C:\\a.log",
    "Get-Counter -Continuous",
    "Get-WmiObject -Query 'select * from x'",
    "Get-CimInstance Win32_Product",
    "Get-CimInstance",
    "Test-NetConnection",
    "Get-Date -Date x",
    "Set-Date x",
    "Get-Service a b",
    "Get-Service -Name",
    "Get-Service -Name -Force",
    "Get-Service -Name a -Name b",
    "Where-Object -FilterScript x -Foo",
    "Get-ComputerInfo -x",
    # programs with other arguments
    "ipconfig /release",
    "ipconfig /flushdns",
    "sc.exe stop Spooler",
    "sc.exe \\\\other query",
    "netstat -ano 5",
    "systeminfo /s other",
    "route add x",
    "arp -d",
    "whoami /x",
    "ping -t host",
    "nslookup a b c",
    "hostname evil",
    "net stop Spooler",
    "schtasks /run /tn x",
    "w32tm /resync",
    "ipconfig /all & del x",
    "ping",
    "tasklist /s other",
    "certutil -urlcache x",
    "bitsadmin /x",
    "reg add x",
    # what comes through the pipe chooses what is read
    "Get-ChildItem C:\\x | Get-Content",
    "Get-ChildItem C:\\x | Select-String a",
    "Import-Csv x | Get-Service",
    "Get-Content x | Get-Content",
    "Get-Process | Stop-Process",
    "Get-Service | Restart-Service",
    "Get-Content h.txt | Test-NetConnection",
    "Get-Process | Get-FileHash",
    "Get-Content a | ipconfig /all",
    "'x' | Get-Content",
    "Write-Output C:\\x | Remove-Item",
    # paths that lead elsewhere than they say
    "Get-Content C:\\a\\..\\..\\x",
    "Get-Content C:\\PROGRA~1\\x",
    "Get-Content C:\\*\\x.log",
    "Get-Content C:\\x\\*",
    "Get-Content C:\\x?",
    "Get-Content C:\\a.log:hidden",
    "Get-Content FileSystem::C:\\x",
    "Get-ChildItem Registry::HKLM",
    "Get-Content \\\\?\\C:\\x",
    "Get-Content \\\\.\\PhysicalDrive0",
    "Get-Content C:\\x.",
    "Get-ChildItem WSMan:\\localhost",
    "Get-Content 'C:\\x '",
    "Get-Item AD:\\x",
    # no such place
    "",
    " ",
    ";",
    "|",
    "Get-Service |",
    "| Get-Service",
    "Get-Service ; | x",
    "'Get-Service'",
    "5",
    "$_",
    "{ }",
    "@{}",
    ",",
    "-Name",
    "%",
    "?a",
]
SENSITIVE = [
    "Get-ChildItem Env:",
    "dir env:",
    "Get-Item Env:PATH",
    "Get-Content C:\\Windows\\System32\\config\\SAM",
    "Get-Content C:/Users/ada/.ssh/id_rsa",
    "Get-Content .ssh\\id_rsa",
    "gc C:\\certs\\shop.pfx",
    "Get-Content C:\\Windows\\Panther\\Unattend.xml",
    "Get-Content C:\\inetpub\\wwwroot\\web.config",
    "Get-ItemProperty 'HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon'",
    "Get-ItemProperty 'HKLM:\\S*\\x'",
    "Get-ChildItem Cert:\\LocalMachine",
    "Get-ChildItem variable:",
    "Select-String -Path C:\\app\\.env -Pattern x",
    "Get-FileHash C:\\ProgramData\\ssh\\ssh_host_key",
    "Get-Content USERS\\x",
    "Get-ChildItem HKLM:\\SAM",
]


@pytest.mark.parametrize("text", READS)
def test_proven_reads(text: str) -> None:
    manifest = manifest_of(text)
    assert (manifest.proof, manifest.reasons) == (Proof.READ, ())
    assert decision(text) is Decision.ALLOW


@pytest.mark.parametrize("text", EFFECTS)
def test_known_effects_say_what_they_touch(text: str) -> None:
    manifest = manifest_of(text)
    where, what = EFFECTS[text]
    assert manifest.proof is Proof.EFFECT
    assert what in getattr(manifest, where)
    assert decision(text) is Decision.ASK


@pytest.mark.parametrize("text", EVASIONS)
def test_no_way_round_is_proven(text: str) -> None:
    manifest = manifest_of(text)
    assert manifest.proof is not Proof.READ
    assert manifest.reasons
    assert decision(text) is not Decision.ALLOW


@pytest.mark.parametrize("text", SENSITIVE)
def test_secrets_are_asked_about(text: str) -> None:
    assert manifest_of(text).sensitive
    assert decision(text) is Decision.ASK


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Test-NetConnection db1 -Port 5432", "db1:5432"),
        ("Test-NetConnection -ComputerName db1", "db1"),
        ("Resolve-DnsName shop.example", "shop.example"),
        ("ping -n 2 db1", "db1"),
        ("nslookup db1", "db1"),
        ("Get-ChildItem \\\\files\\share", "files"),
        ("Get-Content //files/share/a.log", "files"),
        ("Get-Counter '\\\\other\\Processor(_Total)\\% Processor Time'", "other"),
    ],
)
def test_other_hosts_are_asked_about(text: str, host: str) -> None:
    assert manifest_of(text).contacts == (host,)
    assert decision(text) is Decision.ASK


@pytest.mark.parametrize(
    "text",
    [
        "Format-Volume -DriveLetter D",
        "if ($x) { Format-Volume D }",
        '"$(Clear-Disk 1)"',
        "Remove-Item C:\\ -Recurse -Force",
        "rm -Recurse C:\\Windows",
        "Remove-Item C:\\*",
        "del 'C:\\Program Files'",
        "Remove-Item HKLM:\\SOFTWARE -Recurse",
        "Clear-EventLog -LogName System",
        "Get-Disk | Clear-Disk",
        "rd / -Recurse",
    ],
)
def test_what_no_approval_allows(text: str) -> None:
    assert manifest_of(text).forbidden
    assert decision(text) is Decision.DENY


def test_the_table_is_whole() -> None:
    table = load_table()
    assert set(table.aliases.values()) <= set(table.commands)
    for known in table.commands.values():
        assert set(known.order) | known.needs <= set(known.takes), known.name
        assert not known.switches & set(known.takes), known.name
        assert not any(name in ("computername", "cimsession") and kind != "host" for name, kind in known.takes.items())


async def test_the_analyser_keeps_the_order() -> None:
    texts = [*READS[:3], "iex x", *EFFECTS]
    together = await PowerShellAnalyser().analyse_all(texts, WIN)
    assert list(together) == [manifest_of(text) for text in texts]


async def test_an_approval_says_where_no_token_is_kept() -> None:
    jea = Connection(id="c", tenant="t", name="w", executor="powershell", options={"jea": "true"})
    effect, read = await PowerShellAnalyser().analyse_all(["Restart-Service Spooler", "Get-Service"], jea)
    assert "no start token" in effect.reasons[-1]
    assert read.reasons == ()
    assert effect.proof is Proof.EFFECT


FRAGMENTS = [
    "Get-Service",
    "Get-Process",
    "rm",
    "iex",
    "Where-Object",
    " ",
    "  ",
    "|",
    ";",
    "\n",
    "{",
    "}",
    "(",
    ")",
    "$",
    "$_",
    ".Name",
    ".Kill()",
    "@",
    "@{",
    "'",
    '"',
    "`",
    "-",
    "-Name",
    "-Force",
    "&",
    "&&",
    ",",
    "=",
    ">",
    "#",
    "<#",
    "#>",
    "::",
    "[",
    "]",
    "x",
    "C:\\x",
    "%",
    "?",
    "env:",
    "--%",
    "$(",
    "\u2019",
    "-eq",
    "5",
    "''",
    "..",
    "!",
]
EXECUTES = frozenset("({[&`$@>#<")


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join))
def test_nonsense_never_raises_and_is_proven_only_when_it_is_plain(text: str) -> None:
    manifest = manifest_of(text)
    if manifest.proof is Proof.READ:
        names = {one.name for one in manifest.invocations}
        assert names <= {"Get-Service", "Get-Process", "Where-Object", "%", "?"}
        outside = text.replace("$_", "").replace("{", "").replace("(", "") if "{" in text else text
        assert not EXECUTES & set(outside.replace('"', "'").split("'")[0]), text
    else:
        assert manifest.reasons


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_gets_a_manifest(text: str) -> None:
    manifest = manifest_of(text)
    assert manifest.proof is not Proof.READ or text.isascii()
