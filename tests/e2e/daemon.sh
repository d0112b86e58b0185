# Shared by the scripts of this folder: starts and stops the real daemon on a free port.
# shellcheck shell=sh
set -eu
BUILDDIR=${BUILDDIR:-.}
SRCDIR=${SRCDIR:-.}
WORK=$(mktemp -d)
DAEMON=
OTHERS= # processes beside the daemon

fail() {
    echo "FAILED: $*"
    [ -f "$WORK/log" ] && tail -n 20 "$WORK/log"
    exit 1
}

cleanup() {
    # shellcheck disable=SC2086 # a list; some may have ended before
    [ -z "$DAEMON$OTHERS" ] || kill -9 $DAEMON $OTHERS 2>/dev/null || true
    rm -rf "$WORK"
}
trap cleanup EXIT

tiny_bundle() {
    "$BUILDDIR/tests/e2e/make_tiny_bundle" "$WORK/tiny"
}

# start_daemon BUNDLE [flags]: sets DAEMON (process) and URL. One thread: on a busy machine several
# wait for each other longer than these small networks take.
start_daemon() {
    bundle=$1
    shift
    : >"$WORK/log"
    "$BUILDDIR/clipgend" --bundle "$bundle" --backend cpu --cpu-threads 1 --listen 127.0.0.1:0 "$@" \
        >"$WORK/log" 2>&1 &
    DAEMON=$!
    for _ in $(seq 600); do
        URL=$(sed -n 's/.*listening on //p' "$WORK/log")
        [ -n "$URL" ] && return
        kill -0 "$DAEMON" 2>/dev/null || fail "clipgend ended before it listened"
        sleep 0.1
    done
    fail "clipgend does not listen after a minute"
}

# expect_exit STATUS: the daemon ends with it within half a minute
expect_exit() {
    for _ in $(seq 300); do
        kill -0 "$DAEMON" 2>/dev/null || break
        sleep 0.1
    done
    kill -0 "$DAEMON" 2>/dev/null && fail "clipgend is still there after 30 s"
    status=0
    wait "$DAEMON" || status=$?
    DAEMON=
    [ "$status" = "$1" ] || fail "clipgend ended with $status, not $1"
}

# wait_log WORDS: until the daemon has said them, 20 s at most
wait_log() {
    for _ in $(seq 200); do
        grep -qF -- "$1" "$WORK/log" && return
        sleep 0.1
    done
    fail "no word of: $1"
}

# post JSON OUTFILE [curl flags]: prints the HTTP status
post() {
    json=$1 out=$2
    shift 2
    curl -sS -o "$out" -w '%{http_code}' -H 'Content-Type: application/json' -d "$json" "$@" \
        "$URL/v1/generate"
}

# metric NAME: its value
metric() {
    curl -sS "$URL/metrics" | sed -n "s/^$1 //p"
}

# wait_metric NAME VALUE: until it has the value, 20 s at most
wait_metric() {
    for _ in $(seq 200); do
        [ "$(metric "$1")" = "$2" ] && return
        sleep 0.1
    done
    fail "$1 is $(metric "$1"), not $2"
}
