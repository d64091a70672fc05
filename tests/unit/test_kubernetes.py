"""deploy/kubernetes is what Kubernetes takes, and the same system as docker-compose.yml."""

from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.servers.deployed import ROOT, compose, service_environment

ITEMS: list[dict[str, Any]] = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "qianshao.yaml").read_text())["items"]
DEPLOYMENTS = {item["metadata"]["name"]: item["spec"] for item in ITEMS if item["kind"] == "Deployment"}
SETTINGS = next(item["data"] for item in ITEMS if item["kind"] == "ConfigMap")
OF_THE_PLACE = {"QIANSHAO_CONFIG", "QIANSHAO_MQTT__TLS_CA"}
OF_A_CLUSTER = {"QIANSHAO_KAFKA__REPLICAS"}


def containers(name: str) -> list[dict[str, Any]]:
    pod = DEPLOYMENTS[name]["template"]["spec"]
    return [*pod.get("initContainers", []), *pod["containers"]]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: f"{item['kind']} {item['metadata']['name']}")
def test_kubernetes_takes_it(item: dict[str, Any]) -> None:
    kubernetes_validate.validate(item, kubernetes_validate.latest_version(), strict=True)


def test_a_mistake_would_be_found() -> None:
    wrong = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"port": 8088}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_the_processes_are_those_of_compose() -> None:
    one_machine = {"ingest", "detect", "incidents", "series", "archive", "web"}
    assert DEPLOYMENTS.keys() == one_machine < compose()["services"].keys()


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_process_is_set_as_in_compose(name: str) -> None:
    (container,) = DEPLOYMENTS[name]["template"]["spec"]["containers"]
    assert container["envFrom"] == [{"configMapRef": {"name": "qianshao-settings"}}]
    here = SETTINGS | {each["name"]: each.get("value") for each in container["env"]}
    there = service_environment(name)
    named = {"QIANSHAO_DETECT__NAME"} if name == "detect" else set()  # compose says it in the command
    influx = {key for key in SETTINGS if key.startswith("QIANSHAO_INFLUX__")}
    assert here.keys() - named - influx - OF_A_CLUSTER == there.keys() - influx
    assert {key: here[key] for key in there if key not in OF_THE_PLACE} == {
        key: value for key, value in there.items() if key not in OF_THE_PLACE
    }
    assert container["command"][-1] == " ".join(compose()["services"][name]["command"]).split()[-1]
    assert container["image"] == compose()["services"][name]["image"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_process_may_do_and_use_no_more_than_it_needs(name: str) -> None:
    assert DEPLOYMENTS[name]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True
    for container in containers(name):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"].keys() == {"cpu", "memory"}


def test_two_of_one_name_never_run_side_by_side() -> None:
    for name in ("ingest", "incidents", "archive"):
        assert DEPLOYMENTS[name]["replicas"] == 1
        assert DEPLOYMENTS[name]["strategy"] == {"type": "Recreate"}
