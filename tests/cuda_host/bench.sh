#!/bin/sh
# bench/run measures the CUDA backend, which runs on the CPU: a part, beside what the device's own products and copies
# can do.
set -eu
BUILDDIR=${BUILDDIR:-.}
export CLIPGEN_PLUGIN_DIR="$BUILDDIR/tests/cuda_host/plugin"

if [ -n "${CLIPGEN_TEST_BRIEF:-}" ]; then
    echo "skipped: products and copies as large as a GPU wants them take too long under sanitizers"
    exit 77
fi
said=$("$BUILDDIR/bench/run" --preset emoji --backend cuda --runs 1 --json clip_text)
for word in '"cpu": "cuda: the CPU as a CUDA device' '"name": "clip_text' '"limit_seconds": [0-9]'; do
    echo "$said" | grep -q "$word" || { echo "FAILED: no word of $word in: $said"; exit 1; }
done
