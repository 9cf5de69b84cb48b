#!/bin/sh
# collect.sh PROGRAM FOLDER, as root: puts into FOLDER what the program needs to run in an image that has nothing else. Libraries
# that it loads by itself are those that the sources name in library_load(), agent/base/library.h; what these load in turn is
# named here.
set -eu

program=$1
into=$2
top=$(cd "$(dirname "$0")/../.." && pwd)

loaded() {
	grep -rhoE --include='*.c' 'library_load\("[^"]+"' "$top/agent" "$top/collectors" "$top/exporters" "$top/proto" |
		cut -d'"' -f2 | sort -u
}

# Where the loader finds a library by its name.
path_of() {
	ldconfig -p | awk -v name="$1" '$1 == name { print $NF; exit }'
}

# How MySQL 8 and MariaDB's ed25519 take a password, from the folder whose path libmariadb was built with. Those that send it as
# it is are left out.
plugins_of() {
	case $1 in
	*/libmariadb.so.*)
		for name in caching_sha2_password client_ed25519; do
			echo "$(dirname "$(readlink -f "$1")")/libmariadb3/plugin/$name.so"
		done
		;;
	esac
}

# Everything that a program or a library is linked with, the loader among it.
linked() {
	ldd "$1" | awk '$2 == "=>" && $3 == "not" { print $1 " is missing" > "/dev/stderr"; exit 1 }
		$2 == "=>" { print $3 } $1 ~ "^/" { print $1 }'
}

copy() {
	[ -e "$into$1" ] || install -D -m 0755 "$1" "$into$1"
}

install -d "$into/etc/oxpecker" "$into/etc/ssl/certs" "$into/run/oxpecker" "$into/var/lib/oxpecker"
install -D -m 0755 -s "$program" "$into/usr/bin/oxpecker"
linked "$program" >"$into/list"
for name in $(loaded); do
	path=$(path_of "$name")
	[ -n "$path" ] || { echo "collect.sh: $name is not here" >&2; exit 1; }
	for each in $path $(plugins_of "$path"); do
		echo "$each" >>"$into/list"
		linked "$each" >>"$into/list"
	done
done
sort -u "$into/list" | while read -r path; do
	copy "$path"
done
rm "$into/list"

cp /etc/ssl/certs/ca-certificates.crt "$into/etc/ssl/certs/"
# Where OpenSSL looks for them if no file is named. libcurl finds the first name by itself.
install -d "$into/usr/lib/ssl"
ln -s /etc/ssl/certs/ca-certificates.crt "$into/usr/lib/ssl/cert.pem"
echo 'oxpecker:x:1001:1001:oxpecker:/var/lib/oxpecker:/nonexistent' >"$into/etc/passwd"
echo 'oxpecker:x:1001:' >"$into/etc/group"
chown 1001:1001 "$into/run/oxpecker" "$into/var/lib/oxpecker"
echo 'hosts: files dns' >"$into/etc/nsswitch.conf"
