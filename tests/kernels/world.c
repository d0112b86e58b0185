#include "tests/kernels/world.h"

#include "base/mem.h"
#include "base/rng.h"
#include "tests/test.h"

#define HOST_BYTES ((size_t)1 << 20)

static void init(struct world *w)
{
    w->tape = tape_new();
    assert_non_null(w->tape);
    pass_init(&w->p, w->dev, &w->arena, w->tape);
}

void world_init(struct world *w, size_t bytes)
{
    struct err e;
    *w = (struct world){ 0 };
    if (device_open(test_backend(), 0, &w->dev, &e) ||
        arena_init(&w->arena, w->dev, bytes, HOST_BYTES, &e))
        fail_msg("%s", e.msg);
    init(w);
}

void world_init_planning(struct world *w)
{
    struct err e;
    *w = (struct world){ 0 };
    if (arena_init_planning(&w->arena, HOST_BYTES, &e))
        fail_msg("%s", e.msg);
    init(w);
}

void world_release(struct world *w)
{
    tape_free(w->tape);
    arena_free(&w->arena);
    device_close(w->dev);
}

void world_restart(struct world *w)
{
    tape_clear(w->tape);
    arena_release_all(&w->arena);
    pass_init(&w->p, w->dev, &w->arena, w->tape);
    w->n_made = 0;
}

static struct tensor *random_tensor(struct world *w, int n_dims, const int64_t *dim)
{
    int64_t n = 1;
    for (int i = 0; i < n_dims; i++)
        n *= dim[i];
    float *values = mem_alloc((size_t)n, sizeof *values);
    assert_non_null(values);
    for (int64_t i = 0; i < n; i++)
        values[i] = rng_normal_at(7, w->n_made, (uint64_t)i);
    w->n_made++;
    struct tensor *t = pass_upload(&w->p, DTYPE_F32, n_dims, dim, values);
    mem_free(values);
    world_check(w);
    return t;
}

struct tensor *world_tensor(struct world *w, bool grad, int n_dims, const int64_t *dim)
{
    struct tensor *t = random_tensor(w, n_dims, dim);
    t->wants_grad = grad;
    tape_grad(&w->p, t);
    world_check(w);
    return t;
}

struct tensor *world_ids(struct world *w, int64_t n, const int32_t *ids)
{
    struct tensor *t = pass_upload(&w->p, DTYPE_I32, 1, &n, ids);
    world_check(w);
    return t;
}

void *world_read(struct world *w, const struct tensor *t)
{
    struct err e;
    size_t n = tensor_bytes(t);
    void *values = mem_alloc(n, 1);
    assert_non_null(values);
    if (device_download(w->dev, t, 0, values, n, &e))
        fail_msg("%s", e.msg);
    return values;
}

float world_scalar(struct world *w, const struct tensor *t)
{
    world_check(w);
    assert_int_equal(tensor_count(t), 1);
    float *value = world_read(w, t), v = *value;
    mem_free(value);
    return v;
}

void world_check_same(struct world *w, const struct tensor *a, const struct tensor *b)
{
    world_check(w);
    assert_true(tensor_same_shape(a, b));
    void *a_bytes = world_read(w, a), *b_bytes = world_read(w, b);
    assert_memory_equal(a_bytes, b_bytes, tensor_bytes(a));
    mem_free(a_bytes);
    mem_free(b_bytes);
}

void world_check(struct world *w)
{
    struct err e;
    if (pass_finish(&w->p, &e))
        fail_msg("%s", e.msg);
}
