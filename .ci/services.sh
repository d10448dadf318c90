#!/usr/bin/env bash
# PostgreSQL and Redis for tests, on free ports of 127.0.0.1, with all their files in one directory.
#
#   .ci/services.sh install      Debian, as root: installs what is missing (PostgreSQL, Redis, Chromium and a font, curl)
#   .ci/services.sh start DIR    starts both; prints DATABASE_URL=... and REDIS_URL=... for `export` or `eval`
#   .ci/services.sh stop DIR     ends the two processes that `start DIR` started, and no other
#
# Durability is off: the data lives as long as a test run.
set -euo pipefail

main() {
  case "${1:-}" in
    install) install_missing ;;
    start) start_both "${2:?usage: .ci/services.sh start DIR}" ;;
    stop) stop_both "${2:?usage: .ci/services.sh stop DIR}" ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
}

# Newest PostgreSQL of Debian's layout, else whatever is on PATH.
postgres_bin() {
  local found
  found=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1)
  if [ -n "$found" ] && [ -x "$found/initdb" ]; then echo "$found"; return; fi
  if command -v initdb >/dev/null 2>&1; then dirname "$(command -v initdb)"; fi
}

missing_packages() {
  if [ -z "$(postgres_bin)" ]; then echo postgresql; fi
  if ! command -v redis-server >/dev/null 2>&1; then echo redis-server; fi
  if ! command -v curl >/dev/null 2>&1; then echo curl; fi
  if [ -z "${CHROMIUM_PATH:-}" ] && ! command -v chromium >/dev/null 2>&1; then echo chromium fonts-dejavu-core; fi
}

install_missing() {
  local packages guarded=0 log
  packages=$(missing_packages)
  if [ -z "$packages" ]; then return; fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "missing: $(echo $packages); install these, or run as root on Debian" >&2
    exit 1
  fi
  log=$(mktemp)
  export DEBIAN_FRONTEND=noninteractive
  # Debian would start a server of its own for each package, on the default ports.
  mkdir -p /etc/postgresql-common
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    printf 'create_main_cluster = false\nstart_conf = manual\n' >/etc/postgresql-common/createcluster.conf
  fi
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    guarded=1
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
  fi
  local apt=(apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120)
  if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends $packages; } >"$log" 2>&1; then
    tail -40 "$log" >&2
    exit 1
  fi
  if [ "$guarded" = 1 ]; then rm -f /usr/sbin/policy-rc.d; fi
  rm -f "$log"
}

# The server refuses to run as root; every other user runs it as itself.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then runuser -u postgres -- env PATH="$PATH" LC_ALL=C.UTF-8 "$@"; else LC_ALL=C.UTF-8 "$@"; fi
}

free_ports() {
  node -e '
    const net = require("node:net")
    const servers = [0, 1].map(() => net.createServer().listen(0, "127.0.0.1"))
    Promise.all(servers.map((s) => new Promise((done) => s.once("listening", done)))).then(() => {
      console.log(servers.map((s) => s.address().port).join(" "))
      for (const s of servers) s.close()
    })'
}

start_both() {
  local directory=$1 bin pg_port redis_port
  mkdir -p "$directory/postgres" "$directory/redis"
  directory=$(cd "$directory" && pwd)
  read -r pg_port redis_port < <(free_ports)
  bin=$(postgres_bin)
  if [ "$(id -u)" = 0 ]; then
    chmod 711 "$directory"
    chown postgres "$directory/postgres"
  fi
  cd / # the working directory may be closed to the database's user
  as_postgres "$bin/initdb" -D "$directory/postgres/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
  as_postgres "$bin/pg_ctl" -D "$directory/postgres/data" -l "$directory/postgres/log" -w -t 60 -o "-p $pg_port \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c synchronous_commit=off \
    -c full_page_writes=off -c max_connections=200" start >/dev/null || { cat "$directory/postgres/log" >&2; exit 1; }
  as_postgres "$bin/createdb" -h 127.0.0.1 -p "$pg_port" -U postgres interlock_test

  redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$directory/redis" --save '' --appendonly no \
    --maxmemory-policy noeviction --daemonize yes --pidfile "$directory/redis/pid" --logfile "$directory/redis/log" >/dev/null
  await_redis "$redis_port" || { cat "$directory/redis/log" >&2; exit 1; }

  echo "DATABASE_URL=postgres://postgres@127.0.0.1:$pg_port/interlock_test"
  echo "REDIS_URL=redis://127.0.0.1:$redis_port/0"
}

await_redis() {
  local try
  for try in $(seq 100); do
    if [ "$(redis-cli -p "$1" ping 2>/dev/null)" = PONG ]; then return 0; fi
    sleep 0.1
  done
  return 1
}

# Each process is known by the pid that its own file in DIR holds.
stop_both() {
  local directory=$1 file pid
  for file in "$directory/redis/pid" "$directory/postgres/data/postmaster.pid"; do
    if [ ! -f "$file" ]; then continue; fi
    pid=$(head -1 "$file")
    # INT asks PostgreSQL to end without waiting for its clients, Redis simply to end.
    kill -INT "$pid" 2>/dev/null || continue
    local try
    for try in $(seq 100); do
      if ! kill -0 "$pid" 2>/dev/null; then break; fi
      sleep 0.1
    done
  done
}

main "$@"
