#include "tests/test.h"

#include <pthread.h>
#include <sched.h>

#include "base/clock.h"
#include "base/mem.h"
#include "server/queue.h"
#include "tests/server/engine_fake.h"

static struct job *make_job(int pictures)
{
    static const struct engine_info INFO = { .embed_dim = 1, .context = 1, .tokens = 1 };
    struct gen_request r = { .n_prompts = 1, .n = 1, .candidates = pictures };
    struct job *job;

    assert_int_equal(job_new("j", "", &r, &INFO, &job, NULL), 0);
    return job;
}

static void push(struct queue *q, struct job *job)
{
    assert_int_equal(queue_reserve(q, job->n_pictures, NULL), 0);
    queue_push(q, job);
}

static void test_first_in_first_out(void **state)
{
    struct queue *q;
    struct job *a = make_job(1), *b = make_job(1);

    (void)state;
    assert_int_equal(queue_new(10, &q, NULL), 0);
    assert_null(queue_pop(q));
    push(q, a);
    push(q, b);
    assert_int_equal(a->state, JOB_QUEUED);
    assert_ptr_equal(queue_pop(q), a);
    assert_ptr_equal(queue_pop(q), b);
    assert_null(queue_pop(q));
    push(q, a); /* the tail pointer is right after the queue was empty */
    assert_ptr_equal(queue_pop(q), a);
    job_free(a);
    job_free(b);
    queue_free(q);
}

static void test_bound_counts_pictures_until_released(void **state)
{
    struct queue *q;
    struct job *job = make_job(6);
    struct err e;

    (void)state;
    assert_int_equal(queue_new(10, &q, NULL), 0);
    push(q, job);
    assert_int_equal(queue_pictures(q), 6);
    assert_int_equal(queue_reserve(q, 5, &e), -1);
    assert_int_equal(e.code, ERR_BUSY);
    assert_string_equal(e.msg, "queue: 6 pictures wait, 5 more are over the limit of 10");
    assert_ptr_equal(queue_pop(q), job);
    assert_int_equal(queue_reserve(q, 5, &e), -1); /* popped, but nobody draws them yet */
    queue_release(q, 1);
    assert_int_equal(queue_reserve(q, 5, &e), 0);
    assert_int_equal(queue_pictures(q), 10);
    job_free(job);
    queue_free(q);
}

static void test_closed_refuses_but_takes_what_was_reserved(void **state)
{
    struct queue *q;
    struct job *job = make_job(1);
    struct err e;

    (void)state;
    assert_int_equal(queue_new(10, &q, NULL), 0);
    assert_false(queue_drained(q));
    assert_int_equal(queue_reserve(q, 1, NULL), 0);
    queue_close(q);
    assert_int_equal(queue_reserve(q, 1, &e), -1);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_string_equal(e.msg, "the daemon is shutting down");
    assert_false(queue_drained(q)); /* one is still on its way */
    queue_push(q, job);
    assert_false(queue_drained(q));
    assert_ptr_equal(queue_pop(q), job);
    assert_true(queue_drained(q));
    job_free(job);
    queue_free(q);
}

static void test_reservation_taken_back(void **state)
{
    struct queue *q;

    (void)state;
    assert_int_equal(queue_new(10, &q, NULL), 0);
    assert_int_equal(queue_reserve(q, 10, NULL), 0);
    queue_close(q);
    assert_false(queue_drained(q));
    queue_unreserve(q, 10);
    assert_int_equal(queue_pictures(q), 0);
    assert_true(queue_drained(q));
    queue_free(q);
}

#define PUSHERS 4
#define JOBS_EACH 500

static void *push_many(void *arg)
{
    for (int i = 0; i < JOBS_EACH; i++) {
        struct job *job = make_job(1);
        while (queue_reserve(arg, 1, NULL))
            sched_yield();
        queue_push(arg, job);
    }
    return NULL;
}

static int pop_all(struct queue *q)
{
    int n = 0;

    while (!queue_drained(q)) {
        struct job *job = queue_pop(q);
        if (!job) {
            queue_wait(q, 1000);
            continue;
        }
        queue_release(q, 1);
        job_free(job);
        if (++n == PUSHERS * JOBS_EACH)
            queue_close(q);
    }
    return n;
}

static void test_many_threads(void **state)
{
    struct queue *q;
    pthread_t threads[PUSHERS];

    (void)state;
    assert_int_equal(queue_new(8, &q, NULL), 0);
    for (int i = 0; i < PUSHERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, push_many, q), 0);
    assert_int_equal(pop_all(q), PUSHERS * JOBS_EACH);
    for (int i = 0; i < PUSHERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(queue_pictures(q), 0);
    queue_free(q);
}

static void *wake_soon(void *arg)
{
    queue_wake(arg);
    return NULL;
}

static void test_wait_ends_by_wake_and_by_time(void **state)
{
    struct queue *q;
    pthread_t thread;
    int64_t begin = clock_ns();

    (void)state;
    assert_int_equal(queue_new(8, &q, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, wake_soon, q), 0);
    queue_wait(q, 60000);
    pthread_join(thread, NULL);
    assert_true(clock_ns() - begin < 30000000000);
    begin = clock_ns();
    queue_wait(q, 20);
    assert_true(clock_ns() - begin >= 19000000);
    queue_free(q);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_first_in_first_out),
    cmocka_unit_test(test_bound_counts_pictures_until_released),
    cmocka_unit_test(test_closed_refuses_but_takes_what_was_reserved),
    cmocka_unit_test(test_reservation_taken_back),
    cmocka_unit_test(test_many_threads),
    cmocka_unit_test(test_wait_ends_by_wake_and_by_time),
};

TEST_MAIN(TESTS)
