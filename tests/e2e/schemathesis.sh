#!/bin/sh
# The real daemon against docs/openapi.yaml: schemathesis sends what the file allows and what it forbids, and compares the
# answers with it. SCHEMATHESIS: the program; SCHEMATHESIS_EXAMPLES: how many requests of each kind.
SCHEMATHESIS=${SCHEMATHESIS:-schemathesis}
if ! command -v "$SCHEMATHESIS" >/dev/null; then
    echo "skipped: there is no $SCHEMATHESIS (pip install schemathesis; SCHEMATHESIS names the program)"
    exit 77
fi
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

tiny_bundle
start_daemon "$WORK/tiny"
(cd "$WORK" && "$SCHEMATHESIS" --config-file "$SRCDIR/tests/e2e/schemathesis.toml" run "$SRCDIR/docs/openapi.yaml" \
    --url "$URL" -n "${SCHEMATHESIS_EXAMPLES:-5}" --no-color) || fail "schemathesis found something"
kill -TERM "$DAEMON"
expect_exit 0
