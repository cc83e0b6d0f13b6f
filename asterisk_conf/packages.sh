#!/bin/sh
# Debian packages that the line needs beside Python: venv to install into, espeak-ng as the fall-back voice; with the argument `tests` also
# PostgreSQL, of which the tests start a server of their own, Chromium with Chinese letters, and Graphviz. No other server is set up or
# started.
# Installs what is missing where it may; elsewhere says what to ask for. Never fails for voice, PostgreSQL or Chromium: the line runs without.
set -u
PATH="$PATH:/sbin:/usr/sbin" # ldconfig
python=${PYTHON:-python3}

have_postgresql() {
    command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1
}

missing=
"$python" -c 'import ensurepip' 2>/dev/null || missing="python3-venv"
ldconfig -p 2>/dev/null | grep -q libespeak-ng || missing="$missing espeak-ng"
[ "${1:-}" != tests ] || have_postgresql || missing="$missing postgresql"
[ "${1:-}" != tests ] || command -v chromium >/dev/null || missing="$missing chromium fonts-wqy-zenhei"
[ "${1:-}" != tests ] || command -v dot >/dev/null || missing="$missing graphviz"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing Debian packages:$( [ "${missing# }" = "$missing" ] && echo ' ')$missing ..."
    export DEBIAN_FRONTEND=noninteractive
    case $missing in
        *postgresql*)
            if [ ! -d /etc/postgresql-common ]; then # Debian would make a server and start it
                mkdir -p /etc/postgresql-common
                echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
            fi ;;
    esac
    keep='-o Dpkg::Options::=--force-confold'
    # shellcheck disable=SC2086
    apt-get install -qq --no-install-recommends $keep $missing >/dev/null 2>&1 ||
        { apt-get update -qq >/dev/null && apt-get install -qq --no-install-recommends $keep $missing >/dev/null; } ||
        echo "these could not be installed: $missing" >&2
fi
"$python" -c 'import ensurepip' 2>/dev/null || { echo "python3-venv is missing; ask for: apt-get install python3-venv" >&2; exit 1; }
ldconfig -p 2>/dev/null | grep -q libespeak-ng || echo "espeak-ng is missing, so texts without a recording cannot be said; ask for: apt-get install espeak-ng" >&2
[ "${1:-}" != tests ] || have_postgresql || echo "PostgreSQL is missing, so its tests are left out; ask for: apt-get install postgresql" >&2
[ "${1:-}" != tests ] || command -v chromium >/dev/null || echo "chromium is missing, so the tests in a browser are left out; ask for: apt-get install chromium" >&2
exit 0
