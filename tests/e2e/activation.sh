#!/bin/sh
# Socket activation: the daemon takes the socket that somebody else holds, and is replaced while clients come without
# one of them noticing more than a wait.
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

CLIENTS=4

# asks until the stop file is there; every answer must be 200
client() {
    i=0
    while [ ! -e "$WORK/stop" ]; do
        i=$((i + 1))
        status=$(post "{\"prompt\":\"a cat\",\"seed\":$i}" /dev/null --max-time 60) || status="curl failed: $?"
        [ "$status" = 200 ] || echo "client $1, request $i: $status" >>"$WORK/wrong"
    done
    echo $i >"$WORK/count$1"
}

tiny_bundle
"$BUILDDIR/tests/e2e/pass_socket" "$BUILDDIR/clipgend" --bundle "$WORK/tiny" --backend cpu --cpu-threads 1 \
    --listen systemd:http >"$WORK/log" 2>&1 &
DAEMON=$!
for _ in $(seq 600); do
    URL=$(sed -n 's/^listening on //p' "$WORK/log")
    [ -n "$URL" ] && break
    sleep 0.1
done
[ -n "$URL" ] || fail "no socket"

# the connection waits in the kernel until there is a daemon
curl -fsS --max-time 60 "$URL/readyz" >/dev/null || fail "not ready"

pids=
for c in $(seq $CLIENTS); do
    client "$c" &
    pids="$pids $!"
done
for restart in 1 2 3; do
    sleep 0.3
    kill -HUP "$DAEMON"
    for _ in $(seq 300); do
        [ "$(grep -c 'daemon: listening on' "$WORK/log")" -gt $restart ] && break
        sleep 0.1
    done
done
sleep 0.3
touch "$WORK/stop"
# shellcheck disable=SC2086 # a list
wait $pids
[ "$(grep -c 'daemon: listening on' "$WORK/log")" = 4 ] || fail "not three restarts"
[ ! -e "$WORK/wrong" ] || fail "$(cat "$WORK/wrong")"
for c in $(seq $CLIENTS); do
    [ "$(cat "$WORK/count$c")" -ge 3 ] || fail "client $c had only $(cat "$WORK/count$c") answers"
done
kill -TERM "$DAEMON"
expect_exit 0

"$BUILDDIR/clipgend" --bundle "$WORK/tiny" --listen systemd:http >"$WORK/log" 2>&1 && fail "a socket from nobody"
grep -q 'systemd has handed over no sockets' "$WORK/log" || fail "it says: $(cat "$WORK/log")"
