#!/bin/sh
# bench/load makes a bundle, starts the daemon on it in every format that is asked for, and says when that fails.
set -eu
SRCDIR=${SRCDIR:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*: $(cat "$work/out" "$work/errors")" >&2; exit 1; }
load() {
    "$SRCDIR/bench/load" --preset emoji --dir "$work/bundle" --runs 1 "$@" >"$work/out" 2>"$work/errors"
}
cd "${BUILDDIR:-.}"

load --weights "f32 q8_0" --backend cpu --cpu-threads 1 || fail "load"
grep -Eqx '[0-9]+ MiB of weights in f16' "$work/out" || fail "no size"
for format in f32 q8_0; do
    grep -q "^$format " "$work/out" || fail "no row of $format"
done
awk 'NR > 2 && !($2 > 0 && $3 > 0 && $5 > 0 && $6 > $5) { exit 1 }' "$work/out" || fail "out of order"
[ -f "$work/bundle/config.json" ] || fail "the bundle is gone"

if load --weights none; then fail "no format was taken"; fi
grep -q '^bench/load: clipgend ended: ' "$work/errors" || fail "other words"
if load --runs 0; then fail "no run was taken"; fi
grep -qx "bench/load: --runs: '0' is no number above 0" "$work/errors" || fail "other words"
