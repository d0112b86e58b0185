#include "server/request.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

struct gen_request gen_request_default(enum request_kind kind, const struct request_limits *limits)
{
    return (struct gen_request){
        .kind = kind,
        .n_prompts = kind == REQUEST_GENERATE,
        .embedding_of = GEN_IMAGE,
        .n = 1,
        .seed = -1,
        .quality = REQUEST_QUALITY,
        .metadata = limits->metadata,
        .priority = PRIORITY_NORMAL,
        .timeout_ms = limits->timeout_ms,
        .temperature = REQUEST_UNSET,
        .top_k = REQUEST_UNSET,
        .top_p = REQUEST_UNSET,
        .guidance = REQUEST_UNSET,
    };
}

void gen_request_release(struct gen_request *r)
{
    for (int i = 0; i < r->n_inputs; i++)
        input_release(&r->inputs[i]);
    mem_free(r->inputs);
    mem_free(r->tokens);
    r->inputs = NULL;
    r->tokens = NULL;
    r->n_inputs = 0;
}

/* ---- what goes together ---- */

static int check_timeout(struct gen_request *r, const struct request_limits *l, const char **param,
                         struct err *e)
{
    *param = "timeout_ms";
    if (r->timeout_ms > l->timeout_ms)
        return err_set(e, ERR_INVALID, "timeout_ms: %d is outside 1..%d, the daemon's timeout_s",
                       r->timeout_ms, l->timeout_ms);
    return 0;
}

static int check_prompt(struct gen_request *r, const struct request_limits *l, const char **param,
                        struct err *e)
{
    (void)l;
    *param = "prompt";
    if (!r->source)
        return err_set(e, ERR_INVALID,
                       "prompt: missing; give one of prompt, image, embedding and mix");
    for (int i = 0; i < r->n_inputs; i++)
        if (strcmp(r->inputs[i].name, "embedding") == 0)
            r->inputs[i].source = (enum gen_source)r->embedding_of;
    return 0;
}

static int check_partials(struct gen_request *r, const struct request_limits *l, const char **param,
                          struct err *e)
{
    (void)l;
    *param = "partial_images";
    if (r->partials && !r->stream)
        return err_set(e, ERR_INVALID, "partial_images: %d without stream; set stream to true",
                       r->partials);
    return 0;
}

static int check_candidates(struct gen_request *r, const struct request_limits *l,
                            const char **param, struct err *e)
{
    (void)l;
    *param = r->candidates ? "candidates" : "n";
    if (!r->candidates)
        r->candidates = r->n;
    if (r->candidates < r->n)
        return err_set(e, ERR_INVALID, "candidates: %d is outside %d..%d: n is %d", r->candidates,
                       r->n, REQUEST_CANDIDATES_MAX, r->n);
    if (r->candidates * r->n_prompts > REQUEST_CANDIDATES_MAX)
        return err_set(e, ERR_INVALID, "%s: %d of each of %d prompts are %d pictures, more than %d",
                       *param, r->candidates, r->n_prompts, r->candidates * r->n_prompts,
                       REQUEST_CANDIDATES_MAX);
    return 0;
}

typedef int check_fn(struct gen_request *r, const struct request_limits *l, const char **param,
                     struct err *e);

int gen_request_check(struct gen_request *r, const struct request_limits *limits,
                      char ret_param[REQUEST_PARAM_MAX], struct err *e)
{
    static const struct {
        check_fn *check;
        bool of_all; /* kinds of requests, or of those to draw */
    } CHECKS[] = {
        { check_timeout, true },
        { check_prompt, false },
        { check_candidates, false },
        { check_partials, true },
    };
    const char *param;

    for (size_t i = 0; i < sizeof CHECKS / sizeof CHECKS[0]; i++) {
        if (!CHECKS[i].of_all && r->kind != REQUEST_GENERATE)
            continue;
        if (CHECKS[i].check(r, limits, &param, e)) {
            snprintf(ret_param, REQUEST_PARAM_MAX, "%s", param);
            return -1;
        }
    }
    if (r->seed < 0)
        r->seed = (int64_t)(rng_seed_from_system() & REQUEST_SEED_MAX);
    return 0;
}

int gen_request_read(const struct field_table *t, const char *text, size_t n,
                     const struct request_limits *limits, struct gen_request *r,
                     char ret_param[REQUEST_PARAM_MAX], struct err *e)
{
    if (fields_parse(t, text, n, r, limits, ret_param, e) ||
        gen_request_check(r, limits, ret_param, e)) {
        gen_request_release(r);
        return -1;
    }
    return 0;
}

/* ---- what follows from it ---- */

int gen_request_prepare(struct gen_request *r, const struct engine *g,
                        char ret_param[REQUEST_PARAM_MAX], struct err *e)
{
    for (int i = 0; i < r->n_inputs; i++) {
        struct input *in = &r->inputs[i];
        if (input_prepare(in, r->kind == REQUEST_ENCODE, g, e)) {
            snprintf(ret_param, REQUEST_PARAM_MAX, "%.*s", (int)strcspn(in->name, "["), in->name);
            return err_prefix(e, "%s: ", in->name);
        }
    }
    ret_param[0] = 0;
    return 0;
}

uint64_t request_seed(int64_t seed, int i)
{
    return ((uint64_t)seed + (uint64_t)i) & REQUEST_SEED_MAX;
}

struct gen_settings request_settings(const struct gen_request *r, int i)
{
    return (struct gen_settings){
        .seed = request_seed(r->seed, i),
        .temperature = r->temperature,
        .top_k = r->top_k,
        .top_p = r->top_p,
        .guidance = r->guidance,
    };
}
