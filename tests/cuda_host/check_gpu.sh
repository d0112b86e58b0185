#!/bin/sh
# What `make check-gpu` says where there is nothing to check.
set -eu
BUILDDIR=${BUILDDIR:-.}
SRCDIR=${SRCDIR:-.}

# says WORDS: check-gpu does, and ends well
says() {
    said=$("$SRCDIR/tools/check-gpu" "$SRCDIR" "$BUILDDIR") || { echo "FAILED: it ends with $?: $said"; exit 1; }
    case $said in
    "skipped: $1"*) ;;
    *) echo "FAILED: it says: $said"; exit 1 ;;
    esac
}

CLIPGEN_PLUGIN_DIR=/nonexistent says 'there is no /nonexistent/libclipgen-cuda.so; configure found no nvcc'
CLIPGEN_PLUGIN_DIR="$BUILDDIR/tests/cuda_host/plugin" CUDA_HOST_DRIVER=0 says 'backend cuda: no NVIDIA driver is loaded'
