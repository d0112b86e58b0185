#include "server/api_sdapi.h"

#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "server/answer.h"
#include "server/current.h"
#include "server/parameters.h"
#include "server/submit.h"

#define SAMPLER "tokens" /* there is one: token by token */

/* ---- txt2img ---- */

void api_txt2img(struct app *app, struct exchange *x)
{
    submit_body(app, x, txt2img_request_parse);
}

static json_t *text_of(const struct gen_request *r, int prompt)
{
    for (int i = 0; i < r->n_inputs; i++)
        if (r->inputs[i].prompt == prompt && r->inputs[i].text)
            return json_stringn(r->inputs[i].text, r->inputs[i].text_len);
    return json_string("");
}

static json_t *parameters_json(const struct job *job)
{
    const struct engine_info *info = &job->info;
    const struct gen_request *r = &job->request;

    return json_pack("{s:o,s:o,s:I,s:i,s:i,s:i,s:i,s:i,s:f,s:s,s:s}", "prompt", text_of(r, 0),
                     "negative_prompt", text_of(r, INPUT_NEGATIVE), "seed", (json_int_t)r->seed,
                     "batch_size", r->n, "n_iter", 1, "steps", info->tokens, "width", info->side,
                     "height", info->side, "cfg_scale", (double)r->guidance, "sampler_name",
                     SAMPLER, "sd_model_name", info->model);
}

static json_t *infotext_json(const struct job *job, int i)
{
    struct buf words;
    json_t *s;

    buf_init(&words, REPLY_BODY_MAX);
    parameters_print(job, &job->pictures[i], &words);
    s = words.failed ? NULL : json_stringn(words.data, words.len);
    buf_release(&words);
    return s;
}

/* JSON as a JSON string; o is given away. */
static json_t *quoted(json_t *o)
{
    struct buf text;
    json_t *s = NULL;

    buf_init(&text, REPLY_BODY_MAX);
    json_append(o, JSON_COMPACT, &text);
    if (!text.failed)
        s = json_stringn(text.data, text.len);
    buf_release(&text);
    json_decref(o);
    return s;
}

/* The parameters, and lists of what each of n pictures has for itself. */
static json_t *info_json(const struct job *job, int n)
{
    json_t *seeds = json_array(), *prompts = json_array(), *texts = json_array();
    json_t *o = parameters_json(job);

    for (int i = 0; i < n; i++) {
        json_add(&seeds, json_integer((json_int_t)job->pictures[i].seed));
        json_add(&prompts, text_of(&job->request, job->pictures[i].prompt));
        json_add(&texts, infotext_json(job, i));
    }
    json_put(&o, "all_seeds", seeds);
    json_put(&o, "all_prompts", prompts);
    json_put(&o, "infotexts", texts);
    return o;
}

static int add_images(json_t **list, const struct job *job, int n, struct err *e)
{
    for (int i = 0; i < n; i++) {
        json_t *file = answer_base64(job, i, e);
        if (!file)
            return -1;
        json_add(list, file);
    }
    return 0;
}

/* Whoever interrupted a job gets an answer without pictures. */
void api_txt2img_resume(struct app *app, struct exchange *x)
{
    const struct job *job = x->job;
    int n = job->err.code == ERR_NONE ? job->n_pictures : 0;
    int64_t begin = clock_ns();
    struct err e = job->err;
    json_t *images;

    (void)app;
    if (e.code != ERR_NONE && e.code != ERR_CANCELLED) {
        reply_err(&x->reply, &e, NULL);
        return;
    }
    images = json_array();
    if (add_images(&images, job, n, &e)) {
        json_decref(images);
        reply_err(&x->reply, &e, NULL);
        return;
    }
    x->encode_ns = clock_ns() - begin;
    reply_json(&x->reply, json_pack("{s:o,s:o,s:o}", "images", images, "parameters",
                                    parameters_json(job), "info", quoted(info_json(job, n))));
}

/* ---- the client's own job ---- */

static json_t *state_json(const struct job *job, double progress)
{
    int steps = job ? job->info.tokens : 0;
    bool stopped = job && atomic_load(&job->cancel) != JOB_WANTED;

    return json_pack("{s:b,s:b,s:s,s:i,s:i,s:i,s:i}", "skipped", false, "interrupted", stopped,
                     "job", job ? job->id : "", "job_count", job ? 1 : 0, "job_no", 0,
                     "sampling_step", (int)(progress * steps), "sampling_steps", steps);
}

/* Seconds that the rest takes if it goes on as before. */
static double eta_s(const struct job *job, double progress)
{
    double passed = job ? (double)(clock_ns() - job->arrived_ns) / 1e9 : 0;

    return progress > 0 ? passed * (1 - progress) / progress : 0;
}

void api_sd_progress(struct app *app, struct exchange *x)
{
    struct job *job = current_get(app->current, x->client);
    double progress = job ? job_progress(job) : 0;

    reply_json(&x->reply, json_pack("{s:f,s:f,s:o,s:n,s:n}", "progress", progress, "eta_relative",
                                    eta_s(job, progress), "state", state_json(job, progress),
                                    "current_image", "textinfo"));
    job_free(job);
}

void api_sd_interrupt(struct app *app, struct exchange *x)
{
    struct job *job = current_get(app->current, x->client);

    if (job)
        job_cancel(job);
    job_free(job);
    reply_json(&x->reply, json_object());
}

/* ---- what there is ---- */

void api_sd_models(struct app *app, struct exchange *x)
{
    struct model_view views[MODELS_MAX];
    int n = models_list(app->models, views);
    json_t *list = json_array();

    for (int i = 0; i < n; i++) {
        const char *model = views[i].info.model;
        json_add(&list, json_pack("{s:s,s:s,s:n,s:n,s:s,s:n}", "title", model, "model_name", model,
                                  "hash", "sha256", "filename", model, "config"));
    }
    reply_json(&x->reply, list);
}

void api_sd_samplers(struct app *app, struct exchange *x)
{
    (void)app;
    reply_json(&x->reply, json_pack("[{s:s,s:[],s:{}}]", "name", SAMPLER, "aliases", "options"));
}

void api_sd_options(struct app *app, struct exchange *x)
{
    const struct engine_info info = models_first(app->models);

    reply_json(&x->reply,
               json_pack("{s:s,s:s,s:b}", "sd_model_checkpoint", info.model, "samples_format",
                         "png", "enable_pnginfo", app->limits.metadata));
}

/* One client's choice must not be another's: the first model is taken, others are chosen by each
 * request. */
static int check_checkpoint(struct app *app, const char *model, struct err *e)
{
    const struct engine_info first = models_first(app->models);
    struct model_view view;

    if (app->any_model)
        return 0;
    if (models_view(app->models, model, &view, e))
        return -1;
    if (strcmp(view.info.model, first.model) == 0)
        return 0;
    return err_set(e, ERR_INVALID,
                   "sd_model_checkpoint: %s is taken for all but those requests that name '%s' in "
                   "override_settings",
                   first.model, model);
}

void api_sd_set_options(struct app *app, struct exchange *x)
{
    char param[REQUEST_PARAM_MAX], model[BUNDLE_NAME_MAX];
    const char *text = x->body.data ? x->body.data : "";
    struct err e;

    if (sdapi_options_parse(text, x->body.len, &app->limits, model, param, &e))
        reply_err(&x->reply, &e, param);
    else if (check_checkpoint(app, model, &e))
        reply_err(&x->reply, &e, "sd_model_checkpoint");
    else
        api_sd_options(app, x);
}
