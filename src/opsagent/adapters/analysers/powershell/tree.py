"""The second reader: what tree-sitter's grammar of PowerShell makes of a text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from opsagent.errors import ConfigurationError

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

# Everything a plain text may be made of; any other kind of node means that something was not understood.
_PLAIN_WORDS = """
    program statement_list pipeline pipeline_chain command command_name command_elements command_argument_sep
    command_parameter generic_token array_literal_expression unary_expression string_literal expandable_string_literal
    verbatim_string_characters integer_literal decimal_integer_literal real_literal variable empty_statement
    script_block_expression script_block script_block_body logical_expression bitwise_expression comparison_expression
    comparison_operator additive_expression multiplicative_expression format_expression range_expression member_access
    member_name simple_name hash_literal_expression hash_literal_body hash_entry key_expression parenthesized_expression
    expression_with_unary_operator"""
_PLAIN = frozenset(_PLAIN_WORDS.split())
_MOST_NODES = 20_000


@dataclass(frozen=True, slots=True)
class Tree:
    """The names of all commands, in order, lower case; `problem` says why the text is not plain, empty where it is."""

    names: tuple[str, ...]
    problem: str


def read_tree(text: str) -> Tree:
    """What the grammar sees. ConfigurationError where it is not installed."""
    raw = text.encode("utf-8", "replace")
    root = _parser().parse(raw).root_node
    names: list[str] = []
    problem = "its grammar is not clear" if root.has_error else ""
    waiting, seen = [root], 0
    while waiting:
        node = waiting.pop()
        seen += 1
        if seen > _MOST_NODES:
            return Tree(tuple(names), "it has too many parts")
        if node.type in ("command_name", "command_name_expr"):
            names.append(_text(node, raw))
        if node.is_missing or (node.is_named and node.type not in _PLAIN):
            problem = problem or f"it has a {node.type.replace('_', ' ').lower()}"
        waiting.extend(reversed(node.children))
    return Tree(tuple(names), problem)


def _text(node: Node, raw: bytes) -> str:
    return raw[node.start_byte : node.end_byte].decode("utf-8", "replace").strip("\"'").lower()


@cache
def _parser() -> Parser:
    try:
        import tree_sitter_powershell
        from tree_sitter import Language, Parser
    except ImportError as error:
        raise ConfigurationError(
            "tree-sitter-powershell is not installed.", fix="pip install 'opsagent[windows]'"
        ) from error
    return Parser(Language(tree_sitter_powershell.language()))
