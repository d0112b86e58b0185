/* The job that each client has under way: found while it runs, let go when it is over. */
#include "tests/test.h"

#include <string.h>

#include "base/mem.h"
#include "server/current.h"
#include "tests/server/engine_fake.h"

static struct job *job_of(const char *client)
{
    static const struct engine_info INFO = { .embed_dim = 1, .tokens = 1 };
    struct gen_request r = { .n_prompts = 1, .n = 1, .candidates = 1 };
    struct job *job;

    assert_int_equal(job_new("id", client, &r, &INFO, &job, NULL), 0);
    return job;
}

static void finish(struct job *job)
{
    job_finish(job_hold(job));
}

static void assert_current(struct current *c, const char *client, const struct job *want)
{
    struct job *job = current_get(c, client);

    assert_ptr_equal(job, want);
    job_free(job);
}

static void test_last_job_counts(void **state)
{
    struct job *first = job_of("ann"), *second = job_of("ann"), *other = job_of("bob");
    struct current *c;

    (void)state;
    assert_int_equal(current_new(4, &c, NULL), 0);
    assert_current(c, "ann", NULL);
    current_set(c, first);
    current_set(c, other);
    assert_current(c, "ann", first);
    current_set(c, second);
    assert_current(c, "ann", second);
    assert_current(c, "bob", other);
    finish(second);
    assert_current(c, "ann", NULL);
    job_free(first);
    job_free(second);
    job_free(other);
    current_free(c);
}

static void test_places_are_bounded(void **state)
{
    struct job *jobs[4] = { job_of("a"), job_of("b"), job_of("c"), job_of("d") };
    struct current *c;

    (void)state;
    assert_int_equal(current_new(2, &c, NULL), 0);
    for (int i = 0; i < 3; i++)
        current_set(c, jobs[i]);
    assert_current(c, "c", jobs[2]);
    struct job *a = current_get(c, "a"), *b = current_get(c, "b");
    assert_true(!a != !b); /* one of them had to go */
    job_free(a);
    job_free(b);
    for (int i = 0; i < 3; i++)
        finish(jobs[i]);
    current_prune(c);
    current_set(c, jobs[3]);
    assert_current(c, "d", jobs[3]);
    for (int i = 0; i < 4; i++)
        job_free(jobs[i]);
    current_free(c);
}

static void test_prune_lets_go(void **state)
{
    struct job *job = job_of("ann");
    struct current *c;

    (void)state;
    assert_int_equal(current_new(1, &c, NULL), 0);
    current_set(c, job);
    assert_int_equal(atomic_load(&job->holds), 2);
    finish(job);
    current_prune(c);
    assert_int_equal(atomic_load(&job->holds), 1);
    job_free(job);
    current_free(c);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_last_job_counts),
    cmocka_unit_test(test_places_are_bounded),
    cmocka_unit_test(test_prune_lets_go),
};

TEST_MAIN(TESTS)
