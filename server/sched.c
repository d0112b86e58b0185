#include "server/sched.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/rank.h"

#define IDLE_MS 1000 /* an idle scheduler beats this often */

struct sched {
    struct engine *engine;
    struct queue *queue;
    struct stats *stats;

    struct job *running; /* oldest first */
    int n_running;
    int64_t served; /* counts admissions and drawn pictures: who was served longest ago is next */

    pthread_t thread;
    int slots; /* pictures with default settings that fit into the rows */
    /* written by the device thread, read by any */
    _Atomic int64_t beat_ns, picture_ns;
    _Atomic int jobs, rows_used;
    _Atomic bool faulted, aborted, finished;
};

int sched_new(struct engine *engine, struct queue *queue, struct stats *stats,
              struct sched **ret_sched, struct err *e)
{
    struct sched *s = mem_alloc(1, sizeof *s);
    struct gen_settings usual = { .guidance = engine->info.sampling.guidance };

    if (!s)
        return err_set(e, ERR_NOMEM, "scheduler: out of memory");
    s->engine = engine;
    s->queue = queue;
    s->stats = stats;
    s->slots = engine->info.rows / engine->calls->rows_needed(engine, &usual);
    atomic_store(&s->beat_ns, clock_ns());
    *ret_sched = s;
    return 0;
}

/* ---- pictures of a job ---- */

static int count(const struct job *job, enum picture_stage stage)
{
    int n = 0;

    for (int i = 0; i < job->n_pictures; i++)
        n += job->pictures[i].stage == stage;
    return n;
}

static struct picture *first(const struct job *job, enum picture_stage stage)
{
    for (int i = 0; i < job->n_pictures; i++)
        if (job->pictures[i].stage == stage)
            return &job->pictures[i];
    return NULL;
}

/* ---- the end of a job ---- */

static void give_back(struct sched *s, struct job *job)
{
    for (int i = 0; i < job->n_pictures; i++)
        if (job->pictures[i].stage == PICTURE_DRAWING)
            s->engine->calls->drop(s->engine, job->pictures[i].slot);
    queue_release(s->queue, job->places);
    job->places = 0;
}

/* What is worth a line in the log; the others are in the access line. */
static bool is_failure(enum err_code code)
{
    return code == ERR_INTERNAL || code == ERR_DEVICE || code == ERR_NOMEM || code == ERR_IO;
}

static void record(struct sched *s, const struct job *job)
{
    enum err_code code = job->err.code;

    if (code == ERR_NONE) {
        stats_observe(s->stats, STATS_QUEUE, job->times.queue);
        stats_observe(s->stats, STATS_ENCODE, job->times.encode);
        stats_observe(s->stats, STATS_DECODE, job->times.decode);
        stats_observe(s->stats, STATS_PIXELS, job->times.pixels);
    } else if (code == ERR_CANCELLED) {
        stats_add(s->stats, STATS_CLIENT_ABORTS, 1);
    } else if (code == ERR_TIMEOUT) {
        stats_add(s->stats, STATS_DEADLINES, 1);
    } else if (is_failure(code)) {
        log_error("sched: job %s: %s", job->id, job->err.msg);
    }
}

static void publish(struct sched *s)
{
    int rows_free = s->engine->calls->rows_free(s->engine);

    atomic_store(&s->jobs, s->n_running);
    atomic_store(&s->rows_used, s->engine->info.rows - rows_free);
}

/* Takes the job at *link out of the running ones and lets its waiter have it. */
static void end_job(struct sched *s, struct job **link)
{
    struct job *job = *link;

    *link = job->next;
    job->next = NULL;
    s->n_running--;
    give_back(s, job);
    record(s, job);
    publish(s); /* before the waiter hears: who has an answer must see his rows free */
    job_finish(job);
}

/* A job that was never started. */
static void end_queued(struct sched *s, struct job *job)
{
    give_back(s, job);
    record(s, job);
    job_finish(job);
}

static void end_failed(struct sched *s)
{
    for (struct job **link = &s->running; *link;) {
        if ((*link)->err.code != ERR_NONE)
            end_job(s, link);
        else
            link = &(*link)->next;
    }
}

static void note_fault(struct sched *s, const struct err *e)
{
    if (e->code == ERR_DEVICE)
        atomic_store(&s->faulted, true);
}

static void fail_all(struct sched *s, enum err_code code, const char *why)
{
    struct job *job;

    for (job = s->running; job; job = job->next)
        if (job->err.code == ERR_NONE)
            err_set(&job->err, code, "%s", why);
    end_failed(s);
    while ((job = queue_pop(s->queue))) {
        err_set(&job->err, code, "%s", why);
        end_queued(s, job);
    }
}

/* ---- the steps of a turn ---- */

static void end_everything_if_over(struct sched *s)
{
    if (atomic_load(&s->faulted))
        fail_all(s, ERR_UNAVAILABLE, "the device failed; the daemon must be restarted");
    else if (atomic_load(&s->aborted))
        fail_all(s, ERR_UNAVAILABLE, "the daemon is shutting down");
}

static void end_expired(struct sched *s)
{
    int64_t now = clock_ns();
    struct job *job;

    for (job = s->running; job; job = job->next) {
        enum err_code why = job_expired(job, now);
        if (why != ERR_NONE)
            job_set_expired(job, why, now);
    }
    end_failed(s);
    while ((job = queue_pop_expired(s->queue, now))) {
        job_set_expired(job, job_expired(job, now), now);
        end_queued(s, job);
    }
}

/* More jobs than rows would only take memory. */
static void start_jobs(struct sched *s)
{
    struct job **last = &s->running;

    while (*last)
        last = &(*last)->next;
    while (s->n_running < s->engine->info.rows && (*last = queue_pop(s->queue))) {
        last = &(*last)->next;
        s->n_running++;
    }
}

static void note_begin(struct job *job)
{
    if (!job->begun_ns) {
        job->begun_ns = clock_ns();
        job->times.queue = job->begun_ns - job->arrived_ns;
    }
}

static void give_back_place(struct sched *s, struct job *job)
{
    job->places--;
    queue_release(s->queue, 1);
}

static int look(struct sched *s, struct job *job)
{
    int64_t begin = clock_ns();
    int failed;

    note_begin(job);
    failed = prompts_look(&job->prompts, &job->request, s->engine, &job->err);
    job->times.encode += clock_ns() - begin;
    return failed;
}

static int admit(struct sched *s, struct job *job, struct picture *p)
{
    struct gen_settings settings = job_settings(job, p);
    const float *cond = job->prompts.means + p->prompt * s->engine->info.embed_dim;

    if (s->engine->calls->admit(s->engine, cond, job->prompts.negative, &settings, &p->slot,
                                &job->err))
        return -1;
    p->stage = PICTURE_DRAWING;
    p->started_ns = clock_ns();
    job->admitted = ++s->served;
    if (!job->started_ns)
        job->started_ns = p->started_ns;
    give_back_place(s, job);
    return 0;
}

/* The job with a waiting picture that has the fewest slots; of equals the one served longest ago.
 */
static struct job *neediest(const struct sched *s)
{
    struct job *best = NULL;
    int best_n = 0;

    for (struct job *job = s->running; job; job = job->next) {
        int n = count(job, PICTURE_DRAWING);
        if (job->err.code != ERR_NONE || !first(job, PICTURE_WAITING))
            continue;
        if (!best || n < best_n || (n == best_n && job->admitted < best->admitted)) {
            best = job;
            best_n = n;
        }
    }
    return best;
}

static bool fits(const struct sched *s, const struct job *job)
{
    struct gen_settings settings = request_settings(&job->request, 0);
    const struct engine_calls *calls = s->engine->calls;

    return calls->rows_free(s->engine) >= calls->rows_needed(s->engine, &settings);
}

/* Stops at the first job that does not fit, or pairs of rows would starve behind single ones; and at
 * one with inputs left: one a turn, or a long list would keep everybody from the next step. */
static void admit_pictures(struct sched *s)
{
    struct job *job;

    while ((job = neediest(s)) && fits(s, job)) {
        bool ready = prompts_ready(&job->prompts, &job->request);
        int failed = ready ? admit(s, job, first(job, PICTURE_WAITING)) : look(s, job);
        if (failed)
            note_fault(s, &job->err);
        else if (!prompts_ready(&job->prompts, &job->request))
            break;
    }
    end_failed(s);
}

/* A failed step fails every job that took part in it, and nobody else. */
static void fail_drawing(struct sched *s, const struct err *e)
{
    for (struct job *job = s->running; job; job = job->next)
        if (first(job, PICTURE_DRAWING))
            job->err = *e;
    note_fault(s, e);
    end_failed(s);
}

static int n_drawing(const struct sched *s)
{
    int n = 0;

    for (struct job *job = s->running; job; job = job->next)
        n += count(job, PICTURE_DRAWING);
    return n;
}

static void step(struct sched *s)
{
    int n = n_drawing(s);
    struct err e;

    if (n == 0)
        return;
    if (s->engine->calls->step(s->engine, &e)) {
        fail_drawing(s, &e);
        return;
    }
    stats_add(s->stats, STATS_STEPS, 1);
    stats_add(s->stats, STATS_TOKENS, n);
}

/* Copies the tokens and gives the rows back at once: pixels need none. */
static void take_tokens(struct sched *s, struct picture *p)
{
    const struct engine_calls *calls = s->engine->calls;
    int n = s->engine->info.tokens;

    if (p->stage != PICTURE_DRAWING || calls->position(s->engine, p->slot) < n)
        return;
    memcpy(p->tokens, calls->tokens(s->engine, p->slot), (size_t)n * sizeof *p->tokens);
    calls->drop(s->engine, p->slot);
    p->stage = PICTURE_TOKENS;
}

static void collect_tokens(struct sched *s)
{
    for (struct job *job = s->running; job; job = job->next) {
        for (int i = 0; i < job->n_pictures; i++)
            take_tokens(s, &job->pictures[i]);
        if (job->started_ns && !job->times.decode && !first(job, PICTURE_WAITING) &&
            !first(job, PICTURE_DRAWING))
            job->times.decode = clock_ns() - job->started_ns;
    }
}

static int score(struct sched *s, const struct job *job, struct picture *p, struct err *e)
{
    int dim = s->engine->info.embed_dim;

    if (s->engine->calls->embed_image(s->engine, &p->image, p->embed, e))
        return -1;
    p->score = rank_cosine(job->prompts.targets + p->prompt * dim, p->embed, dim);
    return 0;
}

static int embed_input(struct sched *s, struct job *job, struct picture *p)
{
    int dim = s->engine->info.embed_dim, i = (int)(p - job->pictures);

    if (look(s, job))
        return -1;
    memcpy(p->embed, job->prompts.embeds + i * dim, (size_t)dim * sizeof *p->embed);
    return 0;
}

static int pixels_to_tokens(struct sched *s, struct job *job, struct picture *p)
{
    const struct image *img = &job->request.inputs[p - job->pictures].image;

    return s->engine->calls->encode(s->engine, img, p->tokens, &job->err);
}

static int tokens_to_pixels(struct sched *s, struct job *job, struct picture *p)
{
    if (s->engine->calls->decode(s->engine, p->tokens, &p->image, &job->err))
        return -1;
    return job->request.kind == REQUEST_GENERATE ? score(s, job, p, &job->err) : 0;
}

/* What a picture needs besides rows, by stage; all in one go. */
static int (*const WORK[])(struct sched *s, struct job *job, struct picture *p) = {
    [PICTURE_TOKENS] = tokens_to_pixels,
    [PICTURE_PIXELS] = pixels_to_tokens,
    [PICTURE_INPUT] = embed_input,
    [PICTURE_READY] = NULL,
};

static struct picture *next_picture(const struct job *job)
{
    for (int i = 0; i < job->n_pictures; i++)
        if (WORK[job->pictures[i].stage])
            return &job->pictures[i];
    return NULL;
}

static int work(struct sched *s, struct job *job, struct picture *p)
{
    int64_t begin = clock_ns(), before = job->times.encode;

    note_begin(job);
    if (WORK[p->stage](s, job, p))
        return -1;
    if (p->stage != PICTURE_TOKENS || job->request.kind == REQUEST_DECODE)
        give_back_place(s, job);
    p->stage = PICTURE_READY;
    job->times.pixels += clock_ns() - begin - (job->times.encode - before);
    return 0;
}

/* A moving mean over about eight pictures. */
static void note_picture(struct sched *s, const struct picture *p)
{
    int64_t took = clock_ns() - p->started_ns, mean = atomic_load(&s->picture_ns);

    atomic_store(&s->picture_ns, mean ? mean + (took - mean) / 8 : took);
    stats_add(s->stats, STATS_PICTURES, 1);
}

/* The job with something to do besides steps that was served longest ago. */
static struct job *next_to_work(const struct sched *s)
{
    struct job *best = NULL;

    for (struct job *job = s->running; job; job = job->next)
        if (next_picture(job) && (!best || job->drawn < best->drawn))
            best = job;
    return best;
}

static void work_on_one_picture(struct sched *s)
{
    struct job *job = next_to_work(s);
    struct picture *p;

    if (!job)
        return;
    p = next_picture(job);
    job->drawn = ++s->served;
    if (work(s, job, p)) {
        note_fault(s, &job->err);
        end_failed(s);
        return;
    }
    if (p->started_ns)
        note_picture(s, p);
}

static void end_complete(struct sched *s)
{
    for (struct job **link = &s->running; *link;) {
        if (count(*link, PICTURE_READY) == (*link)->n_pictures)
            end_job(s, link);
        else
            link = &(*link)->next;
    }
}

bool sched_turn(struct sched *s)
{
    atomic_store(&s->beat_ns, clock_ns());
    end_everything_if_over(s);
    end_expired(s);
    start_jobs(s);
    admit_pictures(s);
    step(s);
    collect_tokens(s);
    work_on_one_picture(s);
    end_complete(s);
    publish(s);
    return s->n_running > 0;
}

/* ---- the thread ---- */

static void *sched_loop(void *arg)
{
    struct sched *s = arg;

    while (sched_turn(s) || !queue_drained(s->queue))
        if (s->n_running == 0)
            queue_wait(s->queue, IDLE_MS);
    atomic_store(&s->finished, true);
    return NULL;
}

int sched_start(struct sched *s, struct err *e)
{
    int code = pthread_create(&s->thread, NULL, sched_loop, s);

    if (code)
        return err_set(e, ERR_IO, "device thread: %s", strerror(code));
    return 0;
}

void sched_join(struct sched *s)
{
    pthread_join(s->thread, NULL);
}

void sched_free(struct sched *s)
{
    if (!s)
        return;
    fail_all(s, ERR_UNAVAILABLE, "the daemon is shutting down");
    mem_free(s);
}

void sched_abort(struct sched *s)
{
    atomic_store(&s->aborted, true);
    queue_wake(s->queue);
}

bool sched_finished(const struct sched *s)
{
    return atomic_load(&s->finished);
}

int64_t sched_beat_ns(const struct sched *s)
{
    return atomic_load(&s->beat_ns);
}

bool sched_faulted(const struct sched *s)
{
    return atomic_load(&s->faulted);
}

int sched_jobs(const struct sched *s)
{
    return atomic_load(&s->jobs);
}

int sched_rows_used(const struct sched *s)
{
    return atomic_load(&s->rows_used);
}

int sched_wait_s(const struct sched *s, int pictures)
{
    int64_t ns = atomic_load(&s->picture_ns) * pictures / (s->slots ? s->slots : 1);

    return 1 + (int)(ns / 1000000000);
}
