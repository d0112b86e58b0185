#!/bin/sh
# The real daemon against docs/openapi.yaml and openapi-admin.yaml: schemathesis sends what they allow and what they
# forbid, and compares the answers with them. SCHEMATHESIS: the program; SCHEMATHESIS_EXAMPLES: how many requests of each
# kind.
SCHEMATHESIS=${SCHEMATHESIS:-schemathesis}
if ! command -v "$SCHEMATHESIS" >/dev/null; then
    echo "skipped: there is no $SCHEMATHESIS (pip install schemathesis; SCHEMATHESIS names the program)"
    exit 77
fi
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

# compare FILE URL
compare() {
    (cd "$WORK" && "$SCHEMATHESIS" --config-file "$SRCDIR/tests/e2e/schemathesis.toml" run "$SRCDIR/docs/$1" \
        --url "$2" -n "${SCHEMATHESIS_EXAMPLES:-5}" --no-color) || fail "schemathesis found something in $1"
}

tiny_bundle
start_daemon "$WORK/tiny" --admin-listen 127.0.0.1:0
compare openapi.yaml "$URL"
compare openapi-admin.yaml "$(sed -n 's/.*administration on //p' "$WORK/log")"
kill -TERM "$DAEMON"
expect_exit 0
