"""conf/secrets.md: a password that is renewed the way Kubernetes, a CSI mount, Vault's agent and systemd do it reaches
the agent, each line arrives, and the files of conf/secrets lead to the path of the page."""

import base64
import os
import re

import pytest
import yaml

from lib import fault
from lib.lines import Writer
from test_prometheus import read

PAGE_PATH = "/run/secrets/oxpecker/password"
FIRST, SECOND = "first-9f2c", "second-4be1"


class AtomicWriter:
    """What the kubelet and the CSI driver do: the files stand in a folder with the time in its name, `..data` is a link
    to it that is switched in one go, and each file is a link through that."""

    def __init__(self, mount):
        self.mount, self.round = mount, 0
        mount.mkdir()

    def write(self, value):
        self.round += 1
        old, fresh = self.mount / f"..2026_{self.round - 1}", self.mount / f"..2026_{self.round}"
        fresh.mkdir()
        (fresh / "password").write_text(value)
        os.symlink(fresh.name, self.mount / "..data_tmp")
        os.rename(self.mount / "..data_tmp", self.mount / "..data")
        if old.exists():
            (old / "password").unlink()
            old.rmdir()
        else:
            os.symlink("..data/password", self.mount / "password")


class Template:
    """What Vault's agent does: another file takes the name."""

    def __init__(self, mount):
        self.mount = mount
        mount.mkdir()

    def write(self, value):
        fresh = self.mount / ".password.tmp"
        fresh.write_text(value)
        fresh.chmod(0o440)
        fresh.rename(self.mount / "password")


class Server:
    """Knows one password at a time."""

    def __init__(self, server):
        self.valid, self.refused = FIRST, 0
        server.plan(self.behave)

    def behave(self, handler, request):
        wanted = "Basic " + base64.b64encode(f"shipper:{self.valid}".encode()).decode()
        if request.headers.get("Authorization") != wanted:
            self.refused += 1
            return fault.status(401)(handler, request)
        return fault.good()(handler, request)


def page_config(server, tmp_path, mount):
    """The configuration of the page, with what is of one machine replaced."""
    text, = re.findall(r"^```yaml\n(.*?)^```$", read("secrets.md"), re.M | re.S)
    options = yaml.safe_load(text)
    export = options["logs"]["export"]["elasticsearch"]
    assert export["password"] == "${file:" + PAGE_PATH + "}"
    export.update(url=server.url, password="${file:%s}" % (mount / "password"))
    options["logs"]["collect"]["tail"] = str(tmp_path / "*.log")
    return options


def arrived(server):
    return sorted(document["n"] for request in server.taken("/_bulk") for _, document in request.acknowledged())


@pytest.mark.parametrize("kind", [AtomicWriter, Template])
def test_a_password_is_renewed_without_a_restart(oxpecker, fault_server, tmp_path, kind):
    secret, server, writer = kind(tmp_path / "mount"), fault_server(), Writer(tmp_path / "app.log")
    known = Server(server)
    secret.write(FIRST)
    agent = oxpecker(page_config(server, tmp_path, tmp_path / "mount"))
    writer.write(5)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 5, 60, "with the first password")
    known.valid = SECOND
    writer.write(5)
    agent.wait_until(lambda: known.refused > 0, 60, "the first password is refused")
    secret.write(SECOND)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 10, 60, "with the second password")
    assert sorted(set(arrived(server))) == list(range(10)) and not agent.booked("parked", signal="logs")
    assert "have new credentials" in agent.err()
    assert FIRST not in agent.err() + agent.page() and SECOND not in agent.err() + agent.page()
    agent.assert_balanced()


def test_a_credential_of_systemd_is_renewed_by_a_restart(oxpecker, fault_server, tmp_path):
    """The copy is made at the start, readable for the service alone; what waited arrives with the new one."""
    secret, server, writer = Template(tmp_path / "credentials"), fault_server(), Writer(tmp_path / "app.log")
    known = Server(server)
    secret.write(FIRST)
    agent = oxpecker({**page_config(server, tmp_path, tmp_path / "credentials"), "exit": {"within": "5m"}})
    writer.write(5)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 5, 60, "with the first password")
    agent.stop()
    known.valid = SECOND
    secret.write(SECOND)
    writer.write(5)
    agent.start()
    agent.wait_until(lambda: len(set(arrived(server))) == 10, 60, "with the second password")
    assert known.refused == 0


def test_files_lead_to_the_path_of_the_page():
    folder, name = os.path.split(PAGE_PATH)
    for page in ("kubernetes.yaml", "csi.yaml"):
        first, pod = yaml.safe_load_all(read("secrets", page))
        container, = pod["spec"]["containers"]
        mount, = container["volumeMounts"]
        volume, = pod["spec"]["volumes"]
        assert mount["mountPath"] == folder and mount["readOnly"] and "subPath" not in mount
        assert mount["name"] == volume["name"]
        if page == "kubernetes.yaml":
            assert list(first["stringData"]) == [name]
            assert volume["secret"] == {"secretName": first["metadata"]["name"], "defaultMode": 0o440}
        else:
            assert [each["objectName"] for each in yaml.safe_load(first["spec"]["parameters"]["objects"])] == [name]
            assert volume["csi"]["volumeAttributes"]["secretProviderClass"] == first["metadata"]["name"]
    assert f'destination = "{PAGE_PATH}"' in read("secrets", "vault-agent.hcl")
    assert f"LoadCredential={name}:" in read("secrets", "systemd.conf")
    assert f"/run/credentials/oxpecker.service/{name}" in read("secrets.md")
