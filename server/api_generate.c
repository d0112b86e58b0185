#include "server/api_generate.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <strings.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/png.h"
#include "server/submit.h"

#define GRID_GAP 2 /* pixels between the pictures of a sheet */

void api_generate(struct app *app, struct exchange *x)
{
    char param[REQUEST_PARAM_MAX];
    struct gen_request request;
    struct err e;

    if (!submit_ready(app, x))
        return;
    if (gen_request_parse(x->body.data ? x->body.data : "", x->body.len, &app->limits, &request,
                          param, &e))
        submit_refuse(app, x, &e, param);
    else
        submit(app, x, &request);
}

/* ---- out ---- */

static bool wants_png(const struct exchange *x)
{
    const char *accept = exchange_header(x, "Accept");

    return !x->as_json && accept && strcasestr(accept, "image/png") &&
           !strcasestr(accept, "application/json");
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

static json_t *picture_json(const struct app *app, struct exchange *x, const struct picture *p,
                            struct err *e)
{
    struct buf png;
    json_t *o = NULL;
    int64_t begin = clock_ns();

    buf_init(&png, REPLY_BODY_MAX);
    if (!encode_png(app, &p->image, p->seed, &png, e))
        o = json_pack("{s:o,s:f,s:I}", "b64_json", base64_json(&png), "score", (double)p->score,
                      "seed", (json_int_t)p->seed);
    buf_release(&png);
    x->encode_ns += clock_ns() - begin;
    if (o && x->job->request.want_tokens)
        json_object_set_new(o, "tokens", tokens_json(app, p));
    return o;
}

static double ms(int64_t ns)
{
    return (double)(ns / 1000) / 1000.0;
}

static json_t *timings_json(const struct exchange *x)
{
    const struct job_times *t = &x->job->times;

    return json_pack("{s:f,s:f,s:f,s:f,s:f,s:f}", "queue", ms(t->queue), "encode", ms(t->encode),
                     "decode", ms(t->decode), "pixels", ms(t->pixels), "png", ms(x->encode_ns),
                     "total", ms(clock_ns() - x->job->arrived_ns));
}

static void reply_pictures(const struct app *app, struct exchange *x)
{
    const struct job *job = x->job;
    json_t *images = json_array();
    struct err e = { .code = ERR_NOMEM, .msg = "answer: out of memory" };

    for (int i = 0; images && i < job->n_pictures; i++)
        if (json_array_append_new(images, picture_json(app, x, &job->pictures[i], &e)))
            goto fail;
    reply_json(&x->reply, json_pack("{s:s,s:I,s:s,s:I,s:o,s:o}", "id", job->id, "created",
                                    (json_int_t)clock_unix(), "model", app->engine->info.model,
                                    "seed", (json_int_t)job->request.seed, "images", images,
                                    "timings_ms", timings_json(x)));
    return;
fail:
    json_decref(images);
    reply_err(&x->reply, &e, NULL);
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

static void reply_sheet(const struct app *app, struct exchange *x)
{
    int64_t begin = clock_ns();
    struct err e;

    if (sheet_png(app, x->job, &x->reply.body, &e)) {
        reply_err(&x->reply, &e, NULL);
        return;
    }
    x->encode_ns = clock_ns() - begin;
    x->reply.type = "image/png";
    add_seeds(x->job, &x->reply);
}

void api_generate_resume(struct app *app, struct exchange *x)
{
    const struct job *job = x->job;

    if (job->err.code != ERR_NONE) {
        reply_err(&x->reply, &job->err, NULL);
        return;
    }
    if (wants_png(x))
        reply_sheet(app, x);
    else
        reply_pictures(app, x);
}
