"""User SQL against a real embedded engine in a process of its own: attacks must fail, analysts must not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from miharu.store.guard_functions import AGGREGATES, SCALARS
from miharu.store.guard_refused import REFUSED

Ask = Callable[..., dict[str, Any]]

CHILD = Path(__file__).with_name("guard_child.py")
LIMITS = {"query_rows": 5000, "query_seconds": 2, "store_memory_bytes": 600_000_000}
SECRET = "the-secret-of-the-house"

ATTACKS = [
    # files
    "SELECT file('{secret}')",
    "SELECT * FROM file('{secret}', 'LineAsString')",
    "SELECT * FROM `{secret}`",
    "SELECT * FROM '{secret}'",
    "SELECT * FROM default.`{secret}`",
    "SELECT * FROM secret",
    "WITH secret AS (SELECT * FROM secret) SELECT * FROM secret",
    "WITH `{secret}` AS (SELECT 1) SELECT * FROM `{secret}`",
    "SELECT (SELECT file('{secret}')) AS a",
    "SELECT 1 WHERE file('{secret}') LIKE 'the%'",
    "SELECT arrayMap(file, ['{secret}'])",
    "SELECT arrayMap(`file`, ['{secret}'])",
    "SELECT arrayMap(x -> file(x), ['{secret}'])",
    "WITH x -> file(x) AS f SELECT f('{secret}')",
    "WITH (x -> x) AS file SELECT file('{secret}')",
    "SELECT * APPLY(file) FROM (SELECT '{secret}')",
    "SELECT COLUMNS('.*') APPLY(x -> file(x)) FROM (SELECT '{secret}')",
    "SELECT * REPLACE (file('{secret}') AS a) FROM (SELECT 1 AS a)",
    "SELECT * FROM events ORDER BY file('{secret}')",
    "SELECT sum(1) OVER (PARTITION BY file('{secret}')) FROM events",
    "SELECT 1 FROM events a JOIN events b ON a.message = file('{secret}')",
    "SELECT 1 LIMIT (SELECT length(file('{secret}')))",
    "SELECT 1 IN (SELECT * FROM file('{secret}', 'LineAsString'))",
    "SELECT arrayReduce('max', [file('{secret}')])",
    "SELECT evalMLMethod(file('{secret}'))",
    "DESCRIBE TABLE file('{secret}')",
    "SELECT * FROM (DESCRIBE TABLE file('{secret}'))",
    "SELECT * FROM (EXPLAIN SELECT * FROM file('{secret}'))",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT file('{secret}')))",
    "SELECT * FROM s3('{secret}')",
    "SELECT * FROM fileCluster('c', '{secret}')",
    "SELECT * FROM merge('default', '.*')",
    "SELECT * FROM input('a String')",
    "SELECT * FROM Python(os)",
    "SELECT * FROM sqlite('{secret}', 't')",
    "SELECT * FROM executable('cat {secret}', 'LineAsString', 'a String')",
    # the network
    "SELECT * FROM url('http://192.0.2.1/', 'LineAsString')",
    "SELECT * FROM remote('192.0.2.1', 'system.one')",
    "SELECT * FROM remote('127.0.0.1', view(SELECT file('{secret}')))",
    "SELECT * FROM mysql('192.0.2.1', 'a', 'b', 'c', 'd')",
    # other tables, dictionaries, settings, the server
    "SELECT * FROM system.tables",
    "SELECT * FROM `system`.`settings`",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM secrets",
    "SELECT * FROM miharu.secrets",
    "SELECT 'TOP-SECRET' IN secrets",
    "SELECT 'TOP-SECRET' IN (secrets)",
    "SELECT in('TOP-SECRET', secrets)",
    "SELECT 'TOP-SECRET' IN miharu.secrets",
    "SELECT ('TOP-SECRET', 1) NOT IN system.tables",
    "SELECT dictGet('d', 'a', 1)",
    "SELECT joinGet('secrets', 'password', 1)",
    "SELECT hasColumnInTable('miharu', 'secrets', 'password')",
    "SELECT getSetting('readonly')",
    "SELECT @@version",
    "SELECT currentDatabase(), hostName(), currentUser()",
    "SELECT * FROM loop(secrets)",
    "SELECT * FROM mergeTreeIndex(miharu, secrets)",
    # writing and doing
    "SELECT 1 INTO OUTFILE '{outfile}'",
    "SELECT 1) INTO OUTFILE '{outfile}' -- ",
    "SELECT 1) INTO OUTFILE '{outfile}' FORMAT CSV SETTINGS max_threads = (1",
    "SELECT 1 UNION ALL SELECT 2 INTO OUTFILE '{outfile}'",
    "SELECT 1; SELECT 1 INTO OUTFILE '{outfile}'",
    "SELECT 1 /* ; */; INSERT INTO miharu.rejects VALUES ('x')",
    "SELECT ';' ; DROP TABLE miharu.events",
    "INSERT INTO FUNCTION file('{outfile}', 'CSV', 'a String') SELECT 'x'",
    "KILL QUERY WHERE 1",
    "SET readonly = 0",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT * FROM (SELECT 1 SETTINGS max_execution_time = 0)",
    "SELECT * FROM events SETTINGS max_result_rows = 0",
    "USE system",
    "CREATE FUNCTION f AS x -> x",
    "SYSTEM SHUTDOWN",
    "BACKUP TABLE miharu.events TO File('{outfile}')",
    "SELECT 1 FORMAT CSV",
    "SELECT 1 PARALLEL WITH SELECT 2",
    "SELECT 1) PARALLEL WITH (SELECT 2",
    "SELECT sleep(1)",
    "SELECT sleepEachRow(1) FROM events",
    "SELECT throwIf(1)",
    "SELECT * FROM events STREAM",
    # tricks on the reader of the text
    "SELECT 1 -- \n; SELECT file('{secret}')",
    "SELECT 'a\\' ; SELECT file(''{secret}'')",
    "SELECT $$ ' $$, file('{secret}') --'",
    "SELECT “a”",
    "SELECT `a\n      Function lower`(1)",
    "SELECT 1 # '\n, file('{secret}')",
    "SELECT {p:String}",
    "SELECT lower(file)(1)",
    "",
    "-- nothing",
    "((((",
    "SELECT 1))",
    "(SELECT 1) UNION ALL (SELECT file('{secret}'))",
    "FROM numbers(1) |> SELECT file('{secret}')",
    "EXPLAIN SELECT 1",
    "WITH events AS (SELECT * FROM secrets) SELECT * FROM events",
    "WITH events AS (SELECT 1 AS a) SELECT * FROM events",
    "SELECT " + "(" * 1000 + "1" + ")" * 1000,
    "SELECT __getScalar('x')",
    "SELECT finalizeAggregation(CAST('x' AS AggregateFunction(sum, UInt8)))",
    "SELECT sumMerge(CAST('x' AS AggregateFunction(sum, UInt8)))",
]

QUERIES = {
    "SELECT count() FROM events": "1000",
    "select COUNT(*) from events;": "1000",
    "SELECT `host.name` AS h, count() AS n FROM events WHERE `user.name` = 'alice' GROUP BY h ORDER BY h": (
        "host0\t167\nhost1\t167\nhost2\t166"
    ),
    "SELECT toStartOfHour(`@timestamp`) h, uniqExact(`host.name`) FROM events GROUP BY h ORDER BY h LIMIT 1": (
        "2026-11-01 00:00:00\t3"
    ),
    "SELECT count() FROM events WHERE message ILIKE '%PASSWORD 99%'": "11",
    "SELECT count() FROM events WHERE hasToken(lower(message), 'password')": "1000",
    "SELECT quantile(0.5)(number), quantiles(0.1, 0.9)(number) FROM numbers(11)": "5\t[1,9]",
    "SELECT JSONExtractString(fields, 'sshd.port'), JSONExtractInt(fields, 'n') FROM events LIMIT 1": "22\t5",
    "SELECT f.`rule.id`, e.`user.name` FROM findings f JOIN events e ON e.`event.id` = f.`event.id` ORDER BY 1": (
        "r1\talice\nr2\tbob"
    ),
    "SELECT count() FROM events WHERE `event.id` IN (SELECT `event.id` FROM findings)": "2",
    "WITH busy AS (SELECT `host.name` AS h, count() AS n FROM events GROUP BY h) SELECT max(n) FROM busy": "334",
    "WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT y FROM b": "2",
    "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 4) SELECT sum(n) FROM t": "10",
    "WITH 2 AS k SELECT k * 3": "6",
    "WITH (x, y) -> x + y AS plus2 SELECT plus2(1, 2)": "3",
    "SELECT n, sum(n) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM values('n Int8', 1, 2)": (
        "1\t1\n2\t3"
    ),
    "SELECT row_number() OVER w FROM numbers(2) WINDOW w AS (ORDER BY number)": "1\n2",
    "SELECT arrayMap(x -> upper(x), tags), has(tags, 'a'), length(tags) FROM events LIMIT 1": "['A','B']\t1\t2",
    "SELECT t FROM events ARRAY JOIN tags AS t ORDER BY `@timestamp` LIMIT 2": "a\nb",
    "SELECT count() FROM events WHERE isIPAddressInRange(assumeNotNull(`source.ip`), '192.0.2.0/28')": "64",
    "SELECT toDate(`@timestamp`) FROM events ORDER BY 1 LIMIT 1 BY `host.name` LIMIT 1": "2026-11-01",
    "SELECT CASE WHEN `user.name` = 'bob' THEN 1 ELSE 0 END AS b FROM events ORDER BY `@timestamp` LIMIT 1": "1",
    "SELECT * FROM (SELECT number AS n FROM numbers(2) UNION ALL SELECT 7) ORDER BY n": "0\n1\n7",
    "SELECT extractAll('a=1 b=2', '([a-z])='), match('abc', '^a'), 'x' || 'y'": "['a','b']\t1\txy",
    "SELECT now() > `@timestamp` - INTERVAL 400 YEAR FROM events LIMIT 1": "1",
    "SELECT 'no -- comment; /* here */ ''quoted'' \\' still'": "no -- comment; /* here */ 'quoted' ' still",
    "SELECT /* why */ 1 -- because": "1",
    "FROM events SELECT count()": "1000",
    "(SELECT 1)": "1",
    "SELECT user, version FROM (SELECT 'a' AS user, 'b' AS version)": "a\tb",
    "SELECT topK(1)(`event.dataset`), groupUniqArray(`event.dataset`), any(1), argMax(1, 2), sumIf(1, 1) FROM events": (
        "['system.auth']\t['system.auth']\t1\t1\t1000"
    ),
    "SELECT `event.id`::UInt32 + 1 FROM events ORDER BY 1 LIMIT 1": "1",
    "SELECT COLUMNS('^event.id$') FROM events ORDER BY `@timestamp` LIMIT 1": "0",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a file that must not be read."""
    folder = tmp_path_factory.mktemp("guard")
    (folder / "secret").write_text(SECRET)
    return folder


@pytest.fixture(scope="module")
def ask(place: Path) -> Iterator[Ask]:
    """Return a function that hands SQL to the child process and returns what came back."""
    command = [sys.executable, str(CHILD), str(place / "data"), json.dumps(LIMITS)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=place)
    stdin, stdout = child.stdin, child.stdout
    assert stdin is not None
    assert stdout is not None

    def send(sql: str, *, raw: bool = False) -> dict[str, Any]:
        stdin.write(json.dumps({"sql": sql, "raw": raw}) + "\n")
        stdin.flush()
        answer: dict[str, Any] = json.loads(stdout.readline())
        return answer

    yield send
    stdin.close()
    child.wait(timeout=30)
    stdout.close()


@pytest.mark.mission("S3")
@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_fails_with_a_clear_error(attack: str, ask: Ask, place: Path) -> None:
    outfile = place / "outfile"
    sql = attack.replace("{secret}", str(place / "secret")).replace("{outfile}", str(outfile))
    answer = ask(sql)
    assert answer.get("error"), answer
    assert SECRET not in json.dumps(answer)
    assert "DB::Exception" not in answer["error"]
    assert not outfile.exists()
    assert ask("SELECT count() FROM miharu.events", raw=True) == {"text": "1000\n"}
    assert ask("SELECT count() FROM miharu.rejects", raw=True) == {"text": "0\n"}


def test_the_secret_can_be_read_without_the_guard(ask: Ask, place: Path) -> None:
    """The attacks are real: the same engine gives the file away when nobody checks."""
    secret = place / "secret"
    assert SECRET in ask(f"SELECT file('{secret}')", raw=True)["text"]
    assert SECRET in ask(f"SELECT arrayMap(file, ['{secret}'])", raw=True)["text"]
    assert SECRET in ask(f"SELECT * FROM `{secret}`", raw=True)["text"]


@pytest.mark.parametrize("sql", QUERIES)
def test_analyst_query_passes(sql: str, ask: Ask) -> None:
    assert ask(sql) == {"text": QUERIES[sql] + "\n"}


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT * FROM events a, events b", "The result is too large."),
        ("SELECT number FROM numbers(5001)", "The result is too large."),
        ("SELECT repeat('x', 1000000) FROM numbers(4000)", "The query needs more memory than allowed."),
        ("SELECT groupArray(number) FROM numbers(1000000000)", "The query needs more memory than allowed."),
        ("SELECT max(cityHash64(number)) FROM numbers(1000000000000)", "The query took longer than allowed."),
    ],
)
def test_results_are_bounded(sql: str, error: str, ask: Ask) -> None:
    answer = ask(sql)
    assert answer.get("error") in (error, "The result is too large."), answer
    assert answer["hint"]
    assert ask("SELECT 1") == {"text": "1\n"}


def test_the_order_of_rows_survives_the_wrapper(ask: Ask) -> None:
    numbers = [
        int(line) for line in ask("SELECT number FROM numbers(5000) ORDER BY cityHash64(number)")["text"].split()
    ]
    raw = ask("SELECT number FROM numbers(5000) ORDER BY cityHash64(number)", raw=True)["text"].split()
    assert numbers == [int(line) for line in raw]
    found = ask("SELECT `event.id` FROM events ORDER BY `@timestamp` DESC")["text"].split()
    assert found == [str(number) for number in range(999, -1, -1)]


def test_as_many_rows_as_allowed_pass(ask: Ask) -> None:
    assert ask("SELECT number FROM numbers(5000)")["text"].count("\n") == LIMITS["query_rows"]


def test_engine_errors_point_into_the_users_text(ask: Ask) -> None:
    sql = "SELECT 'é' AS a,\n  b c d"
    answer = ask(sql)
    assert answer["position"] == sql.index("d")
    assert ask("SELECT nosuch FROM events")["error"] == "There is no column `nosuch`."
    assert ask("SELECT nosuch FROM events")["position"] == len("SELECT ")
    assert ask("SELECT 1 FORMAT CSV")["hint"] == "choose the format of the output with --format"


def test_every_function_of_the_engine_is_judged(ask: Ask) -> None:
    """A new version of the engine fails here until its new functions stand in one of the lists."""
    known = SCALARS | AGGREGATES | REFUSED
    engine = set(ask("SELECT name FROM system.functions", raw=True)["text"].split())
    assert sorted(engine - known) == []
    assert {name.lower() for name in SCALARS | AGGREGATES} & {name.lower() for name in REFUSED} == set()
    aggregates = set(ask("SELECT name FROM system.functions WHERE is_aggregate", raw=True)["text"].split())
    assert aggregates >= AGGREGATES
    assert aggregates & SCALARS == set()
