#!/bin/sh
# Clients that leave the real daemon in every state that one can see from outside: what was begun for them ends, their
# rows and places are free, and others are served.
command -v python3 >/dev/null || { echo "skipped: there is no python3"; exit 77; }
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

tiny_bundle
start_daemon "$WORK/tiny"
python3 "$SRCDIR/tests/e2e/leave.py" "$URL" gone || fail "see above"
kill -TERM "$DAEMON"
expect_exit 0
start_daemon "$WORK/tiny" --no-half-close-is-gone
python3 "$SRCDIR/tests/e2e/leave.py" "$URL" stays || fail "see above"
kill -TERM "$DAEMON"
expect_exit 0
