#!/bin/sh
# The demo: builds the agent, starts it with its built-in defaults beside a small shop that makes its own traffic, and says
# what there is to see. Ctrl-C ends both. What it installs and where it builds is said line by line; a second start takes
# seconds. `sh conf/start.sh --once` ends by itself after showing everything.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/release
bin=$build/oxpecker
once=no
case ${1:-} in
--once) once=yes ;;
'') ;;
*)
	echo "usage: start.sh [--once]"
	exit 2
	;;
esac

step() {
	echo "== $*"
}

fail() {
	echo "start.sh: $*" >&2
	exit 1
}

# Whether something listens on that port of the loopback: curl says 7 when it is refused.
taken() {
	curl -s -m 1 -o /dev/null "http://127.0.0.1:$1/" && return 0
	[ $? -ne 7 ]
}

# The first free port from $1 on.
free_from() {
	port=$1
	while taken "$port"; do
		port=$((port + 1))
	done
	echo "$port"
}

# await SECONDS WHAT COMMAND...: until the command succeeds.
await() {
	left=$(($1 * 10))
	what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ $left -gt 0 ] || fail "waited in vain for $what; the agent's log is $run/agent.log, the app's $run/app.err"
		sleep 0.1
	done
}

build_agent() {
	step "build: Release, into $build"
	mkdir -p "$build"
	if ! (cd "$root" && cmake --preset release) >"$build/configure.log" 2>&1; then
		cat "$build/configure.log"
		fail "configuring failed"
	fi
	ninja -C "$build" --quiet oxpecker
}

# Sets `app` to the command of the host app.
choose_app() {
	app=
	if command -v node >/dev/null && command -v npm >/dev/null; then
		step "demo app: Node (Express, prom-client, winston, OpenTelemetry); packages from its lock file, once"
		if modules=$(sh "$root/tests/backends/build.sh" node); then
			export NODE_PATH="$modules/node_modules"
			app="node $root/tests/hosts/node/app.js"
			return
		fi
	fi
	step "demo app: Python, which needs nothing but python3 (node and npm, or their packages, are not at hand)"
	app="python3 $root/tests/hosts/python/app.py"
}

ended=no
end() {
	[ $ended = no ] || return 0
	ended=yes
	trap '' INT TERM
	step "stopping"
	# The app first: the agent takes what it still sends, as a sidecar does. Both have sessions of their own, so that
	# Ctrl-C reaches this script alone.
	for pid in ${app_pid:-} ${agent_pid:-}; do
		kill -TERM "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "$run"
}

start_agent() {
	listen=$(free_from 9464)
	otlp=$(free_from 4318)
	options="--set control=unix:$run/control.sock --set state.path=$run/state"
	step "agent: built-in defaults; metrics and probes on 127.0.0.1:$listen, spans on 127.0.0.1:$otlp"
	# shellcheck disable=SC2086
	setsid "$bin" $options --set "listen=127.0.0.1:$listen" --set "receive.otlp.http=127.0.0.1:$otlp" \
		--set "metrics.collect.scrape.target=unix:$run/app-metrics.sock" \
		--set "logs.collect.tail=$run/app.log" 2>"$run/agent.log" &
	agent_pid=$!
	await 10 "the agent" sh -c "curl -sf http://127.0.0.1:$listen/health/liveness | grep -q ok"
}

start_app() {
	# shellcheck disable=SC2086
	METRICS_SOCKET=$run/app-metrics.sock LOG_FILE=$run/app.log OTEL_SERVICE_NAME=shop \
		OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$otlp OTEL_BSP_SCHEDULE_DELAY=500 \
		setsid $app --traffic 5/s >"$run/app.out" 2>"$run/app.err" &
	app_pid=$!
	await 20 "the demo app" grep -q '"ready"' "$run/app.out"
}

shows() {
	# shellcheck disable=SC2086
	[ -n "$("$bin" show "$1" $options 2>/dev/null)" ]
}

excerpt() {
	echo
	echo "-- oxpecker show $1"
	# shellcheck disable=SC2086
	"$bin" show "$1" $options | head -n 5 | cut -c 1-200
}

show_all() {
	for signal in logs traces metrics; do
		await 30 "the first $signal" shows $signal
	done
	for signal in logs traces metrics; do
		excerpt $signal
	done
	echo
	echo "-- oxpecker status"
	# shellcheck disable=SC2086
	"$bin" status $options | head -n 20 | cut -c 1-200
	cat <<END

What to look at:
  metrics     curl http://127.0.0.1:$listen/metrics
  liveness    curl http://127.0.0.1:$listen/health/liveness
  readiness   curl http://127.0.0.1:$listen/health/readiness
  delivery    curl http://127.0.0.1:$listen/health/delivery
  status      $bin status $options
  logs        $bin show logs $options
  traces      $bin show traces $options
  metrics     $bin show metrics $options
END
}

step "packages: Debian's, where missing"
sh "$root/conf/packages.sh" demo
build_agent
run=$(mktemp -d "${TMPDIR:-/tmp}/oxpecker-demo-XXXXXX")
trap end EXIT
trap 'exit 0' INT TERM
choose_app
start_agent
start_app
show_all
if [ $once = no ]; then
	echo
	step "running; Ctrl-C ends it"
	wait "$agent_pid" || fail "the agent ended: $(tail -n 3 "$run/agent.log")"
fi
