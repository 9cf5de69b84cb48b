#!/bin/sh
# Every test, from a clean clone on a fresh Debian 12: installs what is missing, builds with the sanitizers (and once
# without, to measure memory), gets the real backends ready, runs ctest. Arguments go to ctest: `sh tests/run.sh -L
# unit`. Nothing is written into the checkout: what takes minutes once is kept below the XDG cache. Ends with ctest's
# summary and its exit status.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/oxpecker-tests
place=$(printf %s "$root" | sha256sum | cut -c1-12)
build=$cache/build-asan-$place
release=$cache/build-release-$place
backends='pytest python_sdk go_sdk java_sdk metric_clients node bulk_clients old_tracers loggers prometheus'
backends="$backends prometheus_parsers prometheus3 statsd_exporter opensearch opensearch3 elasticsearch jaeger"
backends="$backends databases actionlint containers shop compose_loader kustomize helm manifests victoriametrics tofu"

step() {
	echo "== $*"
}

# Only what the kinds of test that are asked for use is worth the wait.
backends_for() {
	case " $* " in
	*' -L unit '* | *' -L fuzz '* | *' -L lint '*) ;;
	*' -L conformance '*) echo pytest prometheus3 ;;
	*' -L deploy '*) echo pytest containers databases prometheus actionlint opensearch jaeger shop \
		compose_loader kustomize helm manifests tofu ;;
	*) echo "$backends" ;;
	esac
}

# build_in FOLDER PRESET [TARGET]
build_in() {
	mkdir -p "$1"
	(cd "$root" && cmake --preset "$2" -B "$1" >"$1/configure.log" 2>&1) || { cat "$1/configure.log"; exit 1; }
	ninja -C "$1" --quiet ${3:+"$3"}
}

build_backends() {
	for name in "$@"; do
		step "backend: $name (once, kept in $cache)"
		sh "$here/backends/build.sh" "$name" || echo "no $name here: its tests are skipped, in CI they fail"
	done
}

step "packages: Debian's, where missing"
sh "$root/conf/packages.sh" tests

step "build: with AddressSanitizer and UndefinedBehaviorSanitizer, into $build"
build_in "$build" dev

needed=$(backends_for "$@")
if [ "${needed#*containers}" != "$needed" ]; then
	step "build: the program as it is shipped, and what its package has, into $release"
	build_in "$release" package
	export OXPECKER_RELEASE_BIN="$release/oxpecker"
fi

# shellcheck disable=SC2086
build_backends $needed

# On average a test takes a quarter of a core; the rest of its time it waits.
step "tests: ctest $*"
cd "$build"
exec ctest --output-on-failure -j "$(($(nproc) * 4))" "$@"
