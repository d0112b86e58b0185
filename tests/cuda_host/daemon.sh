#!/bin/sh
# The real daemon on the CUDA backend, which runs on the CPU: no device, pictures, a request that gets no memory, a
# fault.
. "${SRCDIR:-.}/tests/e2e/daemon.sh"
export CLIPGEN_PLUGIN_DIR="$BUILDDIR/tests/cuda_host/plugin"
export CUDA_HOST_FAIL_FILE="$WORK/fail"
CAT='{"prompt":"a cat","seed":7,"guidance_scale":2,"return":["tokens"]}'
OUT_OF_MEMORY=2 # of enum cudaError_t
FAULT=719

tokens_of() {
    grep -o '"tokens":\[[^]]*\]' "$1"
}

# ask STATUS FILE: a picture of a cat
ask() {
    got=$(post "$CAT" "$2")
    [ "$got" = "$1" ] || fail "it answers $got, not $1: $(cat "$2")"
}

tiny_bundle

# no device
export CUDA_HOST_DRIVER=0
status=0
"$BUILDDIR/clipgend" --bundle "$WORK/tiny" --listen 127.0.0.1:0 --backend cuda >"$WORK/log" 2>&1 || status=$?
[ "$status" = 1 ] || fail "without a driver it ends with $status"
grep -qF 'backend cuda: no NVIDIA driver is loaded' "$WORK/log" || fail "no word of the driver"
start_daemon "$WORK/tiny" --backend auto --weights f32
[ "$(grep -c 'NVIDIA driver' "$WORK/log")" = 1 ] || fail "not one line about the driver"
grep -q 'on cpu: .*(cuda: no NVIDIA driver is loaded .*, or take the cpu backend)$' "$WORK/log" ||
    fail "the reason is cut short"
ask 200 "$WORK/cpu.json"
kill -TERM "$DAEMON"
expect_exit 0
unset CUDA_HOST_DRIVER

# a picture: the CPU's tokens
start_daemon "$WORK/tiny" --backend cuda --weights f32
grep -q 'weights f32 on cuda: ' "$WORK/log" || fail "it is not on CUDA"
ask 200 "$WORK/cuda.json"
[ "$(tokens_of "$WORK/cuda.json")" = "$(tokens_of "$WORK/cpu.json")" ] || fail "not the CPU's tokens"

# no memory for one request: it fails alone
echo "cached_kernel 1 $OUT_OF_MEMORY" >"$CUDA_HOST_FAIL_FILE"
ask 503 "$WORK/nomem.json"
grep -q 'attention_cached of f32\[2, 1, 192\]: out of memory' "$WORK/nomem.json" || fail "it says: $(cat "$WORK/nomem.json")"
ask 200 "$WORK/again.json"
[ "$(tokens_of "$WORK/again.json")" = "$(tokens_of "$WORK/cpu.json")" ] || fail "other tokens after a failure"

# a fault: who waits hears of it, and systemd is left a reason to start it again
echo "cached_kernel 2 $FAULT" >"$CUDA_HOST_FAIL_FILE"
ask 503 "$WORK/fault.json"
grep -q 'cached_kernel.*cudaErrorLaunchFailure' "$WORK/fault.json" || fail "it says: $(cat "$WORK/fault.json")"
expect_exit 1
grep -qF 'daemon: the device failed; start the daemon again' "$WORK/log" || fail "no word of the device"

# with launches that wait the words name the operation
rm "$CUDA_HOST_FAIL_FILE"
export CUDA_LAUNCH_BLOCKING=1
start_daemon "$WORK/tiny" --backend cuda --weights f32
echo "layernorm_kernel 9 $FAULT" >"$CUDA_HOST_FAIL_FILE"
ask 503 "$WORK/fault.json"
grep -q 'layernorm of f32\[.*\]: .*cudaErrorLaunchFailure' "$WORK/fault.json" || fail "it says: $(cat "$WORK/fault.json")"
expect_exit 1
