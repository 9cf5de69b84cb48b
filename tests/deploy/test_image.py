"""The image: built twice without a network, the same each time; small, without a shell, with what the program loads;
run read-only as the user it names, with one volume; healthy, and ended by SIGTERM with 0. Its checks log in to
databases, over TLS, too."""

import contextlib
import json
import os
import re
import stat
import subprocess

import pytest
import requests

from mysql8 import MySQL8
from lib import containers, need
from lib.authority import Authority
from lib.databases import PASSWORD, MariaDB, Postgres, Redis
from lib.wait import free_port, wait_until

TOP = os.path.dirname(need.TESTS)
FOLDER = os.path.join(TOP, "conf", "image")
CCACHE = os.path.join(containers.CACHE, "deploy-ccache")
MOST = 32 << 20
USER = 1001
# What the program loads by itself, and what that loads.
LOADED = {"libsnappy.so.1", "libpq.so.5", "libmariadb.so.3", "libssl.so.3", "caching_sha2_password.so",
          "client_ed25519.so"}


@pytest.fixture(scope="module")
def podman():
    """The file's own, since each image takes a while."""
    with contextlib.closing(containers.Podman()) as one:
        yield one


def build(podman, tag, form):
    """As the Dockerfile says, and with a base that has all packages, without a network. What the compilers of that base
    remember is kept from run to run."""
    os.makedirs(CCACHE, exist_ok=True)
    podman.run("build", f"--format={form}", "--layers=false", "--timestamp=1795000000", "--network=none",
               f"--ignorefile={FOLDER}/Dockerfile.dockerignore", f"--build-arg=BASE={containers.BUILD}",
               f"--volume={CCACHE}:/ccache", f"--file={FOLDER}/Dockerfile", f"--tag={tag}", TOP, deadline=1800)
    (image,) = json.loads(podman.run("image", "inspect", tag).stdout)
    return image


@pytest.fixture(scope="module")
def image(podman):
    return build(podman, "oxpecker-test-image", "docker")


def files_in(root):
    """{path: its file} of everything that is no folder."""
    return {os.path.join(at, name)[len(root):]: os.path.join(at, name)
            for at, _, names in os.walk(root) for name in names}


def needed_by(path):
    """The names of libraries that a program or library is linked with, by its own table."""
    shown = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.+)\]", shown))


def closure(libraries, path):
    found, open_ = set(), needed_by(path)
    while open_ - found:
        name = (open_ - found).pop()
        found.add(name)
        open_ |= needed_by(libraries[name])
    return found


def assert_contents(root):
    files = files_in(root)
    libraries = {os.path.basename(name): path for name, path in files.items() if ".so" in name}
    others = sorted(set(files) - {name for name in files if ".so" in name})
    assert others == ["/etc/group", "/etc/nsswitch.conf", "/etc/passwd", "/etc/ssl/certs/ca-certificates.crt",
                      "/usr/bin/oxpecker", "/usr/lib/ssl/cert.pem"]
    expected = LOADED | closure(libraries, files["/usr/bin/oxpecker"])
    expected |= {needed for name in LOADED for needed in closure(libraries, libraries[name])}
    loader = {name for name in libraries if name.startswith("ld-linux")}
    assert set(libraries) == expected | loader and len(loader) == 1
    sections = subprocess.run(["readelf", "-S", files["/usr/bin/oxpecker"]], capture_output=True, text=True, check=True)
    assert ".symtab" not in sections.stdout and ".debug_info" not in sections.stdout
    assert f"oxpecker:x:{USER}:{USER}:" in open(files["/etc/passwd"], encoding="utf-8").read()
    assert "BEGIN CERTIFICATE" in open(files["/etc/ssl/certs/ca-certificates.crt"], encoding="utf-8").read()
    for name in ("var/lib/oxpecker", "run/oxpecker"):
        assert os.stat(os.path.join(root, name)).st_uid == USER
    assert not [name for name, path in files.items() if os.lstat(path).st_mode & (stat.S_ISUID | stat.S_ISGID)]


def test_it_is_the_same_each_time(podman, image):
    """Of the format `docker` the layers are: what says how it was made has the name of the container it was made in."""
    one, two = build(podman, "oxpecker-test-one", "oci"), build(podman, "oxpecker-test-two", "oci")
    assert (one["Id"], one["Digest"]) == (two["Id"], two["Digest"])
    assert one["RootFS"] == image["RootFS"]


def test_it_has_only_what_it_needs(podman, image):
    assert image["Size"] <= MOST, image["Size"]
    assert image["User"] == f"{USER}:{USER}"
    version = podman.run("run", "--rm", "--network=none", "oxpecker-test-image", "--version").stdout.split()[1]
    assert image["Labels"]["org.opencontainers.image.version"] == version
    assert image["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    root = podman.run("image", "mount", "oxpecker-test-image").stdout.strip()
    assert_contents(root)


def volume(tmp_path):
    """As an emptyDir: root's, and everybody may write."""
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o777)
    return state


def started(podman, tmp_path, config, more=()):
    port = free_port()
    path = tmp_path / "oxpecker.yaml"
    path.write_text(json.dumps({"listen": [f"127.0.0.1:{port}"], "exit": {"within": "5s"},
                                "receive": {"otlp": {"http": [f"127.0.0.1:{free_port()}"]}}, **config}))
    name = podman.start("oxpecker-test-image", options=[
        "--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges", "--volume",
        f"{volume(tmp_path)}:/var/lib/oxpecker", "--volume", f"{path}:/etc/oxpecker/oxpecker.yaml:ro", *more])
    return name, port


def logs(podman, name):
    done = podman.run("logs", name)
    return done.stdout + done.stderr


def answers(podman, name, port, path):
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=60).status_code == 200
    except requests.ConnectionError:
        running = podman.run("inspect", "--format", "{{.State.Running}}", name).stdout.strip()
        assert running == "true", logs(podman, name)
        return False


def test_it_runs_read_only_and_ends_with_nothing_lost(podman, image, tmp_path):
    assert image["Healthcheck"]["Test"] == ["CMD", "/usr/bin/oxpecker", "health"]
    # Remote write, for the libraries that are loaded for it alone.
    name, port = started(podman, tmp_path, {"metrics": {"export": {"remote_write": "http://127.0.0.1:1/"}}})
    for path in ("/health/liveness", "/health/readiness", "/metrics"):
        wait_until(lambda path=path: answers(podman, name, port, path), what=path)
    pid = podman.run("inspect", "--format", "{{.State.Pid}}", name).stdout.strip()
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        text = file.read()
    assert re.search(rf"^Uid:\s+{USER}\s+{USER}\s+{USER}\s+{USER}$", text, re.M)
    assert re.search(r"^CapEff:\s+0+$", text, re.M)
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        assert "libsnappy" in file.read()
    podman.run("healthcheck", "run", name)
    podman.ask(name, "/usr/bin/oxpecker", "health")
    assert podman.ask(name, "/bin/sh", "-c", "true", fine=False).returncode != 0
    assert (tmp_path / "state" / "state.db").stat().st_uid == USER
    podman.run("kill", "--signal", "TERM", name)
    assert podman.run("wait", name).stdout.strip() == "0", logs(podman, name)
    assert "nothing was lost" in logs(podman, name)


def test_without_a_volume_it_says_what_is_missing(podman, image):
    done = podman.run("run", "--rm", "--network=none", "--read-only", "--read-only-tmpfs=false", "oxpecker-test-image",
                      fine=False)
    assert done.returncode == 1 and "/var/lib/oxpecker" in done.stderr, done.stderr


@pytest.fixture
def databases(closing, tmp_path, authority):
    cert, key = authority.signed("server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    for kind in (Postgres, MariaDB, Redis):
        (tmp_path / kind.name).mkdir()
    return [closing.keep(kind(tmp_path / kind.name, cert, key)) for kind in (Postgres, MariaDB, Redis)]


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def test_its_checks_log_in_to_databases(podman, image, closing, tmp_path, authority, databases):
    """Over TLS to servers that an authority of the system has signed; to a MySQL 8, too."""
    postgres, mariadb, redis = databases
    system = "/etc/ssl/certs/ca-certificates.crt"
    checks = {"postgres": {"url": postgres.url(rest=f"/postgres?sslmode=verify-full&sslrootcert={system}")},
              "mariadb": {"url": mariadb.url(), "tls": True}, "redis": {"url": redis.tls_url()},
              "mysql8": {"url": closing.keep(MySQL8(PASSWORD)).url}}
    checks = {name: {**each, "interval": "100ms", "timeout": "1m"} for name, each in checks.items()}
    name, port = started(podman, tmp_path, {"health": {"checks": checks}}, [f"--volume={authority.cert}:{system}:ro"])
    wait_until(lambda: answers(podman, name, port, "/health/startup"), 120, "each check to have looked")
    told = lambda: requests.get(f"http://127.0.0.1:{port}/health/readiness?verbose", timeout=60).json()  # noqa: E731
    assert {each["why"] for each in told()["details"].values()} == {""}
