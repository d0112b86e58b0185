#include "server/api_clip.h"

#include <jansson.h>

#include "base/base64.h"
#include "base/json.h"
#include "model/rank.h"
#include "server/answer.h"
#include "server/submit.h"

/* ---- embeddings ---- */

void api_embeddings(struct app *app, struct exchange *x)
{
    submit_body(app, x, embeddings_request_parse);
}

static json_t *floats_as_base64(const float *v, int n)
{
    struct buf text;
    json_t *s;

    buf_init(&text, REPLY_BODY_MAX);
    base64_encode(v, (size_t)n * sizeof *v,
                  &text); /* little endian, as every machine we build for */
    s = text.failed ? NULL : json_stringn_nocheck(text.data, text.len);
    buf_release(&text);
    return s;
}

static json_t *embedding_json(const struct job *job, int i, int dim)
{
    const float *v = job->pictures[i].embed;
    json_t *values = job->request.encoding == REQUEST_ENCODING_BASE64 ? floats_as_base64(v, dim)
                                                                      : answer_floats(v, dim);

    return json_pack("{s:s,s:i,s:o}", "object", "embedding", "index", i, "embedding", values);
}

void api_embeddings_resume(struct app *app, struct exchange *x)
{
    const struct engine_info *info = &x->job->info;
    const struct job *job = x->job;
    json_t *data = json_array();
    int tokens = answer_text_tokens(job);

    (void)app;
    if (job->err.code != ERR_NONE) {
        json_decref(data);
        reply_err(&x->reply, &job->err, NULL);
        return;
    }
    for (int i = 0; i < job->n_pictures; i++)
        json_add(&data, embedding_json(job, i, info->embed_dim));
    reply_json(&x->reply,
               json_pack("{s:s,s:s,s:o,s:{s:i,s:i}}", "object", "list", "model", info->model,
                         "data", data, "usage", "prompt_tokens", tokens, "total_tokens", tokens));
}

/* ---- ranking ---- */

void api_rank(struct app *app, struct exchange *x)
{
    submit_body(app, x, rank_request_parse);
}

/* Texts and pictures of a job, in their order. */
struct sides {
    const float *texts[REQUEST_INPUTS_MAX], *images[REQUEST_INPUTS_MAX];
    int n_texts, n_images;
};

static struct sides sides_of(const struct job *job)
{
    struct sides s = { .n_texts = 0 };

    for (int i = 0; i < job->n_pictures; i++) {
        const float *v = job->pictures[i].embed;
        if (job->request.inputs[i].kind == INPUT_TEXT)
            s.texts[s.n_texts++] = v;
        else
            s.images[s.n_images++] = v;
    }
    return s;
}

static json_t *ints_json(const int *v, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_add(&list, json_integer(v[i]));
    return list;
}

static json_t *ranking_json(const struct sides *s, int text, int dim)
{
    float scores[REQUEST_INPUTS_MAX];
    int order[REQUEST_INPUTS_MAX];

    for (int i = 0; i < s->n_images; i++)
        scores[i] = rank_cosine(s->texts[text], s->images[i], dim);
    rank_order(scores, s->n_images, order);
    return json_pack("{s:i,s:o,s:o}", "text", text, "scores", answer_floats(scores, s->n_images),
                     "order", ints_json(order, s->n_images));
}

void api_rank_resume(struct app *app, struct exchange *x)
{
    const struct engine_info *info = &x->job->info;
    struct sides sides = sides_of(x->job);
    json_t *data;

    (void)app;
    if (x->job->err.code != ERR_NONE) {
        reply_err(&x->reply, &x->job->err, NULL);
        return;
    }
    data = json_array();
    for (int i = 0; i < sides.n_texts; i++)
        json_add(&data, ranking_json(&sides, i, info->embed_dim));
    reply_json(&x->reply,
               json_pack("{s:s,s:s,s:o}", "object", "list", "model", info->model, "data", data));
}
