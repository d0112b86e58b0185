#include "tests/test.h"
#include "tests/tmp.h"

#include <math.h>
#include <string.h>

#include "trainer/codebook.h"

static void open_codebook(struct codebook *c, int entries, int width, bool unit)
{
    assert_int_equal(codebook_init(c, entries, width, unit, NULL), 0);
}

static void test_perplexity(void **state)
{
    static const int32_t EVEN[] = { 0, 1, 2, 3, 0, 1, 2, 3 }, ONE[] = { 5, 5, 5, 5 },
                         SKEWED[] = { 0, 0, 0, 1 };
    struct metrics m = { 0 };
    struct codebook c;

    (void)state;
    open_codebook(&c, 8, 2, false);
    codebook_count(&c, EVEN, 8, &m);
    assert_float_equal(metrics_get(&m, "perplexity"), 4, 1e-9);
    assert_float_equal(metrics_get(&m, "codes_used"), 0.5, 1e-9);
    codebook_count(&c, ONE, 4, &m);
    assert_float_equal(metrics_get(&m, "perplexity"), 1, 1e-9);
    assert_float_equal(metrics_get(&m, "codes_used"), 5.0 / 8, 1e-9);
    codebook_count(&c, SKEWED, 4, &m);
    assert_float_equal(metrics_get(&m, "perplexity"), 1.754765351, 1e-6); /* 4 / 3^(3/4) */
    codebook_release(&c);
}

/* An entry that is used no more fades out of codes_used. */
static void test_forgets(void **state)
{
    static const int32_t FIRST[] = { 0, 1 }, THEN[] = { 1, 1 };
    struct metrics m = { 0 };
    struct codebook c;

    (void)state;
    open_codebook(&c, 2, 2, false);
    codebook_count(&c, FIRST, 2, &m);
    assert_float_equal(metrics_get(&m, "codes_used"), 1, 1e-9);
    for (int i = 0; i < 300; i++)
        codebook_count(&c, THEN, 2, &m);
    assert_float_equal(metrics_get(&m, "codes_used"), 0.5, 1e-9);
    codebook_release(&c);
}

/* Entries 0 and 2 of 4 are used; 1 and 3 get vectors of z. */
static void restart(struct codebook *c, struct rng *r, int *ret_dead, int *ret_n)
{
    static const int32_t IDS[] = { 0, 2, 2, 0 };
    static const float Z[] = { 3, 4, -6, 8 };
    struct metrics m = { 0 };

    codebook_count(c, IDS, 4, &m);
    for (int i = 0; i < 8; i++) /* counting uses rows as its histogram, so they come afterwards */
        c->rows[i] = (float)(100 + i);
    *ret_n = codebook_restart(c, Z, 2, 0.1, r, ret_dead);
}

static void test_restart(void **state)
{
    struct rng r = { 1, 2, 0 };
    struct codebook c;
    int dead[4], n;

    (void)state;
    open_codebook(&c, 4, 2, false);
    restart(&c, &r, dead, &n);
    assert_int_equal(n, 2);
    assert_int_equal(dead[0], 1);
    assert_int_equal(dead[1], 3);
    for (int i = 0; i < 4; i += 2)
        assert_true(c.rows[2 * i] == (float)(100 + 2 * i) && c.rows[2 * i + 1] == 101 + 2 * i);
    for (int i = 1; i < 4; i += 2)
        assert_true((c.rows[2 * i] == 3 && c.rows[2 * i + 1] == 4) ||
                    (c.rows[2 * i] == -6 && c.rows[2 * i + 1] == 8));
    /* one that has just begun counts as used: it is not thrown out again at once */
    assert_int_equal(codebook_restart(&c, c.rows, 2, 0.1, &r, dead), 0);
    codebook_release(&c);
}

static void test_restart_on_the_sphere(void **state)
{
    struct rng r = { 1, 2, 0 };
    struct codebook c;
    int dead[4], n;

    (void)state;
    open_codebook(&c, 4, 2, true);
    restart(&c, &r, dead, &n);
    assert_int_equal(n, 2);
    for (int i = 0; i < n; i++) {
        const float *row = c.rows + 2 * dead[i];
        assert_float_equal(fabs((double)row[0]), 0.6, 1e-6);
        assert_float_equal((double)row[1], 0.8, 1e-6);
    }
    codebook_release(&c);
}

static void save(const struct codebook *c, const char *path)
{
    struct weights_out *out;

    assert_int_equal(weights_out_new(&out, NULL), 0);
    assert_int_equal(codebook_save(c, out, NULL), 0);
    assert_int_equal(weights_out_write(out, path, NULL), 0);
    weights_out_free(out);
}

static void test_save_and_load(void **state)
{
    static const int32_t IDS[] = { 0, 3, 3 };
    struct metrics m = { 0 };
    struct codebook c, back, other;
    struct weights *w;
    struct err e;

    (void)state;
    open_codebook(&c, 4, 2, true);
    open_codebook(&back, 4, 2, true);
    open_codebook(&other, 5, 2, true);
    codebook_count(&c, IDS, 3, &m);
    save(&c, tmp_path("usage.safetensors"));
    assert_int_equal(weights_open(tmp_path("usage.safetensors"), &w, NULL), 0);
    assert_int_equal(codebook_load(&back, w, NULL), 0);
    assert_memory_equal(back.usage, c.usage, 4 * sizeof *c.usage);
    assert_int_equal(codebook_load(&other, w, &e), -1);
    assert_err(&e, ERR_FORMAT, "codebook_usage: not 5 values in the checkpoint");
    weights_close(w);
    codebook_release(&c);
    codebook_release(&back);
    codebook_release(&other);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_perplexity),    cmocka_unit_test(test_forgets),
    cmocka_unit_test(test_restart),       cmocka_unit_test(test_restart_on_the_sphere),
    cmocka_unit_test(test_save_and_load),
};

TEST_MAIN_TMP(tests)
