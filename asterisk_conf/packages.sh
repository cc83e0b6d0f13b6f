#!/bin/sh
# Debian packages that the line needs beside Python: venv to install into, espeak-ng as the fall-back voice.
# Installs what is missing where it may; elsewhere says what to ask for. Never fails for the voice: the line runs without.
set -u
PATH="$PATH:/sbin:/usr/sbin" # ldconfig
python=${PYTHON:-python3}

missing=
"$python" -c 'import ensurepip' 2>/dev/null || missing="python3-venv"
ldconfig -p 2>/dev/null | grep -q libespeak-ng || missing="$missing espeak-ng"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing Debian packages:$( [ "${missing# }" = "$missing" ] && echo ' ')$missing ..."
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    apt-get install -qq --no-install-recommends $missing >/dev/null 2>&1 ||
        { apt-get update -qq >/dev/null && apt-get install -qq --no-install-recommends $missing >/dev/null; } ||
        echo "these could not be installed: $missing" >&2
fi
"$python" -c 'import ensurepip' 2>/dev/null || { echo "python3-venv is missing; ask for: apt-get install python3-venv" >&2; exit 1; }
ldconfig -p 2>/dev/null | grep -q libespeak-ng || echo "espeak-ng is missing, so texts without a recording cannot be said; ask for: apt-get install espeak-ng" >&2
exit 0
