/* Memory of the device and pinned memory: what it starts as, who may write where, how much there is. */
#include <cstring>

#include "tests/cuda_host/test_device.h"

__global__ void set(float *x, int i, float value)
{
    x[i] = value;
}

static void memory_starts_poisoned(void **)
{
    unsigned char *data;
    expect_success(cudaMalloc(&data, 1000));
    for (int i = 0; i < 1000; i++)
        assert_int_equal(data[i], 0xff);
    expect_success(cudaFree(data));
}

static void copies_go_both_ways(void **)
{
    float there[4] = { 1, 2, 3, 4 }, back[4] = { 0 };
    device_array<float> a(4), b(4);
    expect_success(cudaMemcpyAsync(a.data, there, sizeof there, cudaMemcpyHostToDevice));
    expect_success(cudaMemcpyAsync(b.data, a.data, sizeof there, cudaMemcpyDefault));
    expect_success(cudaMemcpyAsync(back, b.data, sizeof back, cudaMemcpyDeviceToHost));
    assert_true(back[3] == 0); /* nobody waited */
    run_well();
    assert_memory_equal(back, there, sizeof back);
}

static void rows_are_copied_apart(void **)
{
    int from[6] = { 1, 2, 3, 4, 5, 6 };
    device_array<int> to(8);
    expect_success(cudaMemcpy2DAsync(to.data, 16, from, 12, 8, 2, cudaMemcpyHostToDevice));
    run_well();
    const int want[8] = { 1, 2, 0, 0, 4, 5, 0, 0 };
    assert_memory_equal(to.data, want, sizeof want);
}

static void pageable_memory_is_read_at_once_and_pinned_memory_later(void **)
{
    int pageable = 1, *pinned;
    device_array<int> to(2);
    expect_success(cudaMallocHost(&pinned, sizeof *pinned));
    *pinned = 1;
    expect_success(cudaMemcpyAsync(&to[0], &pageable, sizeof(int), cudaMemcpyHostToDevice));
    expect_success(cudaMemcpyAsync(&to[1], pinned, sizeof(int), cudaMemcpyHostToDevice));
    pageable = *pinned = 2;
    run_well();
    assert_int_equal(to[0], 1);
    assert_int_equal(to[1], 2);
    expect_success(cudaFreeHost(pinned));
}

static void wrong_copies_are_refused(void **)
{
    float here[8] = { 0 };
    device_array<float> there(4);
    assert_int_equal(cudaMemcpy(here, here, 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
    assert_int_equal(cudaMemcpy(there.data, there.data, 4, cudaMemcpyHostToDevice),
                     cudaErrorInvalidValue);
    assert_int_equal(cudaMemcpy(there.data + 2, here, 12, cudaMemcpyHostToDevice),
                     cudaErrorInvalidValue);
    assert_int_equal(cudaMemset(there.data, 0, 20), cudaErrorInvalidValue);
    assert_int_equal(cudaFree(here), cudaErrorInvalidValue);
    assert_int_equal(cudaFreeHost(there.data), cudaErrorInvalidValue);
    assert_int_equal(cudaGetLastError(), cudaErrorInvalidValue);
}

/* Sanitizer builds end at once, with a report of their own. */
static void writes_beyond_are_found(void **)
{
#ifdef __SANITIZE_ADDRESS__
    skip();
#endif
    float *behind, *before;
    expect_success(cudaMalloc(&behind, 40));
    LAUNCH(set, 1, 1, 0, nullptr, behind, 10, 1.0f);
    run_ill("bytes behind a piece of memory of 40 bytes were written");
    memset(behind + 10, 0xa5, 4); /* the sentinel, as it was */
    expect_success(cudaFree(behind));
    expect_success(cudaMalloc(&before, 40));
    LAUNCH(set, 1, 1, 0, nullptr, before, -1, 1.0f);
    run_ill("bytes before a piece of memory of 40 bytes were written");
    memset(before - 1, 0xa5, 4);
    expect_success(cudaFree(before));
}

static void memory_runs_out(void **)
{
    void *data;
    size_t free_before, free_after, total;
    set_option("CUDA_HOST_MEMORY", 1000);
    assert_int_equal(cudaMalloc(&data, 1001), cudaErrorMemoryAllocation);
    assert_int_equal(cudaGetLastError(), cudaErrorMemoryAllocation);
    expect_success(cudaMemGetInfo(&free_before, &total));
    assert_int_equal(total, 1000);
    expect_success(cudaMalloc(&data, 600));
    expect_success(cudaMemGetInfo(&free_after, &total));
    assert_int_equal(free_before - free_after, 600);
    assert_int_equal(cudaMalloc(&data, 500), cudaErrorMemoryAllocation);
    assert_int_equal(cudaGetLastError(), cudaErrorMemoryAllocation);
    expect_success(cudaFree(data));
    unsetenv("CUDA_HOST_MEMORY");
}

static void devices_keep_to_themselves(void **)
{
    int n, *data, value = 1;
    set_option("CUDA_HOST_DEVICES", 2);
    expect_success(cudaGetDeviceCount(&n));
    assert_int_equal(n, 2);
    expect_success(cudaMalloc(&data, sizeof(int)));
    expect_success(cudaSetDevice(1));
    assert_int_equal(cudaMemcpy(data, &value, sizeof value, cudaMemcpyHostToDevice),
                     cudaErrorInvalidValue);
    assert_int_equal(cudaSetDevice(2), cudaErrorInvalidDevice);
    expect_success(cudaSetDevice(0));
    expect_success(cudaFree(data));
    set_option("CUDA_HOST_DEVICES", 0);
    assert_int_equal(cudaGetDeviceCount(&n), cudaErrorNoDevice);
    unsetenv("CUDA_HOST_DEVICES");
    cudaGetLastError();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(memory_starts_poisoned),
    cmocka_unit_test(copies_go_both_ways),
    cmocka_unit_test(rows_are_copied_apart),
    cmocka_unit_test(pageable_memory_is_read_at_once_and_pinned_memory_later),
    cmocka_unit_test(wrong_copies_are_refused),
    cmocka_unit_test(writes_beyond_are_found),
    cmocka_unit_test(memory_runs_out),
    cmocka_unit_test(devices_keep_to_themselves),
};

TEST_MAIN(tests)
