#!/bin/sh
# The official Python client of OpenAI against the real daemon. OPENAI_PYTHON: a python that has it.
PYTHON=${OPENAI_PYTHON:-python3}
if ! "$PYTHON" -c 'import openai' 2>/dev/null; then
    echo "skipped: $PYTHON has no package openai (pip install openai; OPENAI_PYTHON names the python)"
    exit 77
fi
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

tiny_bundle
start_daemon "$WORK/tiny"
"$PYTHON" "$SRCDIR/tests/e2e/openai_client.py" "$URL/v1" || fail "the client is not content"
kill -TERM "$DAEMON"
expect_exit 0
