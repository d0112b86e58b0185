#include "server/api_generate.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <strings.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/png.h"

#define GRID_GAP 2 /* pixels between the pictures of a sheet */

/* ---- in ---- */

static void refuse(struct app *app, struct exchange *x, const struct err *e, const char *param)
{
    reply_err(&x->reply, e, param);
    if (e->code == ERR_UNAVAILABLE)
        stats_add(app->stats, STATS_REJECTED_DRAINING, 1);
    if (e->code != ERR_BUSY)
        return;
    stats_add(app->stats, STATS_REJECTED_FULL, 1);
    reply_header(&x->reply, "Retry-After", "%d",
                 sched_wait_s(app->sched, queue_pictures(app->queue)));
}

static int check_ready(const struct app *app, struct err *e)
{
    const char *why;

    return app_ready(app, &why) ? 0 : err_set(e, ERR_UNAVAILABLE, "not ready: %s", why);
}

static struct job *make_job(const struct app *app, const struct exchange *x,
                            char param[REQUEST_PARAM_MAX], struct err *e)
{
    struct gen_request request;
    struct job *job;

    if (gen_request_parse(x->body.data ? x->body.data : "", x->body.len, &app->limits, &request,
                          param, e))
        return NULL;
    if (gen_request_prepare(&request, app->engine, param, e)) {
        gen_request_release(&request);
        return NULL;
    }
    return job_new(x->id, x->client, &request, &app->engine->info, &job, e) ? NULL : job;
}

static void client_gone(void *arg)
{
    struct job *job = arg;

    atomic_store(&job->cancel, JOB_CLIENT_GONE);
}

/* The order matters: see queue.h. After the push the job is not ours until resume. */
static void hand_over(struct app *app, struct exchange *x, struct job *job)
{
    job->on_done = exchange_resume;
    job->on_done_arg = x;
    x->job = job;
    exchange_suspend(x, client_gone, job);
    queue_push(app->queue, job);
}

void api_generate(struct app *app, struct exchange *x)
{
    char param[REQUEST_PARAM_MAX] = "";
    struct err e;
    struct job *job;

    if (check_ready(app, &e)) {
        refuse(app, x, &e, NULL);
        return;
    }
    job = make_job(app, x, param, &e);
    if (!job) {
        refuse(app, x, &e, param);
        return;
    }
    buf_release(&x->body); /* megabytes of base64, maybe for minutes */
    if (queue_reserve(app->queue, job->places, &e)) {
        job_free(job);
        refuse(app, x, &e, NULL);
        return;
    }
    hand_over(app, x, job);
}

/* ---- out ---- */

static bool wants_png(const struct exchange *x)
{
    const char *accept = exchange_header(x, "Accept");

    return accept && strcasestr(accept, "image/png") && !strcasestr(accept, "application/json");
}

/* Where a picture came from travels with the file. */
static int encode_png(const struct app *app, const struct image *img, uint64_t seed,
                      struct buf *out, struct err *e)
{
    char seed_text[24];
    const char *text[] = { "Software", "clipgen", "model", app->engine->info.model,
                           "seed",     seed_text };

    snprintf(seed_text, sizeof seed_text, "%" PRIu64, seed);
    return png_encode(img, text, 3, out, e);
}

static json_t *base64_json(const struct buf *bytes)
{
    struct buf text;
    json_t *s;

    buf_init(&text, REPLY_BODY_MAX);
    base64_encode(bytes->data, bytes->len, &text);
    s = text.failed ? NULL : json_stringn_nocheck(text.data, text.len);
    buf_release(&text);
    return s;
}

static json_t *tokens_json(const struct app *app, const struct picture *p)
{
    json_t *list = json_array();

    for (int i = 0; list && i < app->engine->info.tokens; i++)
        json_array_append_new(list, json_integer(p->tokens[i]));
    return list;
}

static json_t *picture_json(const struct app *app, struct job *job, const struct picture *p)
{
    struct buf png;
    json_t *o = NULL;
    int64_t begin = clock_ns();

    buf_init(&png, REPLY_BODY_MAX);
    if (!encode_png(app, &p->image, p->seed, &png, &job->err))
        o = json_pack("{s:o,s:f,s:I}", "b64_json", base64_json(&png), "score", (double)p->score,
                      "seed", (json_int_t)p->seed);
    buf_release(&png);
    job->times.png += clock_ns() - begin;
    if (o && job->request.want_tokens)
        json_object_set_new(o, "tokens", tokens_json(app, p));
    return o;
}

static double ms(int64_t ns)
{
    return (double)(ns / 1000) / 1000.0;
}

static json_t *timings_json(const struct job *job)
{
    const struct job_times *t = &job->times;

    return json_pack("{s:f,s:f,s:f,s:f,s:f,s:f}", "queue", ms(t->queue), "encode", ms(t->encode),
                     "decode", ms(t->decode), "pixels", ms(t->pixels), "png", ms(t->png), "total",
                     ms(clock_ns() - job->arrived_ns));
}

static void reply_pictures(const struct app *app, struct job *job, struct reply *r)
{
    json_t *images = json_array();

    for (int i = 0; images && i < job->n_pictures; i++)
        if (json_array_append_new(images, picture_json(app, job, &job->pictures[i])))
            goto fail;
    reply_json(r, json_pack("{s:s,s:I,s:s,s:I,s:o,s:o}", "id", job->id, "created",
                            (json_int_t)clock_unix(), "model", app->engine->info.model, "seed",
                            (json_int_t)job->request.seed, "images", images, "timings_ms",
                            timings_json(job)));
    return;
fail:
    json_decref(images);
    if (job->err.code == ERR_NONE)
        err_set(&job->err, ERR_NOMEM, "answer: out of memory");
    reply_err(r, &job->err, NULL);
}

static int columns_of(int n)
{
    int columns = 1;

    while (columns * columns < n)
        columns++;
    return columns;
}

/* One picture as it is, several as a sheet. */
static int sheet_png(const struct app *app, const struct job *job, struct buf *out, struct err *e)
{
    struct image imgs[REQUEST_N_MAX], sheet;
    int n = job->n_pictures, failed;

    if (n == 1)
        return encode_png(app, &job->pictures[0].image, job->pictures[0].seed, out, e);
    for (int i = 0; i < n; i++)
        imgs[i] = job->pictures[i].image; /* borrowed */
    if (image_grid(imgs, n, columns_of(n), GRID_GAP, &sheet, e))
        return -1;
    failed = encode_png(app, &sheet, job->request.seed, out, e);
    image_release(&sheet);
    return failed;
}

static void add_seeds(const struct job *job, struct reply *r)
{
    struct buf list;

    buf_init(&list, sizeof r->headers[0].value);
    for (int i = 0; i < job->n_pictures; i++)
        buf_printf(&list, "%s%" PRIu64, i ? "," : "", job->pictures[i].seed);
    reply_header(r, "X-Seed", "%s", list.data ? list.data : "");
    buf_release(&list);
}

static void reply_sheet(const struct app *app, struct job *job, struct reply *r)
{
    int64_t begin = clock_ns();

    if (sheet_png(app, job, &r->body, &job->err)) {
        reply_err(r, &job->err, NULL);
        return;
    }
    job->times.png = clock_ns() - begin;
    r->type = "image/png";
    add_seeds(job, r);
}

void api_generate_resume(struct app *app, struct exchange *x)
{
    struct job *job = x->job;

    if (job->err.code != ERR_NONE) {
        reply_err(&x->reply, &job->err, NULL);
        return;
    }
    if (wants_png(x))
        reply_sheet(app, job, &x->reply);
    else
        reply_pictures(app, job, &x->reply);
    stats_observe(app->stats, STATS_PNG, job->times.png);
    stats_observe(app->stats, STATS_TOTAL, clock_ns() - job->arrived_ns);
}
