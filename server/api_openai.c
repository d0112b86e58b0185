#include "server/api_openai.h"

#include <jansson.h>

#include "base/clock.h"
#include "base/json.h"
#include "server/answer.h"
#include "server/sse.h"
#include "server/submit.h"

void api_generations(struct app *app, struct exchange *x)
{
    submit_body(app, x, openai_request_parse);
}

void api_variations(struct app *app, struct exchange *x)
{
    const char *type = exchange_header(x, "Content-Type"), *body = x->body.data;
    char param[REQUEST_PARAM_MAX];
    struct gen_request request;
    struct err e;

    if (!submit_ready(app, x))
        return;
    if (variations_request_parse(type, body ? body : "", x->body.len, &app->limits, &request, param,
                                 &e))
        submit_refuse(app, x, &e, param);
    else
        submit(app, x, &request);
}

/* ---- the answer ---- */

/* base64 -> a data: URL of it; given away. */
static json_t *as_url(json_t *base64, const char *mime)
{
    json_t *url = json_sprintf("data:%s;base64,%s", mime, json_string_value(base64));

    json_decref(base64);
    return url;
}

static json_t *image_json(const struct job *job, int i, struct err *e)
{
    const char *mime = format_mime((enum format)job->request.output_format);
    json_t *file = answer_base64(job, i, e), *o;

    if (!file)
        return NULL;
    if (job->request.as_url)
        file = as_url(file, mime);
    o = json_pack("{s:o,s:I}", job->request.as_url ? "url" : "b64_json", file, "seed",
                  (json_int_t)job->pictures[i].seed);
    if (!o)
        err_set(e, ERR_NOMEM, "answer: out of memory");
    return o;
}

static json_t *images_json(const struct job *job, struct err *e)
{
    json_t *list = json_array();

    for (int i = 0; i < job->n_pictures; i++) {
        json_t *o = image_json(job, i, e);
        if (!o) {
            json_decref(list);
            return NULL;
        }
        json_add(&list, o);
    }
    if (!list)
        err_set(e, ERR_NOMEM, "answer: out of memory");
    return list;
}

/* Tokens that were read and drawn. Pictures are not counted in tokens when they are read. */
static json_t *usage_json(const struct job *job)
{
    int in = answer_text_tokens(job), out = job->n_wanted * job->info.tokens;

    return json_pack("{s:i,s:i,s:i,s:{s:i,s:i}}", "input_tokens", in, "output_tokens", out,
                     "total_tokens", in + out, "input_tokens_details", "text_tokens", in,
                     "image_tokens", 0);
}

static json_t *size_json(const struct job *job)
{
    return json_sprintf("%dx%d", job->info.side, job->info.side);
}

void api_images_resume(struct app *app, struct exchange *x)
{
    const struct job *job = x->job;
    struct err e = job->err;
    int64_t begin = clock_ns();
    json_t *images = e.code == ERR_NONE ? images_json(job, &e) : NULL;

    (void)app;
    if (!images) {
        reply_err(&x->reply, &e, NULL);
        return;
    }
    x->encode_ns = clock_ns() - begin;
    reply_json(&x->reply,
               json_pack("{s:I,s:o,s:s,s:s,s:o,s:o}", "created", (json_int_t)clock_unix(), "data",
                         images, "background", "opaque", "output_format",
                         format_name((enum format)job->request.output_format), "size",
                         size_json(job), "usage", usage_json(job)));
}

/* ---- the answer as a stream ---- */

/* What every event tells; image_index is ours, for requests of several pictures. file: given away.
 */
static json_t *event_json(const struct exchange *x, const char *type, int i, json_t *file)
{
    const struct job *job = x->job;

    return json_pack("{s:s,s:o,s:i,s:I,s:o,s:s,s:s,s:s}", "type", type, "b64_json", file,
                     "image_index", i, "created_at", (json_int_t)clock_unix(), "size",
                     size_json(job), "quality", "high", "background", "opaque", "output_format",
                     format_name((enum format)x->job->request.output_format));
}

static void say_partial(struct app *app, struct exchange *x, int i, int k, const struct image *img,
                        struct buf *out)
{
    static const char TYPE[] = "image_generation.partial_image";
    int64_t begin = clock_ns();
    struct err e;
    json_t *o = event_json(x, TYPE, i, answer_partial_base64(x->job, img, &e));

    (void)app;
    x->encode_ns += clock_ns() - begin;
    json_put(&o, "partial_image_index", json_integer(k));
    sse_json(out, TYPE, o);
}

static void say_completed(struct app *app, struct exchange *x, struct buf *out)
{
    static const char TYPE[] = "image_generation.completed";
    int64_t begin = clock_ns();
    struct err e;

    (void)app;
    for (int i = 0; i < x->job->n_pictures; i++) {
        json_t *o = event_json(x, TYPE, i, answer_base64(x->job, i, &e));
        json_merge(&o, json_pack("{s:o,s:I}", "usage", usage_json(x->job), "seed",
                                 (json_int_t)x->job->pictures[i].seed));
        sse_json(out, TYPE, o);
    }
    x->encode_ns += clock_ns() - begin;
}

const struct stream_voice API_OPENAI_VOICE = {
    .partial = say_partial,
    .completed = say_completed,
};
