#include "tests/kernels/run.h"

#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tests/test.h"

#define ARENA_BYTES ((size_t)12 << 20)
#define ROWS_MAX 256

/* ---- devices ---- */

int runner_open(struct runner *r, const char *backend, const char *name)
{
    struct err e;

    *r = (struct runner){ .name = name, .tape = tape_new() };
    if (!r->tape || device_open(backend, 1, &r->dev, &e) ||
        arena_init(&r->arena, r->dev, ARENA_BYTES, ARENA_HOST_BYTES, &e)) {
        printf("%s: not tested: %s\n", name, r->tape ? e.msg : "no memory");
        runners_close(r, 1);
        return -1;
    }
    return 0;
}

static int open_isas(struct runner *r)
{
    static const char *const ISAS[RUNNERS_MAX] = { "base", "avx2", "avxvnni", "avx512",
                                                   "avx512vnni" };
    int n = 0;

    for (int i = 0; i < RUNNERS_MAX; i++) {
        setenv("CLIPGEN_CPU_ISA", ISAS[i], 1);
        n += runner_open(&r[n], "cpu", ISAS[i]) == 0;
    }
    return n;
}

int runners_open(struct runner *r)
{
    const char *backend = test_backend();

    return strcmp(backend, "cpu") ? runner_open(r, backend, backend) == 0 : open_isas(r);
}

void runners_close(struct runner *r, int n)
{
    for (int i = 0; i < n; i++) {
        arena_free(&r[i].arena);
        device_close(r[i].dev);
        tape_free(r[i].tape);
    }
}

/* ---- arrays to tensors and back ---- */

static void to_bytes(const struct array *a, void *bytes)
{
    for (int64_t i = 0; i < array_count(a); i++) {
        if (a->dtype == DTYPE_F32)
            ((float *)bytes)[i] = (float)a->v[i];
        else if (a->dtype == DTYPE_I32)
            ((int32_t *)bytes)[i] = (int32_t)a->v[i];
        else
            ((uint8_t *)bytes)[i] = (uint8_t)a->v[i];
    }
}

static void from_bytes(struct array *a, const void *bytes)
{
    for (int64_t i = 0; i < array_count(a); i++) {
        if (a->dtype == DTYPE_F32)
            a->v[i] = ((const float *)bytes)[i];
        else if (a->dtype == DTYPE_I32)
            a->v[i] = ((const int32_t *)bytes)[i];
        else
            a->v[i] = ((const uint8_t *)bytes)[i];
    }
}

static struct tensor *upload(struct pass *p, const struct array *a)
{
    void *bytes = mem_alloc((size_t)array_count(a), dtype_size(a->dtype));

    assert_non_null(bytes);
    to_bytes(a, bytes);
    struct tensor *t = pass_upload(p, a->dtype, a->n_dims, a->dim, bytes);
    mem_free(bytes);
    return t;
}

static void download(struct pass *p, const struct tensor *t, struct array *ret)
{
    void *bytes = mem_alloc(tensor_bytes(t), 1);

    assert_non_null(bytes);
    array_init(ret, t->dtype, t->n_dims, t->dim);
    device_download(p->dev, t, 0, bytes, tensor_bytes(t), &p->err);
    from_bytes(ret, bytes);
    mem_free(bytes);
}

/* ---- a run ---- */

static void poison(struct runner *r)
{
    struct tensor all = {
        .dtype = DTYPE_U8, .n_dims = 1, .dim = { (int64_t)r->arena.size }, .data = r->arena.block
    };
    unsigned char *bytes = mem_alloc(r->arena.size, 1);
    struct err e;

    assert_non_null(bytes);
    memset(bytes, 0xff, r->arena.size);
    if (device_upload(r->dev, &all, 0, bytes, r->arena.size, &e))
        fail_msg("%s", e.msg);
    mem_free(bytes);
}

double cotangent(int64_t i)
{
    return 2.0 * rng_uniform_at(CASE_SEED + 2, 0, (uint64_t)i) - 1.0;
}

static double one(int64_t i)
{
    (void)i;
    return 1;
}

/* The gradient of t, if it wants one, becomes value(i). */
static void set_grad(struct pass *p, struct tensor *t, double (*value)(int64_t i))
{
    struct array a;
    struct tensor *grad = tape_grad(p, t);

    if (!grad)
        return;
    array_init(&a, DTYPE_F32, t->n_dims, t->dim);
    for (int64_t i = 0; i < array_count(&a); i++)
        a.v[i] = (float)value(i);
    struct tensor *from = upload(p, &a);
    if (from)
        device_copy(p->dev, grad, from, &p->err);
    array_release(&a);
}

static void backward(struct pass *p, struct tensor *const *in, struct tensor *out,
                     enum run_mode mode)
{
    for (int i = 0; i < CASE_INPUTS_MAX && mode == RUN_BACK_ONTO; i++)
        set_grad(p, in[i], one);
    set_grad(p, out, cotangent);
    tape_backward(p, 0, tape_mark(p->tape));
}

static void collect(struct pass *p, struct tensor *const *in, struct tensor *const *out,
                    struct result *ret)
{
    for (int i = 0; i < CASE_OUTPUTS_MAX && out[i]; i++)
        download(p, out[i], &ret->out[i]);
    for (int i = 0; i < CASE_INPUTS_MAX; i++) {
        if (in[i])
            download(p, in[i], &ret->in[i]);
        if (in[i] && in[i]->grad)
            download(p, in[i]->grad, &ret->grad[i]);
    }
}

void runner_run(struct runner *r, const struct kernel_case *k, const struct array *in,
                enum run_mode mode, struct result *ret)
{
    struct pass p;
    struct tensor *inputs[CASE_INPUTS_MAX] = { NULL }, *out[CASE_OUTPUTS_MAX] = { NULL };
    bool grad = mode != RUN_FORWARD;
    struct err e;

    *ret = (struct result){ 0 };
    arena_release_all(&r->arena);
    tape_clear(r->tape);
    poison(r);
    pass_init(&p, r->dev, &r->arena, grad ? r->tape : NULL);
    p.training = k->training;
    p.seed = CASE_SEED;
    for (int i = 0; i < CASE_INPUTS_MAX; i++) {
        inputs[i] = in[i].v ? upload(&p, &in[i]) : NULL;
        if (inputs[i])
            inputs[i]->wants_grad =
                grad && in[i].dtype == DTYPE_F32 && !k->in[i].frozen && !k->in[i].inout;
    }
    k->build(&p, k, inputs, out);
    if (grad)
        backward(&p, inputs, out[0], mode);
    device_wait(r->dev, &p.err);
    if (!pass_failed(&p))
        collect(&p, inputs, out, ret);
    if (pass_finish(&p, &e))
        fail_msg("%s, %s: %s", k->name, r->name, e.msg);
}

void result_release(struct result *result)
{
    for (int i = 0; i < CASE_OUTPUTS_MAX; i++)
        array_release(&result->out[i]);
    for (int i = 0; i < CASE_INPUTS_MAX; i++) {
        array_release(&result->in[i]);
        array_release(&result->grad[i]);
    }
}

void result_expect_same(const struct result *a, const struct result *b, const char *what)
{
    for (int i = 0; i < CASE_OUTPUTS_MAX; i++)
        if (!array_same(&a->out[i], &b->out[i]))
            fail_msg("%s: output %d has other bytes", what, i);
    for (int i = 0; i < CASE_INPUTS_MAX; i++)
        if (!array_same(&a->grad[i], &b->grad[i]))
            fail_msg("%s: gradient of input %d has other bytes", what, i);
}

/* ---- programs ---- */

int run_rows(int argc, char **argv, void (*f)(void **state))
{
    struct CMUnitTest tests[ROWS_MAX];
    struct row_test rows[ROWS_MAX];
    struct runner runner[RUNNERS_MAX];
    int n = runners_open(runner);

    if (n == 0 || KERNEL_CASES_N > ROWS_MAX)
        return 1;
    for (int i = 0; i < KERNEL_CASES_N; i++) {
        rows[i] = (struct row_test){ &KERNEL_CASES[i], runner, n };
        tests[i] = (struct CMUnitTest){ .name = KERNEL_CASES[i].name,
                                        .test_func = f,
                                        .initial_state = &rows[i] };
    }
    char pattern[256];
    snprintf(pattern, sizeof pattern, "*%s*", argc > 1 ? argv[1] : "");
    cmocka_set_test_filter(pattern);
    int failed = _cmocka_run_group_tests(argv[0], tests, (size_t)KERNEL_CASES_N, NULL, NULL);
    runners_close(runner, n);
    return failed;
}
