/*
 * Any bytes as the body of every POST that takes JSON: either a request with every field within its
 * limits, or words.
 */
#include "tests/fuzz/replay.h"

#include <math.h>
#include <string.h>

#include "server/request.h"

enum { PIXELS = 4096, EMBED = 4, TOKENS = 3, CODEBOOK = 64 };

static const struct request_limits LIMITS = {
    .image_pixels = PIXELS,
    .timeout_ms = 300000,
};

static const struct engine_info MODEL = {
    .embed_dim = EMBED,
    .tokens = TOKENS,
    .codebook = CODEBOOK,
    .sampling = { .temperature = 1, .top_p = 1, .guidance = 1 },
};

static request_parse *const PARSERS[] = {
    gen_request_parse,    embeddings_request_parse, rank_request_parse,    encode_request_parse,
    decode_request_parse, openai_request_parse,     txt2img_request_parse,
};

static void check_embedding(const float *v)
{
    double squares = 0;

    for (int i = 0; i < EMBED; i++)
        squares += (double)v[i] * v[i];
    FUZZ_CHECK(fabs(squares - 1) < 1e-3);
}

static void check_input(const struct input *in, int n_prompts)
{
    FUZZ_CHECK(!!in->text + !!in->image.px + !!in->given == 1);
    FUZZ_CHECK(!in->text || (in->text_len >= 1 && in->text_len <= REQUEST_PROMPT_MAX));
    FUZZ_CHECK(!in->text || strlen(in->text) == in->text_len);
    FUZZ_CHECK(!in->image.px || (size_t)in->image.w * (size_t)in->image.h <= PIXELS);
    FUZZ_CHECK(fabsf(in->weight) <= REQUEST_WEIGHT_MAX);
    FUZZ_CHECK(in->prompt >= INPUT_NEGATIVE && (in->prompt < n_prompts || n_prompts == 0));
    FUZZ_CHECK(memchr(in->name, 0, sizeof in->name));
    if (in->given)
        check_embedding(in->given);
}

static void check_drawing(const struct gen_request *r)
{
    FUZZ_CHECK(r->n_inputs >= 1 && r->n_prompts >= 1 && r->n_prompts <= REQUEST_PROMPTS_MAX);
    FUZZ_CHECK(r->candidates >= r->n && r->n_prompts * r->candidates <= REQUEST_CANDIDATES_MAX);
    FUZZ_CHECK(r->temperature >= 0 && r->temperature <= 10 && r->top_p >= 0 && r->top_p <= 1);
    FUZZ_CHECK(r->guidance >= 1 && r->guidance <= 20 && r->top_k >= 0);
}

static void check_request(const struct gen_request *r)
{
    FUZZ_CHECK(r->n_inputs <= REQUEST_INPUTS_MAX);
    for (int i = 0; i < r->n_inputs; i++)
        check_input(&r->inputs[i], r->n_prompts);
    FUZZ_CHECK(r->n >= 1 && r->n <= REQUEST_N_MAX);
    FUZZ_CHECK(r->seed >= 0 && r->seed <= REQUEST_SEED_MAX);
    FUZZ_CHECK(r->quality >= 1 && r->quality <= 100);
    FUZZ_CHECK(r->output_format >= 0 && r->output_format < FORMAT_COUNT);
    FUZZ_CHECK(r->timeout_ms >= 1 && r->timeout_ms <= LIMITS.timeout_ms);
    FUZZ_CHECK(memchr(r->model, 0, sizeof r->model));
    if (r->kind == REQUEST_GENERATE)
        check_drawing(r);
    for (int i = 0; r->kind == REQUEST_DECODE && i < r->n * TOKENS; i++)
        FUZZ_CHECK(r->tokens[i] >= 0 && r->tokens[i] < CODEBOOK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < sizeof PARSERS / sizeof PARSERS[0]; i++) {
        char param[REQUEST_PARAM_MAX];
        struct gen_request r;
        struct err e = { 0 };

        if (PARSERS[i]((const char *)data, size, &LIMITS, &r, param, &e)) {
            FUZZ_CHECK(e.code != ERR_NONE && e.msg[0] && memchr(param, 0, sizeof param));
            continue;
        }
        if (gen_request_fit(&r, &MODEL, param, &e) == 0)
            check_request(&r);
        gen_request_release(&r);
    }
    return 0;
}
