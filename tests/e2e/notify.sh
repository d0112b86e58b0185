#!/bin/sh
# What the service manager hears of the real daemon: from loading to its end.
command -v python3 >/dev/null || { echo "skipped: there is no python3"; exit 77; }
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

tiny_bundle
python3 "$SRCDIR/tests/e2e/notify.py" "$BUILDDIR/clipgend" "$WORK/tiny" "$WORK/notify" || fail "see above"
