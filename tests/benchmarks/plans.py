"""How PostgreSQL goes about each statement: what the pages and answers ask for is caught, and explained.

`python -m tests.benchmarks.plans` does that in one process with the product, for the requests on its standard input.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from tests.benchmarks import report
from tests.benchmarks.folder import ROOT, Folder
from tests.benchmarks.in_process import answer
from tests.benchmarks.kinds import Kinds

#: Reading more rows for one answer is a fault: a sequential scan of a large table, or a count of it.
_MOST_ROWS = 10_000
_NOT_EXPLAINED = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK", "INSERT", "SET")


# --- Outside ----------------------------------------------------------------------------------------------------
def report_on(folder: Folder, asked: Kinds) -> None:
    """Writes the section: each statement once, at the first question that needs it."""
    lines = [json.dumps([kind, asdict(requests[-1])]) for kind, requests in asked.items()]
    environment = folder.environment | {
        "EMBEDDED_DATABASE_URL": folder.url,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    command = [sys.executable, "-m", "tests.benchmarks.plans"]
    with (folder.path / "plans.log").open("w") as log:
        told = subprocess.check_output(
            command, cwd=ROOT, env=environment, input="\n".join(lines), text=True, stderr=log
        )
    statements = [json.loads(line) for line in told.splitlines()]
    rows = [(one["kind"], one["statement"], one["ms"], one["blocks"], one["plan"]) for one in statements]
    faults = [f"{one['kind']}: {fault}" for one in statements for fault in one["faults"]]
    report.write(
        report.PLANS,
        f"Of each distinct statement at {folder.size}: time in PostgreSQL, blocks of 8 kB it looked at, and its plan "
        "with the rows of each node (x: how often it ran; less: rows it read and threw away).",
        report.table(("Question", "Statement", "ms", "blocks", "plan"), rows),
        f"Scans of more than {_MOST_ROWS:,} rows, such as a sequential scan or a count of a large table: "
        + ("; ".join(faults) or "none")
        + ".",
    )


# --- Inside -----------------------------------------------------------------------------------------------------
def main() -> None:
    from config.wsgi import application

    seen: set[str] = set()
    for line in sys.stdin:
        kind, request = json.loads(line)
        for sql in _statements(application, request):
            shape = re.sub(r"'[^']*'|\b\d+\b|(\?, )+", "?", sql)
            if shape not in seen:
                seen.add(shape)
                print(json.dumps({"kind": kind} | _explained(sql)), flush=True)


def _statements(application: Any, request: dict[str, Any]) -> list[str]:
    """What a request asks of the database; its second time, when caches are filled."""
    from django.db import connection

    connection.force_debug_cursor = True
    for _ in range(2):
        connection.queries_log.clear()
        answer(application, request)
    # What the history wants to know of a request goes along with its statements, in the same round trip.
    texts = [query["sql"].rpartition(", true); ")[2].strip() for query in connection.queries_log]
    return [text for text in texts if not text.startswith(_NOT_EXPLAINED)]


def _explained(sql: str) -> dict[str, Any]:
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}")
        (((told,),),) = cursor.fetchall()
        transaction.set_rollback(True)
    plan = told["Plan"]
    blocks = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return {
        "statement": _summary(sql),
        "ms": report.figure(told["Execution Time"]),
        "blocks": blocks,
        "plan": _short(plan),
        "faults": [*_long_scans(plan)],
    }


def _summary(sql: str) -> str:
    verb = sql.split()[0]
    table = re.search(r'(?:FROM|UPDATE) "?(\w+)', sql)
    return f"{verb} {table[1] if table else ''}"


def _short(node: dict[str, Any]) -> str:
    """`Limit 21 (Nested Loop 21 (Index Scan assignment_pkey 21, Index Scan warehouse_pkey 1 x 21))`."""
    name = " ".join(filter(None, [node["Node Type"], node.get("Index Name") or node.get("Relation Name")]))
    told = [name, f"{node['Actual Rows']:.0f}"]
    if node["Actual Loops"] != 1:
        told.append(f"x {node['Actual Loops']}")
    if removed := sum(count for key, count in node.items() if key.startswith("Rows Removed")):
        told.append(f"less {removed:.0f}")
    if inner := ", ".join(_short(child) for child in node.get("Plans", [])):
        told.append(f"({inner})")
    return " ".join(told)


def _long_scans(node: dict[str, Any]) -> Iterator[str]:
    """Where a table or index is read for many more rows than anybody is shown."""
    removed = sum(count for key, count in node.items() if key.startswith("Rows Removed"))
    read = (node["Actual Rows"] + removed) * node["Actual Loops"]
    if "Scan" in node["Node Type"] and read > _MOST_ROWS:
        yield f"{read:,.0f} rows by {node['Node Type']} {node.get('Index Name') or node.get('Relation Name', '')}"
    for child in node.get("Plans", []):
        yield from _long_scans(child)


if __name__ == "__main__":
    main()
