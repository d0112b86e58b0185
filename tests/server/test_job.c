/*
 * Those who wait for a job, and those who leave.
 */
#include "tests/test.h"

#include "server/job.h"

struct listener {
    struct job_waiter waiter;
    int told, over;
};

static void note(void *arg, bool over)
{
    struct listener *l = arg;

    l->told++;
    l->over += over;
}

static struct job *make_job(void)
{
    static const struct engine_info INFO = { .embed_dim = 1, .context = 1, .tokens = 1 };
    struct gen_request r = { .n_prompts = 1, .n = 1, .candidates = 1, .timeout_ms = 1000 };
    struct job *job;

    assert_int_equal(job_new("j", "", &r, &INFO, &job, NULL), 0);
    return job;
}

static void join(struct job *job, struct listener *l)
{
    *l = (struct listener){ .waiter = { .told = note, .arg = l } };
    job_join(job, &l->waiter);
}

static void test_all_are_told_once(void **state)
{
    struct listener a, b, late;
    struct job *job = make_job();

    (void)state;
    join(job, &a);
    join(job, &b);
    assert_false(job_over(job));
    job_finish(job_hold(job));
    assert_true(job_over(job));
    assert_int_equal(a.over + b.over, 2);
    join(job, &late);
    assert_int_equal(late.over, 1);          /* at once */
    assert_false(job_leave(job, &a.waiter)); /* has been told */
    assert_int_equal(a.told + b.told + late.told, 3);
    job_free(job);
}

static void test_last_one_to_leave_cancels(void **state)
{
    struct listener a, b;
    struct job *job = make_job();

    (void)state;
    assert_int_equal(job_expired(job, job->arrived_ns), ERR_NONE);
    join(job, &a);
    join(job, &b);
    assert_true(job_leave(job, &a.waiter));
    assert_false(job_leave(job, &a.waiter));
    assert_int_equal(job_expired(job, job->arrived_ns), ERR_NONE);
    assert_true(job_leave(job, &b.waiter));
    assert_int_equal(job_expired(job, job->arrived_ns), ERR_CANCELLED);
    job_set_expired(job, ERR_CANCELLED, job->arrived_ns);
    assert_err(&job->err, ERR_CANCELLED, "the client went away");
    job_finish(job_hold(job));
    assert_int_equal(a.told + b.told, 0);
    job_free(job);
}

static void test_kept_goes_on_alone(void **state)
{
    struct listener a;
    struct job *job = make_job();

    (void)state;
    job_keep(job);
    join(job, &a);
    assert_true(job_leave(job, &a.waiter));
    assert_int_equal(job_expired(job, job->arrived_ns), ERR_NONE);
    job_cancel(job);
    assert_int_equal(job_expired(job, job->arrived_ns), ERR_CANCELLED);
    job_set_expired(job, ERR_CANCELLED, job->arrived_ns);
    assert_err(&job->err, ERR_CANCELLED, "the job was cancelled");
    job_free(job);
}

static void test_deadline(void **state)
{
    struct job *job = make_job();

    (void)state;
    assert_int_equal(job->deadline_ns - job->arrived_ns, 1000000000);
    assert_int_equal(job_expired(job, job->deadline_ns - 1), ERR_NONE);
    assert_int_equal(job_expired(job, job->deadline_ns), ERR_TIMEOUT);
    job_free(job);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_all_are_told_once),
    cmocka_unit_test(test_last_one_to_leave_cancels),
    cmocka_unit_test(test_kept_goes_on_alone),
    cmocka_unit_test(test_deadline),
};

TEST_MAIN(TESTS)
