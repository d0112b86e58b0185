/*
 * Who is next in the waiting line.
 */
#include "tests/test.h"

#include "base/buf.h"
#include "server/line.h"

#define JOBS_MAX 16

struct party {
    struct line line;
    struct job *jobs[JOBS_MAX];
    int n;
};

static struct job *come(struct party *p, const char *id, const char *client, enum priority priority,
                        int pictures)
{
    static const struct engine_info INFO = { .embed_dim = 1, .context = 1, .tokens = 1 };
    struct gen_request r = {
        .n_prompts = 1, .n = 1, .candidates = pictures, .priority = (int)priority
    };
    struct job *job;

    assert_true(p->n < JOBS_MAX);
    assert_int_equal(job_new(id, client, &r, &INFO, &job, NULL), 0);
    line_add(&p->line, job);
    p->jobs[p->n++] = job;
    return job;
}

/* One picture of the next job gets its slot; its id is added to the list. */
static bool serve(struct party *p, struct buf *order)
{
    struct job *job = line_next(&p->line);
    int i = 0;

    if (!job)
        return false;
    while (job->pictures[i].stage != PICTURE_WAITING)
        i++;
    job->pictures[i].stage = PICTURE_DRAWING;
    buf_puts(order, job->id);
    line_served(&p->line, job, i + 1 < job->n_pictures);
    return true;
}

/* Serves all that wait, and says who came in which order. */
static void assert_order(struct party *p, const char *want)
{
    struct buf order;

    buf_init(&order, 1000);
    while (serve(p, &order))
        continue;
    assert_string_equal(order.data, want);
    buf_release(&order);
}

static void go(struct party *p)
{
    assert_null(line_next(&p->line));
    for (int i = 0; i < p->n; i++)
        job_free(p->jobs[i]);
}

static void test_clients_take_turns(void **state)
{
    struct party p = { 0 };

    (void)state;
    for (int i = 0; i < 3; i++)
        come(&p, "a", "alice", PRIORITY_NORMAL, 1);
    for (int i = 0; i < 2; i++)
        come(&p, "b", "bob", PRIORITY_NORMAL, 2);
    come(&p, "c", "carol", PRIORITY_NORMAL, 1);
    assert_order(&p, "abcababb");
    go(&p);
}

static void test_requests_of_a_client_take_turns(void **state)
{
    struct party p = { 0 };

    (void)state;
    come(&p, "1", "alice", PRIORITY_NORMAL, 4);
    come(&p, "2", "alice", PRIORITY_NORMAL, 1);
    come(&p, "3", "alice", PRIORITY_NORMAL, 2);
    assert_order(&p, "1231311");
    go(&p);
}

static void test_classes_are_strict(void **state)
{
    struct party p = { 0 };

    (void)state;
    come(&p, "l", "alice", PRIORITY_LOW, 2);
    come(&p, "n", "alice", PRIORITY_NORMAL, 2);
    come(&p, "m", "bob", PRIORITY_NORMAL, 1);
    come(&p, "h", "bob", PRIORITY_HIGH, 2);
    assert_order(&p, "hhnmnll");
    go(&p);
}

/* Who comes late waits for one picture of every other client, however many they have. */
static void test_late_comer(void **state)
{
    struct party p = { 0 };
    struct buf order;

    (void)state;
    buf_init(&order, 100);
    for (int i = 0; i < 5; i++)
        come(&p, "a", "alice", PRIORITY_NORMAL, 4);
    come(&p, "b", "bob", PRIORITY_NORMAL, 5);
    for (int i = 0; i < 4; i++)
        serve(&p, &order);
    assert_string_equal(order.data, "abab");
    come(&p, "c", "carol", PRIORITY_NORMAL, 1);
    buf_clear(&order);
    for (int i = 0; i < 3; i++)
        serve(&p, &order);
    assert_string_equal(order.data, "abc");
    while (serve(&p, &order))
        continue;
    buf_release(&order);
    go(&p);
}

static void test_remove_from_anywhere(void **state)
{
    static const char *const LEFT[] = { "2ah3b", "1ah3b", "1ah2b", "1bh23", "1ah23", "1a2b3" };

    (void)state;
    for (int gone = 0; gone < 6; gone++) {
        struct party p = { 0 };
        come(&p, "1", "x", PRIORITY_NORMAL, 1);
        come(&p, "2", "x", PRIORITY_NORMAL, 1);
        come(&p, "3", "x", PRIORITY_NORMAL, 1);
        come(&p, "a", "y", PRIORITY_NORMAL, 1);
        come(&p, "b", "y", PRIORITY_NORMAL, 1);
        come(&p, "h", "z", PRIORITY_NORMAL, 1);
        line_remove(&p.line, p.jobs[gone]);
        line_remove(&p.line, p.jobs[gone]); /* twice does no harm */
        assert_order(&p, LEFT[gone]);
        go(&p);
    }
}

static void test_published_order_is_the_order(void **state)
{
    struct party p = { 0 };

    (void)state;
    come(&p, "l", "a", PRIORITY_LOW, 1);
    for (int i = 0; i < 3; i++)
        come(&p, "a", "a", PRIORITY_NORMAL, 1);
    come(&p, "b", "b", PRIORITY_NORMAL, 3);
    come(&p, "c", "c", PRIORITY_NORMAL, 1);
    line_publish(&p.line);
    assert_int_equal(atomic_load(&p.jobs[0]->ahead), 5);
    assert_int_equal(atomic_load(&p.jobs[1]->ahead), 0);
    assert_int_equal(atomic_load(&p.jobs[2]->ahead), 3);
    assert_int_equal(atomic_load(&p.jobs[3]->ahead), 4);
    assert_int_equal(atomic_load(&p.jobs[4]->ahead), 1);
    assert_int_equal(atomic_load(&p.jobs[5]->ahead), 2);
    assert_order(&p, "abcababl");
    go(&p);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_clients_take_turns),
    cmocka_unit_test(test_requests_of_a_client_take_turns),
    cmocka_unit_test(test_classes_are_strict),
    cmocka_unit_test(test_late_comer),
    cmocka_unit_test(test_remove_from_anywhere),
    cmocka_unit_test(test_published_order_is_the_order),
};

TEST_MAIN(TESTS)
