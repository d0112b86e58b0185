/*
 * The scheduler turn by turn, with a fake engine and a clock that stands still.
 */
#include "tests/test.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "server/instance.h"
#include "server/sched.h"
#include "tests/server/engine_fake.h"

#define TOKENS 5
#define JOBS_MAX 64 /* at once */
#define SECOND 1000000000LL

struct bench {
    struct fake *fake;
    struct instance *instance; /* of the fake */
    struct queue *queue;
    struct stats *stats;
    struct sched *sched;
    int64_t now;
    int done; /* jobs that have ended */
    struct job_waiter waiters[JOBS_MAX];
    int n_waiters;
};

static void bench_open(struct bench *b, int rows)
{
    memset(b, 0, sizeof *b);
    b->now = 1000 * SECOND;
    clock_stop_at(b->now);
    b->fake = fake_open(rows, TOKENS);
    assert_int_equal(queue_new(1000, &b->queue, NULL), 0);
    assert_int_equal(stats_new(&b->stats, NULL), 0);
    assert_int_equal(instance_new(&b->fake->engine, &b->instance, NULL), 0);
    assert_int_equal(sched_new(b->queue, b->stats, &b->sched, NULL), 0);
}

static void bench_close(struct bench *b)
{
    assert_int_equal(atomic_load(&b->fake->live), 0);
    assert_int_equal(queue_pictures(b->queue), 0);
    sched_free(b->sched);
    queue_free(b->queue);
    stats_free(b->stats);
    assert_int_equal(atomic_load(&b->instance->holds), 0);
    instance_free(b->instance);
    clock_stop_at(-1);
}

static void pass_time(struct bench *b, int64_t ns)
{
    b->now += ns;
    clock_stop_at(b->now);
}

static void count_done(void *arg, bool over)
{
    *(int *)arg += over;
}

/* A request with inputs: texts of one letter each, all of one prompt. */
static struct gen_request letters(const char *text)
{
    struct gen_request r = { .n_inputs = (int)strlen(text),
                             .n_prompts = 1,
                             .n = 1,
                             .candidates = 1,
                             .temperature = 1,
                             .top_p = 1,
                             .guidance = 1,
                             .priority = PRIORITY_NORMAL,
                             .timeout_ms = 10000 };

    r.inputs = mem_alloc(strlen(text), sizeof *r.inputs);
    for (int i = 0; i < r.n_inputs; i++) {
        r.inputs[i].weight = 1;
        r.inputs[i].ids = mem_alloc(FAKE_CONTEXT, sizeof *r.inputs[i].ids);
        r.inputs[i].ids[0] = text[i];
        r.inputs[i].end = 1;
    }
    return r;
}

static struct job *submit_for(struct bench *b, const char *client, struct gen_request *r)
{
    struct job_waiter *w;
    struct job *job;

    assert_int_equal(job_new("job", client, r, &b->fake->engine.info, &job, NULL), 0);
    job_give_instance(job, b->instance);
    w = &b->waiters[b->n_waiters++ % JOBS_MAX];
    *w = (struct job_waiter){ .told = count_done, .arg = &b->done };
    job_join(job, w);
    assert_int_equal(queue_reserve(b->queue, job->places, NULL), 0);
    queue_push(b->queue, job_hold(job));
    return job;
}

static struct job *submit_request(struct bench *b, struct gen_request *r)
{
    return submit_for(b, "", r);
}

static struct job *submit(struct bench *b, uint64_t seed, int n, int candidates, float guidance)
{
    struct gen_request r = letters("a");

    r.n = n;
    r.candidates = candidates;
    r.seed = seed;
    r.guidance = guidance;
    return submit_request(b, &r);
}

static int turns_until(struct bench *b, int done)
{
    int n = 0;

    while (b->done < done) {
        sched_turn(b->sched);
        assert_true(++n < 1000);
    }
    return n;
}

static void test_one_picture(void **state)
{
    struct bench b;
    struct job *job;

    (void)state;
    bench_open(&b, 4);
    assert_false(sched_turn(b.sched));
    job = submit(&b, 7, 1, 1, 1);
    assert_true(sched_turn(b.sched));
    assert_int_equal(job->state, JOB_RUNNING);
    assert_int_equal(sched_jobs(b.sched), 1);
    assert_int_equal(sched_rows_used(b.sched), 1);
    assert_int_equal(turns_until(&b, 1),
                     TOKENS - 1 + 1); /* pixels in the last token's turn, then the score */
    assert_int_equal(job->state, JOB_DONE);
    assert_int_equal(job->err.code, ERR_NONE);
    assert_int_equal(job->n_pictures, 1);
    assert_int_equal(job->pictures[0].seed, 7);
    assert_int_equal(job->pictures[0].image.w, FAKE_SIDE);
    assert_true(job->pictures[0].score > 0 && job->pictures[0].score <= 1.0001f);
    assert_int_equal(stats_get(b.stats, STATS_PICTURES), 1);
    assert_int_equal(stats_get(b.stats, STATS_TOKENS), TOKENS);
    assert_int_equal(stats_get(b.stats, STATS_ROW_STEPS), TOKENS);
    assert_false(sched_turn(b.sched));
    job_free(job);
    bench_close(&b);
}

static void test_new_jobs_join_between_steps(void **state)
{
    struct bench b;
    struct job *first, *second;

    (void)state;
    bench_open(&b, 4);
    first = submit(&b, 1, 1, 1, 1);
    sched_turn(b.sched);
    sched_turn(b.sched);
    second = submit(&b, 2, 1, 1, 1);
    assert_int_equal(turns_until(&b, 1), TOKENS - 2 + 1);
    assert_int_equal(first->state, JOB_DONE);
    assert_int_equal(atomic_load(&b.fake->max_live), 2);
    assert_int_equal(turns_until(&b, 2), 2);
    assert_int_equal(atomic_load(&b.fake->steps), TOKENS + 2);
    job_free(first);
    job_free(second);
    bench_close(&b);
}

static bool same_picture(const struct picture *a, const struct picture *b)
{
    return a->seed == b->seed && a->score == b->score &&
           memcmp(a->tokens, b->tokens, TOKENS * sizeof *a->tokens) == 0 &&
           memcmp(a->image.px, b->image.px, FAKE_SIDE * FAKE_SIDE * 3) == 0;
}

/* Picture i of a request is the picture of seed + i alone. */
static void test_same_picture_alone_and_in_company(void **state)
{
    struct bench b;
    struct job *many, *alone[6];

    (void)state;
    bench_open(&b, 4);
    many = submit(&b, 100, 6, 6, 1);
    turns_until(&b, 1);
    for (int i = 0; i < 6; i++) {
        alone[i] = submit(&b, 100 + (uint64_t)i, 1, 1, 1);
        turns_until(&b, 2 + i);
        assert_true(same_picture(&many->pictures[i], &alone[i]->pictures[0]));
        assert_int_equal(many->pictures[i].seed, 100 + i);
    }
    for (int i = 0; i < 6; i++)
        job_free(alone[i]);
    job_free(many);
    bench_close(&b);
}

static void test_candidates_are_ranked(void **state)
{
    struct bench b;
    struct job *all, *best;

    (void)state;
    bench_open(&b, 4);
    all = submit(&b, 5, 16, 16, 1);
    best = submit(&b, 5, 3, 16, 1);
    turns_until(&b, 2);
    assert_int_equal(all->n_pictures, 16);
    assert_int_equal(best->n_pictures, 3);
    for (int i = 0; i < 3; i++) {
        int better = 0;
        for (int j = 0; j < 16; j++)
            better += all->pictures[j].score > best->pictures[i].score;
        assert_true(better <= i);
        assert_true(i == 0 || best->pictures[i - 1].score >= best->pictures[i].score);
        assert_true(same_picture(&best->pictures[i], &all->pictures[best->pictures[i].seed - 5]));
    }
    assert_true(atomic_load(&b.fake->max_live) <= 4);
    job_free(all);
    job_free(best);
    bench_close(&b);
}

static void test_guidance_takes_two_rows(void **state)
{
    struct bench b;
    struct job *job;

    (void)state;
    bench_open(&b, 5);
    job = submit(&b, 5, 4, 4, 3);
    sched_turn(b.sched);
    assert_int_equal(sched_rows_used(b.sched), 4);
    turns_until(&b, 1);
    assert_int_equal(atomic_load(&b.fake->max_live), 2);
    job_free(job);
    bench_close(&b);
}

/* A pair of rows must not starve behind single rows that always fit. */
static void test_pairs_do_not_starve(void **state)
{
    struct bench b;
    struct job *singles, *pair;
    int turns;

    (void)state;
    bench_open(&b, 2);
    singles = submit(&b, 1, 16, 16, 1);
    sched_turn(b.sched);
    pair = submit(&b, 1, 1, 1, 2);
    turns = turns_until(&b, 1);
    assert_int_equal(pair->state, JOB_DONE);
    assert_true(turns <= 3 * TOKENS + 1); /* one turn of the singles may come first */
    turns_until(&b, 2);
    job_free(singles);
    job_free(pair);
    bench_close(&b);
}

static void test_small_job_beside_a_large_one(void **state)
{
    struct bench b;
    struct job *large, *small;

    (void)state;
    bench_open(&b, 4);
    large = submit(&b, 1, 16, 64, 1);
    sched_turn(b.sched);
    small = submit(&b, 1, 1, 1, 1);
    turns_until(&b, 1);
    assert_int_equal(small->state, JOB_DONE);
    assert_int_equal(large->state, JOB_RUNNING);
    assert_true(atomic_load(&b.fake->admitted) <= 12); /* one of the next four free rows was its */
    turns_until(&b, 2);
    job_free(large);
    job_free(small);
    bench_close(&b);
}

static struct job *submit_one(struct bench *b, const char *client, enum priority priority)
{
    struct gen_request r = letters("a");

    r.priority = (int)priority;
    return submit_for(b, client, &r);
}

/* Fifty requests of one client do not keep another waiting; those of a class below wait for all. */
static void test_classes_and_clients(void **state)
{
    struct bench b;
    struct job *crowd[50], *low, *other;

    (void)state;
    bench_open(&b, 2);
    low = submit_one(&b, "c", PRIORITY_LOW);
    for (int i = 0; i < 50; i++)
        crowd[i] = submit_one(&b, "a", PRIORITY_NORMAL);
    sched_turn(b.sched); /* two of the crowd have the rows */
    other = submit_one(&b, "b", PRIORITY_NORMAL);
    sched_turn(b.sched);
    assert_int_equal(atomic_load(&other->ahead), 1);
    assert_int_equal(atomic_load(&low->ahead), 49);
    turns_until(&b, 4);
    assert_int_equal(other->state, JOB_DONE);
    turns_until(&b, 50);
    assert_int_not_equal(low->state, JOB_DONE);
    turns_until(&b, 52);
    for (int i = 0; i < 50; i++)
        job_free(crowd[i]);
    job_free(low);
    job_free(other);
    bench_close(&b);
}

/* Pictures are drawn as fast as they are finished, also when a picture has few tokens. */
static void test_pixels_keep_pace(void **state)
{
    struct bench b;
    struct job *job;

    (void)state;
    bench_open(&b, 64);
    job = submit(&b, 1, 16, 64, 1);
    for (int i = 0; i < 8; i++) {
        struct job *more = submit(&b, 1, 16, 64, 1);
        turns_until(&b, i + 1);
        assert_true(atomic_load(&b.fake->admitted) - atomic_load(&b.fake->decoded) <= 3 * 64);
        job_free(job);
        job = more;
    }
    turns_until(&b, 9);
    job_free(job);
    bench_close(&b);
}

static void test_pixels_yield_to_steps(void **state)
{
    struct bench b;
    struct job *four, *late;
    int steps;

    (void)state;
    bench_open(&b, 8);
    four = submit(&b, 1, 4, 4, 1);
    for (int i = 0; i < TOKENS; i++)
        sched_turn(b.sched);
    assert_int_equal(atomic_load(&b.fake->decoded), 1); /* four wait for pixels, one was drawn */
    late = submit(&b, 9, 1, 1, 1);
    steps = atomic_load(&b.fake->steps);
    sched_turn(b.sched);
    assert_int_equal(atomic_load(&b.fake->steps), steps + 1);
    assert_int_equal(atomic_load(&b.fake->decoded), 2);
    turns_until(&b, 2);
    job_free(four);
    job_free(late);
    bench_close(&b);
}

static void test_deadline_while_drawing(void **state)
{
    struct bench b;
    struct job *late, *next;

    (void)state;
    bench_open(&b, 2);
    late = submit(&b, 1, 2, 4, 1);
    sched_turn(b.sched);
    pass_time(&b, 10 * SECOND);
    next = submit(&b, 1, 1, 1, 1);
    sched_turn(b.sched);
    assert_int_equal(b.done, 1);
    assert_err(&late->err, ERR_TIMEOUT, "deadline: 10.0 s have passed, 0 of 4 pictures were ready");
    assert_int_equal(atomic_load(&b.fake->dropped), 2);
    assert_int_equal(sched_rows_used(b.sched), 1); /* the next one has a row in the same turn */
    assert_int_equal(stats_get(b.stats, STATS_DEADLINES), 1);
    turns_until(&b, 2);
    assert_int_equal(next->err.code, ERR_NONE);
    job_free(late);
    job_free(next);
    bench_close(&b);
}

static void test_deadline_while_queued(void **state)
{
    struct bench b;
    struct job *busy[2], *late;

    (void)state;
    bench_open(&b, 2);
    for (int i = 0; i < 2; i++)
        busy[i] = submit(&b, 1, 16, 16, 1);
    sched_turn(b.sched);
    late = submit(&b, 1, 1, 1, 1);
    busy[0]->deadline_ns = busy[1]->deadline_ns = INT64_MAX;
    pass_time(&b, 11 * SECOND);
    sched_turn(b.sched);
    assert_int_equal(b.done, 1);
    assert_int_equal(late->err.code, ERR_TIMEOUT);
    assert_int_equal(late->prompts.looked, 0);
    turns_until(&b, 3);
    job_free(busy[0]);
    job_free(busy[1]);
    job_free(late);
    bench_close(&b);
}

/* In whatever state: the rows are free after one turn, and nobody else notices. */
static void test_client_gone_at_every_turn(void **state)
{
    (void)state;
    for (int turn = 0; turn < TOKENS + 2; turn++) {
        struct bench b;
        struct job *gone, *other;

        bench_open(&b, 4);
        gone = submit(&b, 1, 3, 3, 1);
        other = submit(&b, 2, 1, 1, 1);
        for (int i = 0; i < turn; i++)
            sched_turn(b.sched);
        atomic_store(&gone->cancel, JOB_CLIENT_GONE);
        sched_turn(b.sched);
        assert_int_equal(gone->state, JOB_DONE);
        assert_err(&gone->err, ERR_CANCELLED, "the client went away");
        assert_int_equal(stats_get(b.stats, STATS_CANCELLED), 1);
        if (b.done < 2)
            turns_until(&b, 2);
        assert_int_equal(other->err.code, ERR_NONE);
        job_free(gone);
        job_free(other);
        bench_close(&b);
    }
}

static void fail_next(struct bench *b, enum fake_call call, enum err_code code)
{
    atomic_store(&b->fake->fail_code, code);
    atomic_store(&b->fake->fail, call);
}

static void test_failed_step_fails_its_batch_only(void **state)
{
    struct bench b;
    struct job *hit, *next;

    (void)state;
    bench_open(&b, 4);
    hit = submit(&b, 1, 1, 1, 1);
    sched_turn(b.sched);
    fail_next(&b, FAKE_STEP_CALL, ERR_INTERNAL);
    sched_turn(b.sched);
    assert_int_equal(b.done, 1);
    assert_err(&hit->err, ERR_INTERNAL, "the fake engine was told to fail");
    next = submit(&b, 1, 1, 1, 1);
    turns_until(&b, 2);
    assert_int_equal(next->err.code, ERR_NONE);
    assert_false(sched_faulted(b.sched));
    job_free(hit);
    job_free(next);
    bench_close(&b);
}

static void test_failed_embedding_and_pixels_fail_one_job(void **state)
{
    static const enum fake_call CALLS[] = { FAKE_EMBED_CALL, FAKE_DECODE_CALL };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct bench b;
        struct job *hit, *other;

        bench_open(&b, 4);
        hit = submit(&b, 1, 2, 2, 1);
        other = submit(&b, 2, 2, 2, 1);
        fail_next(&b, CALLS[i], ERR_NOMEM);
        turns_until(&b, 2);
        assert_int_equal(hit->err.code, ERR_NOMEM);
        assert_int_equal(other->err.code, ERR_NONE);
        job_free(hit);
        job_free(other);
        bench_close(&b);
    }
}

static void test_device_fault_latches(void **state)
{
    struct bench b;
    struct job *hit, *next;

    (void)state;
    bench_open(&b, 4);
    hit = submit(&b, 1, 1, 1, 1);
    fail_next(&b, FAKE_STEP_CALL, ERR_DEVICE);
    turns_until(&b, 1);
    assert_int_equal(hit->err.code, ERR_DEVICE);
    assert_true(sched_faulted(b.sched));
    next = submit(&b, 1, 1, 1, 1);
    turns_until(&b, 2);
    assert_err(&next->err, ERR_UNAVAILABLE, "the device failed; the daemon must be restarted");
    job_free(hit);
    job_free(next);
    bench_close(&b);
}

static void test_retry_after_is_measured(void **state)
{
    struct bench b;
    struct job *job;

    (void)state;
    bench_open(&b, 4);
    assert_int_equal(sched_wait_s(b.sched, 100), 1);
    job = submit(&b, 1, 1, 1, 1);
    sched_turn(b.sched);
    pass_time(&b, 8 * SECOND);
    turns_until(&b, 1);
    assert_int_equal(sched_wait_s(b.sched, 100), 1 + 100 * 8 / 4); /* 4 at a time, 8 s each */
    job_free(job);
    bench_close(&b);
}

static void test_thread_drains(void **state)
{
    struct bench b;
    struct job *jobs[5];

    (void)state;
    bench_open(&b, 4);
    for (int i = 0; i < 5; i++)
        jobs[i] = submit(&b, (uint64_t)i, 2, 3, 1);
    assert_int_equal(sched_start(b.sched, NULL), 0);
    queue_close(b.queue);
    sched_join(b.sched);
    assert_true(sched_finished(b.sched));
    assert_int_equal(b.done, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(jobs[i]->err.code, ERR_NONE);
        job_free(jobs[i]);
    }
    bench_close(&b);
}

static void test_abort_fails_everything(void **state)
{
    struct bench b;
    struct job *jobs[5];

    (void)state;
    bench_open(&b, 2);
    for (int i = 0; i < 5; i++)
        jobs[i] = submit(&b, (uint64_t)i, 2, 3, 1);
    atomic_store(&b.fake->hold, FAKE_STEP_CALL);
    assert_int_equal(sched_start(b.sched, NULL), 0);
    while (atomic_load(&b.fake->held) != FAKE_STEP_CALL)
        usleep(100);
    queue_close(b.queue);
    sched_abort(b.sched);
    atomic_store(&b.fake->hold, FAKE_NONE);
    sched_join(b.sched);
    assert_int_equal(b.done, 5);
    for (int i = 0; i < 5; i++) {
        assert_err(&jobs[i]->err, ERR_UNAVAILABLE, "the daemon is shutting down");
        job_free(jobs[i]);
    }
    bench_close(&b);
}

/* ---- prompts of several inputs, several prompts, other kinds of requests ---- */

/* The second of two prompts is drawn as if it were alone, and so ranked. */
static void test_prompts_side_by_side(void **state)
{
    struct bench b;
    struct gen_request r = letters("ab"), alone = letters("b");
    struct job *both, *one;

    (void)state;
    bench_open(&b, 4);
    r.inputs[1].prompt = 1;
    r.n_prompts = 2;
    r.n = alone.n = 2;
    r.candidates = alone.candidates = 5;
    both = submit_request(&b, &r);
    assert_int_equal(both->places, 10);
    one = submit_request(&b, &alone);
    turns_until(&b, 2);
    assert_int_equal(both->n_pictures, 4);
    for (int i = 0; i < 2; i++) {
        assert_true(same_picture(&both->pictures[2 + i], &one->pictures[i]));
        assert_int_equal(both->pictures[2 + i].prompt, 1);
        assert_int_equal(both->pictures[i].prompt, 0);
    }
    assert_false(same_picture(&both->pictures[0], &one->pictures[0]));
    job_free(both);
    job_free(one);
    bench_close(&b);
}

static struct job *mixed(struct bench *b, const char *text, float second, int prompt)
{
    struct gen_request r = letters(text);

    r.seed = 3;
    if (r.n_inputs > 1) {
        r.inputs[1].weight = second;
        r.inputs[1].prompt = prompt;
    }
    return submit_request(b, &r);
}

static void test_weights_and_negatives_count(void **state)
{
    struct bench b;
    struct job *jobs[6];

    (void)state;
    bench_open(&b, 8);
    jobs[0] = mixed(&b, "a", 1, 0);
    jobs[1] = mixed(&b, "aM", 0, 0);
    jobs[2] = mixed(&b, "aM", 1, 0);
    jobs[3] = mixed(&b, "aM", 2, 0);
    jobs[4] = mixed(&b, "aM", 1, INPUT_NEGATIVE);
    jobs[5] = mixed(&b, "aZ", 1, INPUT_NEGATIVE);
    turns_until(&b, 6);
    assert_true(same_picture(&jobs[0]->pictures[0], &jobs[1]->pictures[0]));
    for (int i = 1; i < 6; i++)
        for (int k = i + 1; k < 6; k++)
            assert_false(same_picture(&jobs[i]->pictures[0], &jobs[k]->pictures[0]));
    for (int i = 0; i < 6; i++)
        job_free(jobs[i]);
    bench_close(&b);
}

static void test_parts_that_cancel(void **state)
{
    struct bench b;
    struct job *job;

    (void)state;
    bench_open(&b, 4);
    job = mixed(&b, "aa", -1, 0);
    turns_until(&b, 1);
    assert_err(&job->err, ERR_INVALID, "mix: the parts cancel each other");
    job_free(job);
    bench_close(&b);
}

/* A list of inputs takes a turn each, and others are drawn meanwhile. */
static void test_inputs_yield_to_steps(void **state)
{
    struct bench b;
    struct gen_request r = letters("abcdefgh");
    struct job *embeddings, *picture;

    (void)state;
    bench_open(&b, 4);
    r.kind = REQUEST_EMBED;
    embeddings = submit_request(&b, &r);
    picture = submit(&b, 1, 1, 1, 1);
    turns_until(&b, 1);
    assert_int_equal(picture->state, JOB_DONE);
    assert_true(embeddings->prompts.looked < 8);
    turns_until(&b, 2);
    assert_int_equal(embeddings->n_pictures, 8);
    assert_int_equal(embeddings->err.code, ERR_NONE);
    for (int i = 1; i < 8; i++)
        assert_memory_not_equal(embeddings->pictures[i].embed, embeddings->pictures[0].embed,
                                FAKE_EMBED * sizeof(float));
    assert_int_equal(stats_get(b.stats, STATS_PICTURES), 1);
    job_free(embeddings);
    job_free(picture);
    bench_close(&b);
}

static struct gen_request pictures(int n)
{
    struct gen_request r = { .kind = REQUEST_ENCODE, .n_inputs = n, .timeout_ms = 10000 };

    r.inputs = mem_alloc((size_t)n, sizeof *r.inputs);
    for (int i = 0; i < n; i++) {
        r.inputs[i].kind = INPUT_IMAGE;
        assert_int_equal(image_new(FAKE_SIDE, FAKE_SIDE, 3, &r.inputs[i].image, NULL), 0);
        r.inputs[i].image.px[2] = (uint8_t)(10 + i);
    }
    return r;
}

static void test_encode_and_decode(void **state)
{
    struct bench b;
    struct gen_request r = pictures(3),
                       back = { .kind = REQUEST_DECODE, .n = 2, .timeout_ms = 10000 };
    struct job *encode, *decode;

    (void)state;
    bench_open(&b, 4);
    back.tokens = mem_alloc(2 * TOKENS, sizeof *back.tokens);
    for (int i = 0; i < 2 * TOKENS; i++)
        back.tokens[i] = 100 + i;
    encode = submit_request(&b, &r);
    decode = submit_request(&b, &back);
    assert_int_equal(encode->places, 3);
    assert_int_equal(decode->places, 2);
    turns_until(&b, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(encode->pictures[i].tokens[2], 10 + i);
    assert_int_equal(decode->n_pictures, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(decode->pictures[i].tokens[0], 100 + i * TOKENS);
        assert_int_equal(decode->pictures[i].image.w, FAKE_SIDE);
    }
    assert_int_equal(atomic_load(&b.fake->max_live), 0);
    job_free(encode);
    job_free(decode);
    bench_close(&b);
}

/* A client that leaves, or a failure, gives all places back. */
static void test_places_are_given_back(void **state)
{
    struct bench b;
    struct gen_request r = letters("abc"), s = letters("abc");
    struct job *gone, *failed;

    (void)state;
    bench_open(&b, 4);
    r.kind = s.kind = REQUEST_EMBED;
    gone = submit_request(&b, &r);
    sched_turn(b.sched);
    atomic_store(&gone->cancel, JOB_CLIENT_GONE);
    sched_turn(b.sched);
    assert_int_equal(gone->err.code, ERR_CANCELLED);
    assert_int_equal(queue_pictures(b.queue), 0);
    failed = submit_request(&b, &s);
    atomic_store(&b.fake->fail_code, ERR_INTERNAL);
    atomic_store(&b.fake->fail, FAKE_EMBED_CALL);
    turns_until(&b, 2);
    assert_err(&failed->err, ERR_INTERNAL, "the fake engine was told to fail");
    job_free(gone);
    job_free(failed);
    bench_close(&b);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_one_picture),
    cmocka_unit_test(test_new_jobs_join_between_steps),
    cmocka_unit_test(test_same_picture_alone_and_in_company),
    cmocka_unit_test(test_candidates_are_ranked),
    cmocka_unit_test(test_guidance_takes_two_rows),
    cmocka_unit_test(test_pairs_do_not_starve),
    cmocka_unit_test(test_small_job_beside_a_large_one),
    cmocka_unit_test(test_classes_and_clients),
    cmocka_unit_test(test_pixels_keep_pace),
    cmocka_unit_test(test_pixels_yield_to_steps),
    cmocka_unit_test(test_deadline_while_drawing),
    cmocka_unit_test(test_deadline_while_queued),
    cmocka_unit_test(test_client_gone_at_every_turn),
    cmocka_unit_test(test_failed_step_fails_its_batch_only),
    cmocka_unit_test(test_failed_embedding_and_pixels_fail_one_job),
    cmocka_unit_test(test_device_fault_latches),
    cmocka_unit_test(test_retry_after_is_measured),
    cmocka_unit_test(test_thread_drains),
    cmocka_unit_test(test_abort_fails_everything),
    cmocka_unit_test(test_prompts_side_by_side),
    cmocka_unit_test(test_weights_and_negatives_count),
    cmocka_unit_test(test_parts_that_cancel),
    cmocka_unit_test(test_inputs_yield_to_steps),
    cmocka_unit_test(test_encode_and_decode),
    cmocka_unit_test(test_places_are_given_back),
};

TEST_MAIN(TESTS)
