#include "server/sched_impl.h"

#include <string.h>

#include "base/clock.h"
#include "model/rank.h"

void sched_note_begin(struct job *job)
{
    if (atomic_load(&job->state) == JOB_RUNNING)
        return;
    atomic_store(&job->state, JOB_RUNNING);
    job->times.queue = clock_ns() - job->arrived_ns;
}

void sched_give_place(struct sched *s, struct job *job)
{
    if (job->places == 0) /* a warm-up has come without */
        return;
    job->places--;
    queue_release(s->queue, 1);
}

int sched_look(struct job *job)
{
    int64_t begin = clock_ns();
    int failed;

    sched_note_begin(job);
    failed = prompts_look(&job->prompts, &job->request, job->instance->engine, &job->err);
    job->times.encode += clock_ns() - begin;
    return failed;
}

/* ---- a piece of work, by the stage that a picture is at ---- */

static int embed_input(struct sched *s, struct job *job, struct picture *p)
{
    int dim = job->info.embed_dim, i = (int)(p - job->pictures);

    (void)s;
    if (sched_look(job))
        return -1;
    memcpy(p->embed, job->prompts.embeds + i * dim, (size_t)dim * sizeof *p->embed);
    return 0;
}

static int pixels_to_tokens(struct sched *s, struct job *job, struct picture *p)
{
    const struct image *img = &job->request.inputs[p - job->pictures].image;
    struct engine *g = job->instance->engine;

    (void)s;
    return g->calls->encode(g, img, p->tokens, &job->err);
}

static int tokens_to_pixels(struct sched *s, struct job *job, struct picture *p)
{
    struct engine *g = job->instance->engine;

    (void)s;
    return g->calls->decode(g, p->tokens, &p->image, &job->err);
}

/* A moving mean over about eight pictures. */
static void note_picture(struct sched *s, const struct job *job, const struct picture *p)
{
    int slots = job->instance->slots ? job->instance->slots : 1;
    int64_t took = (clock_ns() - p->started_ns) / slots, mean = atomic_load(&s->picture_ns);

    atomic_store(&s->picture_ns, mean ? mean + (took - mean) / 8 : took);
    stats_add(s->stats, STATS_PICTURES, 1);
}

static int pixels_to_score(struct sched *s, struct job *job, struct picture *p)
{
    struct engine *g = job->instance->engine;
    int dim = g->info.embed_dim;

    if (g->calls->embed_image(g, &p->image, p->embed, &job->err))
        return -1;
    p->score = rank_cosine(job->prompts.targets + p->prompt * dim, p->embed, dim);
    note_picture(s, job, p);
    return 0;
}

static int (*const PIECES[])(struct sched *s, struct job *job, struct picture *p) = {
    [PICTURE_TOKENS] = tokens_to_pixels,
    [PICTURE_DRAWN] = pixels_to_score,
    [PICTURE_PIXELS] = pixels_to_tokens,
    [PICTURE_INPUT] = embed_input,
    [PICTURE_READY] = NULL,
};

static enum picture_stage next_stage(const struct job *job, const struct picture *p)
{
    bool scored = job->request.kind == REQUEST_GENERATE;

    return p->stage == PICTURE_TOKENS && scored ? PICTURE_DRAWN : PICTURE_READY;
}

static int do_piece(struct sched *s, struct job *job, struct picture *p)
{
    int64_t begin = clock_ns();

    sched_note_begin(job);
    if (PIECES[p->stage](s, job, p))
        return -1;
    if (p->stage != PICTURE_INPUT) /* its time is the prompt's */
        job->times.pixels += clock_ns() - begin;
    p->stage = next_stage(job, p);
    if (p->stage == PICTURE_READY) {
        atomic_fetch_add(&job->ready, 1);
        job_tell(job);
    }
    if (job->request.kind != REQUEST_GENERATE)
        sched_give_place(s, job); /* which one with rows did when it got them */
    return 0;
}

/* ---- pictures that somebody watches ---- */

/* How often a picture should have been shown by now: after equal shares of its tokens. */
static int partials_due(const struct job *job, const struct picture *p)
{
    const struct engine *g = job->instance->engine;

    if (p->stage != PICTURE_DRAWING)
        return 0;
    return g->calls->position(g, p->slot) * (job->request.partials + 1) / g->info.tokens;
}

static struct picture *next_to_show(const struct job *job)
{
    for (int i = 0; job->request.partials && i < job->n_pictures; i++)
        if (partials_due(job, &job->pictures[i]) > job->pictures[i].n_partials)
            return &job->pictures[i];
    return NULL;
}

/* The tokens so far; below them the last whole row goes on. */
static void extend_tokens(const int32_t *drawn, int n_drawn, int32_t *tokens, int n, int width)
{
    memcpy(tokens, drawn, (size_t)n_drawn * sizeof *tokens);
    for (int i = n_drawn; i < n; i++)
        tokens[i] = i < width ? tokens[n_drawn - 1] : tokens[i - width];
}

static int show(struct job *job, struct picture *p)
{
    struct engine *g = job->instance->engine;
    int due = partials_due(job, p);
    struct image img;

    extend_tokens(g->calls->tokens(g, p->slot), g->calls->position(g, p->slot), p->tokens,
                  g->info.tokens, g->info.columns);
    if (g->calls->decode(g, p->tokens, &img, &job->err))
        return -1;
    job_show(job, p, due, &img);
    return 0;
}

/* ---- whose picture ---- */

/* One that is nearly done first. */
static struct picture *next_picture(const struct job *job)
{
    struct picture *drawn = sched_first(job, PICTURE_DRAWN);

    for (int i = 0; i < job->n_pictures && !drawn; i++)
        if (PIECES[job->pictures[i].stage])
            drawn = &job->pictures[i];
    return drawn;
}

bool sched_has_work(const struct job *job)
{
    return next_picture(job) || next_to_show(job);
}

/*
 * One piece is enough while a picture has more tokens than twice the rows. Beyond that pictures
 * would pile up; so many that all that waits now is done within as many turns as a picture takes.
 */
static int pieces_this_turn(const struct sched *s)
{
    double turns = 0;

    for (const struct job *job = s->jobs; job; job = job->next) {
        int pieces = 2 * sched_count(job, PICTURE_TOKENS) + sched_count(job, PICTURE_DRAWN);
        turns += (double)pieces / job->info.tokens;
    }
    return 1 + (int)turns;
}

/* Who waits for a picture comes before who watches it. */
static int serve(struct sched *s, struct job *job)
{
    struct picture *p = next_picture(job);

    return p ? do_piece(s, job, p) : show(job, next_to_show(job));
}

void sched_work(struct sched *s)
{
    struct job *job;

    for (int n = pieces_this_turn(s); n > 0 && (job = line_next(&s->work)); n--) {
        if (serve(s, job))
            sched_fail(s, job);
        else
            line_served(&s->work, job, sched_has_work(job));
    }
}
