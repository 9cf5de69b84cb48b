"""A pod of podman from the manifests of conf/kubernetes/base, and what a cluster would do around it.

What podman 4.3 cannot do is done by the test: it asks the probes from outside, as the kubelet does; it makes the
Secrets; it says the namespace and the node. What runs is a pod with the network, volumes, limits and users that the
manifests say."""

import base64
import contextlib
import copy
import ctypes
import json
import os
import socket
import subprocess
import threading

import requests
import yaml

import kubelet
from lib import containers, need
from lib.wait import wait_until

TOP = os.path.dirname(need.TESTS)
BASE = os.path.join(TOP, "conf", "kubernetes", "base")
SHOP = os.path.join(need.TESTS, "hosts", "shop")
CLONE_NEWNET, IP_FREEBIND = 0x40000000, 15
USER = 1001
LEFT_OUT = [f"--exclude=*.{ending}" for ending in ("map", "ts", "md")]  # of packages


def manifests():
    """The objects of the base, and the example of its Secrets."""
    for name in ("secret", "config", "service", "deployment"):
        with open(os.path.join(BASE, name + ".yaml"), encoding="utf-8") as file:
            yield from yaml.safe_load_all(file)


def not_installed():
    """What `npm ci --omit=dev` leaves out."""
    with open(os.path.join(SHOP, "package-lock.json"), encoding="utf-8") as file:
        packages = json.load(file)["packages"]
    return ["--anchored", *(f"--exclude={path}" for path, package in packages.items() if package.get("dev"))]


def app_image(podman, folder):
    """An image of tests/hosts/shop: Node of this machine with its libraries, and the packages."""
    program = os.path.realpath(need.program("node"))
    linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    libraries = [word for line in linked.splitlines() for word in line.split() if word.startswith("/")]
    root = os.path.join(folder, "image")
    for path in ("run/app", "var/log/app", "tmp", "etc", "app"):
        os.makedirs(os.path.join(root, path))
    os.symlink(program, os.path.join(root, "node"))
    with open(os.path.join(SHOP, "app.js"), encoding="utf-8") as file, \
            open(os.path.join(root, "app", "app.js"), "w", encoding="utf-8") as to:
        to.write(file.read())
    tar = ["tar", "-c", "--dereference", f"--owner={USER}", f"--group={USER}", *LEFT_OUT, *not_installed(),
           "--transform=s,^node_modules,app/node_modules,", "-C", root, ".", "-C", need.built("shop"), "node_modules",
           "-C", "/", *(path[1:] for path in libraries)]
    with subprocess.Popen(tar, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as made:
        done = subprocess.run(["podman", "import", "--change", "WORKDIR /app", "--change",
                               'CMD ["/node", "app.js"]', "-", "localhost/shop-of-the-test"], stdin=made.stdout,
                              env=podman.env, capture_output=True, text=True, timeout=600)
        assert made.wait() == 0 and done.returncode == 0, (made.stderr.read(), done.stderr)
    return "localhost/shop-of-the-test"


class Forwarder:
    """What reaches a server of the test from the pod: it listens at the pod's gateway. away() closes all; back()."""

    def __init__(self, address, port, to):
        self.address, self.port, self.to = address, port, to
        self.listener, self.open_ = None, set()
        self.lock = threading.Lock()
        self.back()

    def back(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)  # the gateway is there once a pod is
        listener.bind((self.address, self.port))
        listener.listen(64)
        self.listener = listener
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self.join, args=(client,), daemon=True).start()

    def join(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self.to))
        except OSError:
            client.close()
            return
        with self.lock:
            self.open_ |= {client, server}
        threading.Thread(target=self.pump, args=(server, client), daemon=True).start()
        self.pump(client, server)

    def pump(self, one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for each in (one, other):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def away(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for each in self.open_:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            self.open_.clear()

    def close(self):
        self.away()


class Network:
    """A bridge of the test's own, with its gateway."""

    def __init__(self, podman):
        self.podman, self.name = podman, f"oxpecker-test-{os.getpid()}"
        for words in (["network", "create", self.name],
                      ["run", "--rm", f"--network={self.name}", containers.BARE, "true"]):
            done = podman.run(*words, fine=False)
            if done.returncode:
                self.close()
                need.impossible("pods have no network here: " + done.stderr.strip()[-300:])
        (shown,) = json.loads(podman.run("network", "inspect", self.name).stdout)
        self.gateway = shown["subnets"][0]["gateway"]

    def close(self):
        self.podman.run("network", "rm", "--force", self.name, fine=False)


def as_podman_takes(objects, images, gateway, config):
    """The manifests with images of the test, names of the backends at the gateway, the configuration by config(text),
    and without what podman cannot do."""
    objects = copy.deepcopy(objects)
    data = kubelet.of_kind(objects, "ConfigMap")["data"]
    data["oxpecker.yaml"] = config(data["oxpecker.yaml"])
    deployment = kubelet.of_kind(objects, "Deployment")
    deployment["spec"]["replicas"] = 1
    spec = deployment["spec"]["template"]["spec"]
    spec["hostAliases"] = [{"ip": gateway, "hostnames": ["elasticsearch", "jaeger", "postgres"]}]
    for container in spec["containers"]:
        container["image"], container["imagePullPolicy"] = images[container["name"]], "Never"
        del container["ports"]  # podman would open them to other machines
        for probe in kubelet.PROBES:
            container.pop(probe, None)
        for entry in container["env"]:
            path = entry.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
            if path in ("metadata.namespace", "spec.nodeName"):
                del entry["valueFrom"]
                entry["value"] = "made-by-the-test"
    return [each for each in objects if each["kind"] in ("ConfigMap", "Deployment")]


class Pod:
    """A running pod. `container(name)` is the full name of one; `address` is that of the pod."""

    def __init__(self, podman, network, folder, objects, secrets):
        self.podman, self.network = podman, network
        for name, values in secrets.items():
            self.make_secret(folder, name, values, objects)
        path = os.path.join(folder, "pod.yaml")
        with open(path, "w", encoding="utf-8") as file:
            yaml.safe_dump_all(objects, file)
        played = podman.run("kube", "play", "--network", network.name, path, fine=False)
        if played.returncode:
            raise AssertionError(played.stdout[-2000:] + played.stderr[-4000:])
        (pod,) = json.loads(podman.run("pod", "ps", "--format=json").stdout)
        self.name, self.infra = pod["Name"], pod["InfraId"]
        self.find()

    def find(self):
        """Where it is, which is somewhere else each time its network is made anew."""
        (shown,) = json.loads(self.podman.run("inspect", self.infra).stdout)
        self.address = shown["NetworkSettings"]["Networks"][self.network.name]["IPAddress"]
        self.network_of = f"/proc/{shown['State']['Pid']}/ns/net"

    def make_secret(self, folder, name, values, objects):
        """One that is mounted is the object itself to podman 4.3, one of variables its data alone, as JSON."""
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        volumes = kubelet.of_kind(objects, "Deployment")["spec"]["template"]["spec"]["volumes"]
        if name in [volume["secret"]["secretName"] for volume in volumes if "secret" in volume]:
            data = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
        path = os.path.join(folder, f"secret-{name}")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(data, file)
        self.podman.run("secret", "create", name, path)

    def container(self, name):
        return f"{self.name}-{name}"

    def shown(self, name):
        (one,) = json.loads(self.podman.run("inspect", self.container(name)).stdout)
        return one

    def pid(self, name):
        state = self.shown(name)["State"]
        return state["Pid"] if state["Running"] else 0

    def kill9(self, name):
        """As the kernel does, not as podman does, which would not start it again."""
        pid = self.pid(name)
        os.kill(pid, 9)
        wait_until(lambda: self.pid(name) not in (0, pid), 90, f"{name} is started again")

    def volume(self, container, path):
        """The folder of what is mounted there."""
        source, = [each["Source"] for each in self.shown(container)["Mounts"] if each["Destination"] == path]
        return source

    def url(self, port, path):
        return f"http://{self.address}:{port}{path}"

    def asked(self, port, path):
        """Status of an answer, 0 for none."""
        try:
            return requests.get(self.url(port, path), timeout=60).status_code
        except requests.RequestException:
            return 0

    def said(self, name):
        done = self.podman.run("logs", self.container(name), fine=False)
        return (done.stdout + done.stderr)[-4000:]

    def stop(self, grace):
        """As the kubelet does: by `preStop` the sidecar is told after the app, and the network goes when both have."""
        for name in ("app", "oxpecker"):
            self.podman.run("stop", "--time", grace, self.container(name))

    def stop_with_network(self, grace):
        """As podman does: the network goes at once."""
        self.podman.run("pod", "stop", "--time", grace, self.name)

    def start(self):
        """Again, when all of it has ended: with its containers, the network goes a moment later."""
        running = ["inspect", "--format", "{{.State.Running}}", self.infra]
        wait_until(lambda: self.podman.run(*running).stdout.strip() == "false", 90, "the pod's network is gone")
        self.podman.run("pod", "start", self.name)
        self.find()

    def close(self):
        self.podman.run("pod", "rm", "--force", "--time", "0", self.name, fine=False)


class Inside(threading.Thread):
    """Calls do() again and again in the pod's network, until it is told to end."""

    def __init__(self, pod, do):
        super().__init__(daemon=True)
        self.namespace, self.do, self.ended, self.failed = pod.network_of, do, threading.Event(), None
        self.start()

    def run(self):
        try:
            with open(self.namespace, "rb") as file:
                libc = ctypes.CDLL(None, use_errno=True)
                assert libc.setns(file.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            while not self.ended.is_set():
                self.do()
        except BaseException as failure:  # told by end()
            self.failed = failure

    def end(self):
        self.ended.set()
        self.join(120)
        assert not self.failed, repr(self.failed)

    def close(self):
        self.ended.set()
        self.join(120)
