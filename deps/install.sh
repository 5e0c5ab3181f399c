#!/bin/sh
# Installs the packages of packages.txt that are missing: those of [build], and with --test
# those of [test] too. Says nothing when there is nothing to do. Uses sudo only if not root.
# Steps: list what is missing, become root, install, updating apt's lists only on demand.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sections=build
[ "${1:-}" = --test ] && sections='build test'

fail() {
    echo "deps/install.sh: $*" >&2
    exit 1
}

# One "package" or "package:command" a line.
wanted() {
    awk -v sections=" $sections " '
        { sub(/#.*/, "") }
        /^\[/ { gsub(/[][ ]/, ""); on = index(sections, " " $0 " "); next }
        on && NF { print $1 ($2 == "|" ? ":" $3 : "") }' "$here/packages.txt"
}

missing() {
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null)
    for entry in $(wanted); do
        package=${entry%%:*}
        case "$entry" in *:*) ! command -v "${entry#*:}" >/dev/null || continue ;; esac
        printf '%s\n' "$installed" | grep -qx "installed $package" || printf ' %s' "$package"
    done
}

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
    fail "not a Debian system; install the equivalents of" $(wanted | cut -d: -f1) \
        "and run make DEPS=skip"
packages=$(missing)
[ -n "$packages" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    ask=sudo
    [ -t 0 ] || ask='sudo -n'
    command -v sudo >/dev/null && $ask true 2>/dev/null ||
        fail "needs root: apt-get install --no-install-recommends$packages"
    # With this user's PATH, so that root sees the same commands.
    exec $ask env PATH="$PATH:/usr/sbin:/sbin" "$0" "$@"
fi

log=$(mktemp)
policy=/usr/sbin/policy-rc.d
policy_is_ours=
tidy() {
    rm -f "$log"
    [ -z "$policy_is_ours" ] || rm -f "$policy"
}
trap tidy EXIT
trap 'exit 1' HUP INT TERM

# Debian starts a service when it installs one, now and at every boot. A test's oracle must
# not occupy port 6379, so redis-server is installed without either; a policy of the
# machine's own is left as it is.
case "$packages " in *' redis-server '*) quiet_redis=yes ;; *) quiet_redis= ;; esac
if [ -n "$quiet_redis" ] && [ ! -e "$policy" ]; then
    policy_is_ours=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 \
        -o Dpkg::Use-Pty=0 "$@" </dev/null >>"$log" 2>&1
}
install_all() {
    apt install -y --no-install-recommends $packages
}

echo "deps/install.sh: installing$packages"
install_all || { apt update && install_all; } ||
    fail "cannot install$packages: $(grep -E '^(E|Err|W):' "$log" | tail -n 1)"

if [ -n "$quiet_redis" ] && command -v update-rc.d >/dev/null; then
    update-rc.d redis-server disable >/dev/null 2>&1 || :
fi
