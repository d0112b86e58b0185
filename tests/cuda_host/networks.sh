#!/bin/sh
# The CUDA backend on the CPU answers what tests ask of the CPU backend: the networks against PyTorch's
# numbers, ten AdamW steps, cached decoding against whole sequences, a row alone against it in company.
set -eu
BUILDDIR=${BUILDDIR:-.}
export CLIPGEN_TEST_BACKEND=cuda
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
export CLIPGEN_PLUGIN_DIR="${CLIPGEN_PLUGIN_DIR:-$BUILDDIR/tests/cuda_host/plugin}"

if [ -n "${CLIPGEN_TEST_BRIEF:-}" ]; then
    echo "skipped: test_ops_cuda runs the same kernels under sanitizers; networks take too long there"
    exit 77
fi

# PROGRAM [TEST]: all tests of a program, or one that costs little
programs() {
    cat <<'PROGRAMS'
kernels/test_blocks
kernels/test_packed
kernels/test_sample cold
kernels/test_sample nan
kernels/test_sample seed
kernels/test_tape
model/test_batch
model/test_condition
model/test_generate broken
model/test_generate drop
model/test_generate embed
model/test_generate encode_reference
model/test_generate guidance
model/test_generate negative
model/test_generate reference
model/test_generate seed
model/test_golden_clip
model/test_golden_disc
model/test_golden_gpt
model/test_golden_pipeline
model/test_golden_vqgan
model/test_gpt_decode
model/test_tape
PROGRAMS
}

failed=
programs >"$WORK/programs"
while read -r program test; do
    echo "---- $program $test ----"
    "$BUILDDIR/tests/$program" "$test" </dev/null || failed="$failed $program"
done <"$WORK/programs"
[ -z "$failed" ] || { echo "failed on the CUDA backend:$failed"; exit 1; }
