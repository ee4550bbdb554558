"""A user's SQL text → text that is safe to run on a read-only connection, or a QueryError in plain words.

`readonly=1` alone still lets a SELECT read files (`file()`, tables named like files), run a second statement, write
an outfile and look into system tables. So four things hold together, each of which stops what another lets through:

1. the connection (`connection_statements`): its own database, limits first, `readonly` last;
2. the text (`wrap`): one statement, no comments, brackets closed, put inside `SELECT * FROM (…)`;
3. the tree (`check`): what the engine itself understood of that text (`EXPLAIN AST`, which parses and evaluates
   nothing) holds only node kinds, tables and functions of allow-lists;
4. the run: exactly the checked text, nothing else.

`guarded` does 2 and 3 with a callable that executes SQL, so that this module needs no engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

from miharu.core.errors import QueryError
from miharu.core.settings import Settings
from miharu.store.guard_errors import engine_error
from miharu.store.guard_functions import is_allowed
from miharu.store.guard_lexer import read_statement
from miharu.store.guard_refused import is_refused, is_refused_as_name

TABLES: Final = frozenset(("events", "findings", "rejects"))
TABLE_FUNCTIONS: Final = frozenset(("numbers", "values", "SQLStandardValues", "generateSeries", "generate_series"))

_EXPLAIN: Final = "EXPLAIN AST "
_PREFIX: Final = "SELECT * FROM (\n"
_SUFFIX: Final = "\n)"
_MAX_CHARS: Final = 200_000
_NODE: Final = re.compile(r"(?P<indent> *)(?P<kind>\S+)(?: (?P<rest>.*))?", re.DOTALL)
_NAME: Final = re.compile(r"(?P<name>[\w@.\-]+)(?: \(alias .*\))?(?: \(children \d+\))?", re.DOTALL)
_ALIAS: Final = re.compile(r"lambda \(alias (?P<name>\w+)\)")
_MEMBERSHIP: Final = frozenset(("in", "notin", "nullin", "notnullin"))

_OUTER: Final = (
    "SelectWithUnionQuery (children 1)",
    " ExpressionList (children 1)",
    "  SelectQuery (children 2)",
    "   ExpressionList (children 1)",
    "    Asterisk",
    "   TablesInSelectQuery (children 1)",
    "    TablesInSelectQueryElement (children 1)",
    "     TableExpression (children 1)",
    "      Subquery (children 1)",
)
"""The wrapper as the engine prints it: no format, no outfile, no settings, no second source beside it."""

_NODES: Final = frozenset(
    """
    SelectWithUnionQuery SelectQuery SelectIntersectExceptQuery ExpressionList Subquery WithElement
    TablesInSelectQuery TablesInSelectQueryElement TableExpression TableIdentifier TableJoin ArrayJoin SampleRatio
    Identifier Literal Function Asterisk QualifiedAsterisk WindowDefinition WindowListElement OrderByElement
    InterpolateElement ColumnsRegexpMatcher ColumnsListMatcher QualifiedColumnsRegexpMatcher
    QualifiedColumnsListMatcher ColumnsTransformerList ColumnsExceptTransformer ColumnsReplaceTransformer
    ColumnsReplaceTransformer::Replacement
    """.split()  # noqa: SIM905 - quotes would hide the names
)
_NODE_ADVICE: Final = {
    "Set": ("A SETTINGS clause is not allowed.", "remove it; limits are set by the operator"),
    "ColumnsApplyTransformer": ("APPLY is not allowed.", "call the function on each column"),
    "ASTStreamSettings": ("Reading a table as a stream is not allowed.", "remove STREAM"),
}
_FUNCTION_ADVICE: Final = {
    "viewExplain": "run the SELECT itself",
    "file": "files are read by the import command",
    "dictget": "join with a table in the query",
    "joinget": "use JOIN",
    "arrayreduce": "use arraySum, arrayMax, arrayMin, arrayAvg or arrayUniq",
    "globalin": "use IN",
    "globalnotin": "use NOT IN",
}


def connection_statements(settings: Settings, database: str, extra: Mapping[str, str] | None = None) -> list[str]:
    """Return the statements that make a fresh connection read-only, in order.

    `database` must be an ordinary (Atomic) database that holds only miharu's tables: the engine's database
    `default` answers `SELECT * FROM Makefile` with the file of that name. `extra` are further settings (names →
    SQL literals) the caller's output needs; nothing can be changed afterwards. Raises ValueError for `default`.
    """
    if database == "default" or not re.fullmatch(r"\w+", database):
        message = f"a read-only connection cannot stand in the database {database!r}"
        raise ValueError(message)
    values = {**connection_settings(settings), **(extra or {})}
    assignments = ", ".join(f"{name} = {value}" for name, value in values.items())
    return [f"USE {database}", f"SET {assignments}", "SET readonly = 1"]


def connection_settings(settings: Settings) -> dict[str, str]:
    """Return the limits of a user's connection: setting name → SQL literal, to be set before `readonly`."""
    memory = settings.store_memory_bytes // 2
    return {
        "max_execution_time": f"{settings.query_seconds:g}",
        "timeout_overflow_mode": "'throw'",
        "max_memory_usage": str(memory),
        "max_result_rows": str(settings.query_rows),
        "max_result_bytes": str(memory),
        "result_overflow_mode": "'throw'",
        "max_query_size": str(4 * _MAX_CHARS),
        "max_parser_depth": "300",
        "max_ast_depth": "300",
        "max_ast_elements": "20000",
        "max_expanded_ast_elements": "100000",
        "max_subquery_depth": "40",
        "max_columns_to_read": "4000",
        # Nothing is spilled: a user's query writes no byte to disk.
        "max_bytes_before_external_group_by": "0",
        "max_bytes_ratio_before_external_group_by": "0",
        "max_bytes_before_external_sort": "0",
        "max_bytes_ratio_before_external_sort": "0",
        "join_algorithm": "'hash'",
        "max_hyperscan_regexp_length": "10000",
        "max_hyperscan_regexp_total_length": "100000",
        # Doors that the allow-lists close already.
        "allow_ddl": "0",
        "allow_introspection_functions": "0",
        "allow_python_table_function": "0",
        "allow_get_client_http_header": "0",
        "allow_fuzz_query_functions": "0",
        "allow_experimental_ai_functions": "0",
        "allow_experimental_nlp_functions": "0",
        "use_query_cache": "0",
        "log_queries": "0",
    }


def guarded(sql: str, execute: Callable[[str], str]) -> str:
    """Return the text to run for a user's `sql`; run exactly that, on the same connection.

    `execute` runs a statement on the read-only connection and returns its one text column, rows joined by line
    feeds; what it raises passes through (hand the text of the engine's error to `engine_error`). Raises QueryError.
    """
    text = wrap(sql)
    check(execute(f"{_EXPLAIN}{text}"), read_statement(sql).names)
    return text


def wrap(sql: str) -> str:
    """Return `SELECT * FROM (…)` around the one statement in `sql`, comments blanked. Raises QueryError."""
    if len(sql) > _MAX_CHARS:
        text = f"The query is longer than {_MAX_CHARS:,} characters."
        raise QueryError(text, _MAX_CHARS, "shorten its lists")
    return f"{_PREFIX}{read_statement(sql).text}{_SUFFIX}"


def query_error(message: str, sql: str) -> QueryError:
    """Return the engine's error text about the wrapped `sql` as an error about the user's own text."""
    return engine_error(message, sql, len(f"{_EXPLAIN}{_PREFIX}"))


def check(ast_text: str, names: Collection[str] = ()) -> None:
    """Check what the engine printed for `EXPLAIN AST` of a wrapped statement. Raises QueryError.

    `names` are the names that WITH clauses of the statement give to subqueries (`Statement.names`).
    """
    lines = ast_text.rstrip("\n").split("\n")
    depth = len(_OUTER)
    if tuple(lines[:depth]) != _OUTER or any(not line.startswith(" " * (depth - 2)) for line in lines[depth:]):
        text = "The query is more than one SELECT."
        raise QueryError(text, None, "remove INTO OUTFILE, FORMAT and SETTINGS; choose the format with --format")
    for name in names:
        if name in TABLES or not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            text = f"A subquery cannot be named {name!r}."
            raise QueryError(text, None, "choose a plain name that is not a table's")
    tree = _Tree(frozenset(names), frozenset(_ALIAS.findall(ast_text)))
    tree.walk(lines)
    if tree.subqueries != len(names):
        raise QueryError("The names of the WITH clause cannot be told apart.", None, "write them as name AS (SELECT …)")


class _Tree:
    """Walks the printed tree once; `path` holds the open nodes from the root down, `seen` their children so far."""

    def __init__(self, names: frozenset[str], lambdas: frozenset[str]) -> None:
        self.tables = TABLES | names
        self.lambdas = lambdas
        self.path: list[tuple[str, str]] = []
        self.seen: list[int] = []
        self.subqueries = 0

    def walk(self, lines: list[str]) -> None:
        for line in lines:
            match = _NODE.fullmatch(line)
            if match is None or len(match["indent"]) > len(self.path):
                text = "The query holds a name that cannot be checked."
                raise QueryError(text, None, "use letters, digits, dots and underscores in names")
            depth = len(match["indent"])
            del self.path[depth:], self.seen[depth:]
            kind, rest = match["kind"], match["rest"] or ""
            self._node(kind, rest)
            if self.seen:
                self.seen[-1] += 1
            self.path.append((kind, rest))
            self.seen.append(0)

    def _node(self, kind: str, rest: str) -> None:
        if kind not in _NODES:
            text, hint = _NODE_ADVICE.get(kind, (f"This part of SQL is not allowed: {kind}.", "write a plain SELECT"))
            raise QueryError(text, None, hint)
        if kind == "WithElement":
            self.subqueries += 1
        elif kind == "TableIdentifier":
            self._table(rest)
        elif kind == "Function":
            self._function(rest)
        elif kind == "Identifier":
            self._identifier(rest)

    def _table(self, rest: str) -> None:
        match = _NAME.fullmatch(rest)
        name = match["name"] if match else rest
        if name not in self.tables:
            text = f"The table {name!r} cannot be read."
            raise QueryError(text, None, f"the tables are {', '.join(sorted(TABLES))}")

    def _function(self, rest: str) -> None:
        match = _NAME.fullmatch(rest)
        name = match["name"] if match else rest
        if self.path[-1][0] == "TableExpression":
            allowed = name in TABLE_FUNCTIONS
        else:
            allowed = is_allowed(name) or (name in self.lambdas and not is_refused(name))
        if not allowed:
            raise QueryError(f"The function {name!r} is not allowed.", None, _advice(name))

    def _identifier(self, rest: str) -> None:
        # A bare name handed to arrayMap and its kin is a function: `arrayMap(file, ['/etc/hosts'])`.
        name = rest.split(" ", 1)[0]
        if is_refused_as_name(name):
            raise QueryError(f"The name {name!r} is that of a function that is not allowed.", None, "rename the column")
        if len(self.path) < 2 or self.path[-1][0] != "ExpressionList":  # noqa: PLR2004 - a list and its owner
            return
        owner, words = self.path[-2]
        if owner == "Function" and words.split(" ", 1)[0].lower() in _MEMBERSHIP:
            self._member(name)

    def _member(self, name: str) -> None:
        # The right side of IN may be the bare name of a table.
        if self.seen[-1] and name not in self.tables:
            raise QueryError(f"IN cannot take the name {name!r}.", None, "use has(list, value), or a list in brackets")


def _advice(name: str) -> str:
    lowered = name.lower()
    for known, hint in _FUNCTION_ADVICE.items():
        if lowered.startswith(known.lower()):
            return hint
    if is_refused(name):
        return "only functions that compute from their arguments are allowed"
    return "there is no function of that name; see the list in docs/reference/sql.md"
