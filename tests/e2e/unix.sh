#!/bin/sh
# The daemon on Unix sockets, and clipgen as its client there; help and man page say how.
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

CLIPGEN=$BUILDDIR/clipgen

# refuses WORDS clipgen-arguments...
refuses() {
    words=$1
    shift
    "$CLIPGEN" "$@" >"$WORK/out" 2>&1 && fail "clipgen $*: it says $(cat "$WORK/out")"
    grep -qF -- "$words" "$WORK/out" || fail "clipgen $*: it says $(cat "$WORK/out")"
}

tiny_bundle
start_daemon "$WORK/tiny" --listen "unix:$WORK/work" --admin-listen "unix:$WORK/admin"
[ "$URL" = "unix:$WORK/work" ] || fail "it says it listens on $URL"
[ "$(stat -c %a "$WORK/work")" = 660 ] || fail "the socket's mode is $(stat -c %a "$WORK/work")"

"$CLIPGEN" generate "a cat" --server "$URL" --seed 7 -o "$WORK/cat.png" >"$WORK/out" || fail "no picture: $(cat "$WORK/out")"
[ "$(head -c 4 "$WORK/cat.png" | tail -c 3)" = PNG ] || fail "cat.png is no PNG"
CLIPGEN_SERVER=$URL "$CLIPGEN" models | grep -q '^id: tiny$' || fail "clipgen models"
CLIPGEN_SERVER=$URL "$CLIPGEN" health | grep -q '^status: ok$' || fail "clipgen health"
"$CLIPGEN" admin reload --wait --server "unix:$WORK/admin" | grep -q '^status: ok$' || fail "clipgen admin reload"
CLIPGEN_ADMIN=unix:$WORK/admin "$CLIPGEN" admin log-level | grep -q '^level: info$' || fail "clipgen admin log-level"
refuses "admin/reload: no such path" admin reload --server "$URL"
refuses "no daemon answers at unix:$WORK/nobody" health --server "unix:$WORK/nobody"
"$BUILDDIR/clipgend" --bundle "$WORK/tiny" --listen "unix:$WORK/work" >"$WORK/second" 2>&1 && fail "two daemons at a socket"
grep -qF "unix:$WORK/work: somebody listens there" "$WORK/second" || fail "it says: $(cat "$WORK/second")"

"$CLIPGEN" --help | grep -q 'unix:/path' || fail "--help does not say unix:/path"
grep -q 'unix:/path' "$SRCDIR/docs/man/clipgen.1" || fail "the man page does not say unix:/path"
for flag in $("$CLIPGEN" --help | grep -o -- '--[a-z-]*' | sort -u); do
    grep -qF -- "$(printf %s "$flag" | sed 's/-/\\-/g')" "$SRCDIR/docs/man/clipgen.1" || fail "the man page has no $flag"
done

# one that was killed leaves its socket, which the next one takes
kill -9 "$DAEMON"
wait "$DAEMON" 2>/dev/null || true
start_daemon "$WORK/tiny" --listen "unix:$WORK/work"
"$CLIPGEN" health --server "$URL" >/dev/null || fail "the socket of a dead daemon is in the way"
kill -TERM "$DAEMON"
expect_exit 0
