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
    assert "SUCCESS: 10 rules found" in promtool("check", "rules", RULES)


def test_the_docs_say_of_each_alert_what_to_do() -> None:
    rows = table("operations.md", "Alerts")

    assert [row["Alert"] for row in rows] == re.findall(r"- alert: (\w+)", RULES.read_text())
    assert [row for row in rows if not (row["Means"] and row["What to do"])] == []


def use(url: str, pat: User) -> None:
    """A little of everything."""
    with httpx.Client(base_url=url, timeout=MOST_SECONDS) as client:
        form = {"grant_type": "password", "username": pat.email, "password": PASSWORD}
        token = client.post("/token", data=form).json()["access_token"]
        assert client.get("/warehouse-user-assignments", headers={"Authorization": f"Bearer {token}"}).is_success
        assert client.post("/token", data=form | {"password": "wrong-Horse-1!"}).status_code == 400
        assert client.get("/admin/login/").is_success


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
