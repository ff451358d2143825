"""The alerts and the dashboard of `deploy/`: Prometheus understands them, and what they ask for is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.installation import BASE_DIR
from tests.support.api.client import PASSWORD
from tests.support.docs import table
from tests.support.servers import live
from tests.support.servers.prometheus import RULES, Prometheus, prometheus, promtool
from tests.support.waiting import MOST_SECONDS, until
from users.models import User

DASHBOARD = BASE_DIR / "deploy" / "grafana" / "warehouse.json"
#: A selector of our metrics, without its range.
SELECTOR = re.compile(r"warehouse_\w+(?:\{[^}]*\})?")


def queries() -> dict[str, str]:
    """What the dashboard asks Prometheus for, with Grafana's variables filled in, by its panel."""
    panels: list[Any] = json.loads(DASHBOARD.read_text())["panels"]
    return {
        f"{panel['title']} {target['refId']}": target["expr"]
        .replace("$__rate_interval", "5m")
        .replace("$instance", ".*")
        for panel in panels
        for target in panel["targets"]
    }


def test_promtool_finds_nothing_to_complain_of() -> None:
    assert "SUCCESS: 11 rules found" in promtool("check", "rules", RULES)


def test_the_docs_say_of_each_alert_what_to_do() -> None:
    rows = table("operations.md", "Alerts")

    assert [row["Alert"] for row in rows] == re.findall(r"- alert: (\w+)", RULES.read_text())
    assert [row for row in rows if not (row["Means"] and row["What to do"])] == []


# --- When they fire ---------------------------------------------------------------------------------------------
COUNT, BUCKET = "warehouse_http_request_seconds_count", "warehouse_http_request_seconds_bucket"
EVENTS = "warehouse_security_events_total"
#: Series by the minute, in promtool's notation, that make an alert fire after an hour, and others that do not.
CASES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "WarehouseServerDown": ({'up{job="warehouse"}': "0x60"}, {'up{job="other"}': "0x60"}),
    "WarehouseDatabaseDown": ({"warehouse_database_up": "0x60"}, {"warehouse_database_up": "1x58 0 1"}),
    "WarehouseErrors": (
        {f'{COUNT}{{route="users-list",status="500"}}': "_x55 1x5"},
        {f'{COUNT}{{route="users-list",status="500"}}': "1x60", f'{COUNT}{{route="token",status="503"}}': "_x55 1x5"},
    ),
    "WarehouseUnavailable": (
        {f'{COUNT}{{status="503"}}': "0+2x60", f'{COUNT}{{status="200"}}': "0+98x60"},
        {f'{COUNT}{{status="503"}}': "0+1x60", f'{COUNT}{{status="200"}}': "0+198x60"},
    ),
    "WarehouseSlow": (
        {
            f'{BUCKET}{{route="token",le="1.0"}}': "0+97x60",
            f'{BUCKET}{{route="token",le="2.5"}}': "0+100x60",
            f'{BUCKET}{{route="token",le="+Inf"}}': "0+100x60",
            f'{COUNT}{{route="token",status="200"}}': "0+100x60",
        },
        {
            f'{BUCKET}{{route="admin:index",le="1.0"}}': "0+97x60",
            f'{BUCKET}{{route="admin:index",le="+Inf"}}': "0+100x60",
            f'{COUNT}{{route="admin:index",status="200"}}': "0+100x60",
        },
    ),
    "WarehouseWorkersBusy": (
        {'warehouse_http_request_seconds_sum{instance="a"}': "0+108x60", 'warehouse_workers{instance="a"}': "2x60"},
        {'warehouse_http_request_seconds_sum{instance="a"}': "0+60x60", 'warehouse_workers{instance="a"}': "2x60"},
    ),
    "WarehouseSignInsFail": (
        {
            f'{EVENTS}{{event="failed_login"}}': "0+60x60",
            f'{EVENTS}{{event="successful_login"}}': "0+50x60",
            "warehouse_sign_ins_blocked_total": "0x60",
        },
        {
            f'{EVENTS}{{event="failed_login"}}': "0+60x60",
            f'{EVENTS}{{event="successful_login"}}': "0+600x60",
            "warehouse_sign_ins_blocked_total": "0x60",
        },
    ),
    "WarehouseTokenReused": (
        {f'{EVENTS}{{event="refresh_token_reused"}}': "0x55 1x5"},
        {f'{EVENTS}{{event="refresh_token_reused"}}': "0x10 1x50", f'{EVENTS}{{event="token_revoked"}}': "0+9x60"},
    ),
    "WarehouseBreakGlass": (
        {f'{EVENTS}{{event="break_glass_sign_in"}}': "0x55 1x5"},
        {f'{EVENTS}{{event="break_glass_sign_in"}}': "0x10 1x50", f'{EVENTS}{{event="successful_login"}}': "0+9x60"},
    ),
    "WarehouseImportStuck": (
        {'warehouse_imports{state="checking"}': "0x10 1x20 0x30", 'warehouse_imports{state="applying"}': "0x30 1x30"},
        {'warehouse_imports{state="checking"}': "1x30 0 1x29", 'warehouse_imports{state="checked"}': "1x60"},
    ),
    "WarehouseSigningKeyOld": (
        {"warehouse_signing_key_age_seconds": f"{401 * 86_400}x60"},
        {"warehouse_signing_key_age_seconds": f"{399 * 86_400}x60"},
    ),
}


@pytest.mark.thorough
def test_each_alert_fires_when_it_should_and_is_silent_else(tmp_path: Path) -> None:
    assert list(CASES) == re.findall(r"- alert: (\w+)", RULES.read_text())
    tests = [
        case_of(series, f"{alert}, {'fires' if fires else 'silent'}", [alert] if fires else [])
        for alert, cases in CASES.items()
        for fires, series in zip((True, False), cases, strict=True)
    ]
    file = tmp_path / "cases.yml"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))

    promtool("test", "rules", file)


def case_of(series: dict[str, str], name: str, alerts: list[str]) -> dict[str, Any]:
    """A test for promtool."""
    fired = {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": "60m",
        "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in alerts],
    }
    inputs = [{"series": one, "values": values} for one, values in series.items()]
    return {"name": name, "interval": "1m", "input_series": inputs, "promql_expr_test": [fired]}


# --- On a real server -------------------------------------------------------------------------------------------
def use(url: str, pat: User) -> None:
    """A little of everything."""
    with httpx.Client(base_url=url, timeout=MOST_SECONDS) as client:
        form = {"grant_type": "password", "username": pat.email, "password": PASSWORD}
        token = client.post("/token", data=form).json()["access_token"]
        assert client.get("/warehouse-user-assignments", headers={"Authorization": f"Bearer {token}"}).is_success
        assert client.post("/token", data=form | {"password": "wrong-Horse-1!"}).status_code == 400
        assert client.get("/admin/login/").is_success


@pytest.mark.thorough
@pytest.mark.live
def test_every_query_of_the_dashboard_and_the_alerts_finds_data(
    transactional_db: None, pat: User, tmp_path: Path
) -> None:
    port = live.free_port()
    environment = live.patient_environment() | {"METRICS_PORT": str(port), "VAR_DIR": str(tmp_path / "var")}
    with (
        live.live_server(environment | {"WORKERS": "2"}, tmp_path / "serve.log") as url,
        prometheus(tmp_path / "prometheus", port) as found,
    ):
        use(url, pat)
        until(lambda: found.query('min_over_time(up{job="warehouse"}[5s]) == 1'))
        until(lambda: found.query('rate(warehouse_http_request_seconds_count{route="token"}[5m])'))
        until(lambda: all(rule["health"] == "ok" for rule in found.rules()))

        assert [panel for panel, expression in queries().items() if not found.query(expression)] == []
        assert [one for rule in found.rules() for one in without_data(rule["query"], found)] == []
        assert [rule["name"] for rule in found.rules() if rule["state"] != "inactive"] == []


def without_data(expression: str, found: Prometheus) -> list[str]:
    """The selectors of an alert that find nothing. No request has failed: any status does."""
    selectors = [re.sub(r'status="\d+"', 'status=~".+"', one) for one in SELECTOR.findall(expression)]
    return [one for one in selectors if not found.query(one)]
