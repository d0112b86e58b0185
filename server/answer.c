#include "server/answer.h"

#include <inttypes.h>
#include <jansson.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "server/parameters.h"

#define GRID_GAP 2 /* pixels between the pictures of a sheet */

/* ---- files ---- */

/* p: the picture whose words go along. */
static int encode(const struct job *job, const struct picture *p, const struct image *img,
                  enum format format, struct buf *out, struct err *e)
{
    const char *text[] = { "parameters", NULL, "Software", "clipgen " CLIPGEN_VERSION };
    struct format_options o = { .format = format, .quality = job->request.quality, .text = text };
    struct buf words;
    int failed;

    buf_init(&words, REPLY_BODY_MAX);
    if (job->request.metadata && job->request.kind == REQUEST_GENERATE) {
        parameters_print(job, p, &words);
        text[1] = words.data;
        o.n_text = 2;
    }
    failed = buf_check(&words, e) || format_encode(img, &o, out, e);
    buf_release(&words);
    return failed ? -1 : 0;
}

int answer_picture(const struct job *job, int i, enum format format, struct buf *ret_file,
                   struct err *e)
{
    const struct picture *p = &job->pictures[i];

    return encode(job, p, &p->image, format, ret_file, e);
}

static int columns_of(int n)
{
    int columns = 1;

    while (columns * columns < n)
        columns++;
    return columns;
}

int answer_sheet(const struct job *job, enum format format, struct buf *ret_file, struct err *e)
{
    struct image imgs[REQUEST_CANDIDATES_MAX], sheet;
    int n = job->n_pictures, failed;

    if (n == 1)
        return answer_picture(job, 0, format, ret_file, e);
    for (int i = 0; i < n; i++)
        imgs[i] = job->pictures[i].image; /* borrowed */
    if (image_grid(imgs, n, columns_of(n), GRID_GAP, &sheet, e))
        return -1;
    failed = encode(job, &job->pictures[0], &sheet, format, ret_file, e);
    image_release(&sheet);
    return failed;
}

/* ---- JSON ---- */

static json_t *no_memory(struct err *e)
{
    err_set(e, ERR_NOMEM, "answer: out of memory");
    return NULL;
}

static json_t *base64_json(const struct buf *bytes, struct err *e)
{
    struct buf text;
    json_t *s;

    buf_init(&text, REPLY_BODY_MAX);
    base64_encode(bytes->data, bytes->len, &text);
    s = text.failed ? NULL : json_stringn_nocheck(text.data, text.len);
    buf_release(&text);
    return s ? s : no_memory(e);
}

json_t *answer_base64(const struct job *job, int i, struct err *e)
{
    struct buf file;
    json_t *s = NULL;

    buf_init(&file, REPLY_BODY_MAX);
    if (!answer_picture(job, i, (enum format)job->request.output_format, &file, e))
        s = base64_json(&file, e);
    buf_release(&file);
    return s;
}

json_t *answer_partial_base64(const struct job *job, const struct image *img, struct err *e)
{
    const struct format_options o = { .format = (enum format)job->request.output_format,
                                      .quality = job->request.quality };
    struct buf file;
    json_t *s = NULL;

    buf_init(&file, REPLY_BODY_MAX);
    if (!format_encode(img, &o, &file, e))
        s = base64_json(&file, e);
    buf_release(&file);
    return s;
}

json_t *answer_floats(const float *v, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_add(&list, json_real((double)v[i]));
    return list;
}

json_t *answer_tokens(const int32_t *tokens, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_add(&list, json_integer(tokens[i]));
    return list;
}

static json_t *picture_json(const struct job *job, int i, struct err *e)
{
    const struct picture *p = &job->pictures[i];
    unsigned returns = job->request.returns;
    json_t *file = answer_base64(job, i, e);
    json_t *o = json_object();

    if (!file) {
        json_decref(o);
        return NULL;
    }
    json_put(&o, "b64_json", file);
    if (job->request.kind == REQUEST_GENERATE)
        json_merge(&o, json_pack("{s:i,s:f,s:I}", "prompt", p->prompt, "score", (double)p->score,
                                 "seed", (json_int_t)p->seed));
    if (returns & REQUEST_RETURN_TOKENS)
        json_put(&o, "tokens", answer_tokens(p->tokens, job->info.tokens));
    if (returns & REQUEST_RETURN_EMBEDDING)
        json_put(&o, "embedding", answer_floats(p->embed, job->info.embed_dim));
    return o ? o : no_memory(e);
}

static json_t *pictures_json(const struct job *job, struct err *e)
{
    json_t *list = json_array();

    for (int i = 0; i < job->n_pictures; i++) {
        json_t *picture = picture_json(job, i, e);
        if (!picture) {
            json_decref(list);
            return NULL;
        }
        json_add(&list, picture);
    }
    return list ? list : no_memory(e);
}

static json_t *scores_json(const struct job *job)
{
    json_t *list = json_array();

    for (int i = 0; i < job->n_scores; i++) {
        const struct job_score *s = &job->scores[i];
        json_add(&list, json_pack("{s:i,s:I,s:f}", "prompt", s->prompt, "seed", (json_int_t)s->seed,
                                  "score", (double)s->score));
    }
    return list;
}

static double ms(int64_t ns)
{
    return (double)(ns / 1000) / 1000.0;
}

static json_t *timings_json(const struct job *job, int64_t encode_ns)
{
    const struct job_times *t = &job->times;

    return json_pack("{s:f,s:f,s:f,s:f,s:f,s:f}", "queue", ms(t->queue), "encode", ms(t->encode),
                     "decode", ms(t->decode), "pixels", ms(t->pixels), "png", ms(encode_ns),
                     "total", ms(clock_ns() - job->arrived_ns));
}

json_t *answer_json(const struct job *job, int64_t *encode_ns, struct err *e)
{
    int64_t begin = clock_ns();
    json_t *images = pictures_json(job, e), *o;
    const char *format = format_name((enum format)job->request.output_format);

    if (!images)
        return NULL;
    *encode_ns += clock_ns() - begin;
    o = json_pack("{s:s,s:I,s:s,s:s,s:o,s:o}", "id", job->id, "created", (json_int_t)clock_unix(),
                  "model", job->info.model, "output_format", format, "images", images, "timings_ms",
                  timings_json(job, *encode_ns));
    if (job->request.kind == REQUEST_GENERATE)
        json_put(&o, "seed", json_integer((json_int_t)job->request.seed));
    if (job->request.returns & REQUEST_RETURN_SCORES)
        json_put(&o, "scores", scores_json(job));
    return o ? o : no_memory(e);
}

int answer_text_tokens(const struct job *job)
{
    int n = 0;

    for (int i = 0; i < job->request.n_inputs; i++)
        n += job->request.inputs[i].kind == INPUT_TEXT ? job->request.inputs[i].end + 1 : 0;
    return n;
}

/* ---- headers ---- */

void answer_seeds(const struct job *job, struct reply *r)
{
    struct buf list;

    buf_init(&list, REPLY_BODY_MAX);
    for (int i = 0; i < job->n_pictures; i++)
        buf_printf(&list, "%s%" PRIu64, i ? "," : "", job->pictures[i].seed);
    if (list.len && !list.failed)
        reply_header(r, "X-Seed", "%s", list.data);
    buf_release(&list);
}
