"""Queries of Athena, answered by the Parquet objects in a bucket.

The emulated Athena reads SQL as DuckDB does. Here the very SQL of a query is translated by sqlglot and run by
DuckDB over the objects that Firehose wrote, with the columns that their folders say.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from .operations import body, keys

if TYPE_CHECKING:
    from .run import Run


def rows_of(run: Run, bucket: str, sql: str) -> list[dict[str, Any]]:
    """Return the rows of a query about the one table that a bucket holds, under ``data/``.

    Args:
        run: The run.
        bucket: The bucket.
        sql: The query, in the SQL of Athena.
    """
    # Imported here, because both take their time and only some scenarios need them.
    import duckdb
    import sqlglot
    from sqlglot import exp

    found = keys(run, bucket, "data/")
    if not found:
        return []
    tree = sqlglot.parse_one(sql, dialect="athena")
    inner = {one.alias for one in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table.name not in inner:
            table.replace(exp.to_table("lake", alias=table.alias or None))
    with TemporaryDirectory() as folder, duckdb.connect() as database:
        for key in found:
            path = Path(folder, key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body(run, bucket, key))
        types = "hive_partitioning = true, hive_types = {'day': VARCHAR, 'hour': INTEGER}"
        database.execute(f"CREATE VIEW lake AS FROM read_parquet('{folder}/**/*.parquet', {types})")
        answer = database.execute(tree.sql("duckdb"))
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
