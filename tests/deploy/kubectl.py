#!/usr/bin/env python3
"""A stand-in for kubectl: what conf/kubernetes/release.py asks of a cluster is answered out of a folder, $CLUSTER.

    objects.json   the manifests, as they are applied; what is asked for is changed there
    pods.json      {Deployment: URL of the one pod that it has while it has replicas}
    rules.json     those of the Role: what it does not allow is refused
    fails          a line is a part of a command that ends with 1
    calls          what was asked, a line a command
"""

import json
import os
import sys

CLUSTER = os.environ["CLUSTER"]
GROUPS = {"deployment": ("apps", "deployments"), "service": ("", "services"), "pods": ("", "pods"),
          "httproute": ("gateway.networking.k8s.io", "httproutes")}


def load(name):
    with open(os.path.join(CLUSTER, name), encoding="utf-8") as file:
        return json.load(file)


OBJECTS = load("objects.json")


def save():
    path = os.path.join(CLUSTER, "objects.json")
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(OBJECTS, file)
    os.rename(path + ".new", path)


def allowed(group, resource, *verbs):
    for verb in verbs:
        if not any(group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"]
                   for rule in load("rules.json")):
            sys.exit(f"Error from server (Forbidden): cannot {verb} resource {resource!r} in API group {group!r}")


def found(kind, name):
    for each in OBJECTS:
        if each["kind"].lower() == kind and each["metadata"]["name"] == name:
            return each
    sys.exit(f'Error from server (NotFound): {kind} "{name}" not found')


def merged(old, change):
    """RFC 7386."""
    if not isinstance(change, dict) or not isinstance(old, dict):
        return change
    return {**old, **{key: merged(old.get(key), value) for key, value in change.items()}}


def pods(selector):
    wanted = dict(each.split("=") for each in selector.split(","))
    made = []
    for each in (one for one in OBJECTS if one["kind"] == "Deployment"):
        labels = each["spec"]["template"]["metadata"]["labels"]
        if wanted.items() <= labels.items() and each["spec"]["replicas"]:
            metadata = {"name": each["metadata"]["name"] + "-7d4-x2x", "labels": labels}
            made.append({"metadata": metadata, "status": {"phase": "Running"}})
    return {"items": made}


def page(path):
    """Of the pod, through the API server's proxy."""
    pod, port = path.split("/pods/")[1].split("/")[0].split(":")
    assert port == "9464" and path.endswith("/proxy/metrics")
    import urllib.request  # for this alone: it takes longer than all the rest

    with urllib.request.urlopen(load("pods.json")[pod.rsplit("-", 2)[0]] + "/metrics", timeout=60) as answer:
        return answer.read().decode()


def get(kind, *words):
    if kind == "--raw":
        allowed("", "pods/proxy", "get")
        return page(words[0])
    allowed(*GROUPS[kind], "list" if words[0] == "-l" else "get")
    return json.dumps(pods(words[1]) if words[0] == "-l" else found(kind, words[0]))


def patch(kind, name, _, __, change):
    allowed(*GROUPS[kind], "get", "patch")
    each = found(kind, name)
    each.update(merged(each, json.loads(change)))


def scale(which, replicas):
    allowed("apps", "deployments", "get")
    allowed("apps", "deployments/scale", "patch")
    found(*which.split("/"))["spec"]["replicas"] = int(replicas.split("=")[1])


def set_image(_, which, assignment):
    allowed("apps", "deployments", "get", "patch")
    name, image = assignment.split("=")
    pod = found(*which.split("/"))["spec"]["template"]["spec"]
    container, = [each for each in pod["containers"] if each["name"] == name]
    container["image"] = image


def rollout(what, which, *_):
    found(*which.split("/"))
    allowed("apps", "deployments", *(["patch"] if what == "undo" else ["list", "watch"]))
    if what == "undo":
        allowed("apps", "replicasets", "list")


def main():
    words = sys.argv[1:]
    with open(os.path.join(CLUSTER, "calls"), "a", encoding="utf-8") as file:
        file.write(" ".join(words) + "\n")
    assert words[:2] == ["-n", "shop"], words
    with open(os.path.join(CLUSTER, "fails"), encoding="utf-8") as file:
        if any(line.strip() in " ".join(words) for line in file):
            sys.exit("error: as the test wants it")
    words = [each for each in words[2:] if each not in ("-o", "json")]
    commands = {"get": get, "patch": patch, "scale": scale, "set": set_image, "rollout": rollout}
    said = commands[words[0]](*words[1:])
    save()
    print(said or "")


if __name__ == "__main__":
    main()
