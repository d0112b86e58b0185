#!/bin/sh
# API keys: who is let in, how much each may, a file that is replaced while the daemon works, systemd's credential.
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

LONG='{"prompt":"a cat","n":16,"candidates":64,"guidance_scale":2}'

# status PATH [curl flags]
status() {
    path=$1
    shift
    curl -sS -D "$WORK/head" -o "$WORK/body" -w '%{http_code}' "$@" "$URL$path"
}

# draw SECRET: the status of a request for a picture
draw() { post '{"prompt":"a cat"}' "$WORK/body" -D "$WORK/head" -H "Authorization: Bearer $1"; }

# says CODE WORDS: the last answer's
says() {
    grep -qF "\"code\":\"$1\"" "$WORK/body" && grep -qF -- "$2" "$WORK/body" || fail "it says: $(cat "$WORK/body")"
}

# retry_after: seconds, of the last answer
retry_after() { sed -n 's/\r$//; s/^Retry-After: //p' "$WORK/head"; }

test_who() {
    [ "$(status /v1/models)" = 401 ] || fail "without a key: $(cat "$WORK/body")"
    says invalid_api_key "an API key is needed: Authorization: Bearer ..., or X-API-Key"
    grep -qi '^WWW-Authenticate: Bearer' "$WORK/head" || fail "no WWW-Authenticate"
    [ "$(status /v1/models -H 'Authorization: Bearer wrong')" = 401 ] || fail "with a wrong key: $(cat "$WORK/body")"
    says invalid_api_key "the API key is not known"
    [ "$(status /v1/models -H 'Authorization: Bearer the-first-secret')" = 200 ] || fail "alice is not let in"
    [ "$(status /v1/models -H 'X-API-Key: the-second-secret')" = 200 ] || fail "bob is not let in"
    [ "$(status /metrics)" = 401 ] || fail "metrics without a key"
    for path in / /healthz /livez /readyz; do
        [ "$(status $path)" = 200 ] || fail "$path wants a key"
    done
    CLIPGEN_API_KEY=the-second-secret "$BUILDDIR/clipgen" models --server "$URL" | grep -q '^id: tiny$' || fail "clipgen models"
    "$BUILDDIR/clipgen" models --server "$URL" 2>"$WORK/err" && fail "clipgen without a key"
    grep -q '^clipgen: an API key is needed' "$WORK/err" || fail "it says: $(cat "$WORK/err")"
}

# two pictures a minute; then others may still
test_per_minute() {
    [ "$(draw the-first-secret)" = 200 ] && [ "$(draw the-first-secret)" = 200 ] || fail "alice draws not two: $(cat "$WORK/body")"
    [ "$(draw the-first-secret)" = 429 ] || fail "alice draws three"
    says rate_limit_exceeded "alice: more than 2 requests a minute"
    [ "$(retry_after)" -ge 1 ] && [ "$(retry_after)" -le 30 ] || fail "Retry-After: $(retry_after)"
    [ "$(draw the-second-secret)" = 200 ] || fail "bob draws not"
    ADMIN=$(sed -n 's/.*administration on //p' "$WORK/log")
    [ "$(curl -sS "$ADMIN/metrics" | sed -n 's/^clipgen_rejected_total{reason="key_limit"} //p')" = 1 ] || fail "not counted"
}

# refused_beside CLIENT: whether bob is sent away while his other request runs
refused_beside() {
    while kill -0 "$1" 2>/dev/null; do
        [ "$(draw the-second-secret)" != 429 ] || return 0
    done
    return 1
}

# A fast machine may be done with the one before the other comes: then once more.
test_jobs_at_a_time() {
    for _ in $(seq 20); do
        post "$LONG" /dev/null -H 'X-API-Key: the-second-secret' >"$WORK/status" &
        client=$!
        refused_beside "$client" && refused=yes || refused=
        wait "$client"
        [ -z "$refused" ] || break
    done
    [ "$refused" ] || fail "bob has two at a time"
    says rate_limit_exceeded "bob: 2 requests at a time, the limit is 1"
    [ "$(retry_after)" = 1 ] || fail "Retry-After: $(retry_after)"
    [ "$(draw the-second-secret)" = 200 ] || fail "bob draws no more"
}

# txt2img SECRET: a long one, its answer in drawn
txt2img() {
    curl -sS -o "$WORK/drawn" -H "X-API-Key: $1" --json '{"prompt":"a cat","batch_size":16,"candidates":64,"cfg_scale":2}' \
        "$URL/sdapi/v1/txt2img"
}

# interrupt SECRET
interrupt() { status /sdapi/v1/interrupt -X POST -H "X-API-Key: $1" >/dev/null; }

# Others neither see nor stop what a client has under way; it itself does both, unless a fast machine was faster.
test_own_job() {
    txt2img the-fourth-secret &
    client=$!
    while kill -0 "$client" 2>/dev/null; do
        [ "$(status /sdapi/v1/progress -H 'X-API-Key: the-second-secret')" = 200 ] || fail "progress: $(cat "$WORK/body")"
        grep -q '"job":""' "$WORK/body" || fail "bob sees dora's job: $(cat "$WORK/body")"
        interrupt the-second-secret
    done
    grep -q '"images":\["' "$WORK/drawn" || fail "bob has stopped dora's job: $(head -c 200 "$WORK/drawn")"
    for _ in $(seq 20); do
        txt2img the-fourth-secret &
        client=$!
        while kill -0 "$client" 2>/dev/null && status /sdapi/v1/progress -H 'X-API-Key: the-fourth-secret' >/dev/null; do
            grep -q '"job":"gen-' "$WORK/body" && interrupt the-fourth-secret
        done
        grep -q '"images":\[\]' "$WORK/drawn" && return
    done
    fail "dora does not see or stop her job: $(head -c 200 "$WORK/drawn")"
}

# wait_status STATUS SECRET: the file is looked at now and then
wait_status() {
    for _ in $(seq 100); do
        [ "$(status /v1/models -H "X-API-Key: $2")" = "$1" ] && return
        sleep 0.1
    done
    fail "$2 gets $(cat "$WORK/body"), not $1"
}

test_replaced() {
    printf 'carol the-third-secret\n' >"$WORK/next"
    mv "$WORK/next" "$WORK/keys"
    wait_status 200 the-third-secret
    wait_status 401 the-first-secret
    printf 'carol\n' >"$WORK/next"
    mv "$WORK/next" "$WORK/keys"
    wait_log "$WORK/keys:1: "
    wait_status 200 the-third-secret
}

{
    printf '# name secret limits\n'
    printf 'alice the-first-secret per_minute=2\n'
    printf 'bob sha256:%s jobs=1\n' "$(printf the-second-secret | sha256sum | cut -d' ' -f1)"
    printf 'dora the-fourth-secret\n'
} >"$WORK/keys"
tiny_bundle
start_daemon "$WORK/tiny" --api-keys "$WORK/keys" --admin-listen 127.0.0.1:0
test_who
test_per_minute
test_jobs_at_a_time
test_own_job
test_replaced
kill -TERM "$DAEMON"
expect_exit 0

mkdir "$WORK/credentials"
printf 'carol the-third-secret\n' >"$WORK/credentials/api-keys"
export CREDENTIALS_DIRECTORY="$WORK/credentials"
start_daemon "$WORK/tiny"
[ "$(status /v1/models)" = 401 ] || fail "systemd's credential is not read"
[ "$(status /v1/models -H 'X-API-Key: the-third-secret')" = 200 ] || fail "carol is not let in"
kill -TERM "$DAEMON"
expect_exit 0
