"""`deploy/kubernetes`: manifests that Kubernetes' own schemas accept, and whose parts name each other."""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import yaml

from config.installation import BASE_DIR
from tests.support.cases import each
from tests.support.deployment import DEPLOY, documents, inner, version

FOLDER = DEPLOY / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
#: What operators add to Kubernetes has no schema there: the fields that each kind must have.
ADDED = {
    "Cluster": {"instances", "imageName", "bootstrap", "postgresql", "storage", "plugins"},
    "ObjectStore": {"configuration", "retentionPolicy"},
    "ScheduledBackup": {"schedule", "cluster", "method", "pluginConfiguration"},
    "ServiceMonitor": {"selector", "endpoints"},
    "PodMonitor": {"selector", "podMetricsEndpoints"},
}
MANIFESTS = {
    f"{one['kind']} {one['metadata']['name']}": one for one in documents("kubernetes") if one["kind"] != "Kustomization"
}
#: The pods of the site, by what makes them.
PODS = {
    kind: next(one["template"] for one in inner(document) if "template" in one)
    for kind, document in MANIFESTS.items()
    if document["kind"] in {"Deployment", "Job", "CronJob"}
}


@each("kind", sorted(MANIFESTS))
def test_kubernetes_accepts_the_manifest(kind: str) -> None:
    """Of the oldest release that kustomization.yaml names, and of the newest that the schemas know."""
    manifest = MANIFESTS[kind]
    if manifest["kind"] in ADDED:
        assert ADDED[manifest["kind"]] <= set(manifest["spec"])
        assert "/" in manifest["apiVersion"]
        return
    for release in ("1.30", kubernetes_validate.latest_version()):
        kubernetes_validate.validate(manifest, release, strict=True)


def test_the_kustomization_takes_every_file_and_the_image_of_this_release() -> None:
    names = {path.name for path in FOLDER.iterdir()} - {"kustomization.yaml", "settings.env"}
    assert sorted(KUSTOMIZATION["resources"]) == sorted(names)
    assert KUSTOMIZATION["configMapGenerator"] == [{"name": "warehouse-settings", "envs": ["settings.env"]}]
    assert [image["newTag"] for image in KUSTOMIZATION["images"]] == [version()]
    assert f"Job warehouse-migrate-{version().replace('.', '-')}" in MANIFESTS
    assert {one["spec"]["containers"][0]["image"] for one in PODS.values()} == {"warehouse"}


@each("kind", sorted(PODS))
def test_a_pod_can_do_little_and_is_told_all_that_it_needs(kind: str) -> None:
    pod = PODS[kind]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert f"USER {pod['securityContext']['runAsUser']}:" in (DEPLOY / "Containerfile").read_text()
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert set(mounts) == {volume["name"] for volume in pod["volumes"]}
    (secrets,) = [volume["projected"] for volume in pod["volumes"] if "projected" in volume]
    given = {f"{mounts['secrets']}/{item['path']}" for one in secrets["sources"] for item in one["secret"]["items"]}
    assert {variable["value"] for variable in container["env"]} == given
    assert container["envFrom"] == [{"configMapRef": {"name": "warehouse-settings"}}]


def labels_of(kind: str) -> Any:
    return PODS[kind]["metadata"]["labels"]


def test_the_parts_name_each_other() -> None:
    site = "Deployment warehouse"
    (container,) = PODS[site]["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    served = {port["name"]: port["targetPort"] for port in MANIFESTS["Service warehouse"]["spec"]["ports"]}
    assert MANIFESTS["Service warehouse"]["spec"]["selector"] == labels_of(site)
    assert set(served.values()) <= ports
    budget = MANIFESTS["PodDisruptionBudget warehouse"]["spec"]["selector"]["matchLabels"]
    assert budget == MANIFESTS[site]["spec"]["selector"]["matchLabels"] == labels_of(site)
    (rule,) = MANIFESTS["Ingress warehouse"]["spec"]["rules"]
    service = rule["http"]["paths"][0]["backend"]["service"]
    assert (service["name"], service["port"]["name"] in served) == ("warehouse", True)
    monitor = MANIFESTS["ServiceMonitor warehouse"]["spec"]
    assert monitor["selector"]["matchLabels"] == MANIFESTS["Service warehouse"]["metadata"]["labels"]
    assert {endpoint["port"] for endpoint in monitor["endpoints"]} <= set(served)


def test_the_network_lets_in_whom_the_database_and_the_site_serve() -> None:
    policy = MANIFESTS["NetworkPolicy site"]["spec"]
    (selected,) = policy["podSelector"]["matchExpressions"]
    assert set(selected["values"]) == {labels_of(kind)["app.kubernetes.io/name"] for kind in PODS}
    (container,) = PODS["Deployment warehouse"]["spec"]["containers"]
    let_in = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
    assert let_in == {port["name"] for port in container["ports"]}
    database = {"cnpg.io/cluster": MANIFESTS["Cluster warehouse-db"]["metadata"]["name"]}
    assert MANIFESTS["NetworkPolicy database"]["spec"]["podSelector"]["matchLabels"] == database
    assert {"podSelector": {"matchLabels": database}} in [one for rule in policy["egress"] for one in rule["to"]]


def test_probes_ask_what_the_docs_say_and_the_ingress_has_the_limits_of_nginx() -> None:
    (container,) = PODS["Deployment warehouse"]["spec"]["containers"]
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/health/live", "readiness": "/health/ready", "liveness": "/health/live"}
    text = (BASE_DIR / "deploy" / "nginx.conf").read_text()
    limits = {
        name.removeprefix("nginx.org/"): value
        for name, value in MANIFESTS["Ingress warehouse"]["metadata"]["annotations"].items()
    }
    for name in ("client-max-body-size", "proxy-connect-timeout", "proxy-read-timeout", "proxy-max-temp-file-size"):
        assert f"{name.replace('-', '_')} {limits[name]};" in " ".join(text.split())
    assert f"zone=requests:{limits['limit-req-zone-size']} rate={limits['limit-req-rate']};" in text
    assert f"limit_req zone=requests burst={limits['limit-req-burst']} nodelay;" in text
    assert f"max_conns={limits['max-conns']};" in text


def test_the_database_acknowledges_what_two_nodes_have_and_is_backed_up() -> None:
    cluster = MANIFESTS["Cluster warehouse-db"]["spec"]
    assert cluster["instances"] >= 3
    wanted = {"method": "any", "number": 1, "dataDurability": "required", "failoverQuorum": True}
    assert cluster["postgresql"]["synchronous"] == wanted
    (plugin,) = cluster["plugins"]
    assert plugin["isWALArchiver"] is True
    assert f"ObjectStore {plugin['parameters']['barmanObjectName']}" in MANIFESTS
    backup = MANIFESTS["ScheduledBackup warehouse-db"]["spec"]
    assert (backup["cluster"]["name"], backup["method"]) == ("warehouse-db", "plugin")
    assert backup["pluginConfiguration"]["name"] == plugin["name"]
