#!/bin/sh
# Every test, from a clean clone on a fresh Debian 12: installs what is missing, builds with the sanitizers, gets the
# real backends ready, runs ctest. Arguments go to ctest: `sh tests/run.sh -L unit`. Nothing is written into the
# checkout: what takes minutes once is kept below the XDG cache. Ends with ctest's summary and its exit status.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/oxpecker-tests
build=$cache/build-asan-$(printf %s "$root" | sha256sum | cut -c1-12)
backends='pytest python_sdk node bulk_clients loggers prometheus opensearch opensearch3 elasticsearch jaeger'

step() {
	echo "== $*"
}

# Only what the kinds of test that are asked for use is worth the wait.
backends_for() {
	case " $* " in
	*' -L unit '* | *' -L fuzz '* | *' -L lint '*) ;;
	*' -L conformance '*) echo pytest ;;
	*) echo "$backends" ;;
	esac
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
mkdir -p "$build"
(cd "$root" && cmake --preset dev -B "$build" >"$build/configure.log" 2>&1) || { cat "$build/configure.log"; exit 1; }
ninja -C "$build" --quiet

# shellcheck disable=SC2046
build_backends $(backends_for "$@")

step "tests: ctest $*"
cd "$build"
exec ctest --output-on-failure -j "$(($(nproc) + 1))" "$@"
