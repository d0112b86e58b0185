#!/bin/sh
# bench/serve on the real daemon with a tiny bundle: rows that add up, and failures that are said; bench/pictures beside it.
. "${SRCDIR:-.}/tests/e2e/daemon.sh"
serve() { "$BUILDDIR/bench/serve" "$@" >"$WORK/out" 2>"$WORK/errors"; }

tiny_bundle
start_daemon "$WORK/tiny"
serve --url "$URL" --requests 6 --clients "1 3" --json || fail "serve: $(cat "$WORK/errors")"
for clients in 1 3; do
    grep -Eq "^\{\"clients\": $clients, \"requests_per_second\": [0-9.]*[1-9][0-9.]*, \"p50_ms\": .*\"200\": 6\}\}" "$WORK/out" ||
        fail "no row of $clients: $(cat "$WORK/out")"
done
awk -F '[:,}]' '/p50/ { if (!($6 > 0 && $6 <= $8 && $8 <= $10)) exit 1 }' "$WORK/out" ||
    fail "out of order: $(cat "$WORK/out")"
serve --url "$URL" --requests 2 --clients 1 || fail "serve: $(cat "$WORK/errors")"
[ "$(wc -l <"$WORK/out")" = 2 ] || fail "no table"

before=$(metric 'clipgen_requests_total{code="200"}')
serve --url "$URL" --seconds 1 --clients 4 || fail "serve: $(cat "$WORK/errors")"
[ "$(metric 'clipgen_requests_total{code="200"}')" -ge $((before + 4)) ] || fail "not every client had an answer"
awk 'NR == 2 { if (!($6 > 0 && $7 > 1 && $8 > 1)) exit 1 }' "$WORK/out" || fail "no health, no memory: $(cat "$WORK/out")"

serve --url "$URL" --requests 1 --body '{"prompt":1}' && fail "a bad request was taken"
grep -qx 'bench/serve: a request was answered with 400' "$WORK/errors" || fail "$(cat "$WORK/errors")"
serve --url "$URL" --requests 1 --body '{"prompt":1}' --fine "200 400" --clients 1 || fail "400 was not fine"
serve --requests none && fail "no number was taken"
grep -q "^bench/serve: .*requests: 'none'" "$WORK/errors" || fail "$(cat "$WORK/errors")"
serve --url "$URL" twelve && fail "a word was taken"
grep -qx "bench/serve: unexpected argument 'twelve'" "$WORK/errors" || fail "$(cat "$WORK/errors")"
serve --url http://127.0.0.1:1 --clients 1 --requests 1 && fail "nobody answered"
grep -qx 'bench/serve: a request was not answered' "$WORK/errors" || fail "$(cat "$WORK/errors")"

"$BUILDDIR/bench/pictures" --bundle "$WORK/tiny" --seconds 0.5 --threads 1 >"$WORK/out" || fail "pictures"
grep -Eq '^tiny, 16 rows, .*: [0-9.]*[1-9][0-9.]* pictures/s$' "$WORK/out" || fail "pictures: $(cat "$WORK/out")"
