#!/bin/sh
# bench/peers takes turns, reports ratios, and names who cannot take part. Nobody is installed: the virtual
# environment is one that stands in for everyone.
set -eu
command -v python3 >/dev/null || { echo "skipped: python3 is not there"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*: $(cat "$work/out" "$work/errors")" >&2; exit 1; }
peers() { python3 "$SRCDIR/bench/peers" --venv "$work/venv" --ours "$work/ours" "$@" >"$work/out" 2>"$work/errors"; }

mkdir -p "$work/venv/bin"
cat >"$work/venv/bin/python" <<'PEER'
#!/bin/sh
case "$*" in
*"pip install"*onnxruntime*) echo "ERROR: no such package" >&2; exit 1 ;;
*"pip install"*) exit 0 ;;
*"pip freeze"*) echo torch==1.2.3; exit 0 ;;
*"torch compile"*) echo "RuntimeError: no compiler" >&2; exit 1 ;;
esac
echo ready
while read -r repeats; do echo 0.5; done
PEER
cat >"$work/ours" <<'OURS'
#!/bin/sh
case "$*" in *--sizes*) echo '{}'; exit 0 ;; esac
echo ready
while read -r repeats; do echo 0.25; done
OURS
chmod +x "$work/venv/bin/python" "$work/ours"

peers --json --runs 3 --only '^(torch|torch compile|onnxruntime)$' clip_text || fail "peers"
python3 - "$work/out" <<'CHECK' || fail "wrong results"
import json, sys
r = {x["peer"]: x for x in json.load(open(sys.argv[1]))["results"]}
assert set(r) == {"torch", "torch compile", "onnxruntime"}, r
assert r["torch"]["name"] == "clip_text" and r["torch"]["ratio"] == 0.5, r
assert r["torch"]["ours_seconds"] == 0.25 and r["torch"]["peer_seconds"] == 0.5, r
assert r["torch compile"]["unavailable"] == "RuntimeError: no compiler", r
assert r["onnxruntime"]["unavailable"] == "not installed: ERROR: no such package", r
CHECK

peers --runs 1 --only '^torch$' vqgan_decode || fail "peers as a table"
grep -Eq '^vqgan_decode +torch +0\.2500 +0\.5000 +0\.50$' "$work/out" || fail "no such row"
if peers --runs 1 --ours /nowhere clip_text; then fail "no bench/run"; fi
grep -q '^bench/peers: /nowhere: ' "$work/errors" || fail "other words"
