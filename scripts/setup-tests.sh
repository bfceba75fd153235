#!/usr/bin/env bash
# Brings what the tests need and this machine lacks: a PostgreSQL and a MariaDB server, openssl, curl, ps, and moto (an S3 API server)
# in an environment of its own. Installs what it may; otherwise says what to install and exits 1.
set -euo pipefail

cache="${XDG_CACHE_HOME:-$HOME/.cache}/sensei"
# Pinned: the tests rely on its conditional create.
moto=(moto[s3]==5.2.5 flask==3.1.3 flask-cors==6.0.5)

has() { command -v "$1" >/dev/null 2>&1; }

has_postgres() {
  local bin
  for bin in "$(pg_config --bindir 2>/dev/null || true)" /usr/lib/postgresql/*/bin; do
    [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ] && [ -x "$bin/psql" ] && return 0
  done
  has initdb && has postgres && has psql
}

has_mariadb() {
  { [ -x /usr/sbin/mariadbd ] || has mariadbd; } && has mariadb-install-db && has mariadb
}

# Servers refuse to run as root.
has_account() { [ "$(id -u)" != 0 ] || id "$1" >/dev/null 2>&1; }

has_venv() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }

missing=()
{ has_postgres && has_account postgres; } || missing+=(postgresql)
{ has_mariadb && has_account mysql; } || missing+=(mariadb-server)
has openssl || missing+=(openssl)
has curl || missing+=(curl)
has ps || missing+=(procps)
# Who is not root makes no networks, with it or without.
[ "$(id -u)" != 0 ] || has ip || missing+=(iproute2)
{ has python3 && has_venv; } || missing+=(python3-venv)

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && has apt-get; then
    echo "installing for the tests: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    if [[ " ${missing[*]} " == *" postgresql "* ]]; then
      # The tests start servers of their own; Debian's default one would only take memory and the usual port.
      apt-get install -y -qq --no-install-recommends postgresql-common >/dev/null
      sed -ri 's/^#?create_main_cluster .*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
    fi
    # Nor must one of MariaDB be started: a service's start is refused while packages are set up.
    policy=/usr/sbin/policy-rc.d
    [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && trap 'rm -f "$policy"' EXIT; }
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    if [[ " ${missing[*]} " == *" mariadb-server "* ]] && has systemctl; then
      systemctl disable mariadb >/dev/null 2>&1 || true
    fi
  else
    echo "the tests need what this machine lacks; install it and try again:" >&2
    echo "  Debian, Ubuntu:  sudo apt-get install ${missing[*]}" >&2
    echo "  elsewhere:       a PostgreSQL server (14 or later), a MariaDB server (10.11 or later), openssl, ps, and Python 3 with venv" >&2
    exit 1
  fi
fi

wanted="${moto[*]}"
if [ "$(cat "$cache/moto/.wanted" 2>/dev/null || true)" != "$wanted" ]; then
  echo "installing moto into $cache/moto"
  rm -rf "$cache/moto"
  mkdir -p "$cache"
  python3 -m venv "$cache/moto"
  if ! "$cache/moto/bin/pip" install --quiet --disable-pip-version-check "${moto[@]}"; then
    echo "moto could not be installed from PyPI; the tests of S3 need it: $wanted" >&2
    exit 1
  fi
  printf '%s' "$wanted" >"$cache/moto/.wanted"
fi
