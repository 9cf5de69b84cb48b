"""What conf/compose/compose.yaml says, started as processes: the same configurations, commands and variables, with
addresses, folders and secrets mapped to those of the test. Grafana is not to be had, and images are not: the programs
of the others are."""

import json
import os
import re
import shutil
import subprocess

from lib import agent, need
from lib.backends import Prometheus
from lib.databases import Postgres, Redis
from lib.process import Process
from lib.wait import free_port, wait_until

TOP = os.path.dirname(need.TESTS)
FOLDER = os.path.join(TOP, "conf", "compose")
FILE = os.path.join(FOLDER, "compose.yaml")
SHOP = os.path.join(need.TESTS, "hosts", "shop")
DATA_STREAM = "logs-shop-default"


def load(path=FILE):
    """As `docker compose` reads it: status, what it means, and what is wrong with it."""
    program = os.path.join(need.built("compose_loader"), "compose_loader")
    done = subprocess.run([program, path], capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout) if done.returncode == 0 else None, done.stderr


def modules(folder):
    """A folder for NODE_PATH that has the packages of package.json which an image has, and no other: what the app
    needed without a sidecar is left out."""
    with open(os.path.join(SHOP, "package.json"), encoding="utf-8") as file:
        names = json.load(file)["dependencies"]
    for name in names:
        link = os.path.join(folder, "modules", name)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(os.path.join(need.built("shop"), "node_modules", name), link)
    return os.path.join(folder, "modules")


class Database(Postgres):
    """A PostgreSQL with the user and the data base that its image makes of these variables."""

    def __init__(self, folder, cert, key, service, password):
        self.user, self.password, self.name_of_data = service["POSTGRES_USER"], password, service["POSTGRES_DB"]
        super().__init__(folder, cert, key)

    def prepare(self):
        super().prepare()
        subprocess.run([*self.under, os.path.join(self.bin, "postgres"), "--single", "-D",
                        os.path.join(self.folder, "pg"), "postgres"], input=f"CREATE DATABASE {self.name_of_data}\n",
                       text=True, check=True, capture_output=True)


class Cache(Redis):
    """A Redis that begins as the command of its service says."""

    def __init__(self, folder, words):
        self.words = words
        super().__init__(folder, None, None)

    def command(self):
        shell, option, script = self.words
        program = self.path("usr", "bin", "redis-server")
        given = f"{program} - --bind 127.0.0.1 --port {self.port} --dir {self.folder} --save ''"
        assert script.count("redis-server -") == 1, script
        return [shell, option, script.replace("redis-server -", given)]


class App:
    """The app of a folder, with these variables."""

    def __init__(self, folder, name, source, env):
        self.process = Process(name, [need.program("node"), source], folder, env)
        self.port, self.env = env["PORT"], env
        self.process.wait_until(lambda: '"ready"' in self.process.out(), 180, f"{name} is ready")

    def stop(self):
        assert self.process.stop(60) == 0, self.process.err()[-2000:]

    def close(self):
        self.process.signal(15)
        self.process.kill9()


class Stand:
    """All services. `opensearch` and `jaeger` run already, and others use them, too, so that `data_stream` is a name of
    the test's own."""

    def __init__(self, closing, folder, opensearch, jaeger, authority):
        status, self.project, said = load()
        assert status == 0, said
        self.folder, self.closing, self.opensearch, self.jaeger = str(folder), closing, opensearch, jaeger
        self.data_stream, self.app_port = opensearch.index("logs-shop"), free_port()
        self.places, self.words = {}, {DATA_STREAM: self.data_stream}
        self.secrets = self.made_secrets()
        self.postgres, self.redis = self.databases(authority)
        self.map_addresses()
        self.sidecar = self.started_sidecar()
        self.app = self.started_app()
        self.prometheus = self.started_prometheus()

    def service(self, name):
        return self.project["services"][name]

    def secret(self, name):
        with open(os.path.join(self.secrets, name), encoding="ascii") as file:
            return file.read()

    def made_secrets(self):
        folder = os.path.join(self.folder, "secrets")
        subprocess.run(["sh", os.path.join(FOLDER, "secrets.sh"), folder], check=True)
        self.places["/run/secrets"] = folder
        return folder

    def databases(self, authority):
        cert, key = authority.signed("server", "subjectAltName=IP:127.0.0.1\n")
        given = self.service("postgres")["environment"]
        place = self.own("postgres")
        postgres = self.closing.keep(Database(place, cert, key, given, self.secret("postgres_password")))
        words = [self.here(word) for word in self.service("redis")["command"]]
        # The loader keeps `$$` as it is written; docker compose makes a dollar sign of it when it starts a container.
        return postgres, self.closing.keep(Cache(self.own("redis"), [word.replace("$$", "$") for word in words]))

    def own(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path, exist_ok=True)
        return path

    def map_addresses(self):
        self.sidecar_port, self.otlp_port = free_port(), free_port()
        for name, address in (("postgres:5432", self.postgres.port), ("redis:6379", self.redis.port),
                              ("opensearch:9200", self.opensearch.url), ("jaeger:4318", self.jaeger.otlp_http),
                              ("app:9464", self.sidecar_port), ("127.0.0.1:3000", self.app_port),
                              ("127.0.0.1:4318", self.otlp_port)):
            self.words[name] = f"127.0.0.1:{str(address).rsplit(':', 1)[-1]}"
        for name in ("app", "oxpecker"):
            for volume in self.service(name)["volumes"]:
                if volume["type"] == "volume" and volume["source"] != "state":
                    self.places[volume["target"]] = self.own(volume["source"])

    def here(self, text):
        """A text of a configuration, with what is of a container replaced by what is of the test."""
        for old, new in {**self.places, **self.words}.items():
            text = re.sub(rf"(?<![\w.-]){re.escape(old)}(?![\w.-])", new, text)
        return text

    def started_sidecar(self):
        """Its state is in the harness's folder, where this looks for the control socket."""
        with open(os.path.join(FOLDER, "oxpecker.yaml"), encoding="utf-8") as file:
            text = self.here(file.read())
        for old, new in (("state: /var/lib/oxpecker", "state: ${DIR}"), ('":9464"', '"127.0.0.1:${PORT}"')):
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        words = ["--set", f"receive.otlp.http=127.0.0.1:{self.otlp_port}"]
        made = agent.Oxpecker(text, self.own("oxpecker"), words=words)
        made.port = made.env["PORT"] = self.sidecar_port
        return self.closing.keep(made).start()

    def environment(self, **more):
        given = {name: self.here(value) for name, value in self.service("app")["environment"].items()}
        return {**given, "PORT": self.app_port, "OTEL_BSP_SCHEDULE_DELAY": 200, **more}

    def started_app(self):
        env = self.environment(NODE_PATH=modules(self.folder))
        return self.closing.keep(App(self.own("app"), "shop", os.path.join(SHOP, "app.js"), env))

    def direct_app(self, name, elastic, jaeger, index):
        """The app as it was without a sidecar, by the lines that conf/app.md says to change. `jaeger` takes Thrift."""
        folder = self.own(name)
        shutil.copy(os.path.join(SHOP, "app.js"), folder)
        with open(os.path.join(TOP, "conf", "app.md"), encoding="utf-8") as file:
            diff, = re.findall(r"^```diff\n(.*?)^```$", file.read(), re.M | re.S)
        subprocess.run(["git", "apply", "-R", "-"], input=diff, text=True, check=True, cwd=folder,
                       env={**os.environ, "GIT_CEILING_DIRECTORIES": self.folder})
        env = self.environment(NODE_PATH=os.path.join(need.built("shop"), "node_modules"), PORT=free_port(),
                               LOG_INDEX=index, ELASTICSEARCH_URL=elastic, JAEGER_URL=jaeger, OTEL_SERVICE_NAME=name)
        for variable in ("LOG_FILE", "METRICS_SOCKET", "OTEL_EXPORTER_OTLP_ENDPOINT"):
            del env[variable]
        return self.closing.keep(App(folder, name, os.path.join(folder, "app.js"), env))

    def started_prometheus(self):
        """Its folders are copies, since one has targets of ours."""
        service, folder = self.service("prometheus"), self.own("prometheus")
        for volume in service["volumes"]:
            if volume["type"] != "bind":
                continue
            place = folder + volume["target"]
            if os.path.isdir(volume["source"]):
                shutil.copytree(volume["source"], place)
                continue
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(volume["source"], encoding="utf-8") as file, open(place, "w", encoding="utf-8") as to:
                to.write(self.here(file.read()))
        flags = dict(word.split("=", 1) for word in service["command"])
        config = folder + flags.pop("--config.file")
        assert flags.pop("--storage.tsdb.path") and flags.pop("--enable-feature") in Prometheus.features
        words = ["--web.user-assets=" + folder + flags.pop("--web.user-assets")]
        assert not flags, flags
        return self.closing.keep(Prometheus(folder, config=config, words=words))

    def wait_ready(self, ready=True):
        wanted = 200 if ready else 503
        wait_until(lambda: self.sidecar.ask("/health/readiness")[0] == wanted, 90, f"readiness is {wanted}")
