#!/bin/sh
# secrets.sh [FOLDER]: makes the passwords that compose.yaml names, each in a file of its own, unless they are there. The folder is
# closed to other users of this machine; the files are not, since Compose shows them to containers as they are, and users differ.
set -eu

folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 700 "$folder"
for name in postgres_password redis_password grafana_password; do
	[ -s "$folder/$name" ] || head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$folder/$name"
	chmod 644 "$folder/$name"
done
