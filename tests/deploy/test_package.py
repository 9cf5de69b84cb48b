"""The Debian package on a bare Debian 12: installed with what it depends on, run as its unit says, removed, purged. And
what a build says of libraries that are missing or too old."""

import contextlib
import glob
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import requests

from lib import containers, need
from lib.process import Process
from lib.services import Manager
from lib.wait import free_port

TOP = os.path.dirname(need.TESTS)
CACHE = os.path.join(containers.CACHE, "deploy-apt")
INSTALLED = ["/etc/oxpecker/oxpecker.yaml", "/usr/bin/oxpecker", "/usr/lib/systemd/system/oxpecker.service",
             "/usr/share/bash-completion/completions/oxpecker", "/usr/share/doc/oxpecker/copyright",
             "/usr/share/doc/oxpecker/oxpecker.yaml", "/usr/share/fish/vendor_completions.d/oxpecker.fish",
             "/usr/share/man/man1/oxpecker.1", "/usr/share/zsh/vendor-completions/_oxpecker"]
USER = "61184"  # systemd gives DynamicUser= one from here on


def built():
    """The folder in which the program was built as it is shipped, with the prefix /usr."""
    folder = os.path.dirname(os.environ.get("OXPECKER_RELEASE_BIN", ""))
    if not os.path.exists(os.path.join(folder, "CPackConfig.cmake")):
        need.missing("OXPECKER_RELEASE_BIN is not in a folder of the preset `package`: tests/run.sh builds one")
    return folder


@pytest.fixture
def package(tmp_path):
    subprocess.run(["cpack", "--config", os.path.join(built(), "CPackConfig.cmake"), "-B", tmp_path / "package"],
                   check=True, capture_output=True, cwd=tmp_path)
    found = glob.glob(str(tmp_path / "package" / "*.deb"))
    assert len(found) == 1
    return found[0]


@pytest.fixture
def shared(tmp_path):
    """/test in the container, for every user."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


@pytest.fixture
def debian(podman, package, shared):
    """A bare Debian 12 that shares a folder with the test, and what apt fetched before."""
    for part in ("archives/partial", "lists/partial"):
        os.makedirs(os.path.join(CACHE, part), exist_ok=True)
    shutil.copy(package, shared / "oxpecker.deb")
    shares = [f"{shared}:/test", f"{CACHE}/archives:/var/cache/apt/archives", f"{CACHE}/lists:/var/lib/apt/lists"]
    name = podman.start(containers.BARE, "sleep", "infinity", options=[f"--volume={share}" for share in shares])
    return lambda *command, **more: podman.ask(name, *command, **more)


def install(debian):
    """With the lists of the last time, unless a package has gone meanwhile."""
    command = ["apt-get", "install", "-q", "-y", "--no-install-recommends", "-o", "APT::Keep-Downloaded-Packages=true",
               "-o", "APT::Sandbox::User=root", "/test/oxpecker.deb"]
    if debian(*command, fine=False).returncode:
        debian("apt-get", "update", "-q", "-o", "APT::Sandbox::User=root")
        debian(*command)


def files_of(debian):
    return debian("find", "/etc", "/usr", "/var/lib", "/run", "-path", "*oxpecker*", "-not", "-path",
                  "/var/lib/dpkg/*").stdout.split()


def setting(unit, name):
    return re.findall(rf"^{name}=(.*)$", unit, re.M)


def begin(debian, unit):
    """What systemd does before it starts the unit; the command and its environment."""
    (state,) = setting(unit, "StateDirectory")
    (command,) = setting(unit, "ExecStart")
    (watchdog,) = re.findall(r"^WatchdogSec=(\d+)s$", unit, re.M)
    credentials = "/run/credentials/oxpecker.service"
    debian("sh", "-c", f"install -d -m 0700 /var/lib/private && install -d -m 0700 -o {USER} -g {USER} "
           f"/var/lib/private/{state} {credentials} && ln -s private/{state} /var/lib/{state} && "
           f"chmod 0755 /var/lib/private && echo staging >{credentials}/place && chown {USER} {credentials}/place")
    return command.split(), {"STATE_DIRECTORY": f"/var/lib/{state}", "NOTIFY_SOCKET": "/test/notify",
                             "CREDENTIALS_DIRECTORY": credentials, "WATCHDOG_USEC": int(watchdog) * 1000000 // 100}


def start(podman, debian, unit, folder):
    command, variables = begin(debian, unit)
    options = [f"--env={name}={value}" for name, value in variables.items()]
    return Process("unit", ["podman", "exec", *options, podman.names[0], "setpriv", "--reuid", USER, "--regid", USER,
                            "--clear-groups", "--no-new-privs", "--bounding-set=-all", *command], folder, podman.env)


def configure(port, folder):
    """Remote write, for the library that is loaded for it alone, and that no table of the program names."""
    (folder / "oxpecker.yaml").write_text(
        f'listen: "127.0.0.1:{port}"\nreceive: {{ otlp: {{ http: "127.0.0.1:{free_port()}" }} }}\n'
        'service: { environment: "${file:place}" }\nexit: { within: 5s }\n'
        'metrics: { export: { remote_write: "http://127.0.0.1:1/" } }\n')


def test_the_package_is_installed_run_removed_and_purged(podman, debian, shared, tmp_path):
    install(debian)
    assert not set(INSTALLED) - set(files_of(debian)), files_of(debian)
    unit = debian("cat", "/usr/lib/systemd/system/oxpecker.service").stdout
    verify(unit, tmp_path)
    assert debian("oxpecker", "check").stdout
    port = free_port()
    configure(port, shared)
    debian("cp", "/test/oxpecker.yaml", "/etc/oxpecker/oxpecker.yaml")
    runs_as_the_unit_says(podman, debian, unit, shared, port)
    debian("apt-get", "remove", "-q", "-y", "oxpecker")
    left = files_of(debian)
    assert "/usr/bin/oxpecker" not in left and "/etc/oxpecker/oxpecker.yaml" in left
    assert "/var/lib/private/oxpecker/state.db" in left
    debian("apt-get", "purge", "-q", "-y", "oxpecker")
    assert [path for path in files_of(debian) if "/credentials/" not in path] == []


def runs_as_the_unit_says(podman, debian, unit, folder, port):
    manager = Manager(str(folder / "notify"))
    os.chmod(folder / "notify", 0o666)
    with contextlib.closing(manager):
        process = start(podman, debian, unit, folder)
        try:
            process.wait_until(lambda: manager.hears("READY=1"), 60, "READY=1")
            process.wait_until(lambda: manager.hears("WATCHDOG=1") >= 3, 60, "signs of life")
            answer = requests.get(f"http://127.0.0.1:{port}/health/readiness", timeout=60)
            assert answer.status_code == 200
            # By hand, as root: the folder of credentials is named by the variable that systemd sets.
            by_hand = ["--env=CREDENTIALS_DIRECTORY=/run/credentials/oxpecker.service"]
            assert "traces.export.store" in debian("oxpecker", "status", options=by_hand).stdout
            debian("oxpecker", "health", options=by_hand)
            (pid,) = debian("sh", "-c", "for p in /proc/[0-9]*; do [ \"$(cat $p/comm)\" = oxpecker ] && "
                            "echo ${p#/proc/}; done; true").stdout.split()
            assert re.search(rf"^Uid:\s+{USER}\s", debian("cat", f"/proc/{pid}/status").stdout, re.M)
            debian("sh", "-c", f"kill -TERM {pid}")
            assert process.wait(120) == 0, process.err()[-2000:]
        finally:
            process.kill9()
    assert manager.hears("STOPPING=1") == 1


def verify(unit, folder):
    """systemd knows every setting of the unit; little of the machine is open to it."""
    analyze, file = need.program("systemd-analyze"), folder / "oxpecker.service"
    file.write_text(unit.replace("/usr/bin/oxpecker", os.environ["OXPECKER_RELEASE_BIN"]))
    done = subprocess.run([analyze, "verify", "--man=no", file], capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if "oxpecker" in line] == []
    file.write_text(unit)
    done = subprocess.run([analyze, "security", "--offline=true", file],
                          capture_output=True, text=True, check=True)
    exposure = re.search(r"Overall exposure level for oxpecker\.service: ([\d.]+)", done.stdout)
    assert float(exposure.group(1)) <= 1.5, done.stdout[-3000:]


def test_the_package_names_what_only_checks_load(package):
    shown = subprocess.run(["dpkg-deb", "--field", package, "Suggests"], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "libpq5, libmariadb3"


def test_elsewhere_the_unit_starts_what_is_there(tmp_path):
    subprocess.run(["cmake", "--install", built(), "--prefix", "/opt/x"], env={**os.environ, "DESTDIR": str(tmp_path)},
                   check=True, capture_output=True)
    unit = (tmp_path / "opt/x/lib/systemd/system/oxpecker.service").read_text()
    assert setting(unit, "ExecStart") == ["/opt/x/bin/oxpecker"] and (tmp_path / "opt/x/bin/oxpecker").exists()


def test_installing_by_hand_puts_the_same_into_place(tmp_path):
    subprocess.run(["cmake", "--install", built()], env={**os.environ, "DESTDIR": str(tmp_path)}, check=True,
                   capture_output=True)
    for name in INSTALLED:
        assert os.path.exists(f"{tmp_path}{name}"), name
    page = tmp_path / "usr/share/man/man1/oxpecker.1"
    done = subprocess.run([need.program("mandoc"), "-Tlint", "-Wstyle", page], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_build_names_each_library_that_is_missing_or_too_old(tmp_path):
    folder = tmp_path / "pc"
    folder.mkdir()
    paths = subprocess.run(["pkg-config", "--variable", "pc_path", "pkg-config"], capture_output=True, text=True,
                           check=True).stdout.strip()
    paths = os.environ.get("PKG_CONFIG_PATH", "").split(":") + paths.split(":")
    for path in reversed([path for path in paths if os.path.isdir(path)]):
        for file in pathlib.Path(path).glob("*.pc"):
            shutil.copy(file, folder)
    (folder / "libfyaml.pc").unlink()
    (folder / "nettle.pc").unlink()
    old = folder / "libmicrohttpd.pc"
    old.write_text(re.sub(r"^Version:.*$", "Version: 0.9.50", old.read_text(), flags=re.M))
    done = subprocess.run(["cmake", "-S", TOP, "-B", tmp_path / "build", "-DOXP_TESTS=OFF"], capture_output=True,
                          text=True, env={**os.environ, "PKG_CONFIG_LIBDIR": str(folder), "PKG_CONFIG_PATH": ""})
    said = [line.strip() for line in done.stderr.splitlines()]
    assert done.returncode != 0
    assert "libfyaml is missing: 0.7.12 or newer is needed (Debian: libfyaml-dev)" in said, done.stderr
    assert "nettle is missing: 3.8.1 or newer is needed (Debian: nettle-dev)" in said
    assert "libmicrohttpd 0.9.50 is too old: 0.9.75 or newer is needed (Debian: libmicrohttpd-dev)" in said
    assert done.stderr.count("is needed") == 3
