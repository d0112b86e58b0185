#!/bin/sh
# HAProxy in front of two daemons, set up as etc/examples/haproxy.cfg: one is killed while clients come, the other is told
# to stop and started again. No client notices, and the same seed gives the same bytes wherever it was drawn.
PATH=$PATH:/usr/sbin
command -v haproxy >/dev/null || { echo "skipped: there is no haproxy (apt-get install haproxy)"; exit 77; }
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

CLIENTS=4
SEEDS=3

# address WORDS: what the daemon's log says it has there
address() { sed -n "s|.*: $1 on [a-z]*://||p" "$WORK/log"; }

# start NAME: a daemon, its process in NAME.pid, its server line for HAProxy in NAME.server. LISTEN etc.: where, "" for
# any port
start() {
    start_daemon "$WORK/tiny" --listen "${LISTEN:-127.0.0.1:0}" --admin-listen "${ADMIN:-127.0.0.1:0}" \
        --agent-listen "${AGENT:-127.0.0.1:0}" --full-status 503
    LISTEN=${URL#http://} ADMIN=$(address 'health, metrics and administration') AGENT=$(address "HAProxy's agent-check")
    echo "$DAEMON" >"$WORK/$1.pid"
    echo "$URL" >"$WORK/$1.url"
    echo "    server $1 $LISTEN port ${ADMIN##*:} agent-port ${AGENT##*:}" >"$WORK/$1.server"
    OTHERS="$OTHERS $DAEMON" DAEMON=
}

# The example, but for addresses.
start_proxy() {
    sed "s|bind :80|bind unix@$WORK/front mode 600|; /^    server /d" "$SRCDIR/etc/examples/haproxy.cfg" >"$WORK/cfg"
    cat "$WORK/one.server" "$WORK/two.server" >>"$WORK/cfg"
    haproxy -db -f "$WORK/cfg" >"$WORK/haproxy" 2>&1 &
    OTHERS="$OTHERS $!"
    for _ in $(seq 100); do
        curl -fs --unix-socket "$WORK/front" http://front/readyz >/dev/null && return
        sleep 0.1
    done
    fail "HAProxy: $(cat "$WORK/haproxy")"
}

# ask SEED FILE: prints the status
ask() {
    post "{\"prompt\":\"a cat\",\"seed\":$1,\"candidates\":6}" "$2" -H 'Accept: image/png' --max-time 200 \
        --unix-socket "$WORK/front"
}

# client C: asks until the stop file is there; every answer must be 200 and the same bytes as ever
client() {
    i=0
    while [ ! -e "$WORK/stop" ]; do
        seed=$((i % SEEDS)) i=$((i + 1))
        status=$(ask $seed "$WORK/client$1") || status="curl failed: $?"
        [ "$status" = 200 ] || echo "client $1, request $i: $status" >>"$WORK/wrong"
        cmp "$WORK/client$1" "$WORK/seed$seed" >>"$WORK/wrong" 2>&1 || true
    done
    echo $i >"$WORK/count$1"
}

# of NAME METRIC
of() { curl -sS "$(cat "$WORK/$1.url")/metrics" | sed -n "s/^$2 //p"; }

# wait_busy NAME: until it draws
wait_busy() {
    for _ in $(seq 200); do
        [ "$(of "$1" clipgen_rows_used)" -gt 0 ] && return
    done
    fail "$1 has nothing to do"
}

# wait_drawn NAME N: until it has drawn so many pictures more
wait_drawn() {
    until=$(($(of "$1" clipgen_pictures_total) + $2))
    for _ in $(seq 300); do
        [ "$(of "$1" clipgen_pictures_total)" -ge "$until" ] && return
        sleep 0.1
    done
    fail "$1 gets no work: $(tail -3 "$WORK/haproxy")"
}

# end NAME SIGNAL
end() {
    pid=$(cat "$WORK/$1.pid")
    kill "-$2" "$pid"
    wait "$pid" 2>/dev/null || true
}

tiny_bundle
LISTEN='' ADMIN='' AGENT=''
start one
ONE="$LISTEN $ADMIN $AGENT"
LISTEN='' ADMIN='' AGENT=''
start two
URL=http://front
start_proxy
for seed in $(seq 0 $((SEEDS - 1))); do
    [ "$(ask "$seed" "$WORK/seed$seed")" = 200 ] || fail "nothing through HAProxy: $(cat "$WORK/haproxy")"
done
pids=
for c in $(seq $CLIENTS); do
    client "$c" &
    pids="$pids $!"
done
wait_drawn one 20
wait_drawn two 20
wait_busy one
end one KILL
wait_drawn two 40
# shellcheck disable=SC2086 # three of them
set -- $ONE
LISTEN=$1 ADMIN=$2 AGENT=$3
start one
URL=http://front
wait_drawn one 20
end two TERM
wait_drawn one 20
touch "$WORK/stop"
# shellcheck disable=SC2086 # a list
wait $pids
[ ! -s "$WORK/wrong" ] || fail "$(head -20 "$WORK/wrong")"
for c in $(seq $CLIENTS); do
    [ "$(cat "$WORK/count$c")" -ge 3 ] || fail "client $c had only $(cat "$WORK/count$c") answers"
done
