#!/bin/sh
# Installs sts-broker from the folder that this script is in; --help says how.
set -eu
umask 022

version=@VERSION@
machine=@MACHINE@
# What the executable asks for, and what it takes for Kerberos, too.
glibc=@GLIBC@
glibc_kerberos=@GLIBC_KERBEROS@

usage() {
	cat <<USAGE
usage: ./install.sh [--prefix DIR] [--uninstall]

Installs sts-broker $version with its man pages, completions and systemd units.
  --prefix DIR   default: /usr/local for root, ~/.local for others; for the
                 script that was installed with it, where that lies
  --uninstall    removes what was installed below the prefix
DESTDIR is put in front of the prefix, for those who make packages; this
machine is not looked at then.
USAGE
}

say() { printf '%s\n' "$*"; }
fail() {
	printf 'install.sh: %s\n' "$2" >&2
	exit "$1"
}

prefix=
uninstall=no
while [ $# -gt 0 ]; do
	case $1 in
	--prefix=*)
		prefix=${1#--prefix=}
		[ -n "$prefix" ] || fail 2 '--prefix needs a directory'
		;;
	--prefix)
		[ -n "${2:-}" ] || fail 2 '--prefix needs a directory'
		prefix=$2
		shift
		;;
	--uninstall) uninstall=yes ;;
	--help | -h)
		usage
		exit 0
		;;
	*) fail 2 "unknown argument $1 (--help)" ;;
	esac
	shift
done

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ -z "$prefix" ] && [ $uninstall = yes ] && [ -f "$here/installed-files" ]; then
	prefix=${here%/share/doc/sts-broker}
	prefix=${prefix#"${DESTDIR:-}"}
elif [ -z "$prefix" ]; then
	if [ "$(id -u)" -eq 0 ]; then
		prefix=/usr/local
	else
		[ -n "${HOME:-}" ] || fail 2 'HOME is not set: --prefix says where to install'
		prefix=$HOME/.local
	fi
fi
prefix=${prefix%/}
case $prefix in
*[!A-Za-z0-9/._+@~-]*) fail 2 "the prefix $prefix has characters that a systemd unit does not take" ;;
/*) ;;
*) fail 2 'the prefix has to be an absolute path, and not / itself' ;;
esac
target=${DESTDIR:-}$prefix
list=share/doc/sts-broker/installed-files

# systemd looks for a user's own units below share; the units for accounts are the system's.
case $prefix in
"${HOME:-/nonexistent}"/*) units=share/systemd home=yes ;;
*) units=lib/systemd home=no ;;
esac

placed() {
	case $1 in
	systemd/*) printf '%s\n' "$units/${1#systemd/}" ;;
	*) printf '%s\n' "$1" ;;
	esac
}

if [ $uninstall = yes ]; then
	[ -f "$target/$list" ] || fail 1 "nothing is installed below $prefix: $target/$list is not there"
	while read -r file; do
		rm -f "$target/$file"
	done <"$target/$list"
	rmdir "$target/${list%/*}" 2>/dev/null || :
	say "sts-broker is removed from $prefix. Configuration and caches are left: /etc/sts-broker, ~/.config/sts-broker, ~/.cache/sts-broker."
	exit 0
fi

[ -f "$here/files" ] || fail 1 "$here has nothing to install: run install.sh of the unpacked archive"

older() { # is version $1, such as 2.31, older than $2?
	[ "${1%%.*}" -lt "${2%%.*}" ] || { [ "${1%%.*}" -eq "${2%%.*}" ] && [ "${1#*.}" -lt "${2#*.}" ]; }
}

if [ -z "${DESTDIR:-}" ]; then
	system=$(uname -s) here_machine=$(uname -m)
	[ "$system $here_machine" = "Linux $machine" ] || fail 1 "this archive is for Linux on $machine, and this is $system on $here_machine"
	has=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc \([0-9]*\.[0-9]*\).*/\1/p')
	[ -n "$has" ] || fail 1 "this system has no glibc (musl, as in Alpine?), which sts-broker needs: use the npm package"
	if older "$has" $glibc; then fail 1 "this system has glibc $has, and sts-broker needs $glibc or newer: use the npm package"; fi
	if older "$has" $glibc_kerberos; then say "note: glibc is $has, and identities with Kerberos need $glibc_kerberos or newer; everything else works"; fi
fi

say "installing sts-broker $version below $target"
new=$target/bin/.sts-broker.new.$$
new_list=$target/$list.new.$$
trap 'rm -f "$new" "$new_list"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$target/bin" 2>/dev/null || :
[ -w "$target/bin" ] || fail 1 "$target/bin cannot be written to: run it as root, or with --prefix"
rm -f "$new"
cp "$here/bin/sts-broker" "$new" || fail 1 "the program could not be written to $target/bin"
chmod 755 "$new"
if [ -z "${DESTDIR:-}" ]; then
	status=0
	# The program would look for a configuration for nothing.
	said=$("$new" --version 2>&1) || status=$?
	case $status in
	0) ;;
	126) fail 1 "programs cannot be run from $target/bin: is it mounted noexec? --prefix names another place" ;;
	*) fail 1 "the program does not run here: $(printf '%s' "$said" | head -n 1)" ;;
	esac
fi

before=
[ ! -f "$target/$list" ] || before=$(cat "$target/$list")
installed=
while read -r file; do
	case $home$file in
	yessystemd/system/*) ;;
	*)
		installed="$installed$(placed "$file")
"
		;;
	esac
done <"$here/files"

listed() { # standard input is what --uninstall removes
	rm -f "$new_list"
	cat >"$new_list"
	mv -f "$new_list" "$target/$list"
}

# First of all, so that --uninstall finds what a failure half-way leaves.
mkdir -p "$target/${list%/*}"
printf '%s%s\n' "$installed${before:+"$before
"}" "$list" | listed
while read -r file; do
	case $home$file in
	yessystemd/system/*) continue ;;
	esac
	to=$(placed "$file")
	mkdir -p "$target/${to%/*}"
	case $file in
	bin/sts-broker)
		[ ! -L "$target/$to" ] || rm -f "$target/$to"
		mv -f "$new" "$target/$to" # who runs the old one goes on with it
		;;
	systemd/*.service)
		rm -f "$target/$to"
		sed "s|^ExecStart=[^ ]*|ExecStart=$prefix/bin/sts-broker|" "$here/$file" >"$target/$to"
		chmod 644 "$target/$to"
		;;
	*)
		rm -f "$target/$to"
		cp "$here/$file" "$target/$to"
		# Whoever unpacked the archive may have had another umask.
		case $file in
		*/install.sh) chmod 755 "$target/$to" ;;
		*) chmod 644 "$target/$to" ;;
		esac
		;;
	esac
done <"$here/files"

# What an older version had and this one has not.
for file in $before; do
	case "
$installed$list
" in
	*"
$file
"*) ;;
	*) rm -f "$target/$file" ;;
	esac
done
printf '%s%s\n' "$installed" "$list" | listed

say "done. To remove it: $prefix/share/doc/sts-broker/install.sh --uninstall"
case :${PATH:-}: in
*:"$prefix/bin":*) ;;
*) say "note: $prefix/bin is not in PATH" ;;
esac
if [ $home = yes ] && command -v zsh >/dev/null; then
	say "note: zsh completes it with fpath+=$prefix/share/zsh/site-functions before compinit in ~/.zshrc"
fi
