#!/bin/sh
# The page at / in a headless browser, driven as people do: keys, clicks, files, a phone's width. CHROMIUM: the browser.
CHROMIUM=${CHROMIUM:-chromium}
if ! command -v "$CHROMIUM" >/dev/null || ! command -v python3 >/dev/null; then
    echo "skipped: $CHROMIUM or python3 is not there (apt-get install chromium python3)"
    exit 77
fi
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

tiny_bundle
start_daemon "$WORK/tiny"
python3 "$SRCDIR/tests/e2e/page.py" "$CHROMIUM" "$URL" "$WORK" || fail "the page is not as it should be"
kill -TERM "$DAEMON"
expect_exit 0

printf 'alice the-first-secret\n' >"$WORK/keys"
start_daemon "$WORK/tiny" --api-keys "$WORK/keys"
python3 "$SRCDIR/tests/e2e/page.py" "$CHROMIUM" "$URL" "$WORK" the-first-secret || fail "the page does not ask for the key"
kill -TERM "$DAEMON"
expect_exit 0
