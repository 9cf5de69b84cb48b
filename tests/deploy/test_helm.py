"""conf/helm: the chart makes the objects that kustomize makes of conf/kubernetes, each the same; its values are held to
its schema, and what it makes beyond them is what the Go types and the standard want, too."""

import os
import subprocess

import pytest
import yaml

import kubelet
import manifests
from lib import need
from test_kubernetes import rendered

CHART = os.path.join(manifests.CONF, "helm")
SPREAD = [{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway",
           "labelSelector": {"matchLabels": {manifests.NAME: "shop"}}}]
ORDINARY = {"sidecar": {"native": False}}
# What kustomize makes of that folder or component, and the values that lead to the same.
SAME = {
    "base": ORDINARY,
    "overlays/native": {},
    "overlays/production": {
        "app": {"image": "registry.example.com/shop@sha256:" + "1" * 64},
        "sidecar": {"image": "registry.example.com/oxpecker@sha256:" + "2" * 64},
        "autoscaling": {"by": "cpu"}, "disruptionBudget": True, "networkPolicy": {"enabled": True}, "monitor": "pod",
        "topologySpreadConstraints": SPREAD},
    "scale-cpu": {**ORDINARY, "autoscaling": {"by": "cpu"}},
    "scale-metric": {**ORDINARY, "autoscaling": {"by": "metric"}},
    "disruption": {**ORDINARY, "disruptionBudget": True},
    "network": {**ORDINARY, "networkPolicy": {"enabled": True}},
    "pod-monitor": {**ORDINARY, "monitor": "pod"},
    "service-monitor": {**ORDINARY, "monitor": "service"}}


def helm(*words):
    program = os.path.join(need.built("helm"), "helm")
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=120)


def template(folder, values, release="shop"):
    """What `helm template` makes with these values."""
    path = folder / "values.yaml"
    path.write_text(yaml.safe_dump(values))
    done = helm("template", release, CHART, "--namespace", "shop", "--values", path)
    assert done.returncode == 0, done.stderr
    return done.stdout


def by_name(objects):
    """{kind and name: the object}, without the namespace, in which Helm puts them as it applies them."""
    assert {each["metadata"].pop("namespace", "shop") for each in objects} == {"shop"}
    named = {(each["apiVersion"], each["kind"], each["metadata"]["name"]): each for each in objects}
    assert len(named) == len(objects)
    return named


def checksum_of(objects):
    """The annotation that rolls pods out anew when the configuration has changed; taken off."""
    pods = [each["spec"]["template"] for each in objects if each["kind"] == "Deployment"]
    return pods[0]["metadata"]["annotations"].pop("checksum/config")


@pytest.mark.parametrize("name", SAME)
def test_the_chart_makes_what_kustomize_makes(tmp_path, name):
    values = {**SAME[name], "sidecar": {"configMap": "oxpecker-config", **SAME[name].get("sidecar", {})}}
    made = manifests.objects_of(template(tmp_path, values))
    assert checksum_of(made)
    made, wanted = by_name(made), by_name(manifests.objects_of(rendered(name, tmp_path)))
    assert set(made) == set(wanted)
    for key, one in wanted.items():
        assert made[key] == one, key


@pytest.mark.parametrize("values", [
    {}, ORDINARY, {"monitor": "none"}, {"sidecar": {"secret": "", "env": []}},
    {"replicas": 1, "autoscaling": {"by": "metric", "average": 20}, "monitor": "service", "disruptionBudget": True}])
def test_what_it_makes_is_what_types_and_the_standard_want(tmp_path, values):
    text = template(tmp_path, values, release="orders")
    (tmp_path / "all.yaml").write_text(text)
    found = manifests.findings(tmp_path / "all.yaml")
    assert len(found) > 2 and not [each for each in found if len(each) > 3], found
    objects = manifests.objects_of(text)
    manifests.Names(objects).check()
    assert all(each["metadata"]["name"].startswith("orders") for each in objects)


def test_a_changed_configuration_rolls_pods_out(tmp_path):
    sums = [checksum_of(manifests.objects_of(template(tmp_path, {"sidecar": {"config": f"memory: {size}MiB\n"}})))
            for size in (8, 8, 16)]
    assert sums[0] == sums[1] != sums[2]


def test_the_chart_is_right_and_unknown_values_are_errors(tmp_path):
    done = helm("lint", "--strict", CHART)
    assert done.returncode == 0, done.stdout + done.stderr
    for wrong in ("monitor=nobody", "sidecar.imgae=x", "replica=3", "terminationGracePeriodSeconds=10"):
        done = helm("template", "shop", CHART, "--set", wrong)
        assert done.returncode != 0 and wrong.split("=", maxsplit=1)[0].rsplit(".", maxsplit=1)[-1] in done.stderr


def test_the_limit_of_the_pods_time_is_more_than_the_agents(tmp_path):
    """`exit.within` is 25 s unless the configuration says more."""
    for _, pod in kubelet.templates(manifests.objects_of(template(tmp_path, {}))):
        assert pod["spec"]["terminationGracePeriodSeconds"] > 5 + 25
