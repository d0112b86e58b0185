/* Arena: places, marks, limits, and planning. */
#include <string.h>

#include "kernels/arena.h"
#include "tests/kernels/world.h"
#include "tests/test.h"

#define KB ((size_t)1024)

static struct tensor *take(struct world *w, int64_t n)
{
    struct err e;
    struct tensor *t = arena_tensor(&w->arena, DTYPE_F32, 1, &n, &e);
    if (!t)
        fail_msg("%s", e.msg);
    return t;
}

static void tensors_are_aligned_and_apart(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 64 * KB);
    struct tensor *a = take(&w, 3), *b = take(&w, 17), *c = take(&w, 1);
    assert_int_equal((uintptr_t)a->data % 64, 0);
    assert_ptr_equal((char *)b->data, (char *)a->data + 64);
    assert_ptr_equal((char *)c->data, (char *)b->data + 128);
    assert_int_equal(tensor_bytes(b), 68);
    assert_false(a->wants_grad);
    assert_null(a->grad);
    world_release(&w);
}

static void release_gives_the_same_place_again(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 64 * KB);
    take(&w, 5);
    struct arena_mark mark = arena_mark(&w.arena);
    struct tensor *first = take(&w, 1000);
    void *data = first->data;
    arena_release(&w.arena, mark);
    struct tensor *again = take(&w, 10);
    assert_ptr_equal(again, first);
    assert_ptr_equal(again->data, data);
    assert_int_equal(arena_peak(&w.arena), 64 + 4032);
    arena_release_all(&w.arena);
    assert_int_equal(w.arena.used, 0);
    assert_int_equal(w.arena.host_used, 0);
    world_release(&w);
}

static void records_are_zeroed(void **state)
{
    (void)state;
    struct world w;
    struct err e;
    world_init(&w, KB);
    unsigned char zeros[40] = { 0 };
    memset(arena_host(&w.arena, sizeof zeros, &e), 255, sizeof zeros);
    arena_release_all(&w.arena);
    assert_memory_equal(arena_host(&w.arena, sizeof zeros, &e), zeros, sizeof zeros);
    assert_int_equal((uintptr_t)arena_host(&w.arena, 1, &e) % 16, 0);
    world_release(&w);
}

static const struct refusal {
    int n_dims;
    int64_t dim[2];
    enum err_code code;
    const char *msg;
} refusals[] = {
    { 1, { 400 }, ERR_NOMEM, "arena: 1600 bytes wanted, 64 of 1024 in use" },
    { 2, { 4, 0 }, ERR_INTERNAL, "arena: dimension 1 of 2 is 0" },
    { 1, { -1 }, ERR_INTERNAL, "arena: dimension 0 of 1 is -1" },
    { 5, { 1, 1 }, ERR_INTERNAL, "arena: 5 dimensions, at most 4" },
    { 2,
      { (int64_t)1 << 40, (int64_t)1 << 40 },
      ERR_TOO_LARGE,
      "arena: a tensor of more than 2^63 bytes" },
};

static void refusals_say_what_was_wanted(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, KB);
    take(&w, 1);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *r = &refusals[i];
        struct err e = { 0 };
        assert_null(arena_tensor(&w.arena, DTYPE_F32, r->n_dims, r->dim, &e));
        assert_string_equal(e.msg, r->msg);
        assert_int_equal(e.code, r->code);
    }
    assert_int_equal(w.arena.used, 64);
    world_release(&w);
}

static void full_of_records(void **state)
{
    (void)state;
    struct arena a;
    struct err e = { 0 };
    assert_int_equal(arena_init_planning(&a, 64, &e), 0);
    assert_non_null(arena_host(&a, 40, &e));
    assert_null(arena_host(&a, 17, &e));
    assert_string_equal(e.msg, "arena: 17 bytes of records wanted, 48 of 64 in use");
    assert_int_equal(e.code, ERR_NOMEM);
    arena_free(&a);
}

static void planning_counts_without_memory(void **state)
{
    (void)state;
    struct world w;
    world_init_planning(&w);
    struct tensor *t = take(&w, (int64_t)1 << 40);
    assert_null(t->data);
    assert_int_equal(arena_peak(&w.arena), (size_t)4 << 40);
    world_release(&w);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(tensors_are_aligned_and_apart),
    cmocka_unit_test(release_gives_the_same_place_again),
    cmocka_unit_test(records_are_zeroed),
    cmocka_unit_test(refusals_say_what_was_wanted),
    cmocka_unit_test(full_of_records),
    cmocka_unit_test(planning_counts_without_memory),
};

TEST_MAIN(tests)
