#!/bin/sh
# Installs the Debian packages that are missing for: build (the program), package (and its Debian package), tests, demo.
# What is there already, from Debian or from elsewhere, is left alone, so a second run costs nothing. Needs root or sudo
# only when something is missing.
set -eu

say() {
	echo "packages: $*"
}

have() {
	command -v "$1" >/dev/null 2>&1
}

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | cut -c1-2)" = ii ]
}

missing=

# want PACKAGE [COMMAND]: the package, unless the command is there.
want() {
	[ -n "${2:-}" ] && have "$2" && return
	installed "$1" || missing="$missing $1"
}

want_curl() {
	pkg-config --exists libcurl 2>/dev/null || want libcurl4-openssl-dev
}

want_build() {
	want ca-certificates
	want gcc cc
	want libc6-dev
	want cmake cmake
	want ninja-build ninja
	want pkg-config pkg-config
	want protobuf-c-compiler protoc-c
	want_curl
	for library in libevent-dev libmicrohttpd-dev libgnutls28-dev libnghttp2-dev libsqlite3-dev libfyaml-dev libjansson-dev libxxhash-dev \
		libprotobuf-c-dev zlib1g-dev libzstd-dev libisal-dev libpcre2-dev nettle-dev libsnappy-dev \
		libpq-dev libmariadb-dev libssl-dev; do
		want $library
	done
}

# What cpack calls.
want_package() {
	want_build
	want file file
	want dpkg-dev dpkg-shlibdeps
}

want_tests() {
	want_package
	want libcmocka-dev
	want git git
	want python3 python3
	python3 -c 'import ensurepip' 2>/dev/null || want python3-venv
	want golang-go go
	want openjdk-17-jdk-headless javac
	want maven mvn
	want nodejs node
	want npm npm
	want shellcheck shellcheck
	want clang clang
	want clang-format-14 clang-format-14
	want logrotate logrotate
	want bindfs bindfs
	want dnsmasq-base
	want strace strace
	want zsh zsh
	want fish fish
	want mandoc mandoc
	want systemd systemd-analyze
	for package in podman runc catatonit netavark aardvark-dns debootstrap iptables; do
		want $package
	done
	# What the databases of tests/backends/build.sh are linked with.
	for library in libaio1 libicu72 libjemalloc2 libldap-2.5-0 liblzf1 libnuma1 libpam0g liburing2 libxml2 libxslt1.1 tzdata; do
		want $library
	done
}

want_demo() {
	want_build
	want python3 python3
	want curl curl
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif have sudo; then
		sudo "$@"
	else
		say "root or sudo is needed to install:$missing"
		exit 1
	fi
}

case ${1:-} in
build) want_build ;;
package) want_package ;;
tests) want_tests ;;
demo) want_demo ;;
*)
	echo "usage: packages.sh build|package|tests|demo"
	exit 2
	;;
esac

if [ -z "$missing" ]; then
	say "nothing is missing"
	exit 0
fi
say "installing$missing"
as_root apt-get update -q
# shellcheck disable=SC2086
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
