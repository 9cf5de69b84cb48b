#!/bin/sh
# Prints what CHANGELOG.md says of a version: the notes of its release. Fails if it says nothing.
set -eu

version=${1:?usage: notes.sh VERSION}
log=$(dirname "$0")/../CHANGELOG.md
awk -v version="$version" '
	/^## / { ours = ($2 == version) }
	ours && !/^## / { print; if (/[^ ]/) said = 1 }
	END { exit !said }
' "$log" || { echo "notes.sh: CHANGELOG.md has no section \"## $version\"" >&2; exit 1; }
