"""The numbers of the ready queries: their very SQL, translated by sqlglot, run by DuckDB over Parquet objects."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from ministack.services import firehose, glue
from sqlglot import exp

from cdk_refarch._parts.s3_delivery.hive import is_type
from cdk_refarch.ses_config_sets.event_table import COLUMNS
from cdk_refarch.ses_config_sets.queries import queries
from tests.unit.ses_config_sets.event_documents import DOCUMENTS, Document, Message

Arrival = tuple[date, Document]
Row = tuple[Any, ...]

DATABASE, TABLE = "events-database-1", "records"
STREAMS = {"Set-A": "transactional", "Set-B": "it's news", "Set-C": "never used"}
DAYS = 5
QUERIES = queries(DATABASE, TABLE, STREAMS, "campaign", DAYS)
TODAY = Message().day
FIRST = TODAY - timedelta(days=DAYS - 1)
EVE = FIRST - timedelta(days=1)
"""The first partition that is read; one is named after its oldest record."""
# Connecting takes longer than most queries here.
DUCKDB = duckdb.connect(config={"threads": 1})
NUMBERS = itertools.count()
NAMES = pytest.mark.parametrize("name", QUERIES)

# https://docs.aws.amazon.com/athena/latest/ug/reserved-words.html
RESERVED = """
    alter and as between by case cast constraint create cross cube current_catalog current_date current_path
    current_role current_schema current_time current_timestamp current_user deallocate delete describe distinct drop
    else end escape except execute exists extract false first for from full group grouping having in inner insert
    intersect into is join json_array json_exists json_object json_query json_table json_value last left like listagg
    localtime localtimestamp natural normalize not null on or order outer prepare recursive right rollup select skip
    table then trim true uescape union unnest using values when where with
"""


def lower_keys(value: Any) -> Any:
    """Lower-case every key, as the OpenX deserializer does with keys of structs and of maps.

    https://github.com/rcongiu/Hive-JSON-Serde/issues/236
    """
    if isinstance(value, dict):
        return {key.lower(): lower_keys(one) for key, one in value.items()}
    if isinstance(value, list):
        return [lower_keys(one) for one in value]
    return value


def converted(documents: Iterable[Document]) -> bytes:
    """Convert documents to a Parquet object as the sandbox does."""
    columns = [{"Name": name, "Type": kind} for name, kind in COLUMNS.items()]
    conversion = {
        "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
        "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
        "SchemaConfiguration": {"DatabaseName": DATABASE, "TableName": TABLE},
    }
    glue._tables[f"{DATABASE}/{TABLE}"] = {"StorageDescriptor": {"Columns": columns}}
    try:
        body: bytes = firehose._convert_to_parquet(conversion, "\n".join(map(json.dumps, documents)).encode())
    finally:
        del glue._tables[f"{DATABASE}/{TABLE}"]
    return body


@contextmanager
def lake(arrivals: Iterable[Arrival]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database whose table is Parquet objects, in folders of partitions, such as Firehose writes them."""
    types = {**{name: firehose._hive_to_duckdb_type(kind) for name, kind in COLUMNS.items()}, "day": "VARCHAR"}
    lines = [json.dumps({**lower_keys(document), "day": str(day)}) + "\n" for day, document in arrivals]
    with TemporaryDirectory() as root, DUCKDB.cursor() as database:
        name = f"lake_{next(NUMBERS)}"
        database.execute(f"ATTACH ':memory:' AS {name}; USE {name}")
        arrived = Path(root, "arrived.json")
        arrived.write_text("".join(lines))
        database.read_json(str(arrived), columns=types, format="newline_delimited").project("*, 7 AS hour").to_parquet(
            f"{root}/data", partition_by=["day", "hour"]
        )
        database.execute(f'CREATE SCHEMA "{DATABASE}"')
        options = "hive_partitioning = true, hive_types = {'day': VARCHAR, 'hour': INTEGER}"
        objects = f"read_parquet('{root}/data/*/*/*.parquet', {options})"
        database.execute(f'CREATE VIEW "{DATABASE}"."{TABLE}" AS FROM {objects}')
        yield database
        database.execute(f"USE memory; DETACH {name}")


def parsed(sql: str, dialect: str = "athena") -> exp.Expr:
    return sqlglot.parse_one(sql, dialect=dialect, error_level=sqlglot.ErrorLevel.RAISE)


@cache
def translated(name: str) -> str:
    """The query as DuckDB reads it, as of ``TODAY``."""
    today = exp.cast(exp.Literal.string(str(TODAY)), "date")
    tree = parsed(QUERIES[name].sql)
    return tree.transform(lambda node: today.copy() if isinstance(node, exp.CurrentDate) else node).sql("duckdb")


def run(name: str, arrivals: Iterable[Arrival], *parameters: str) -> list[Row]:
    with lake(arrivals) as database:
        return result(database, name, *parameters)


def result(database: duckdb.DuckDBPyConnection, name: str, *parameters: str) -> list[Row]:
    return database.execute(translated(name), list(parameters)).fetchall()


def today(*documents: Document) -> list[Arrival]:
    return [(TODAY, document) for document in documents]


TWO = Message(id="m2", to=("Bob@Example.com", "eve@example.net", "sam@example.net"), configuration_set="Set-B")


def test_every_column_has_a_type_that_athena_and_firehose_read() -> None:
    assert {name: kind for name, kind in COLUMNS.items() if not is_type(kind) or name != name.lower()} == {}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """All values in a document with their paths, those that are not there left out."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one, path)
    elif value is not None:
        yield path, value


@pytest.fixture(scope="module")
def examples() -> Iterator[duckdb.DuckDBPyConnection]:
    with lake(today(*DOCUMENTS.values())) as database:
        yield database


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_row_holds_an_event_without_headers_subject_and_address_of_the_reader(
    examples: duckdb.DuckDBPyConnection, kind: str, tmp_path: Path
) -> None:
    [values] = examples.table(f'"{DATABASE}"."{TABLE}"').filter(f"eventtype = '{kind}'").project(*COLUMNS).fetchall()
    left_out = r"mail\.(headers|commonheaders|headerstruncated|sourcearn)(\..*)?|(open|click)\.ipaddress"
    expected = [(path, one) for path, one in leaves(lower_keys(DOCUMENTS[kind])) if not re.fullmatch(left_out, path)]
    assert sorted(leaves(dict(zip(COLUMNS, values, strict=True))), key=repr) == sorted(expected, key=repr)
    (tmp_path / "event.parquet").write_bytes(converted([DOCUMENTS[kind]]))
    assert examples.read_parquet(str(tmp_path / "event.parquet")).project(*COLUMNS).fetchall() == [values]


def test_the_hard_bounces_of_a_day_are_counted_by_domain() -> None:
    yesterday = Message(id="m0", day=TODAY - timedelta(days=1))
    arrivals = [
        (yesterday.day, yesterday.send()),
        (TODAY, yesterday.bounce("ann@example.com")),
        *today(
            TWO.send(),
            TWO.send(),
            Message().send(),
            TWO.bounce("eve@example.net"),
            TWO.bounce("eve@example.net"),
            TWO.bounce("EVE@example.net", "Sam <sam@example.net>", sub="NoEmail"),
            TWO.bounce("bob@example.com", kind="Transient"),
            TWO.bounce(kind="Undetermined", sub="Undetermined"),
            TWO.bounce("bob@example.com", sub="OnAccountSuppressionList"),
            Message(id="m9").bounce("ann@example.org"),
        ),
    ]
    # Sam is a recipient under two spellings: as SES had it from the sender and as a server answered.
    assert run("bounce_rate_by_domain_and_day", arrivals) == [
        ("example.net", "2026-11-23", 2, 2, 0, 1.0),
        ("example.org", "2026-11-23", 0, 1, 0, None),
        ("example.com", "2026-11-23", 2, 0, 1, 0.0),
        ("example.com", "2026-11-22", 1, 1, 0, 1.0),
    ]


def test_a_campaign_counts_each_message_that_was_opened_once() -> None:
    late = Message(id="m3", day=FIRST, campaign="autumn")
    arrivals = [
        (FIRST, late.delivery("ann@example.com")),
        *today(
            TWO.delivery("bob@example.com"),
            TWO.delivery("eve@example.net", "sam@example.net"),
            TWO.open(),
            TWO.open(),
            TWO.open("11:00:01"),
            Message().delivery("ann@example.com"),
            Message(id="m4").send(),
            Message(id="m5", campaign="winter").open(),
            Message(id="m6", campaign=None).delivery("ann@example.com"),
            late.open(),
        ),
    ]
    assert run("open_rate_by_campaign", arrivals) == [
        ("Spring", 2, 1, 0.5),
        ("autumn", 1, 1, 1.0),
        ("winter", 0, 1, None),
    ]


def test_complaints_are_counted_for_every_stream() -> None:
    arrivals = today(
        Message().send(),
        Message().complaint("ann@example.com", kind="not-spam"),
        Message().complaint("ann@example.com", kind=None, sub="OnAccountSuppressionList"),
        TWO.send(),
        TWO.send(),
        # The provider hides which of the two it was.
        TWO.complaint("eve@example.net", "sam@example.net"),
        TWO.complaint("eve@example.net", "sam@example.net"),
        TWO.complaint("bob@example.com", id="f2", kind=None),
        Message(id="m9", configuration_set="Other").send(),
        Message(id="m9", configuration_set="Other").complaint("ann@example.com"),
    )
    assert run("complaints_by_stream", arrivals) == [
        ("it's news", 3, 2, 2 / 3),
        ("never used", 0, 0, None),
        ("transactional", 1, 0, 0.0),
    ]


def test_delays_are_counted_by_domain_and_reason() -> None:
    arrivals = today(
        TWO.delay("eve@example.net", "sam@example.net"),
        TWO.delay("eve@example.net", at="13:00:00"),
        TWO.delay("bob@example.com", kind="General"),
        TWO.delay("Bob@example.com", kind="General"),
    )
    assert run("delivery_delays_by_domain", arrivals) == [
        ("example.net", "MailboxFull", 2, "2026-11-23T13:00:00.000Z"),
        ("example.com", "General", 1, "2026-11-23T12:00:00.000Z"),
    ]


def test_the_events_of_a_message_come_in_their_order() -> None:
    arrivals = today(
        TWO.open(),
        TWO.open(),
        TWO.delivery("eve@example.net", "sam@example.net"),
        TWO.bounce("bob@example.com"),
        Message().send(),
    )
    assert run("events_of_message", arrivals, "m2") == [
        ("2026-11-23T10:00:00.000Z", "Delivery", "eve@example.net, sam@example.net", None),
        ("2026-11-23T11:00:00.000Z", "Open", "Bob@Example.com, eve@example.net, sam@example.net", "Mozilla/5.0"),
        ("2026-11-23T23:59:59.999Z", "Bounce", "bob@example.com", "Permanent / General"),
    ]


def test_each_type_of_event_has_a_time_and_says_what_happened(examples: duckdb.DuckDBPyConnection) -> None:
    mail: Document = DOCUMENTS["Send"]["mail"]
    rows = {row[1]: row for row in result(examples, "events_of_message", mail["messageId"])}
    assert rows.keys() == DOCUMENTS.keys()
    for kind, document in DOCUMENTS.items():
        own = next(value for key, value in document.items() if key not in ("eventType", "mail"))
        at, _, recipients, detail = rows[kind]
        assert (at, recipients) == (own.get("timestamp", mail["timestamp"]), "recipient@example.com")
        assert (detail is None) == (kind == "Send")


@pytest.fixture(scope="module")
def shifted() -> Iterator[dict[str, duckdb.DuckDBPyConnection]]:
    """The same events, in the partitions of several days; and with such of older mail, which came today."""
    old = Message(id="m0", day=EVE)
    with (
        lake([(EVE - timedelta(days=1), one) for one in Message().everything()]) as before,
        lake([(EVE, one) for one in Message().everything()]) as first,
        lake(today(*Message().everything())) as now,
        lake(today(*Message().everything(), *old.everything())) as mixed,
    ):
        yield {"before": before, "first": first, "now": now, "mixed": mixed}


@NAMES
def test_a_query_reads_the_partitions_of_the_last_days_and_the_one_before_only(
    shifted: dict[str, duckdb.DuckDBPyConnection], name: str
) -> None:
    parameters = ("m1",) if name == "events_of_message" else ()
    before, first, now, mixed = (result(database, name, *parameters) for database in shifted.values())
    assert first == now != []
    assert before == ([(stream, 0, 0, None) for stream in sorted(STREAMS.values())] if "complaints" in name else [])
    assert mixed == now, "late events of older mail count nowhere"


def test_mail_of_the_first_minute_counts_though_its_events_lie_in_the_partition_of_the_day_before() -> None:
    first, evening = Message(day=FIRST, at="00:01:00.000"), Message(id="m2", day=EVE)
    told = [
        *(one for message in (first, evening) for one in (message.send(), message.delivery("ann@example.com"))),
        *(one for message in (first, evening) for one in (message.bounce("ann@example.com"), message.open())),
        *(message.complaint("ann@example.com", id=message.id) for message in (first, evening)),
    ]
    with lake([(EVE, document) for document in told]) as database:
        assert result(database, "bounce_rate_by_domain_and_day") == [("example.com", str(FIRST), 1, 1, 0, 1.0)]
        assert result(database, "open_rate_by_campaign") == [("Spring", 1, 1, 1.0)]
        assert result(database, "complaints_by_stream")[-1] == ("transactional", 1, 1, 1.0)
        happened = {row[1] for row in result(database, "events_of_message", "m1")}
        assert happened == {"Send", "Delivery", "Bounce", "Open", "Complaint"}


def known(arrivals: list[Arrival], *kinds: str) -> list[tuple[Document, str]]:
    """The documents of these types about mail of the last days, with the day of the mail."""
    with_day = [(document, document["mail"]["timestamp"][:10]) for _, document in arrivals]
    return [(one, day) for one, day in with_day if one["eventType"] in kinds and day >= str(FIRST)]


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def bounce_rates(arrivals: list[Arrival]) -> set[Row]:
    found: dict[tuple[str, str], tuple[set[Row], set[Row], set[Row]]] = {}
    for one, day in known(arrivals, "Send", "Bounce"):
        addresses, column = one["mail"]["destination"], 0
        if "bounce" in one:
            addresses = [recipient["emailAddress"] for recipient in one["bounce"]["bouncedRecipients"]]
            column = 2 if "SuppressionList" in one["bounce"]["bounceSubType"] else 1
            if one["bounce"]["bounceType"] != "Permanent":
                continue
        for address in map(str.lower, addresses):
            group = found.setdefault((address.split("@")[1], day), (set(), set(), set()))
            group[column].add((one["mail"]["messageId"], address))
    counted = {key: [len(group) for group in groups] for key, groups in found.items()}
    return {(*key, *numbers, share(numbers[1], numbers[0])) for key, numbers in counted.items()}


def open_rates(arrivals: list[Arrival]) -> set[Row]:
    found: dict[str, dict[str, set[str]]] = {}
    for one, _ in known(arrivals, "Delivery", "Open"):
        for campaign in one["mail"]["tags"].get("Campaign", []):
            group = found.setdefault(campaign, {"Delivery": set(), "Open": set()})
            group[one["eventType"]].add(one["mail"]["messageId"])
    counted = {name: (len(group["Delivery"]), len(group["Open"])) for name, group in found.items()}
    return {(name, delivered, opened, share(opened, delivered)) for name, (delivered, opened) in counted.items()}


def complaint_rates(arrivals: list[Arrival]) -> set[Row]:
    rows = set()
    for configuration_set, stream in STREAMS.items():
        sent, complaints = set(), set()
        for one, _ in known(arrivals, "Send", "Complaint"):
            if one["mail"]["tags"]["ses:configuration-set"] != [configuration_set]:
                continue
            if one["eventType"] == "Send":
                sent |= {(one["mail"]["messageId"], address.lower()) for address in one["mail"]["destination"]}
            elif one["complaint"].get("complaintFeedbackType") != "not-spam":
                complaints.add((one["mail"]["messageId"], one["complaint"]["feedbackId"]))
        rows.add((stream, len(sent), len(complaints), share(len(complaints), len(sent))))
    return rows


EVENTS: list[Callable[[Message, str, str], Document]] = [
    lambda message, one, other: message.send(),
    lambda message, one, other: message.delivery(one, other),
    lambda message, one, other: message.open(),
    lambda message, one, other: message.open("11:00:01"),
    lambda message, one, other: message.bounce(one, other),
    lambda message, one, other: message.bounce(one, kind="Transient"),
    lambda message, one, other: message.bounce(one, sub="OnAccountSuppressionList"),
    lambda message, one, other: message.complaint(one, other),
    lambda message, one, other: message.complaint(one, id="f2", kind=None),
    lambda message, one, other: message.complaint(one, id="f3", kind="not-spam"),
]
DRAWN = st.lists(
    st.tuples(
        st.sampled_from([0, 1, DAYS - 1, DAYS]),
        st.lists(
            st.sampled_from(["ann@example.com", "Ann@example.com", "bob@example.com", "eve@example.net"]),
            min_size=1,
            max_size=3,
        ),
        st.sampled_from(["Set-A", "Set-B", "Other"]),
        st.sampled_from([None, "Spring", "autumn"]),
        # What happened, to which recipients, in the partition of how many days later, how often, and before what.
        st.lists(
            st.tuples(
                st.sampled_from(EVENTS),
                st.integers(0, 2),
                st.integers(0, 2),
                st.integers(-1, 1),
                st.integers(1, 2),
                st.integers(),
            ),
            max_size=6,
        ),
    ),
    min_size=1,
    max_size=4,
)


def drawn_arrivals(drawn: list[tuple[int, list[str], str, str | None, list[Any]]]) -> list[Arrival]:
    """Events of a few messages: in any order, late, twice, with some of them never seen."""
    arrivals = [(0, *one) for one in today(Message(id="m9", configuration_set="Other").send())]
    for number, (age, to, configuration_set, campaign, events) in enumerate(drawn):
        message = Message(f"m{number}", TODAY - timedelta(days=age), tuple(to), configuration_set, campaign)
        for make, one, other, later, copies, place in events:
            day = min(TODAY, message.day + timedelta(days=later))
            arrivals += [(place, day, make(message, to[one % len(to)], to[other % len(to)]))] * copies
    return [(day, document) for _, day, document in sorted(arrivals, key=lambda arrival: arrival[0])]


REFERENCES = {
    "bounce_rate_by_domain_and_day": bounce_rates,
    "open_rate_by_campaign": open_rates,
    "complaints_by_stream": complaint_rates,
}


@settings(max_examples=25, derandomize=True, deadline=None)
@given(DRAWN.map(drawn_arrivals))
def test_the_numbers_are_those_that_a_loop_over_the_documents_counts(arrivals: list[Arrival]) -> None:
    with lake(arrivals) as database:
        for name, reference in REFERENCES.items():
            rows = result(database, name)
            assert len(rows) == len(set(rows))
            assert (name, set(rows)) == (name, reference(arrivals))


@NAMES
@pytest.mark.parametrize("dialect", ["athena", "trino"])
def test_a_query_is_sql_that_athena_reads(name: str, dialect: str) -> None:
    tree = parsed(QUERIES[name].sql, dialect)
    assert [one.sql() for one in tree.find_all(exp.Anonymous, exp.Command)] == []
    names = [one for one in tree.find_all(exp.Identifier) if not one.args.get("quoted")]
    assert [one.name for one in names if one.name.lower() in RESERVED.split()] == []
    # Trino groups by expressions or positions, not by names of the result, and divides integers and decimals coarsely.
    assert [one.sql() for group in tree.find_all(exp.Group) for one in group.expressions if not one.is_int] == []
    assert [one.sql() for one in tree.find_all(exp.Div) if not one.this.is_type("double")] == []


@NAMES
def test_a_query_unnests_texts_only_because_trino_takes_rows_apart(
    examples: duckdb.DuckDBPyConnection, name: str
) -> None:
    for unnest in parsed(QUERIES[name].sql).find_all(exp.Unnest):
        query = exp.select(exp.func("typeof", unnest.expressions[0].copy())).from_(f'"{DATABASE}"."{TABLE}"')
        assert set(examples.execute(query.sql("duckdb")).fetchall()) == {("VARCHAR[]",)}


@NAMES
def test_a_query_fits_what_athena_saves_and_keeps_tokens_as_they_are(name: str) -> None:
    unresolved = "${Token[TOKEN.12]}"
    query = queries(unresolved, unresolved, {unresolved: "news"}, "campaign")[name]
    assert f'"{unresolved}"."{unresolved}"' in query.sql
    assert (f"('{unresolved}', 'news')" in query.sql) == (name == "complaints_by_stream")
    assert "30 days" in query.description
    # https://docs.aws.amazon.com/athena/latest/APIReference/API_CreateNamedQuery.html
    assert len(name) <= 128
    assert len(query.description) <= 1024
