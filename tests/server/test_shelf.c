#include "tests/test.h"

#include <string.h>

#include "base/clock.h"
#include "server/shelf.h"

#define SECOND 1000000000LL

static struct job *make_job(const char *client)
{
    static const struct engine_info INFO = { .embed_dim = 1, .context = 1, .tokens = 1 };
    struct gen_request r = { .n_prompts = 1, .n = 1, .candidates = 1, .timeout_ms = 1000 };
    struct job *job;

    assert_int_equal(job_new("j", client, &r, &INFO, &job, NULL), 0);
    return job;
}

static struct shelf_label label_of(const char *key)
{
    struct shelf_label label = { .fingerprint = 7 };

    snprintf(label.key, sizeof label.key, "%s", key);
    return label;
}

/* Puts a job with this key on the shelf, which alone holds it then. */
static struct job *put(struct shelf *s, const char *client, const char *key, char id[SHELF_ID_MAX])
{
    struct job *job = make_job(client), *other;
    struct shelf_label label = label_of(key);

    assert_int_equal(shelf_put(s, job, &label, &other, NULL), 0);
    assert_null(other);
    snprintf(id, SHELF_ID_MAX, "%s", label.id);
    job_free(job);
    return job;
}

static enum shelf_found look(struct shelf *s, const char *id)
{
    struct shelf_label label;
    struct job *job;
    enum shelf_found found = shelf_get(s, id, &job, &label);

    if (found == SHELF_HERE)
        job_free(job);
    return found;
}

static void test_ids_are_hard_to_guess(void **state)
{
    struct shelf *s;
    char a[SHELF_ID_MAX], b[SHELF_ID_MAX];

    (void)state;
    assert_int_equal(shelf_new(4, SECOND, &s, NULL), 0);
    put(s, "x", "", a);
    put(s, "x", "", b);
    assert_int_equal(strlen(a), 4 + 32);
    assert_int_equal(strspn(a + 4, "0123456789abcdef"), 32);
    assert_string_not_equal(a, b);
    assert_int_equal(look(s, a), SHELF_HERE);
    assert_int_equal(look(s, ""), SHELF_UNKNOWN);
    assert_int_equal(look(s, "job-"), SHELF_UNKNOWN);
    shelf_free(s);
}

static void test_stays_for_its_time(void **state)
{
    struct shelf *s;
    struct job *job;
    char id[SHELF_ID_MAX];

    (void)state;
    clock_stop_at(100 * SECOND);
    assert_int_equal(shelf_new(4, 10 * SECOND, &s, NULL), 0);
    job = put(s, "x", "", id);
    clock_stop_at(1000 * SECOND);
    assert_int_equal(look(s, id), SHELF_HERE); /* it runs: no time counts */
    job_finish(job_hold(job));
    clock_stop_at(1010 * SECOND - 1);
    assert_int_equal(look(s, id), SHELF_HERE);
    clock_stop_at(1010 * SECOND);
    shelf_tidy(s);
    assert_int_equal(shelf_count(s), 0);
    assert_int_equal(look(s, id), SHELF_GONE);
    shelf_free(s);
    clock_stop_at(-1);
}

static void test_the_first_that_ended_makes_room(void **state)
{
    struct shelf *s;
    struct job *job[3], *late, *other;
    struct shelf_label label = label_of("");
    struct err e;
    char id[4][SHELF_ID_MAX];

    (void)state;
    clock_stop_at(100 * SECOND);
    assert_int_equal(shelf_new(3, 1000 * SECOND, &s, NULL), 0);
    for (int i = 0; i < 3; i++)
        job[i] = put(s, "x", "", id[i]);
    late = make_job("x");
    assert_int_equal(shelf_put(s, late, &label, &other, &e), -1);
    assert_err(&e, ERR_BUSY, "jobs: 3 are kept and run, the limit is 3");
    job_free(late);
    job_finish(job_hold(job[1]));
    clock_stop_at(101 * SECOND);
    job_finish(job_hold(job[0]));
    put(s, "x", "", id[3]);
    assert_int_equal(look(s, id[0]), SHELF_HERE);
    assert_int_equal(look(s, id[1]), SHELF_GONE);
    assert_int_equal(look(s, id[3]), SHELF_HERE);
    assert_int_equal(shelf_count(s), 3);
    shelf_free(s);
    clock_stop_at(-1);
}

/* Ids that are gone are forgotten only for newer ones. */
static void test_gone_ids_are_remembered(void **state)
{
    struct shelf *s;
    char id[20][SHELF_ID_MAX];

    (void)state;
    assert_int_equal(shelf_new(2, SECOND, &s, NULL), 0);
    for (int i = 0; i < 20; i++) {
        clock_stop_at((i + 1) * SECOND);
        put(s, "x", "", id[i]);
        shelf_drop(s, id[i]);
        assert_int_equal(look(s, id[i]), SHELF_GONE);
        if (i >= 3)
            assert_int_equal(look(s, id[i - 3]), SHELF_GONE);
        if (i >= 4)
            assert_int_equal(look(s, id[i - 4]), SHELF_UNKNOWN);
    }
    shelf_free(s);
    clock_stop_at(-1);
}

static void test_keys_belong_to_clients(void **state)
{
    struct shelf *s;
    struct shelf_label label = label_of("k");
    struct job *a, *second = make_job("a"), *other;
    char id[SHELF_ID_MAX];

    (void)state;
    assert_int_equal(shelf_new(4, SECOND, &s, NULL), 0);
    a = put(s, "a", "k", id);
    put(s, "b", "k", id);
    put(s, "a", "", id);
    assert_int_equal(shelf_count(s), 3);
    assert_int_equal(shelf_put(s, second, &label, &other, NULL), 0);
    assert_ptr_equal(other, a);
    assert_int_equal(label.fingerprint, 7);
    assert_int_equal(shelf_count(s), 3);
    job_free(other);
    assert_int_equal(shelf_find(s, "a", "k2", &other, &label), SHELF_UNKNOWN);
    assert_int_equal(shelf_find(s, "a", "", &other, &label), SHELF_UNKNOWN);
    err_set(&a->err, ERR_INTERNAL, "failed");
    job_finish(job_hold(a));
    assert_int_equal(shelf_find(s, "a", "k", &other, &label), SHELF_UNKNOWN);
    job_free(second);
    shelf_free(s);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_ids_are_hard_to_guess),
    cmocka_unit_test(test_stays_for_its_time),
    cmocka_unit_test(test_the_first_that_ended_makes_room),
    cmocka_unit_test(test_gone_ids_are_remembered),
    cmocka_unit_test(test_keys_belong_to_clients),
};

TEST_MAIN(TESTS)
