#!/bin/sh
# The CUDA backend on the CPU answers what tests ask of the CPU backend: the networks against PyTorch's
# numbers, ten AdamW steps, cached decoding against whole sequences, a row alone against it in company.
set -eu
BUILDDIR=${BUILDDIR:-.}
export CLIPGEN_TEST_BACKEND=cuda
export CLIPGEN_PLUGIN_DIR="$BUILDDIR/tests/cuda_host/plugin"

if [ -n "${CLIPGEN_TEST_BRIEF:-}" ]; then
    echo "skipped: test_ops_cuda runs the same kernels under sanitizers; networks take too long there"
    exit 77
fi

programs() {
    cat <<'PROGRAMS'
model/test_batch
model/test_golden_clip
model/test_golden_disc
model/test_golden_gpt
model/test_golden_pipeline
model/test_golden_vqgan
model/test_gpt_decode
PROGRAMS
}

failed=
for program in $(programs); do
    echo "---- $program ----"
    "$BUILDDIR/tests/$program" || failed="$failed $program"
done
[ -z "$failed" ] || { echo "failed on the CUDA backend:$failed"; exit 1; }
