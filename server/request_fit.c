/*
 * What a request means for the model that it names.
 */
#include <stdio.h>
#include <string.h>

#include "server/request.h"

static void fill_in(struct gen_request *r, const struct bundle_sampling *s)
{
    if (r->temperature < 0)
        r->temperature = s->temperature;
    if (r->top_k < 0)
        r->top_k = s->top_k;
    if (r->top_p < 0)
        r->top_p = s->top_p;
    if (r->guidance < 0)
        r->guidance = s->guidance;
}

static bool has_negative(const struct gen_request *r)
{
    for (int i = 0; i < r->n_inputs; i++)
        if (r->inputs[i].prompt == INPUT_NEGATIVE)
            return true;
    return false;
}

static int check_negative(const struct gen_request *r, char *ret_param, struct err *e)
{
    if (!has_negative(r) || r->guidance > 1)
        return 0;
    snprintf(ret_param, REQUEST_PARAM_MAX, "negative_prompt");
    return err_set(e, ERR_INVALID,
                   "negative_prompt: has no effect without guidance; guidance_scale is %g",
                   (double)r->guidance);
}

static int check_embeddings(const struct gen_request *r, int embed_dim, char *ret_param,
                            struct err *e)
{
    for (int i = 0; i < r->n_inputs; i++) {
        const struct input *in = &r->inputs[i];
        if (in->kind != INPUT_EMBEDDING || in->n_given == embed_dim)
            continue;
        snprintf(ret_param, REQUEST_PARAM_MAX, "%.*s", (int)strcspn(in->name, "["), in->name);
        return err_set(e, ERR_INVALID, "%s: %d numbers; this model's have %d", in->name,
                       in->n_given, embed_dim);
    }
    return 0;
}

static int bad_token(const struct gen_request *r, int i, int codebook, struct err *e)
{
    char picture[16] = "";

    if (r->n > 1)
        snprintf(picture, sizeof picture, "[%d]", i / r->n_tokens);
    return err_set(e, ERR_INVALID, "tokens%s[%d]: %d is outside 0..%d", picture, i % r->n_tokens,
                   r->tokens[i], codebook - 1);
}

static int check_tokens(const struct gen_request *r, const struct engine_info *info,
                        char *ret_param, struct err *e)
{
    int n = r->n * r->n_tokens;

    snprintf(ret_param, REQUEST_PARAM_MAX, "tokens");
    if (n && r->n_tokens != info->tokens)
        return err_set(e, ERR_INVALID, "tokens: %d tokens; a picture of this model has %d",
                       r->n_tokens, info->tokens);
    for (int i = 0; i < n; i++)
        if (r->tokens[i] >= info->codebook)
            return bad_token(r, i, info->codebook, e);
    return 0;
}

int gen_request_fit(struct gen_request *r, const struct engine_info *info,
                    char ret_param[REQUEST_PARAM_MAX], struct err *e)
{
    fill_in(r, &info->sampling);
    if (check_negative(r, ret_param, e) || check_embeddings(r, info->embed_dim, ret_param, e) ||
        check_tokens(r, info, ret_param, e))
        return -1;
    ret_param[0] = 0;
    return 0;
}
