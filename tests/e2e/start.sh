#!/bin/sh
# How the daemon refuses to start: words that say what to do, and the exit status.
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

# refuses STATUS WORDS flags...
refuses() {
    want=$1 words=$2
    shift 2
    status=0
    "$BUILDDIR/clipgend" "$@" >"$WORK/log" 2>&1 || status=$?
    [ "$status" = "$want" ] || fail "$*: status $status, not $want"
    grep -qF -- "$words" "$WORK/log" || fail "$*: no word of: $words"
}

refuses 2 "--rows: 1 is outside 2..128" --rows 1
refuses 2 "did you mean --bundle?" --bundel x
refuses 2 "queue_max: 5 is outside" --config /dev/stdin <<CONF
[server]
queue_max = 5
CONF
refuses 1 "/nonexistent/bundle" --listen 127.0.0.1:0 --bundle /nonexistent/bundle
refuses 1 "listen: 'nowhere' is not address:port" --listen nowhere

tiny_bundle
refuses 1 "tiny does not fit: it takes" --listen 127.0.0.1:0 --bundle "$WORK/tiny" --backend cpu \
    --rows 128 --memory-max-mib 1
start_daemon "$WORK/tiny" --log-level debug
refuses 1 "Address already in use" --bundle "$WORK/tiny" --listen "${URL#http://}"
kill -INT "$DAEMON"
expect_exit 0

# every address, of both families where the machine has both
start_daemon "$WORK/tiny" --listen '*:0'
port=${URL##*:}
curl -fsS "http://127.0.0.1:$port/livez" >/dev/null || fail "*:0 does not answer on IPv4"
if grep -q '^0*1 ' /proc/net/if_inet6 2>/dev/null; then
    curl -fsSg "http://[::1]:$port/livez" >/dev/null || fail "*:0 does not answer on IPv6"
fi
kill -TERM "$DAEMON"
expect_exit 0

# the configuration is read again at SIGHUP; a mistake in it changes nothing
printf '[server]\nlog_level = error\n' >"$WORK/conf"
start_daemon "$WORK/tiny" --config "$WORK/conf" --log-level info
kill -HUP "$DAEMON"
wait_log "log_level, API keys and certificate are read again"
kill -TERM "$DAEMON"
expect_exit 0
printf '[server]\nlog_level = info\n' >"$WORK/conf"
start_daemon "$WORK/tiny" --config "$WORK/conf"
curl -fsS "$URL/v1/models" >/dev/null
wait_log "path=/v1/models"
printf '[server]\nlog_level = loud\n' >"$WORK/conf"
kill -HUP "$DAEMON"
wait_log "nothing is changed: $WORK/conf:2: log_level: 'loud' is none of error|warn|info|debug"
printf '[server]\nlog_level = error\n' >"$WORK/conf"
kill -HUP "$DAEMON"
for _ in $(seq 100); do # from now on it is quiet
    lines=$(wc -l <"$WORK/log")
    curl -fsS "$URL/v1/models" >/dev/null
    sleep 0.1
    [ "$(wc -l <"$WORK/log")" = "$lines" ] && break
done
[ "$(wc -l <"$WORK/log")" = "$lines" ] || fail "log_level did not change"
kill -TERM "$DAEMON"
expect_exit 0

# access lines as JSON, with the trace that the client is in, which comes back; or none
TRACE=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
start_daemon "$WORK/tiny" --access-log json
curl -fsS -D "$WORK/head" -o /dev/null -H "traceparent: $TRACE" -H 'X-Request-Id: my-1' "$URL/v1/models"
grep -qi "^traceparent: $TRACE" "$WORK/head" || fail "the trace does not come back"
curl -fsS -D "$WORK/head" -o /dev/null -H 'traceparent: 00-nonsense' "$URL/v1/models"
grep -qi '^traceparent' "$WORK/head" && fail "nonsense comes back"
post '{"prompt":"a cat"}' /dev/null -H 'X-Request-Id: my-2' >/dev/null
wait_log '"id":"my-2"'
grep -q '^{"time":"2[^"]*Z","kind":"access","id":"my-1",.*"status":200,.*"trace":"'$TRACE'"}$' "$WORK/log" || fail "no line for my-1"
grep -q '"id":"my-2",.*"path":"/v1/generate","status":200,"model":"tiny","images":1,.*"decode":[0-9.]*,' "$WORK/log" ||
    fail "no line for my-2"
kill -TERM "$DAEMON"
expect_exit 0
start_daemon "$WORK/tiny" --access-log off
curl -fsS -o /dev/null "$URL/v1/models"
kill -TERM "$DAEMON"
expect_exit 0
grep -q 'path=' "$WORK/log" && fail "access lines, though they are off"

printf 'broken' >"$WORK/tiny/model.safetensors"
refuses 1 "model.safetensors" --listen 127.0.0.1:0 --bundle "$WORK/tiny"

"$BUILDDIR/clipgend" --help | grep -q -- '--queue-max N' || fail "--help"
"$BUILDDIR/clipgend" --print-config | cmp - "$SRCDIR/etc/clipgend.conf" || fail "--print-config"
