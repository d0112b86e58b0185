/*
 * Large products with operands of 16 bits: near to the exact ones, as near as the rounding of
 * operands allows and no nearer, for numbers of any size.
 */
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "kernels/device_impl.h"
#include "tests/cuda_host/plugin.h"
#include "tests/test.h"

/* More rows than kernels of ours take, and no multiple of anything. */
enum { M = OP_LINEAR_ROWS + 5, N = 35, K = 51, BATCH = 2 };

static const struct {
    enum dtype type;
    double scale_a, scale_b;
    double least, most; /* error over the largest result */
} CASES[] = {
    { DTYPE_F32, 1, 1, 0, 1e-6 },
    /* operands lose 2^-9 each; errors of 51 terms mostly cancel */
    { DTYPE_BF16, 1, 1, 1e-4, 5e-3 },
    { DTYPE_BF16, 1e-20, 1e15, 1e-4, 5e-3 },
    /* 2^-12 */
    { DTYPE_F16, 1, 1, 1e-5, 6e-4 },
    /* as they are, gradients would vanish and the others overflow */
    { DTYPE_F16, 1e-12, 1, 1e-5, 6e-4 },
    { DTYPE_F16, 1e9, 1e-9, 1e-5, 6e-4 },
    { DTYPE_F16, 1e-30, 1e25, 1e-5, 6e-4 },
};

static struct device *dev;

static void ok(int failed, const struct err *e)
{
    if (failed)
        fail_msg("%s", e->msg);
}

/* n numbers, on the host and on the device. */
struct numbers {
    int64_t n;
    float *host, *device;
};

static struct numbers numbers(int64_t n, double scale, uint64_t stream)
{
    struct numbers x = { .n = n, .host = mem_alloc((size_t)n, sizeof(float)) };
    void *data;
    struct err e;

    assert_non_null(x.host);
    for (int64_t i = 0; i < n; i++)
        x.host[i] = (float)(scale * rng_normal_at(3, stream, (uint64_t)i));
    ok(device_alloc(dev, (size_t)n * sizeof(float), &data, &e) ||
           dev->backend->upload(dev->ctx, data, x.host, (size_t)n * sizeof(float), &e),
       &e);
    x.device = data;
    return x;
}

static void release(struct numbers *x)
{
    device_free(dev, x->device);
    mem_free(x->host);
}

static double exact(const struct backend_gemm *g, const float *a, const float *b, const float *c,
                    int64_t one, int64_t i, int64_t j)
{
    double sum = 0;

    a += one * g->stride_a;
    b += one * g->stride_b;
    for (int64_t k = 0; k < K; k++)
        sum += (double)a[g->trans_a ? k * g->lda + i : i * g->lda + k] *
               b[g->trans_b ? j * g->ldb + k : k * g->ldb + j];
    return g->alpha * sum + g->beta * (double)c[one * g->stride_c + i * g->ldc + j];
}

/* Over the largest result; infinite where one is no number. */
static double error_of(const struct backend_gemm *g, const float *a, const float *b, const float *c,
                       const float *got)
{
    double error = 0, largest = 0;

    for (int64_t one = 0; one < BATCH; one++)
        for (int64_t i = 0; i < M; i++)
            for (int64_t j = 0; j < N; j++) {
                double y = got[one * g->stride_c + i * N + j];
                double want = exact(g, a, b, c, one, i, j);
                error = isnan(y) ? INFINITY : fmax(error, fabs(y - want));
                largest = fmax(largest, fabs(want));
            }
    return error / largest;
}

/* A product with what is there already. */
static double run(bool trans_a, bool trans_b, double scale_a, double scale_b)
{
    struct numbers a = numbers(BATCH * M * K, scale_a, 1), b = numbers(BATCH * K * N, scale_b, 2);
    struct numbers c = numbers(BATCH * M * N, scale_a * scale_b, 4);
    float *got = mem_alloc((size_t)c.n, sizeof *got);
    struct err e;
    const struct backend_gemm g = {
        .m = M,
        .n = N,
        .k = K,
        .batch = BATCH,
        .trans_a = trans_a,
        .trans_b = trans_b,
        .a = a.device,
        .b = b.device,
        .c = c.device,
        .lda = trans_a ? M : K,
        .ldb = trans_b ? K : N,
        .ldc = N,
        .stride_a = M * K,
        .stride_b = K * N,
        .stride_c = M * N,
        .alpha = 0.7f,
        .beta = 1,
    };

    assert_non_null(got);
    ok(dev->backend->gemm(dev->ctx, &g, &e) ||
           dev->backend->download_wait(dev->ctx, got, c.device, (size_t)c.n * sizeof *got, &e),
       &e);
    double error = error_of(&g, a.host, b.host, c.host, got);
    mem_free(got);
    release(&a);
    release(&b);
    release(&c);
    return error;
}

static void test_errors(void **state)
{
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ok(device_set_products(dev, CASES[i].type, &e), &e);
        for (int turned = 0; turned < 4; turned++) {
            double error = run(turned & 1, turned & 2, CASES[i].scale_a, CASES[i].scale_b);
            if (!(error >= CASES[i].least && error <= CASES[i].most))
                fail_msg("case %d, turned %d: off by %.3g of the largest, expected %.3g..%.3g",
                         (int)i, turned, error, CASES[i].least, CASES[i].most);
        }
    }
}

/* What is no number stays none. */
static void test_nan(void **state)
{
    struct err e;

    (void)state;
    ok(device_set_products(dev, DTYPE_F16, &e), &e);
    assert_true(isinf(run(false, true, NAN, 1)));
}

static void test_refusals(void **state)
{
    struct device *cpu;
    struct err e;

    (void)state;
    assert_int_equal(device_set_products(dev, DTYPE_Q8_0, &e), -1);
    assert_err(&e, ERR_UNSUPPORTED, "products of q8_0: CUDA has f32, f16 and bf16");
    ok(device_open("cpu", 1, &cpu, &e) || device_set_products(cpu, DTYPE_F32, &e), &e);
    assert_int_equal(device_set_products(cpu, DTYPE_BF16, &e), -1);
    assert_err(&e, ERR_UNSUPPORTED, "products of bf16: the cpu backend has f32");
    device_close(cpu);
}

static int open_device(void **state)
{
    struct err e;

    (void)state;
    plugin_choose();
    return device_open(test_backend(), 1, &dev, &e);
}

static int close_device(void **state)
{
    (void)state;
    device_close(dev);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_errors),
    cmocka_unit_test(test_nan),
    cmocka_unit_test(test_refusals),
};

TEST_MAIN_WITH(tests, open_device, close_device)
