"""What goes into the store comes out as it was: instants, bytes, new columns, tokens, partitions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from miharu.core.columns import REJECT_SCHEMA, UTC_MICROS
from miharu.core.errors import QueryError
from miharu.core.finding import FINDING_SCHEMA
from miharu.store import Store, StoreError

DAY = datetime(2024, 5, 17, 8, 30, 1, 234567, tzinfo=UTC)


def count(store: Store, table: str = "events") -> int:
    return int(store.query(f"SELECT count() AS n FROM {table}")["n"][0])


def test_instants_of_any_year_come_back_exactly_and_sort_and_filter_right(store, make_events):
    times = [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1601, 1, 1, tzinfo=UTC),
        datetime(1899, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        DAY,
        datetime(2300, 1, 1, tzinfo=UTC),
        datetime(2999, 7, 4, 1, 2, 3, 456789, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ]
    store.insert("events", make_events(times[::-1]), "t")
    assert store.query("SELECT `@timestamp` FROM events ORDER BY `@timestamp`")["@timestamp"].to_list() == times
    before = "SELECT count() AS n FROM events WHERE `@timestamp` < {t:DateTime64(6, 'UTC')}"
    assert [store.query(before, {"t": time})["n"][0] for time in times] == list(range(len(times)))
    exact = "SELECT `@timestamp` AS t FROM events WHERE `@timestamp` = {t:DateTime64(6, 'UTC')}"
    assert [store.query(exact, {"t": time})["t"].to_list() for time in times] == [[time] for time in times]
    user = "SELECT `@timestamp` FROM events WHERE `@timestamp` > '2500-01-01' ORDER BY 1"
    assert store.query_readonly(user)["@timestamp"].to_list() == times[-2:]


def test_odd_times_share_one_partition(store, make_events):
    created = make_events([DAY])["event.created"][0]
    odd = [
        datetime(1601, 1, 1, tzinfo=UTC),
        datetime(2999, 1, 1, tzinfo=UTC),
        created + timedelta(days=1, microseconds=1),
    ]
    right = [datetime(2000, 1, 1, tzinfo=UTC), created + timedelta(days=1)]
    store.insert("events", make_events(odd + right), "t")
    rows = dict(store.parts().group_by("partition").agg(pl.col("rows").sum()).rows())
    assert rows == {"odd_time": 3, "200001": 1, "202406": 1}


def test_5000_days_fit_in_one_batch_with_bounded_parts(store, make_events, days):
    frame = make_events(days(5000))
    store.insert("events", frame, "t")
    store.insert("events", frame, "t")
    assert count(store) == 5000
    months = frame["@timestamp"].dt.strftime("%Y%m").n_unique()
    assert store.parts().height == months == 166
    store.insert("events", make_events(days(5000), key="1" * 32), "u")
    store.optimize()
    assert count(store) == 10_000
    assert store.parts().height == months
    found = store.query("SELECT `@timestamp` AS t FROM events GROUP BY t ORDER BY t")["t"]
    assert found.to_list() == frame["@timestamp"].to_list()


def test_days_as_partitions(settings, make_events, days):
    by_day = settings.model_copy(update={"partition": "day"})
    with Store.open(by_day.data, by_day, grace=0.2) as store:
        store.insert("events", make_events(days(300)), "t")
        assert store.parts().height == 300
        assert count(store) == 300


def test_bytes_that_are_not_text_stay_and_text_elsewhere_is_made_readable(store, make_events):
    raw = [b"\xff\xfe\x00\x80", b"plain", "日本語".encode("shift_jis")]
    frame = make_events([DAY] * 3).with_columns(
        pl.Series("event.original", raw, dtype=pl.Binary), pl.Series("x.bytes", raw, dtype=pl.Binary)
    )
    store.insert("events", frame, "t")
    back = store.query("SELECT `event.original`, `x.bytes` FROM events ORDER BY `log.offset`")
    assert back["event.original"].to_list() == raw
    assert back["x.bytes"].to_list() == [each.decode("utf-8", "replace") for each in raw]
    lists = store.query("SELECT groupArray(`x.bytes`) AS l FROM (SELECT * FROM events ORDER BY `log.offset`)")
    assert lists["l"].to_list() == [[each.decode("utf-8", "replace") for each in raw]]


def test_new_fields_become_columns(store, make_events):
    values = {
        "a.text": pl.Series(["one", None], dtype=pl.String),
        "a.int": pl.Series([-(2**63), None], dtype=pl.Int64),
        "a.uint": pl.Series([2**64 - 1, 0], dtype=pl.UInt64),
        "a.float": pl.Series([0.1, None], dtype=pl.Float64),
        "a.bool": pl.Series([True, None], dtype=pl.Boolean),
        "a.time": pl.Series([DAY, None], dtype=UTC_MICROS),
        "a.list": pl.Series([["x", "y"], []], dtype=pl.List(pl.String)),
    }
    store.insert("events", make_events([DAY] * 2), "before")
    store.insert("events", make_events([DAY] * 2, **values), "with")
    back = store.query("SELECT * FROM events WHERE `a.uint` IS NOT NULL ORDER BY `log.offset`")
    for name, series in values.items():
        assert back[name].to_list() == series.to_list(), name
        assert back[name].dtype == series.dtype, name
    assert store.columns("events")["a.int"] == "Nullable(Int64)"
    assert count(store) == 4


def test_a_text_column_with_many_values_gets_no_dictionary(store, make_events):
    frame = make_events([DAY] * 3000, few=["a"] * 3000, many=[str(n) for n in range(3000)])
    store.insert("events", frame, "t")
    columns = store.columns("events")
    assert (columns["few"], columns["many"]) == ("LowCardinality(Nullable(String))", "Nullable(String)")


def test_the_same_token_stores_nothing_twice_but_equal_rows_under_another_do(store, make_events):
    frame = make_events([DAY] * 500)
    for token in ("a", "a", "b"):
        store.insert("events", frame, token)
    assert count(store) == 1000


def test_again_stores_exactly_what_is_missing(store, make_events, days):
    frame = make_events(days(90))
    # As after a death between token and rows: the token is known, only some rows are there.
    store.insert("events", frame[10:40], "t")
    store.insert("events", frame, "t")
    assert count(store) < 90
    store.insert_later("events", frame, "t", again=True).result()
    store.insert_later("events", frame, "t", again=True).result()
    assert count(store) == 90
    assert store.query("SELECT uniqExact(`event.id`) AS n FROM events")["n"][0] == 90


def test_findings_and_rejects_keep_every_column(store):
    finding = dict.fromkeys(FINDING_SCHEMA, "text") | {"rule.tags": ["attack.t1059"], "@timestamp": DAY}
    findings = pl.DataFrame([finding, finding | {"finding.id": "b", "matched": None}], schema=FINDING_SCHEMA)
    store.insert("findings", findings, "t")
    store.insert_later("findings", findings, "t", again=True).result()
    back = store.query("SELECT * FROM findings ORDER BY `finding.id` DESC")
    assert back.select(findings.columns).equals(findings)
    reject = {"reject.id": "r", "reject.reason": "binary", "reject.raw": b"\x00\xff", "log.offset": 7, "record.row": 1}
    rejects = pl.DataFrame([reject], schema=REJECT_SCHEMA)
    store.insert("rejects", rejects, "t")
    store.insert_later("rejects", rejects, "t", again=True).result()
    stored = store.query("SELECT * FROM rejects")
    assert stored["reject.raw"].to_list() == [b"\x00\xff"]
    assert stored["reject.created"][0] is not None


def test_existing_names_what_is_stored(store, make_events, days):
    frame = make_events(days(400))
    store.insert("events", frame[:250], "t")
    assert store.existing(frame) == set(frame["event.id"][:250])
    assert store.existing(frame[250:]) == set()
    assert store.existing(frame, other_than=frame["event.created"][0]) == set()
    assert store.existing(frame.clear()) == set()


def test_events_by_id_come_once_and_whole(store, make_events, days):
    frame = make_events(days(50))
    store.insert("events", frame, "a")
    store.insert("events", frame[3:4], "b")
    ids = [frame["event.id"][3], frame["event.id"][1], "0" * 32]
    found = store.events(ids)
    assert found["event.original"].to_list() == [b"record 1 of the test", b"record 3 of the test"]
    window = (frame["@timestamp"][2], frame["@timestamp"][9])
    assert store.events(ids, window)["event.id"].to_list() == ids[:1]
    assert store.events([]).is_empty()


def test_parameters_are_values_and_never_sql(store):
    for text in ("it's \\ \n\t\r\0 \"x\" {a:String} ' OR 1=1 --", "", "日本", "\\N"):
        assert store.query("SELECT {a:String} AS a", {"a": text})["a"].to_list() == [text]
        assert store.query("SELECT {a:Array(String)} AS a", {"a": [text, "b"]})["a"].to_list() == [[text, "b"]]
    row = store.query(
        "SELECT {i:Int64} AS i, {n:Nullable(String)} AS n, {b:Bool} AS b, {d:Array(DateTime64(6, 'UTC'))} AS d",
        {"i": -5, "n": None, "b": True, "d": [DAY]},
    ).row(0)
    assert row == (-5, None, True, [DAY])


def test_settings_hold_for_one_statement(store):
    with pytest.raises(StoreError, match="TIMEOUT_EXCEEDED"):
        store.query("SELECT sleep(3)", settings={"max_execution_time": 0.5})
    assert store.query("SELECT sleep(1) AS s")["s"].to_list() == [0]


def test_a_failed_statement_leaves_nothing_in_the_next_answer(store):
    for _ in range(3):
        with pytest.raises(StoreError, match="FUNCTION_THROW_IF"):
            store.query("SELECT number, throwIf(number = 200000) FROM numbers(300000)", settings={"max_threads": 1})
        assert store.query("SELECT 7 AS a").to_dict(as_series=False) == {"a": [7]}


def test_users_can_read_and_nothing_else(store, make_events):
    store.insert("events", make_events([DAY]), "t")
    assert store.query_readonly("SELECT count() AS n FROM events")["n"].to_list() == [1]
    for sql in (
        "DROP TABLE events",
        "SELECT * FROM file('/etc/hosts', 'LineAsString')",
        "INSERT INTO events VALUES (1)",
    ):
        with pytest.raises(QueryError):
            store.query_readonly(sql)
    assert count(store) == 1


def test_wrong_frames_and_tables_are_refused_with_a_reason(store, make_events):
    with pytest.raises(StoreError, match="no table 'nothing'"):
        store.insert("nothing", make_events([DAY]), "t")
    with pytest.raises(StoreError, match=r"x\.struct"):
        store.insert("events", make_events([DAY], **{"x.struct": [{"a": 1}]}), "t")
    with pytest.raises(StoreError, match="SYNTAX_ERROR"):
        store.query("SELEC 1")
    store.insert("events", make_events([DAY]), "t")
    assert count(store) == 1


def test_words_are_found_without_case_before_and_after_the_index_is_built(store, make_events):
    words = ["Failed PASSWORD for root", "accepted publickey", "FAILED logon"]
    frame = make_events([DAY] * 3, message=words)
    store.insert("events", frame, "t")
    sql = "SELECT `log.offset` AS o FROM events WHERE hasAllTokens(message, ['failed']) ORDER BY o"
    hit = "SELECT `log.offset` AS o FROM events WHERE hasAllTokens(lower(message), ['failed']) ORDER BY o"
    assert store.query(hit)["o"].to_list() == [0, 2]
    store.insert("events", make_events([DAY] * 3, key="1" * 32, message=words), "u")
    store.optimize()
    index = store.query("SELECT sum(secondary_indices_compressed_bytes) AS n FROM system.parts WHERE active")["n"][0]
    assert index > 0
    assert store.query(hit)["o"].to_list() == [0, 0, 2, 2]
    assert store.query(sql)["o"].to_list() == [0, 0, 2, 2]


def test_an_answer_with_two_columns_of_one_name_is_refused_in_words(store):
    with pytest.raises(QueryError, match="two columns of the answer are named 'a'"):
        store.query("SELECT number AS a, number AS a FROM numbers(1)")
