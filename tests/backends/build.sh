#!/bin/sh
# Builds, once, what the tests run against and cannot get from Debian: Jaeger, OpenSearch, the bench programs, the host
# apps' packages, the Python environments. Each ends up complete in its own folder of the cache, named by its version or
# by the sum of the files it is made from, and is never touched again: a half-built one is only ever a temporary folder.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tests=$(dirname "$here")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/oxpecker-tests
names='pytest python_sdk go_sdk java_sdk metric_clients node bulk_clients old_tracers loggers prometheus'
names="$names prometheus_parsers prometheus3 opensearch opensearch3 elasticsearch jaeger statsd_exporter actionlint"
names="$names databases bench containers shop compose_loader kustomize helm manifests victoriametrics tofu"
go_wanted=1.26.8 # of Helm
images=localhost/oxpecker-tests

usage() {
	cat <<END
usage: build.sh [--path] NAME...

Builds each NAME into $cache unless it is there, and prints its folder.
  jaeger       Jaeger 2 (needs go; fetches a newer Go through the Go module proxy when Debian's is too old)
  opensearch   an embedded OpenSearch 2 node (needs a JDK 17 and maven)
  opensearch3  an embedded OpenSearch 3 node with a Java of its own, since it wants 21 (needs what opensearch needs)
  elasticsearch  an embedded Elasticsearch 7.10 node, without what is not open source (needs a JDK 17 and maven)
  prometheus   Debian's prometheus and promtool, unpacked and not installed: no service is started
  prometheus3  Prometheus 3, which has no page of its own: its API is enough (needs go)
  databases    Debian's PostgreSQL, MariaDB and Redis, unpacked and not installed: no service is started
  statsd_exporter  what StatsD lines are compared with (needs go)
  victoriametrics  another receiver of series that are pushed (needs go)
  actionlint   what reads the workflows of .github (needs go)
  kustomize    what builds conf/kubernetes (needs go)
  helm         what builds conf/helm (needs go; four minutes)
  manifests    what reads manifests with the Go types of Kubernetes, and the Pod Security standard (needs go)
  tofu         OpenTofu, which reads conf/terraform (needs go; four minutes)
  prometheus_parsers  what reads pages with Prometheus' own parsers (needs go)
  compose_loader  what reads files of compose with the specification's own loader (needs go)
  containers   a bare Debian 12 and one that can build the agent, in a store of images (needs root, podman, debootstrap)
  bench        the yardstick programs, the load generator and the sink (needs go, cc, libisal-dev)
  node         the packages of tests/hosts/node (needs npm)
  shop         the packages of tests/hosts/shop (needs npm)
  bulk_clients the clients of tests/hosts/bulk_clients (needs npm)
  old_tracers  the tracers of tests/hosts/old_tracers (needs npm)
  loggers      the programs of tests/hosts/loggers and their libraries (needs npm, go, a JDK 17 and maven)
  python_sdk   a virtual environment for tests/hosts/python_sdk
  go_sdk       the program of tests/hosts/go_sdk, and telemetrygen (needs go)
  java_sdk     the program of tests/hosts/java_sdk and its libraries (needs a JDK 17 and maven)
  metric_clients  Prometheus' client for Java and Micrometer, tests/hosts/metric_clients (needs a JDK 17 and maven)
  pytest       a virtual environment for the end-to-end tests
  otelcol      the OpenTelemetry Collector, a peer for the bench; not part of all (needs go; ten minutes)
  --path       print the folder and build nothing; fails when it is not there
END
}

say() {
	echo "build.sh: $*" >&2
}

sum_of() {
	cat "$@" | sha256sum | cut -c1-12
}

# The folder of a name below the cache.
folder_of() {
	case $1 in
	jaeger) echo "jaeger-1.76.0-$(sum_of "$here/jaeger/go.mod" "$here/jaeger/go.sum")" ;;
	prometheus) echo "prometheus-debian-$(cut -d. -f1 /etc/debian_version)" ;;
	prometheus3) echo "prometheus-3.13.2-$(sum_of "$here"/prometheus3/*)" ;;
	databases) echo "databases-debian-$(cut -d. -f1 /etc/debian_version)" ;;
	statsd_exporter) echo statsd_exporter-0.31.0 ;;
	victoriametrics) echo victoriametrics-1.132.0 ;;
	actionlint) echo actionlint-1.7.12 ;;
	kustomize) echo kustomize-5.8.0 ;;
	helm) echo helm-4.3.2 ;;
	manifests) echo "manifests-$(sum_of "$here"/manifests/*)" ;;
	tofu) echo "tofu-1.12.6-$(sum_of "$here"/tofu/go.*)" ;;
	prometheus_parsers) echo "prometheus_parsers-$(sum_of "$here"/prometheus_parsers/*)" ;;
	compose_loader) echo "compose_loader-$(sum_of "$here"/compose_loader/*)" ;;
	opensearch) echo "opensearch-2.19.1-$(sum_of "$here/opensearch/pom.xml" "$here/opensearch/Main.java")" ;;
	opensearch3) echo "opensearch-3.8.0-$(sum_of "$here"/opensearch3/* "$here/opensearch/Main.java")" ;;
	elasticsearch) echo "elasticsearch-7.10.2-$(sum_of "$here"/elasticsearch/*)" ;;
	containers) echo "containers-$(sum_of "$tests/../conf/packages.sh" "$tests"/deploy/*.conf)" ;;
	bench) echo "bench-$(cd "$tests/bench" && sum_of ./*.c go.mod go.sum gen/*.go sink/*.go)" ;;
	otelcol) echo "otelcol-0.161.0-$(sum_of "$here/otelcol/manifest.yaml")" ;;
	node) echo "node-$(sum_of "$tests/hosts/node/package.json" "$tests/hosts/node/package-lock.json")" ;;
	shop) echo "shop-$(sum_of "$tests/hosts/shop/package.json" "$tests/hosts/shop/package-lock.json")" ;;
	bulk_clients) echo "bulk_clients-$(python_tag)-$(sum_of "$tests"/hosts/bulk_clients/*.[jt]*)" ;;
	old_tracers) echo "old_tracers-$(python_tag)-$(sum_of "$tests"/hosts/old_tracers/*.json \
		"$tests"/hosts/old_tracers/*.txt)" ;;
	loggers) echo "loggers-$(python_tag)-$(cd "$tests/hosts/loggers" &&
		sum_of ./*.json ./*.txt main.go go.* Loggers.java pom.xml)" ;;
	python_sdk) echo "python_sdk-$(python_tag)-$(sum_of "$tests/hosts/python_sdk/requirements.txt")" ;;
	go_sdk) echo "go_sdk-$(cd "$tests/hosts/go_sdk" && sum_of main.go go.mod go.sum)" ;;
	java_sdk) echo "java_sdk-$(sum_of "$tests"/hosts/java_sdk/*)" ;;
	metric_clients) echo "metric_clients-$(cd "$tests/hosts/metric_clients" && sum_of Metrics.java pom.xml)" ;;
	pytest) echo "pytest-$(python_tag)-$(sum_of "$tests/e2e/requirements.txt")" ;;
	*) return 1 ;;
	esac
}

python_tag() {
	python3 -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])'
}

go_is_new_enough() {
	version=$("$1" env GOVERSION 2>/dev/null) || return 1
	[ "$(printf 'go%s\n%s\n' "$go_wanted" "$version" | sort -V | head -n 1)" = "go$go_wanted" ]
}

# A toolchain is a Go module like any other, so an old go command can fetch a new one and check its sum. It does not
# know that the files are programs: the modes, and the name of src/go.mod, are set right here.
fetch_go() {
	arch=$(go env GOARCH)
	into="$cache/go-$go_wanted"
	[ -x "$into/bin/go" ] && return
	say "go $go_wanted: fetching it as a module, $(go env GOVERSION) is too old"
	unpacked="$cache/.go-modules"
	GOPATH=$unpacked GOFLAGS=-modcacherw go mod download "golang.org/toolchain@v0.0.1-go$go_wanted.linux-$arch" >&2
	module="$unpacked/pkg/mod/golang.org/toolchain@v0.0.1-go$go_wanted.linux-$arch"
	chmod +x "$module"/bin/* "$module"/pkg/tool/linux_"$arch"/*
	find "$module" -name _go.mod -execdir cp {} go.mod \;
	mv "$module" "$into"
	rm -rf "$unpacked"
}

# Prints the go command to use.
go_command() {
	command -v go >/dev/null || { say "go is not installed"; exit 1; }
	if go_is_new_enough go; then
		command -v go
	else
		fetch_go
		echo "$cache/go-$go_wanted/bin/go"
	fi
}

build_jaeger() {
	go=$(go_command)
	cp "$here"/jaeger/go.* .
	GOROOT='' GOTOOLCHAIN=local nice "$go" build -buildvcs=false -mod=mod -ldflags '-s -w' -o jaeger \
		github.com/jaegertracing/jaeger/cmd/jaeger
}

fetch_jars() {
	nice mvn -q -B -Dstyle.color=never dependency:copy-dependencies -DoutputDirectory=lib
}

build_opensearch() {
	cp "$here"/opensearch/* .
	fetch_jars
	javac -cp 'lib/*' -d classes Main.java
}

# Java 17 cannot read these jars, so Main is the one that was compiled against the older ones: it calls the same.
build_opensearch3() {
	older=$(sh "$here/build.sh" opensearch)
	cp -R "$older/classes" .
	cp "$here"/opensearch3/pom.xml .
	fetch_jars
	build_venv "$here/opensearch3/requirements.txt"
	java=$(find lib* -path '*/java-runtime/bin/java')
	chmod +x "$java"
	ln -s "$java" java
}

build_elasticsearch() {
	cp "$here"/elasticsearch/* .
	fetch_jars
	javac -cp 'lib/*' -d classes Main.java
}

build_prometheus() {
	apt-get download -q -o APT::Sandbox::User=root prometheus
	dpkg -x prometheus_*.deb .
	rm prometheus_*.deb
}

build_databases() {
	apt-get download -q -o APT::Sandbox::User=root postgresql-15 mariadb-server-core mariadb-client-core \
		redis-tools redis-server
	for package in ./*.deb; do
		dpkg -x "$package" .
		rm "$package"
	done
	./usr/bin/mariadb-install-db --no-defaults --basedir="$PWD/usr" --datadir="$PWD/mariadb" --skip-test-db \
		--auth-root-authentication-method=normal --user="$(id -un)" --innodb-log-file-size=4M
}

# build_own FOLDER: a Go program of ours.
build_own() {
	go=$(go_command)
	into=$PWD
	cd "$here/$1"
	GOROOT='' GOTOOLCHAIN=local nice "$go" build -buildvcs=false -ldflags '-s -w' -o "$into/" .
}

build_prometheus_parsers() {
	build_own prometheus_parsers
}

build_compose_loader() {
	build_own compose_loader
}

build_manifests() {
	build_own manifests
}

# Without service discovery, which needs the libraries of a dozen clouds: tests name their targets.
build_prometheus3() {
	go=$(go_command)
	cp "$here"/prometheus3/go.* .
	GOROOT='' GOTOOLCHAIN=local nice "$go" build -buildvcs=false -mod=mod -tags 'remove_all_sd netgo' \
		-ldflags '-s -w' -o prometheus github.com/prometheus/prometheus/cmd/prometheus
}

# install_go MODULE@VERSION: a program as its authors publish it.
install_go() {
	go=$(go_command)
	GOROOT='' GOTOOLCHAIN=local GOBIN=$PWD nice "$go" install -ldflags '-s -w' "$1"
}

build_statsd_exporter() {
	install_go github.com/prometheus/statsd_exporter@v0.31.0
}

build_victoriametrics() {
	install_go github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics@v1.132.0
}

build_actionlint() {
	install_go github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
}

build_kustomize() {
	install_go sigs.k8s.io/kustomize/kustomize/v5@v5.8.0
}

build_helm() {
	install_go helm.sh/helm/v4/cmd/helm@v4.3.2
}

build_tofu() {
	go=$(go_command)
	cp "$here"/tofu/go.* .
	GOROOT='' GOTOOLCHAIN=local nice "$go" build -buildvcs=false -ldflags '-s -w' -o tofu \
		github.com/opentofu/opentofu/cmd/tofu
}

# Compilers that remember are put before the others: what the Dockerfile calls `cc` is as fast as here.
build_containers() {
	for program in debootstrap podman; do
		command -v $program >/dev/null || { say "$program is not installed"; exit 1; }
	done
	export CONTAINERS_CONF="$tests/deploy/containers.conf"
	run=$(mktemp -d) # podman wants it short
	debootstrap --variant=minbase bookworm bare
	tar -C bare -c . | in_store import - "$images/bare"
	in_store run --name build --network=host -v "$tests/../conf:/conf:ro" "$images/bare" \
		sh /conf/packages.sh build
	in_store commit -q build with_packages
	in_store rm build
	in_store run --name build --network=host with_packages sh -c '
		apt-get install -q -y --no-install-recommends ccache && apt-get clean && rm -rf /var/lib/apt/lists/* &&
		echo cache_dir = /ccache >/etc/ccache.conf &&
		ln -s ../../bin/ccache /usr/local/bin/cc && ln -s ../../bin/ccache /usr/local/bin/gcc'
	in_store commit -q build "$images/build"
	in_store rm build
	rm -rf bare "$run"
}

in_store() {
	podman --root "$PWD/store" --runroot "$run" "$@"
}

build_bench() {
	go=$(go_command)
	for limit in limit-logs limit-spans limit-metrics; do
		${CC:-cc} -O2 -march=native "$tests/bench/$limit.c" -o $limit -lisal
	done
	(cd "$tests/bench" && GOROOT='' GOTOOLCHAIN=local "$go" build -buildvcs=false -o "$OLDPWD/" ./gen ./sink)
}

# The builder is a Go program that writes the main package of a Collector from the manifest, and builds it.
build_otelcol() {
	go=$(go_command)
	PATH=$(dirname "$go"):$PATH
	export GOROOT='' GOTOOLCHAIN=local
	GOBIN=$PWD nice go install go.opentelemetry.io/collector/cmd/builder@v0.161.0
	nice ./builder --config "$here/otelcol/manifest.yaml"
	mv out/otelcol otelcol
	rm -rf out builder
}

# The packages of an app in Node, tests/hosts/NAME.
fetch_packages() {
	cp "$tests/hosts/$1/package.json" "$tests/hosts/$1/package-lock.json" .
	npm ci --no-audit --no-fund --loglevel=error
}

build_node() {
	fetch_packages node
}

build_shop() {
	fetch_packages shop
}

build_bulk_clients() {
	cp "$tests"/hosts/bulk_clients/*.json .
	npm ci --no-audit --no-fund --loglevel=error
	build_venv "$tests/hosts/bulk_clients/requirements.txt"
}

build_old_tracers() {
	cp "$tests"/hosts/old_tracers/*.json .
	npm ci --no-audit --no-fund --loglevel=error
	build_venv "$tests/hosts/old_tracers/requirements.txt"
}

build_loggers() {
	cp "$tests"/hosts/loggers/*.json "$tests"/hosts/loggers/pom.xml .
	npm ci --no-audit --no-fund --loglevel=error
	fetch_jars
	javac -encoding UTF-8 -cp 'lib/*' -d classes "$tests/hosts/loggers/Loggers.java"
	go=$(go_command)
	(cd "$tests/hosts/loggers" && GOROOT='' GOTOOLCHAIN=local "$go" build -buildvcs=false -o "$OLDPWD/loggers" .)
	build_venv "$tests/hosts/loggers/requirements.txt"
}

build_venv() {
	python3 -m venv .
	./bin/pip install -q --disable-pip-version-check -r "$1"
}

build_python_sdk() {
	build_venv "$tests/hosts/python_sdk/requirements.txt"
}

build_go_sdk() {
	go=$(go_command)
	into=$PWD
	cd "$tests/hosts/go_sdk"
	for package in . github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen; do
		GOROOT='' GOTOOLCHAIN=local nice "$go" build -buildvcs=false -ldflags '-s -w' -o "$into/" "$package"
	done
}

build_java_sdk() {
	cp "$tests"/hosts/java_sdk/* .
	fetch_jars
	javac -encoding UTF-8 -cp 'lib/*' -d classes Spans.java
}

build_metric_clients() {
	cp "$tests"/hosts/metric_clients/Metrics.java "$tests"/hosts/metric_clients/pom.xml .
	fetch_jars
	javac -encoding UTF-8 -cp 'lib/*' -d classes Metrics.java
}

build_pytest() {
	build_venv "$tests/e2e/requirements.txt"
}

# A virtual environment knows its own place, so folders are built where they will stand and a mark says that they are
# whole. The build is a shell of its own: `set -e` would not hold inside a condition.
build_in() {
	rm -rf "$2"
	mkdir -p "$2"
	say "$1: building into $2"
	(cd "$2" && exec sh "$here/build.sh" --here "$1" >&2) || { say "$1: failed"; rm -rf "$2"; return 1; }
	touch "$2/.complete"
}

one() {
	path=$cache/$(folder_of "$1") || { say "unknown name: $1"; exit 2; }
	if [ ! -e "$path/.complete" ]; then
		[ "$build" = yes ] || exit 1
		mkdir -p "$cache"
		(flock 9; [ -e "$path/.complete" ] || build_in "$1" "$path") 9>"$cache/.$1.lock" || exit 1
	fi
	echo "$path"
}

build=yes
case ${1:-} in
--path) build=no; shift ;;
--here) "build_$2"; exit 0 ;;
-h | --help) usage; exit 0 ;;
esac
[ $# -gt 0 ] || { usage >&2; exit 2; }
[ "$1" != all ] || eval "set -- $names"
for name in "$@"; do
	one "$name"
done
