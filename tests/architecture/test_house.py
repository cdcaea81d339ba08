"""What the import linter cannot see: sizes, names, where the environment and the clock may be read."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import opsagent

ROOT = Path(opsagent.__file__).parent
REPOSITORY = ROOT.parent.parent
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "base", "core", "misc"}
BROAD_EDGES = {
    "adapters/analysers/aws/reader.py",  # a process of its own: whatever a foreign parser raises, it answers in words
    "adapters/embedders/onnx.py",  # whatever compiled libraries raise over a folder somebody named
    "adapters/executors/mcp/exchange.py",  # a process of its own: whatever a server makes the SDK raise
    "adapters/reasoners/asking.py",  # whatever a provider's library raises becomes an error of ours
    "adapters/reasoners/runner.py",  # a process of its own: whatever a framework raises, it answers in words
    "adapters/stores/gathering.py",  # every caller gets an answer, whatever became of the one they share
    "adapters/stores/group_commit.py",  # the writer thread: every caller gets an answer
    "adapters/vectors/chroma.py",  # whatever Chroma's Rust core, HTTP client and SQLite raise: keywords go on
    "cli/perform.py",  # the edge of the process: an unforeseen error becomes words
    "loop/worker.py",  # whatever a node raises, the run ends with a reason
    "watch/outbox.py",  # a channel that raises must not stop the others
    "web/mcp_session.py",  # the edge of MCP: a bug becomes words for the client's model
    "web/edge.py",  # the edge of HTTP: an unforeseen error becomes a problem document
}
FRAMEWORKS = {
    "fastapi",
    "starlette",
    "sqlalchemy",
    "alembic",
    "pydantic",
    "pydantic_settings",
    "httpx",
    "structlog",
    "typer",
    "rich",
    "uvicorn",
    "langchain",
    "langchain_core",
    "yaml",
    "orjson",
    "psutil",
    "prometheus_client",
    "websockets",
}
PURE = ("domain", "ports", "stages", "watch")


def sources() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_files_are_at_most_400_lines() -> None:
    long = {name_of(path): n for path in sources() if (n := len(path.read_text().splitlines())) > 400}
    assert not long


def test_functions_are_at_most_60_lines() -> None:
    long = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in sources()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno > 60
    ]
    assert not long


def test_no_drawer_names() -> None:
    assert not [
        name_of(path) for path in sources() if path.stem in FORBIDDEN_NAMES or path.parent.name in FORBIDDEN_NAMES
    ]


def test_every_module_says_what_it_is_for() -> None:
    silent = [name_of(path) for path in sources() if path.read_text().strip() and not ast.get_docstring(tree_of(path))]
    assert not silent


def test_the_environment_is_read_in_settings_only() -> None:
    readers = [
        name_of(path)
        for path in sources()
        if re.search(r"os\.environ|os\.getenv|from os import .*environ", path.read_text())
        and not name_of(path).startswith("settings/")
    ]
    assert not readers


def test_the_clock_is_read_in_the_clock_only() -> None:
    pattern = re.compile(r"datetime\.(now|utcnow|today)\(|time\.(time|monotonic|perf_counter)\(|uuid\.uuid4\(")
    readers = [name_of(path) for path in sources() if pattern.search(path.read_text())]
    stand_alone = {"adapters/executors/local/launcher.py"}  # runs as a program of its own, with no clock to be given
    assert set(readers) - stand_alone - {name for name in readers if name.startswith("cli/demo/")} == {
        "adapters/clock.py"
    }


def test_broad_excepts_stand_at_named_edges_only() -> None:
    broad = {
        name_of(path)
        for path in sources()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
    }
    assert broad == BROAD_EDGES


def test_the_pure_layers_import_no_framework() -> None:
    guilty = {
        name_of(path): frameworks
        for path in sources()
        if name_of(path).split("/")[0] in PURE and (frameworks := imported(tree_of(path)) & FRAMEWORKS)
    }
    assert not guilty


def test_langgraph_stays_in_the_loop() -> None:
    users = {name_of(path) for path in sources() if "langgraph" in imported(tree_of(path))}
    assert users <= {"loop/graph.py", "adapters/reasoners/langgraph.py"}


def test_a_framework_is_imported_by_its_adapter_only() -> None:
    owners = {"crewai": "crewai", "autogen_agentchat": "autogen", "autogen_core": "autogen"}
    for framework, owner in owners.items():
        users = {name_of(path) for path in sources() if framework in imported(tree_of(path))}
        assert users == {f"adapters/reasoners/{owner}.py"}


def test_what_makes_and_keeps_vectors_is_imported_by_its_adapter_only() -> None:
    owners = {"chromadb": "vectors/chroma.py", "onnxruntime": "embedders/onnx.py", "tokenizers": "embedders/onnx.py"}
    for library, owner in owners.items():
        users = {name_of(path) for path in sources() if library in imported(tree_of(path))}
        assert users == {f"adapters/{owner}"}


def test_stages_do_not_know_each_other() -> None:
    guilty = [
        name_of(path)
        for path in (ROOT / "stages").glob("*.py")
        if re.search(r"from opsagent\.stages|import opsagent\.stages", path.read_text())
    ]
    assert not guilty


def test_ports_have_at_most_eight_methods() -> None:
    large = [
        f"{name_of(path)}: {node.name}"
        for path in (ROOT / "ports").glob("*.py")
        for node in tree_of(path).body
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
        and sum(isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) for item in node.body) > 8
    ]
    assert not large


def test_only_bootstrap_names_concrete_adapters() -> None:
    outside = [
        name_of(path)
        for path in sources()
        if not name_of(path).startswith(("adapters/", "settings/"))
        and not name_of(path).startswith("bootstrap/")
        and re.search(r"(from|import) opsagent\.adapters", path.read_text())
    ]
    assert not outside


def test_no_work_is_left_for_later() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert not [name_of(path) for path in sources() if marks.search(path.read_text())]
