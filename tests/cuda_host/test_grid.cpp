/* Kernels on the CPU: indices, barriers, shared memory, warps; and what is said of wrong ones. */
#include <numeric>

#include "tests/cuda_host/test_device.h"

/* ---- indices ---- */

__global__ void count_threads(int *hits)
{
    unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    hits[block * blockDim.x * blockDim.y * blockDim.z + thread]++;
}

static void every_thread_runs_once(void **)
{
    dim3 grid(3, 2, 4), block(5, 7, 3);
    const int n = 3 * 2 * 4 * 5 * 7 * 3;
    device_array<int> hits(n);
    LAUNCH(count_threads, grid, block, 0, nullptr, hits.data);
    run_well();
    for (int i = 0; i < n; i++)
        assert_int_equal(hits[i], 1);
}

/* ---- barriers and shared memory ---- */

template <typename T> __global__ void reverse(T *x)
{
    __shared__ T kept[64];
    kept[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = kept[63 - threadIdx.x];
}

static void blocks_share_memory(void **)
{
    device_array<float> x(64);
    std::iota(x.data, x.data + 64, 0.0f);
    LAUNCH(reverse<float>, 1, 64, 0, nullptr, x.data);
    run_well();
    for (int i = 0; i < 64; i++)
        assert_true(x[i] == 63 - i);
}

/* Wrong: reads what others may not have written yet. */
__global__ void reverse_without_barrier(float *x)
{
    __shared__ float kept[64];
    kept[threadIdx.x] = x[threadIdx.x];
    x[threadIdx.x] = kept[63 - threadIdx.x];
}

static void a_missing_barrier_shows(void **)
{
    for (int seed = 1; seed <= 5; seed++) {
        set_option("CUDA_HOST_SEED", seed);
        device_array<float> x(64);
        std::iota(x.data, x.data + 64, 0.0f);
        LAUNCH(reverse_without_barrier, 1, 64, 0, nullptr, x.data);
        run_well();
        int n_nan = 0;
        for (int i = 0; i < 64; i++)
            n_nan += x[i] != x[i];
        assert_int_equal(n_nan, 32);
    }
}

/* Wrong: without the second barrier fast threads write what slow ones still read. */
template <bool TWICE> __global__ void turn_around(int *x, int times)
{
    __shared__ int kept[128];
    int mine = (int)threadIdx.x;
    for (int i = 0; i < times; i++) {
        kept[threadIdx.x] = mine;
        __syncthreads();
        mine = kept[(threadIdx.x + 64) % 128];
        if (TWICE)
            __syncthreads();
    }
    x[threadIdx.x] = mine;
}

static void a_missing_second_barrier_shows(void **)
{
    device_array<int> x(128);
    LAUNCH(turn_around<true>, 1, 128, 0, nullptr, x.data, 4);
    run_well();
    for (int i = 0; i < 128; i++)
        assert_int_equal(x[i], i);
    LAUNCH(turn_around<false>, 1, 128, 0, nullptr, x.data, 4);
    run_well();
    int n_wrong = 0;
    for (int i = 0; i < 128; i++)
        n_wrong += x[i] != i;
    assert_true(n_wrong > 0);
}

__global__ void sum_in_dynamic(const float *x, float *sum, int n)
{
    float *kept = cuda_host::dynamic_shared<float>();
    kept[threadIdx.x] = x[threadIdx.x];
    for (int half = n / 2; half > 0; half /= 2) {
        __syncthreads();
        if ((int)threadIdx.x < half)
            kept[threadIdx.x] += kept[threadIdx.x + half];
    }
    if (threadIdx.x == 0)
        *sum = kept[0];
}

static void dynamic_memory_is_shared_too(void **)
{
    device_array<float> x(256), sum(1);
    std::iota(x.data, x.data + 256, 0.0f);
    LAUNCH(sum_in_dynamic, 1, 256, 256 * sizeof(float), nullptr, x.data, sum.data, 256);
    run_well();
    assert_true(sum[0] == 255 * 128);
}

__global__ void vote(int *counts)
{
    int count = __syncthreads_count(threadIdx.x % 3 == 0);
    int some = __syncthreads_or(threadIdx.x == 99), all = __syncthreads_and(threadIdx.x < 99);
    counts[threadIdx.x] = count * 100 + some * 10 + all;
}

static void barriers_count(void **)
{
    device_array<int> counts(100);
    LAUNCH(vote, 1, 100, 0, nullptr, counts.data);
    run_well();
    for (int i = 0; i < 100; i++)
        assert_int_equal(counts[i], 3410);
}

__global__ void some_return(int n)
{
    if ((int)threadIdx.x >= n)
        return;
    __syncthreads();
}

__global__ void two_barriers(int n)
{
    if ((int)threadIdx.x < n)
        __syncthreads();
    else
        __syncthreads();
}

static void a_barrier_wants_everybody(void **)
{
    LAUNCH(some_return, 1, 64, 0, nullptr, 48);
    run_ill("with 48 of 64 threads, but thread (48,0,0) has returned");
    LAUNCH(two_barriers, 2, 64, 0, nullptr, 16);
    run_ill(", while others of its block wait in __syncthreads");
}

/* ---- warps ---- */

__global__ void warp_sums(int *sums)
{
    int x = (int)threadIdx.x;
    for (int step = 16; step > 0; step /= 2)
        x += __shfl_xor_sync(ALL_LANES, x, step);
    sums[threadIdx.x] = x;
}

static void lanes_exchange(void **)
{
    device_array<int> sums(96);
    LAUNCH(warp_sums, 1, 96, 0, nullptr, sums.data);
    run_well();
    for (int i = 0; i < 96; i++)
        assert_int_equal(sums[i], 496 + i / 32 * 1024);
}

__global__ void shuffles(int *out)
{
    int lane = (int)threadIdx.x;
    out[lane] = __shfl_sync(ALL_LANES, lane, 5);
    out[32 + lane] = __shfl_sync(ALL_LANES, lane, 3, 8);
    out[64 + lane] = __shfl_up_sync(ALL_LANES, lane, 2);
    out[96 + lane] = __shfl_down_sync(ALL_LANES, lane, 3, 16);
    out[128 + lane] = __shfl_xor_sync(ALL_LANES, lane, 4, 4);
}

static void shuffles_keep_to_their_groups(void **)
{
    device_array<int> out(160);
    LAUNCH(shuffles, 1, 32, 0, nullptr, out.data);
    run_well();
    for (int i = 0; i < 32; i++) {
        assert_int_equal(out[i], 5);
        assert_int_equal(out[32 + i], i / 8 * 8 + 3);
        assert_int_equal(out[64 + i], i < 2 ? i : i - 2);
        assert_int_equal(out[96 + i], i % 16 + 3 < 16 ? i + 3 : i);
        assert_int_equal(out[128 + i], i & 4 ? i ^ 4 : i); /* a later group: its own */
    }
}

__global__ void votes(unsigned *out)
{
    int lane = (int)threadIdx.x;
    unsigned half = lane < 16 ? 0xffffu : 0xffff0000u;
    out[lane] = __ballot_sync(ALL_LANES, lane % 2);
    out[32 + lane] = (unsigned)__any_sync(ALL_LANES, lane == 7) * 2 + (unsigned)__all_sync(ALL_LANES, lane < 31);
    out[64 + lane] = __reduce_add_sync(half, (unsigned)lane);
    out[96 + lane] = (unsigned)__reduce_max_sync(half, -lane);
}

static void lanes_vote_and_reduce(void **)
{
    device_array<unsigned> out(128);
    LAUNCH(votes, 1, 32, 0, nullptr, out.data);
    run_well();
    for (unsigned i = 0; i < 32; i++) {
        assert_int_equal(out[i], 0xaaaaaaaau);
        assert_int_equal(out[32 + i], 2);
        assert_int_equal(out[64 + i], i < 16 ? 120 : 376);
        assert_int_equal((int)out[96 + i], i < 16 ? 0 : -16);
    }
}

/* Lanes that return are not waited for. */
__global__ void some_lanes_return(unsigned *out)
{
    if (threadIdx.x >= 20)
        return;
    out[threadIdx.x] = __ballot_sync(ALL_LANES, 1);
}

static void lanes_that_returned_are_not_waited_for(void **)
{
    device_array<unsigned> out(32);
    for (int seed = 1; seed <= 5; seed++) {
        set_option("CUDA_HOST_SEED", seed);
        LAUNCH(some_lanes_return, 1, 32, 0, nullptr, out.data);
        run_well();
        for (int i = 0; i < 20; i++)
            assert_int_equal(out[i], 0xfffff);
    }
}

__global__ void asks_who_returned(int *out)
{
    if (threadIdx.x >= 20)
        return;
    out[threadIdx.x] = __shfl_sync(ALL_LANES, 1, 25);
}

__global__ void other_masks(int n)
{
    __syncwarp((int)threadIdx.x < n ? ALL_LANES : 0xfffffffeu);
}

__global__ void not_in_mask(int n)
{
    if ((int)threadIdx.x < n)
        __syncwarp(0xfffffff0u);
}

__global__ void barrier_and_shuffle(int n)
{
    if ((int)threadIdx.x < n)
        __shfl_sync(ALL_LANES, 1, 0);
    else
        __syncthreads();
}

static void lanes_must_agree(void **)
{
    device_array<int> out(32);
    LAUNCH(asks_who_returned, 1, 32, 0, nullptr, out.data);
    run_ill("asks for the value of lane 25, which does not take part");
    LAUNCH(other_masks, 1, 32, 0, nullptr, 16);
    run_ill("brings mask 0x");
    LAUNCH(not_in_mask, 1, 32, 0, nullptr, 4);
    run_ill("with mask 0xfffffff0: its own lane");
    LAUNCH(barrier_and_shuffle, 1, 32, 0, nullptr, 16);
    run_ill(" waits in __syncthreads");
}

/* ---- atomics ---- */

__global__ void count_up(int *sum, unsigned *turn, float *total)
{
    atomicAdd(sum, 2);
    atomicInc(turn, 9);
    atomicAdd(total, 0.5f);
}

static void atomics_add_up(void **)
{
    device_array<int> sum(1);
    device_array<unsigned> turn(1);
    device_array<float> total(1);
    LAUNCH(count_up, 7, 100, 0, nullptr, sum.data, turn.data, total.data);
    run_well();
    assert_int_equal(sum[0], 1400);
    assert_int_equal(turn[0], 0);
    assert_true(total[0] == 350);
}

/* ---- faults ---- */

__global__ void trap_at(int block)
{
    if ((int)blockIdx.x == block && threadIdx.x == 3)
        __trap();
}

static void faults_stay(void **)
{
    LAUNCH(trap_at, 8, 32, 0, nullptr, 5);
    assert_int_equal(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
    void *data;
    assert_int_equal(cudaMalloc(&data, 1), cudaErrorLaunchFailure);
    run_ill("kernel trap_at, block (5,0,0): thread (3,0,0): __trap");
}

static void impossible_launches_are_refused(void **)
{
    LAUNCH(trap_at, 0, 32, 0, nullptr, 0);
    assert_int_equal(cudaGetLastError(), cudaErrorInvalidConfiguration);
    assert_int_equal(cudaGetLastError(), cudaSuccess);
    LAUNCH(trap_at, 1, 1025, 0, nullptr, 0);
    assert_int_equal(cudaGetLastError(), cudaErrorInvalidConfiguration);
    LAUNCH(trap_at, 1, 32, 50000, nullptr, -1);
    assert_int_equal(cudaGetLastError(), cudaErrorInvalidValue);
    assert_int_equal(
        cudaFuncSetAttribute(trap_at, cudaFuncAttributeMaxDynamicSharedMemorySize, 50000),
        cudaSuccess);
    LAUNCH(trap_at, 1, 32, 50000, nullptr, -1);
    run_well();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_thread_runs_once),
    cmocka_unit_test(blocks_share_memory),
    cmocka_unit_test(a_missing_barrier_shows),
    cmocka_unit_test(a_missing_second_barrier_shows),
    cmocka_unit_test(dynamic_memory_is_shared_too),
    cmocka_unit_test(barriers_count),
    cmocka_unit_test(a_barrier_wants_everybody),
    cmocka_unit_test(lanes_exchange),
    cmocka_unit_test(shuffles_keep_to_their_groups),
    cmocka_unit_test(lanes_vote_and_reduce),
    cmocka_unit_test(lanes_that_returned_are_not_waited_for),
    cmocka_unit_test(lanes_must_agree),
    cmocka_unit_test(atomics_add_up),
    cmocka_unit_test(faults_stay),
    cmocka_unit_test(impossible_launches_are_refused),
};

TEST_MAIN(tests)
