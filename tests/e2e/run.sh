#!/bin/sh
# Runs pytest on the given files in the environment that build.sh made. ctest calls it; OXPECKER_BIN names the agent.
# Without the environment the test is skipped (77), in CI it fails.
set -eu

build=$(cd "$(dirname "$0")" && pwd)/../backends/build.sh
if ! home=$(sh "$build" --path pytest); then
	echo "the Python environment is not built: run tests/backends/build.sh pytest"
	[ "${CI:-}" = true ] && exit 1
	exit 77
fi
# What Python and pytest make of the sources is kept for the next time, but not beside them. Images of Python often say
# that nothing is kept: each file would compile the standard library anew then.
export PYTHONPYCACHEPREFIX="${XDG_CACHE_HOME:-$HOME/.cache}/oxpecker-tests/pyc" PYTHONDONTWRITEBYTECODE=
# Tests have threads of gRPC and start programs by fork: its handlers in the child break it now and then before exec.
export GRPC_ENABLE_FORK_SUPPORT=false
exec "$home/bin/python" -m pytest -q -p no:cacheprovider -rs --no-fold-skipped --tb=short "$@"
