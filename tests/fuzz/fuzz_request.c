/*
 * Any bytes as the body of POST /v1/generate: either a request with every field within its limits,
 * or words.
 */
#include "tests/fuzz/replay.h"

#include <string.h>

#include "server/request.h"

static const struct request_limits LIMITS = {
    .image_pixels = 4096,
    .sampling = { .temperature = 1, .top_p = 1, .guidance = 1 },
};

static void check_input(const struct input *in)
{
    FUZZ_CHECK(!in->text != !in->image.px);
    FUZZ_CHECK(!in->text || (in->text_len >= 1 && in->text_len <= REQUEST_PROMPT_MAX));
    FUZZ_CHECK(!in->text || strlen(in->text) == in->text_len);
    FUZZ_CHECK(!in->image.px || (size_t)in->image.w * (size_t)in->image.h <= 4096);
}

static void check_request(const struct gen_request *r)
{
    for (int i = 0; i < r->n_inputs; i++)
        check_input(&r->inputs[i]);
    FUZZ_CHECK(r->n_inputs == 1);
    FUZZ_CHECK(r->n >= 1 && r->n <= REQUEST_N_MAX);
    FUZZ_CHECK(r->candidates >= r->n && r->candidates <= REQUEST_CANDIDATES_MAX);
    FUZZ_CHECK(r->seed <= REQUEST_SEED_MAX);
    FUZZ_CHECK(r->temperature >= 0 && r->temperature <= 10 && r->top_p >= 0 && r->top_p <= 1);
    FUZZ_CHECK(r->guidance >= 1 && r->guidance <= 20 && r->top_k >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char param[REQUEST_PARAM_MAX];
    struct gen_request r;
    struct err e = { 0 };

    if (gen_request_parse((const char *)data, size, &LIMITS, &r, param, &e)) {
        FUZZ_CHECK(e.code != ERR_NONE && e.msg[0] && memchr(param, 0, sizeof param));
        return 0;
    }
    check_request(&r);
    gen_request_release(&r);
    return 0;
}
