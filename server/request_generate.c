/*
 * POST /v1/generate, and the fields that every request may have.
 */
#include "server/input_fields.h"
#include "server/request.h"

#define AT(member) offsetof(struct gen_request, member)

static const struct field COMMON_ROWS[] = {
    { "priority", &FIELD_CHOICE, PRIORITY_HIGH, PRIORITY_LOW, AT(priority), PRIORITY_CHOICES,
      "`\"normal\"`", "who is drawn first while requests wait; clients of one class take turns" },
    { "timeout_ms", &FIELD_INT, 1, REQUEST_TIMEOUT_MS_MAX, AT(timeout_ms), NULL, "`timeout_s`",
      "milliseconds after which the request is given up with 504; at most the daemon's "
      "`timeout_s`" },
    { "model", &FIELD_WORD, 0, BUNDLE_NAME_MAX - 1, AT(model), NULL, "the first",
      "name of the model" },
    { "user", &FIELD_UNUSED, 0, 0, 0, NULL, "",
      "whoever asks on the client's side: taken, and without effect" },
    { .name = NULL },
};

const struct field_table COMMON_FIELDS = { .rows = COMMON_ROWS };

static const struct field ROWS[] = {
    { "prompt", &FIELD_PROMPT, 1, REQUEST_PROMPT_MAX, 0, NULL, "",
      "what to draw, in words (UTF-8; limits in bytes); a list of up to 16: `n` pictures of each" },
    { "image", &FIELD_IMAGE, 0, 0, 0, NULL, "",
      "a PNG, JPEG or WebP to draw something alike: base64, or a `data:` URL" },
    { "embedding", &FIELD_EMBEDDING, 0, 0, 0, NULL, "",
      "a CLIP embedding to draw from: a list of numbers, or base64 of little-endian 32-bit floats; "
      "of any length, as `/v1/embeddings` gives them" },
    { "embedding_of", &FIELD_CHOICE, 0, 1, AT(embedding_of), REQUEST_SOURCES, "`\"image\"`",
      "what `embedding` was made of" },
    { "mix", &FIELD_MIX, 0, 0, 0, NULL, "",
      "up to 8 parts of one prompt, each an object with one of `text`, `image` and `embedding` "
      "(with "
      "`embedding_of`), and `weight` (-10..10, 1 if left out)" },
    { "negative_prompt", &FIELD_NEGATIVE, 0, REQUEST_PROMPT_MAX, 0, NULL, "",
      "what guidance leads away from, in words; needs `guidance_scale` above 1" },
    { "n", &FIELD_INT, 1, REQUEST_N_MAX, AT(n), NULL, "1",
      "pictures in the answer, of each prompt" },
    { "candidates", &FIELD_INT, 1, REQUEST_CANDIDATES_MAX, AT(candidates), NULL, "`n`",
      "pictures to draw of each prompt, `n` at least; the `n` that CLIP finds closest to the "
      "prompt "
      "are kept, best first; at most 64 for all prompts together" },
    { "seed", &FIELD_WHOLE, 0, (double)REQUEST_SEED_MAX, AT(seed), NULL, "random",
      "picture i of a prompt has seed (`seed` + i) mod 2^53; the same seed gives the same "
      "picture" },
    { "temperature", &FIELD_REAL, 0, SAMPLING_TEMPERATURE_MAX, AT(temperature), NULL, "the model's",
      "above 1 wilder, below 1 tamer; 0 always takes the likeliest token" },
    { "top_k", &FIELD_INT, 0, SAMPLING_TOP_K_MAX, AT(top_k), NULL, "the model's",
      "draw each token from the k likeliest; 0: from all" },
    { "top_p", &FIELD_REAL, 0, 1, AT(top_p), NULL, "the model's",
      "draw each token from the likeliest that together have this probability; 1: from all" },
    { "guidance_scale", &FIELD_REAL, SAMPLING_GUIDANCE_MIN, SAMPLING_GUIDANCE_MAX, AT(guidance),
      NULL, "the model's", "how strongly the prompt pulls; 1: no guidance" },
    { "output_format", &FIELD_CHOICE, 0, FORMAT_COUNT - 1, AT(output_format), FORMAT_CHOICES,
      "`\"png\"`", "of the pictures in the answer" },
    { "quality", &FIELD_INT, 1, 100, AT(quality), NULL, "90", "of JPEG and WebP" },
    { "metadata", &FIELD_BOOL, 0, 0, AT(metadata), NULL, "`image_metadata`",
      "whether PNG and JPEG files say how they were made" },
    { "return", &FIELD_SET, 0, 0, AT(returns), REQUEST_RETURN_CHOICES, "[]",
      "extras in the answer: the `tokens` of each picture; the `scores` of all candidates; the "
      "CLIP "
      "`embedding` of each picture" },
    { "stream", &FIELD_BOOL, 0, 0, AT(stream), NULL, "false",
      "the answer is a stream of server-sent events" },
    { "partial_images", &FIELD_INT, 0, REQUEST_PARTIALS_MAX, AT(partials), NULL, "0",
      "with `stream`: how often each picture is shown while it is drawn" },
    { .name = NULL },
};

const struct field_table GENERATE_FIELDS = { .rows = ROWS, .more = &COMMON_FIELDS };

int gen_request_parse(const char *text, size_t n, const struct request_limits *limits,
                      struct gen_request *ret_request, char ret_param[REQUEST_PARAM_MAX],
                      struct err *e)
{
    struct gen_request r = gen_request_default(REQUEST_GENERATE, limits);

    if (gen_request_read(&GENERATE_FIELDS, text, n, limits, &r, ret_param, e))
        return -1;
    *ret_request = r;
    return 0;
}
