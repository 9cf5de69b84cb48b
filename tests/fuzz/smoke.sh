#!/bin/sh
# Feeds each fuzz target with new input for a while, starting from its corpus. What it finds is in build/fuzz/found, to
# be added to the corpus with the mend.
set -eu

if [ $# -eq 0 ]; then
	echo "usage: smoke.sh SECONDS [TARGET...], such as: smoke.sh 20 packed thrift"
	exit 2
fi
seconds=$1
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${FUZZ_BUILD:-$root/build/fuzz}
cd "$root"
mkdir -p "$build/found" "$build/grown"
cmake --preset fuzz -B "$build" >"$build/configure.log" 2>&1 || { cat "$build/configure.log"; exit 1; }
if [ $# -eq 0 ]; then
	for source in tests/fuzz/*_fuzz.c; do
		name=$(basename "$source" _fuzz.c)
		set -- "$@" "$name"
	done
fi
failed=
for name in "$@"; do
	ninja -C "$build" --quiet "${name}_fuzz"
	mkdir -p "$build/grown/$name"
	echo "== $name: $seconds s"
	"$build/tests/${name}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
		-artifact_prefix="$build/found/$name-" "$build/grown/$name" "tests/fuzz/corpus/$name" ||
		failed="$failed $name"
done
[ -z "$failed" ] || { echo "smoke.sh: found something:$failed"; exit 1; }
