#!/bin/sh
# bench/serve on the real daemon with a tiny bundle: rows that add up, and failures that are said.
. "${SRCDIR:-.}/tests/e2e/daemon.sh"
serve() { "$SRCDIR/bench/serve" "$@" >"$WORK/out" 2>"$WORK/errors"; }

tiny_bundle
start_daemon "$WORK/tiny"
serve --url "$URL" --requests 6 --clients "1 3" --json || fail "serve: $(cat "$WORK/errors")"
grep -Eq '^\{"url": ".*", "requests": 6, "results": \[$' "$WORK/out" || fail "no results"
for clients in 1 3; do
    grep -Eq "^\{\"clients\": $clients, \"requests_per_second\": [0-9.]*[1-9][0-9.]*, \"p50_ms\": " "$WORK/out" ||
        fail "no row of $clients: $(cat "$WORK/out")"
done
awk -F '[:,}]' '/p50/ { if (!($6 > 0 && $6 <= $8 && $8 <= $10)) exit 1 }' "$WORK/out" ||
    fail "out of order: $(cat "$WORK/out")"
serve --url "$URL" --requests 2 --clients 1 || fail "serve: $(cat "$WORK/errors")"
[ "$(wc -l <"$WORK/out")" = 2 ] || fail "no table"

serve --url "$URL" --requests 1 --body '{"prompt":1}' && fail "a bad request was taken"
grep -qx 'bench/serve: a request was answered with 400' "$WORK/errors" || fail "$(cat "$WORK/errors")"
serve --requests none && fail "no number was taken"
grep -qx "bench/serve: requests: 'none' is no number above 0" "$WORK/errors" || fail "$(cat "$WORK/errors")"
