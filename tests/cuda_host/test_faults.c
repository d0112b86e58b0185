/*
 * What goes wrong on a GPU, and what is said of it: a device that is not usable, a call that is
 * refused, and last a fault, after which this process gets nothing more out of CUDA.
 */
#include <string.h>

#include "base/mem.h"
#include "tests/cuda_host/plugin.h"
#include "tests/kernels/world.h"
#include "tests/test.h"

#define MB ((size_t)1 << 20)
#define GEMM_ROWS (OP_LINEAR_ROWS + 1) /* more than kernels of ours take: cuBLAS */

/* ---- no device ---- */

static const struct {
    const char *option, *value, *words;
} MISSING[] = {
    { "CUDA_HOST_DRIVER", "0",
      "no NVIDIA driver is loaded (this build wants one for CUDA 13.0); install it, or take the "
      "cpu backend" },
    { "CUDA_HOST_DRIVER", "12040",
      "no usable GPU: CUDA driver version is insufficient for CUDA runtime version; the driver is "
      "for CUDA 12.4, this build for 13.0; update the driver, look at nvidia-smi and "
      "CUDA_VISIBLE_DEVICES, or take the cpu backend" },
    { "CUDA_HOST_DEVICES", "0",
      "no usable GPU: no CUDA-capable device is detected; the driver is for CUDA 13.0, this build "
      "for 13.0; update the driver, look at nvidia-smi and CUDA_VISIBLE_DEVICES, or take the cpu "
      "backend" },
    { "CUDA_HOST_COMPUTE", "75",
      "GPU 0 has compute capability 7.5, this build wants 8.0 or later; choose another with "
      "CUDA_VISIBLE_DEVICES, or take the cpu backend" },
};

static void expect_refused(const char *words)
{
    struct device *d;
    struct err e = { 0 };
    char whole[512];

    assert_int_equal(device_open("cuda", 1, &d, &e), -1);
    snprintf(whole, sizeof whole, "backend cuda: %s", words);
    assert_err(&e, ERR_DEVICE, whole);
}

static void expect_cpu_instead(const char *words)
{
    struct device *d;
    struct err e = { 0 };

    if (device_open("auto", 1, &d, &e))
        fail_msg("%s", e.msg);
    assert_memory_equal(device_describe(d), "cpu: ", 5);
    if (!strstr(device_describe(d), words))
        fail_msg("'%s' is not in '%s'", words, device_describe(d));
    device_close(d);
}

static void test_no_device(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof MISSING / sizeof *MISSING; i++) {
        setenv(MISSING[i].option, MISSING[i].value, 1);
        expect_refused(MISSING[i].words);
        expect_cpu_instead(MISSING[i].words);
        unsetenv(MISSING[i].option);
    }
}

static void test_no_memory_at_open(void **state)
{
    struct device *d;
    struct err e = { 0 };

    (void)state;
    setenv("CUDA_HOST_MEMORY", "1048576", 1);
    assert_int_equal(device_open("cuda", 1, &d, &e), -1);
    assert_err(&e, ERR_NOMEM,
               "backend cuda: 33554432 bytes: workspace of cuBLAS: out of memory "
               "(cudaErrorMemoryAllocation)");
    unsetenv("CUDA_HOST_MEMORY");
}

/* ---- a call that is refused ---- */

static struct tensor *norm(struct world *w)
{
    return op_layernorm(&w->p, WORLD_TENSOR(w, false, 3, 8), WORLD_TENSOR(w, false, 8),
                        WORLD_TENSOR(w, false, 8), 1e-5f);
}

static struct tensor *sum(struct world *w)
{
    return op_add(&w->p, WORLD_TENSOR(w, false, 3, 8), WORLD_TENSOR(w, false, 3, 8));
}

static struct tensor *product(struct world *w)
{
    return op_linear(&w->p, WORLD_TENSOR(w, false, GEMM_ROWS, 8), WORLD_TENSOR(w, false, 4, 8),
                     NULL);
}

/* Numbers are those of tests/cuda_host/runtime_api.h. */
static const struct {
    struct tensor *(*op)(struct world *w);
    const char *fail;
    enum err_code code;
    const char *words;
} REFUSED[] = {
    { norm, "layernorm_kernel 1 701", ERR_INTERNAL,
      "layernorm of f32[3, 8]: too many resources requested for launch "
      "(cudaErrorLaunchOutOfResources)" },
    { norm, "layernorm_kernel 1 2", ERR_NOMEM,
      "layernorm of f32[3, 8]: out of memory (cudaErrorMemoryAllocation)" },
    { sum, "each_kernel 1 9", ERR_INTERNAL,
      "add of f32[3, 8]: invalid configuration argument (cudaErrorInvalidConfiguration)" },
    { product, "cublasGemm 1 2", ERR_NOMEM,
      "gemm to f32[1, 129, 4], k 8: CUBLAS_STATUS_ALLOC_FAILED" },
};

/* One operation has no result; the next of the same kind has. */
static void test_refusals(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, MB);
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        struct err e = { 0 };
        setenv("CUDA_HOST_FAIL", REFUSED[i].fail, 1);
        REFUSED[i].op(&w);
        assert_int_equal(pass_finish(&w.p, &e), -1);
        assert_err(&e, REFUSED[i].code, REFUSED[i].words);
        world_restart(&w);
        mem_free(world_read(&w, REFUSED[i].op(&w)));
        world_check(&w);
        world_restart(&w);
        unsetenv("CUDA_HOST_FAIL");
    }
    world_release(&w);
}

static void test_no_memory(void **state)
{
    struct world w;
    struct err e = { 0 };
    void *data;

    (void)state;
    world_init(&w, MB);
    assert_int_equal(device_alloc(w.dev, (size_t)1 << 40, &data, &e), -1);
    assert_err(&e, ERR_NOMEM,
               "1099511627776 bytes: GPU memory: out of memory (cudaErrorMemoryAllocation)");
    mem_free(world_read(&w, norm(&w)));
    world_release(&w);
}

/* ---- a fault: last, because nothing works after it ---- */

#define FAULT "kernel layernorm_kernel: the failure that CUDA_HOST_FAIL asks for"

static void test_a_fault_stays(void **state)
{
    struct world w;
    struct err e = { 0 };
    float back[3 * 8];

    (void)state;
    world_init(&w, MB);
    setenv("CUDA_HOST_FAIL", "layernorm_kernel 1 719", 1);
    struct tensor *y = norm(&w);
    world_check(&w); /* nobody has waited yet */
    assert_int_equal(device_download(w.dev, y, 0, back, sizeof back, &e), -1);
    assert_err(&e, ERR_DEVICE, "96 bytes: download: " FAULT " (cudaErrorLaunchFailure)");
    unsetenv("CUDA_HOST_FAIL");
    assert_int_equal(device_wait(w.dev, &e), -1);
    assert_err(&e, ERR_DEVICE, "waiting for the GPU: " FAULT " (cudaErrorLaunchFailure)");
    assert_null(op_add(&w.p, y, y));
    assert_int_equal(pass_finish(&w.p, &e), -1);
    assert_err(&e, ERR_DEVICE, "add of f32[3, 8]: " FAULT " (cudaErrorLaunchFailure)");
    world_release(&w);
    assert_int_equal(device_open("cuda", 1, &w.dev, &e), -1);
    assert_int_equal(e.code, ERR_DEVICE);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_no_device),     cmocka_unit_test(test_no_memory_at_open),
    cmocka_unit_test(test_refusals),      cmocka_unit_test(test_no_memory),
    cmocka_unit_test(test_a_fault_stays),
};

static int choose(void **state)
{
    (void)state;
    plugin_choose();
    return 0;
}

TEST_MAIN_WITH(tests, choose, NULL)
