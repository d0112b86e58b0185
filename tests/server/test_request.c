/*
 * THE list of request bodies: what is taken, and the exact words for what is not.
 */
#include "tests/test.h"

#include <string.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/jpeg.h"
#include "base/mem.h"
#include "base/png.h"
#include "server/input_mix.h"
#include "server/request.h"

#define EMBED 4

static const struct request_limits LIMITS = {
    .image_pixels = 100,
    .metadata = true,
    .timeout_ms = 300000,
};

static const struct engine_info MODEL = {
    .embed_dim = EMBED,
    .tokens = 3,
    .codebook = 64,
    .sampling = { .temperature = 0.9f, .top_k = 40, .top_p = 0.95f, .guidance = 2 },
};

static int read_request(request_parse *parse, const char *text, size_t n,
                        struct gen_request *ret_request, char param[REQUEST_PARAM_MAX],
                        struct err *e)
{
    struct gen_request r;

    if (parse(text, n, &LIMITS, &r, param, e))
        return -1;
    if (gen_request_fit(&r, &MODEL, param, e)) {
        gen_request_release(&r);
        return -1;
    }
    *ret_request = r;
    return 0;
}

static const struct {
    const char *json;
    enum err_code code;
    const char *param, *message;
} REFUSED[] = {
    { "", ERR_INVALID, "",
      "body: not JSON: line 1, column 0: '[' or '{' expected near end of file" },
    { "{\"prompt\":", ERR_INVALID, "",
      "body: not JSON: line 1, column 10: unexpected token near end of file" },
    { "[1]", ERR_INVALID, "", "body: a JSON object is expected, not a list" },
    { "{\"prompt\":\"a\"} x", ERR_INVALID, "",
      "body: not JSON: line 1, column 16: end of file expected near 'x'" },
    { "{\"prompt\":\"a\",\"prompt\":\"b\"}", ERR_INVALID, "",
      "body: not JSON: line 1, column 22: duplicate object key near '\"prompt\"'" },
    { "{\"a\":[[[[[[[[1]]]]]]]]}", ERR_INVALID, "", "body: nested deeper than 8" },
    { "{\"prompt\":\"\xff\"}", ERR_INVALID, "",
      "body: not JSON: line 1, column 11: unable to decode byte 0xff near '\"'" },
    { "{}", ERR_INVALID, "prompt",
      "prompt: missing; give one of prompt, image, embedding and mix" },
    { "{\"prompt\":null}", ERR_INVALID, "prompt",
      "prompt: missing; give one of prompt, image, embedding and mix" },
    { "{\"prompt\":\"\"}", ERR_INVALID, "prompt", "prompt: 0 bytes is outside 1..32000" },
    { "{\"prompt\":7}", ERR_INVALID, "prompt",
      "prompt: a string, or a list of strings is expected, not a number" },
    { "{\"prompt\":[]}", ERR_INVALID, "prompt", "prompt: a list of 0 is outside 1..16" },
    { "{\"prompt\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}", ERR_INVALID, "prompt",
      "prompt: a list of 17 is outside 1..16" },
    { "{\"prompt\":[\"a\",7]}", ERR_INVALID, "prompt",
      "prompt[1]: a string is expected, not a number" },
    { "{\"prompt\":[\"a\",\"\"]}", ERR_INVALID, "prompt",
      "prompt[1]: 0 bytes is outside 1..32000" },
    { "{\"prompt\":\"a\",\"steps\":20}", ERR_INVALID, "steps", "steps: unknown field" },
    { "{\"prompt\":\"a\",\"N\":1}", ERR_INVALID, "N", "N: unknown field; did you mean n?" },
    { "{\"prompt\":\"a\",\"n\":0}", ERR_INVALID, "n", "n: 0 is outside 1..16" },
    { "{\"prompt\":\"a\",\"n\":17}", ERR_INVALID, "n", "n: 17 is outside 1..16" },
    { "{\"prompt\":\"a\",\"n\":\"2\"}", ERR_INVALID, "n",
      "n: a whole number is expected, not a string" },
    { "{\"prompt\":\"a\",\"n\":2.0}", ERR_INVALID, "n",
      "n: a whole number is expected, not a real number" },
    { "{\"prompt\":\"a\",\"n\":true}", ERR_INVALID, "n",
      "n: a whole number is expected, not true" },
    { "{\"prompt\":\"a\",\"n\":99999999999999999999}", ERR_INVALID, "",
      "body: not JSON: line 1, column 38: too big integer near '99999999999999999999'" },
    { "{\"prompt\":\"a\",\"candidates\":65}", ERR_INVALID, "candidates",
      "candidates: 65 is outside 1..64" },
    { "{\"prompt\":\"a\",\"n\":4,\"candidates\":3}", ERR_INVALID, "candidates",
      "candidates: 3 is outside 4..64: n is 4" },
    { "{\"prompt\":\"a\",\"seed\":-1}", ERR_INVALID, "seed",
      "seed: -1 is outside 0..9007199254740991" },
    { "{\"prompt\":\"a\",\"seed\":9007199254740992}", ERR_INVALID, "seed",
      "seed: 9007199254740992 is outside 0..9007199254740991" },
    { "{\"prompt\":\"a\",\"temperature\":10.5}", ERR_INVALID, "temperature",
      "temperature: 10.5 is outside 0..10" },
    { "{\"prompt\":\"a\",\"temperature\":\"hot\"}", ERR_INVALID, "temperature",
      "temperature: a number is expected, not a string" },
    { "{\"prompt\":\"a\",\"top_k\":-1}", ERR_INVALID, "top_k", "top_k: -1 is outside 0..65536" },
    { "{\"prompt\":\"a\",\"top_p\":1.01}", ERR_INVALID, "top_p", "top_p: 1.01 is outside 0..1" },
    { "{\"prompt\":\"a\",\"guidance_scale\":0.5}", ERR_INVALID, "guidance_scale",
      "guidance_scale: 0.5 is outside 1..20" },
    { "{\"prompt\":\"a\",\"return\":\"tokens\"}", ERR_INVALID, "return",
      "return: a list is expected, not a string" },
    { "{\"prompt\":\"a\",\"return\":[\"pixels\"]}", ERR_INVALID, "return",
      "return: 'pixels' is none of tokens|scores|embedding" },
    { "{\"prompt\":\"a\",\"return\":[{}]}", ERR_INVALID, "return",
      "return: the list holds strings, not an object" },
    { "{\"prompt\":\"a\",\"priority\":\"urgent\"}", ERR_INVALID, "priority",
      "priority: 'urgent' is none of high|normal|low" },
    { "{\"prompt\":\"a\",\"priority\":1}", ERR_INVALID, "priority",
      "priority: a string is expected, not a number" },
    { "{\"prompt\":\"a\",\"timeout_ms\":0}", ERR_INVALID, "timeout_ms",
      "timeout_ms: 0 is outside 1..86400000" },
    { "{\"prompt\":\"a\",\"timeout_ms\":300001}", ERR_INVALID, "timeout_ms",
      "timeout_ms: 300001 is outside 1..300000, the daemon's timeout_s" },
    { "{\"image\":5}", ERR_INVALID, "image", "image: a string is expected, not a number" },
    { "{\"image\":\"QUJDRA==\"}", ERR_FORMAT, "image", "image: neither PNG, JPEG nor WebP" },
    { "{\"image\":\"\"}", ERR_FORMAT, "image", "image: neither PNG, JPEG nor WebP" },
    { "{\"image\":\"data:image/png,AAAA\"}", ERR_INVALID, "image",
      "image: a data URL must be data:image/png;base64,... (or jpeg, webp)" },
    { "{\"image\":\"data:\"}", ERR_INVALID, "image",
      "image: a data URL must be data:image/png;base64,... (or jpeg, webp)" },
    { "{\"image\":\"QUJDR\"}", ERR_FORMAT, "image", NULL },
    { "{\"prompt\":\"a\",\"image\":\"QUJDRA==\"}", ERR_INVALID, "image",
      "image: prompt is given already; a request has one of prompt, image, embedding and mix, and "
      "a "
      "mix holds several" },
    { "{\"mix\":[{\"text\":\"a\"}],\"prompt\":\"a\"}", ERR_INVALID, "prompt",
      "prompt: mix is given already; a request has one of prompt, image, embedding and mix, and a "
      "mix holds several" },
    { "{\"embedding\":7}", ERR_INVALID, "embedding",
      "embedding: a list of numbers, or a string is expected, not a number" },
    { "{\"embedding\":[1,2,3]}", ERR_INVALID, "embedding",
      "embedding: 3 numbers; this model's have 4" },
    { "{\"embedding\":[1,2,3,\"4\"]}", ERR_INVALID, "embedding",
      "embedding: element 3: a number is expected, not a string" },
    { "{\"embedding\":[0,0,0,0]}", ERR_INVALID, "embedding", "embedding: all elements are 0" },
    { "{\"embedding\":[0,0,1e300,0]}", ERR_INVALID, "embedding",
      "embedding: element 2 is no number" },
    { "{\"embedding\":\"QUJDRA==\"}", ERR_INVALID, "embedding",
      "embedding: 1 numbers; this model's have 4" },
    { "{\"embedding\":\"AAAAAAAAAAAAAAAAAADAfw==\"}", ERR_INVALID, "embedding",
      "embedding: element 3 is no number" },
    { "{\"embedding\":[1,0,0,0],\"embedding_of\":\"sound\"}", ERR_INVALID, "embedding_of",
      "embedding_of: 'sound' is none of text|image" },
    { "{\"mix\":{}}", ERR_INVALID, "mix", "mix: a list is expected, not an object" },
    { "{\"mix\":[]}", ERR_INVALID, "mix", "mix: a list of 0 is outside 1..8" },
    { "{\"mix\":[1,2,3,4,5,6,7,8,9]}", ERR_INVALID, "mix", "mix: a list of 9 is outside 1..8" },
    { "{\"mix\":[7]}", ERR_INVALID, "mix", "mix[0]: an object is expected, not a number" },
    { "{\"mix\":[{\"text\":\"a\"},{}]}", ERR_INVALID, "mix",
      "mix[1]: one of text, image and embedding is expected" },
    { "{\"mix\":[{\"text\":\"a\",\"embedding\":[1,0,0,0]}]}", ERR_INVALID, "mix",
      "mix[0]: one of text, image and embedding is expected" },
    { "{\"mix\":[{\"text\":\"\"}]}", ERR_INVALID, "mix",
      "mix[0]: text: 0 bytes is outside 1..32000" },
    { "{\"mix\":[{\"text\":\"a\",\"weight\":11}]}", ERR_INVALID, "mix",
      "mix[0]: weight: 11 is outside -10..10" },
    { "{\"mix\":[{\"txt\":\"a\"}]}", ERR_INVALID, "mix",
      "mix[0]: txt: unknown field; did you mean text?" },
    { "{\"mix\":[{\"image\":\"QUJDRA==\"}]}", ERR_FORMAT, "mix",
      "mix[0]: image: neither PNG, JPEG nor WebP" },
    { "{\"prompt\":\"a\",\"negative_prompt\":7}", ERR_INVALID, "negative_prompt",
      "negative_prompt: a string is expected, not a number" },
    { "{\"prompt\":\"a\",\"negative_prompt\":\"b\",\"guidance_scale\":1}", ERR_INVALID,
      "negative_prompt", "negative_prompt: has no effect without guidance; guidance_scale is 1" },
    { "{\"prompt\":[\"a\",\"b\",\"c\"],\"candidates\":22}", ERR_INVALID, "candidates",
      "candidates: 22 of each of 3 prompts are 66 pictures, more than 64" },
    { "{\"prompt\":[\"a\",\"b\",\"c\",\"d\",\"e\"],\"n\":13}", ERR_INVALID, "n",
      "n: 13 of each of 5 prompts are 65 pictures, more than 64" },
    { "{\"prompt\":\"a\",\"output_format\":\"gif\"}", ERR_INVALID, "output_format",
      "output_format: 'gif' is none of png|jpeg|webp" },
    { "{\"prompt\":\"a\",\"quality\":0}", ERR_INVALID, "quality", "quality: 0 is outside 1..100" },
    { "{\"prompt\":\"a\",\"quality\":101}", ERR_INVALID, "quality",
      "quality: 101 is outside 1..100" },
    { "{\"prompt\":\"a\",\"metadata\":1}", ERR_INVALID, "metadata",
      "metadata: true or false is expected, not a number" },
    { "{\"embedding\":\"QUJDREU=\"}", ERR_INVALID, "embedding",
      "embedding: 5 bytes of base64 are no 32-bit floats" },
    { "{\"embedding\":[]}", ERR_INVALID, "embedding", "embedding: 0 numbers are outside 1..65536" },
    { "{\"mix\":[{\"text\":\"a\"},{\"embedding\":[1,0]}]}", ERR_INVALID, "mix",
      "mix[1]: 2 numbers; this model's have 4" },
    { "{\"prompt\":\"a\",\"model\":7}", ERR_INVALID, "model",
      "model: a string is expected, not a number" },
    { "{\"image\":\"http://example.com/a.png\"}", ERR_FORMAT, "image", NULL },
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
        struct gen_request r;
        struct err e;
        char param[REQUEST_PARAM_MAX];

        if (read_request(gen_request_parse, REFUSED[i].json, strlen(REFUSED[i].json), &r, param,
                         &e) == 0)
            fail_msg("taken: %s", REFUSED[i].json);
        if (REFUSED[i].message)
            assert_string_equal(e.msg, REFUSED[i].message);
        assert_string_equal(param, REFUSED[i].param);
        assert_int_equal(e.code, REFUSED[i].code);
    }
}

static const struct {
    request_parse *parse;
    const char *json, *param, *message;
} REFUSED_ELSEWHERE[] = {
    { embeddings_request_parse, "{}", "input", "input: missing; give texts or images" },
    { embeddings_request_parse, "{\"input\":7}", "input",
      "input: a string, or a list of strings is expected, not a number" },
    { embeddings_request_parse, "{\"input\":[]}", "input", "input: a list of 0 is outside 1..32" },
    { embeddings_request_parse, "{\"input\":[\"a\",\"\"]}", "input",
      "input[1]: 0 bytes is outside 1..32000" },
    { embeddings_request_parse, "{\"images\":[\"QUJDRA==\"]}", "images",
      "images[0]: neither PNG, JPEG nor WebP" },
    { embeddings_request_parse, "{\"input\":\"a\",\"encoding_format\":\"hex\"}", "encoding_format",
      "encoding_format: 'hex' is none of float|base64" },
    { embeddings_request_parse, "{\"input\":\"a\",\"n\":2}", "n", "n: unknown field" },
    { embeddings_request_parse, "{\"input\":\"a\",\"timeout_ms\":300001}", "timeout_ms",
      "timeout_ms: 300001 is outside 1..300000, the daemon's timeout_s" },
    { openai_request_parse, "{}", "prompt",
      "prompt: missing; give one of prompt, image, embedding and mix" },
    { openai_request_parse, "{\"prompt\":\"a\",\"size\":\"large\"}", "size",
      "size: 'large' is neither auto nor like 512x512" },
    { openai_request_parse, "{\"prompt\":\"a\",\"size\":\"512x\"}", "size",
      "size: '512x' is neither auto nor like 512x512" },
    { openai_request_parse, "{\"prompt\":\"a\",\"size\":\"512x512x3\"}", "size",
      "size: '512x512x3' is neither auto nor like 512x512" },
    { openai_request_parse, "{\"prompt\":\"a\",\"size\":512}", "size",
      "size: a string is expected, not a number" },
    { openai_request_parse, "{\"prompt\":\"a\",\"response_format\":\"file\"}", "response_format",
      "response_format: 'file' is none of b64_json|url" },
    { openai_request_parse, "{\"prompt\":\"a\",\"output_compression\":101}", "output_compression",
      "output_compression: 101 is outside 0..100" },
    { openai_request_parse, "{\"prompt\":\"a\",\"bakground\":1}", "bakground",
      "bakground: unknown field; did you mean background?" },
    { rank_request_parse, "{}", "texts", "texts: missing; pictures are ranked by texts" },
    { rank_request_parse, "{\"texts\":\"a\"}", "images",
      "images: missing; pictures are ranked by texts" },
    { encode_request_parse, "{}", "images", "images: missing" },
    { encode_request_parse, "{\"images\":{}}", "images",
      "images: a string, or a list of strings is expected, not an object" },
    { decode_request_parse, "{}", "tokens", "tokens: missing" },
    { decode_request_parse, "{\"tokens\":7}", "tokens",
      "tokens: a list of whole numbers, or a list of such lists is expected, not a number" },
    { decode_request_parse, "{\"tokens\":[]}", "tokens",
      "tokens: 0 a picture are outside 1..65536" },
    { decode_request_parse, "{\"tokens\":[1,2,3,4]}", "tokens",
      "tokens: 4 tokens; a picture of this model has 3" },
    { decode_request_parse, "{\"tokens\":[1,2,64]}", "tokens", "tokens[2]: 64 is outside 0..63" },
    { decode_request_parse, "{\"tokens\":[1,-1,2]}", "tokens",
      "tokens[1]: -1 is outside 0..2147483647" },
    { decode_request_parse, "{\"tokens\":[1,2.5,3]}", "tokens",
      "tokens[1]: a whole number is expected, not a real number" },
    { decode_request_parse, "{\"tokens\":[[1,2,3],[1,2]]}", "tokens",
      "tokens[1]: 2 tokens; the first picture has 3" },
    { decode_request_parse, "{\"tokens\":[[1,2,3],[1,64,3]]}", "tokens",
      "tokens[1][1]: 64 is outside 0..63" },
    { decode_request_parse, "{\"tokens\":[[1,2,3],7]}", "tokens",
      "tokens[1]: a list of tokens is expected, not a number" },
    { decode_request_parse, "{\"tokens\":[[1,2,3],[1,2,\"x\"]]}", "tokens",
      "tokens[1][2]: a whole number is expected, not a string" },
    { decode_request_parse,
      "{\"tokens\":[[0],[0],[0],[0],[0],[0],[0],[0],[0],[0],[0],[0],[0],[0],[0],[0],[0]]}",
      "tokens", "tokens: a list of 17 is outside 1..16" },
    { decode_request_parse, "{\"tokens\":[1,2,3],\"quality\":0}", "quality",
      "quality: 0 is outside 1..100" },
};

static void test_refused_elsewhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED_ELSEWHERE / sizeof REFUSED_ELSEWHERE[0]; i++) {
        const char *json = REFUSED_ELSEWHERE[i].json;
        struct gen_request r;
        struct err e;
        char param[REQUEST_PARAM_MAX];

        if (read_request(REFUSED_ELSEWHERE[i].parse, json, strlen(json), &r, param, &e) == 0)
            fail_msg("taken: %s", json);
        assert_string_equal(e.msg, REFUSED_ELSEWHERE[i].message);
        assert_string_equal(param, REFUSED_ELSEWHERE[i].param);
    }
}

static void test_too_many_inputs(void **state)
{
    struct gen_request r;
    struct buf body;
    struct err e;
    char param[REQUEST_PARAM_MAX];

    (void)state;
    buf_init(&body, 1 << 20);
    buf_puts(&body, "{\"texts\":[\"a\"");
    for (int i = 1; i < REQUEST_INPUTS_MAX; i++)
        buf_puts(&body, ",\"a\"");
    buf_puts(&body, "],\"images\":\"AAAA\"}");
    assert_int_equal(read_request(rank_request_parse, body.data, body.len, &r, param, &e), -1);
    assert_err(&e, ERR_INVALID, "images: more than 32 inputs");
    assert_string_equal(param, "images");
    buf_release(&body);
}

static void parse(const char *json, struct gen_request *r)
{
    struct err e;
    char param[REQUEST_PARAM_MAX];

    if (read_request(gen_request_parse, json, strlen(json), r, param, &e))
        fail_msg("%s: %s", json, e.msg);
    assert_string_equal(param, "");
}

static void test_defaults_come_from_the_model(void **state)
{
    struct gen_request r;

    (void)state;
    parse("{\"prompt\":\"a cat\",\"n\":null,\"top_k\":null}", &r);
    assert_int_equal(r.n_inputs, 1);
    assert_int_equal(r.n_prompts, 1);
    assert_int_equal(r.inputs[0].kind, INPUT_TEXT);
    assert_string_equal(r.inputs[0].text, "a cat");
    assert_int_equal(r.inputs[0].text_len, 5);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.candidates, 1);
    assert_true(r.seed <= REQUEST_SEED_MAX);
    assert_true(r.temperature == 0.9f && r.top_p == 0.95f && r.guidance == 2 && r.top_k == 40);
    assert_int_equal(r.returns, 0);
    assert_int_equal(r.priority, PRIORITY_NORMAL);
    assert_int_equal(r.timeout_ms, 300000);
    gen_request_release(&r);
}

static void test_every_field_is_taken(void **state)
{
    struct gen_request r;

    (void)state;
    parse("{\"prompt\":\"\xc3\xa9[[[[[[[[[[\\\"\",\"n\":16,\"candidates\":64,\"seed\":"
          "9007199254740991,"
          "\"temperature\":0,\"top_k\":65536,\"top_p\":0.5,\"guidance_scale\":20,"
          "\"return\":[\"tokens\",\"tokens\"],\"priority\":\"low\",\"timeout_ms\":250}",
          &r);
    assert_string_equal(r.inputs[0].text,
                        "\xc3\xa9[[[[[[[[[[\""); /* brackets in strings are no depth */
    assert_int_equal(r.n, 16);
    assert_int_equal(r.candidates, 64);
    assert_int_equal(r.seed, REQUEST_SEED_MAX);
    assert_true(r.temperature == 0 && r.top_p == 0.5f && r.guidance == 20 && r.top_k == 65536);
    assert_int_equal(r.returns, REQUEST_RETURN_TOKENS);
    assert_int_equal(r.priority, PRIORITY_LOW);
    assert_int_equal(r.timeout_ms, 250);
    assert_int_equal(request_seed(r.seed, 0), REQUEST_SEED_MAX);
    assert_int_equal(request_seed(r.seed, 3), 2); /* goes on at 0 */
    assert_int_equal(request_settings(&r, 3).seed, 2);
    assert_int_equal(request_settings(&r, 3).top_k, 65536);
    gen_request_release(&r);
}

/* The model's default guidance is 2, so a negative prompt has an effect. */
static void test_answers_and_extras(void **state)
{
    struct gen_request r;

    (void)state;
    parse(
        "{\"prompt\":\"a\",\"negative_prompt\":\"b\",\"output_format\":\"webp\",\"quality\":100,"
        "\"metadata\":false,\"return\":[\"embedding\",\"scores\"],\"model\":\"emoji-64\",\"user\":"
        "\"u-7\"}",
        &r);
    assert_int_equal(r.n_inputs, 2);
    assert_int_equal(r.n_prompts, 1);
    assert_int_equal(r.inputs[1].prompt, INPUT_NEGATIVE);
    assert_string_equal(r.inputs[1].text, "b");
    assert_int_equal(r.output_format, FORMAT_WEBP);
    assert_int_equal(r.quality, 100);
    assert_false(r.metadata);
    assert_int_equal(r.returns, REQUEST_RETURN_EMBEDDING | REQUEST_RETURN_SCORES);
    gen_request_release(&r);
    parse("{\"prompt\":\"a\",\"negative_prompt\":\"\",\"guidance_scale\":1}", &r);
    assert_int_equal(r.n_inputs, 1);
    assert_true(r.metadata);
    gen_request_release(&r);
}

static void test_list_of_prompts(void **state)
{
    struct gen_request r;

    (void)state;
    parse("{\"prompt\":[\"a\",\"b\"],\"n\":3,\"candidates\":32}", &r);
    assert_int_equal(r.n_inputs, 2);
    assert_int_equal(r.n_prompts, 2);
    assert_int_equal(r.inputs[0].prompt, 0);
    assert_int_equal(r.inputs[1].prompt, 1);
    assert_string_equal(r.inputs[1].name, "prompt[1]");
    gen_request_release(&r);
}

static void assert_unit(const struct input *in, float x, float y)
{
    assert_int_equal(in->kind, INPUT_EMBEDDING);
    assert_true(in->given[0] == x && in->given[1] == y && in->given[2] == 0 && in->given[3] == 0);
}

static void test_embeddings_become_unit_vectors(void **state)
{
    struct gen_request r;

    (void)state;
    parse("{\"embedding\":[3,4,0,0]}", &r);
    assert_unit(&r.inputs[0], 0.6f, 0.8f);
    assert_int_equal(r.inputs[0].source, GEN_IMAGE);
    gen_request_release(&r);
    parse("{\"embedding_of\":\"text\",\"embedding\":\"AAAAQAAAAAAAAAAAAAAAAA==\"}", &r);
    assert_unit(&r.inputs[0], 1, 0);
    assert_int_equal(r.inputs[0].source, GEN_TEXT);
    gen_request_release(&r);
}

static void test_mixes(void **state)
{
    struct gen_request r;

    (void)state;
    parse("{\"mix\":[{\"text\":\"a\",\"weight\":0.5},{\"text\":\"b\"},"
          "{\"embedding\":[0,1,0,0],\"embedding_of\":\"text\",\"weight\":-1}]}",
          &r);
    assert_int_equal(r.n_inputs, 3);
    assert_int_equal(r.n_prompts, 1);
    assert_true(r.inputs[0].weight == 0.5f && r.inputs[1].weight == 1 && r.inputs[2].weight == -1);
    assert_string_equal(r.inputs[1].text, "b");
    assert_unit(&r.inputs[2], 0, 1);
    assert_int_equal(r.inputs[2].source, GEN_TEXT);
    for (int i = 0; i < 3; i++)
        assert_int_equal(r.inputs[i].prompt, 0);
    gen_request_release(&r);
}

/* What a mix says must fit into a picture's comment. */
static void test_longest_mix(void **state)
{
    struct buf body;
    struct gen_request r;
    struct err e;
    char param[REQUEST_PARAM_MAX];

    (void)state;
    buf_init(&body, 1 << 20);
    buf_puts(&body, "{\"mix\":[{\"text\":\"bb\"},{\"text\":\"");
    memset(buf_grow(&body, 31999), 'a', 31999);
    buf_puts(&body, "\"}]}");
    assert_int_equal(read_request(gen_request_parse, body.data, body.len, &r, param, &e), -1);
    assert_err(&e, ERR_INVALID, "mix: 32001 bytes of text together are over 32000");
    buf_release(&body);
}

static void test_without_seed_every_request_differs(void **state)
{
    struct gen_request a, b;

    (void)state;
    parse("{\"prompt\":\"a\"}", &a);
    parse("{\"prompt\":\"a\"}", &b);
    assert_int_not_equal(a.seed, b.seed); /* wrong once in 2^53 runs */
    gen_request_release(&a);
    gen_request_release(&b);
}

/* ---- image prompts ---- */

static void image_body(int w, int h, bool jpeg, const char *prefix, struct buf *body)
{
    struct image img;
    struct buf bytes;

    assert_int_equal(image_new(w, h, 3, &img, NULL), 0);
    img.px[0] = 200;
    buf_init(&bytes, 1 << 20);
    assert_int_equal(jpeg ? jpeg_encode(&img, 90, NULL, &bytes, NULL)
                          : png_encode(&img, NULL, 0, &bytes, NULL),
                     0);
    buf_init(body, 1 << 20);
    buf_printf(body, "{\"image\":\"%s", prefix);
    base64_encode(bytes.data, bytes.len, body);
    buf_puts(body, "\"}");
    buf_release(&bytes);
    image_release(&img);
}

static void test_images(void **state)
{
    static const struct {
        bool jpeg;
        const char *prefix;
    } CASES[] = {
        { false, "" },
        { true, "" },
        { false, "data:image/png;base64," },
        { true, "data:image/jpeg;base64," },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct gen_request r;
        struct buf body;

        image_body(10, 5, CASES[i].jpeg, CASES[i].prefix, &body);
        parse(body.data, &r);
        assert_int_equal(r.n_inputs, 1);
        assert_int_equal(r.inputs[0].kind, INPUT_IMAGE);
        assert_int_equal(r.inputs[0].image.w, 10);
        assert_int_equal(r.inputs[0].image.h, 5);
        gen_request_release(&r);
        buf_release(&body);
    }
}

static void test_image_of_too_many_pixels(void **state)
{
    (void)state;
    for (int jpeg = 0; jpeg < 2; jpeg++) {
        struct gen_request r;
        struct buf body;
        struct err e;
        char param[REQUEST_PARAM_MAX];

        image_body(11, 10, jpeg, "", &body);
        assert_int_equal(read_request(gen_request_parse, body.data, body.len, &r, param, &e), -1);
        assert_int_equal(e.code, ERR_TOO_LARGE);
        assert_string_equal(param, "image");
        assert_memory_equal(e.msg, "image: ", 7);
        assert_non_null(strstr(e.msg, "100"));
        buf_release(&body);
    }
}

static void test_longest_prompt(void **state)
{
    struct buf body;
    struct gen_request r;
    struct err e;
    char param[REQUEST_PARAM_MAX];

    (void)state;
    buf_init(&body, 1 << 20);
    buf_puts(&body, "{\"prompt\":\"");
    for (int i = 0; i < REQUEST_PROMPT_MAX; i++)
        buf_puts(&body, "a");
    buf_puts(&body, "\"}");
    parse(body.data, &r);
    gen_request_release(&r);
    memcpy(body.data + body.len - 2, "a\"", 2);
    buf_puts(&body, "}");
    assert_int_equal(read_request(gen_request_parse, body.data, body.len, &r, param, &e), -1);
    assert_err(&e, ERR_INVALID, "prompt: 32001 bytes is outside 1..32000");
    buf_release(&body);
}

/* OpenAI's names beside ours; what has no meaning here is taken whatever it is. */
static void test_openai(void **state)
{
    static const char BODY[] =
        "{\"prompt\":\"a\",\"size\":\"1024x1024\",\"quality\":\"hd\",\"style\":\"vivid\","
        "\"background\":null,\"moderation\":\"low\",\"response_format\":\"url\",\"n\":2,"
        "\"output_compression\":0,\"output_format\":\"jpeg\",\"seed\":3,\"user\":\"u\"}";
    struct gen_request r;
    char param[REQUEST_PARAM_MAX];

    (void)state;
    assert_int_equal(read_request(openai_request_parse, BODY, strlen(BODY), &r, param, NULL), 0);
    assert_int_equal(r.as_url, 1);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.quality, 1);
    assert_int_equal(r.output_format, FORMAT_JPEG);
    assert_int_equal(r.seed, 3);
    gen_request_release(&r);
}

#define FORM_TYPE "multipart/form-data; boundary=XX"
#define PART(name, value)                                                                          \
    "--XX\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"
#define FILE_PART(name, value)                                                                     \
    "--XX\r\nContent-Disposition: form-data; name=\"" name "\"; filename=\"a.png\"\r\n\r\n" value  \
    "\r\n"

static void test_form_refused(void **state)
{
    static const struct {
        const char *body, *param, *message;
    } CASES[] = {
        { PART("n", "2") "--XX--", "prompt",
          "prompt: missing; give one of prompt, image, embedding and mix" },
        { PART("n", "two") "--XX--", "n", "n: a whole number is expected, not a string" },
        { PART("n", "17") "--XX--", "n", "n: 17 is outside 1..16" },
        { PART("steps", "2") "--XX--", "steps", "steps: unknown field" },
        { PART("model", "\xff") "--XX--", "model", "model: not UTF-8" },
        { FILE_PART("image", "GIF89a") "--XX--", "image", "image: neither PNG, JPEG nor WebP" },
        { FILE_PART("mask", "GIF89a") "--XX--", "mask", "mask: the only file is image" },
        { PART("prompt", "a") FILE_PART("image", "GIF89a") "--XX--", "image",
          "image: prompt is given already" },
        { PART("n", "2") "--X", "", "body: it ends inside of part 0" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct gen_request r;
        struct err e;
        char param[REQUEST_PARAM_MAX];
        assert_int_equal(variations_request_parse(FORM_TYPE, CASES[i].body, strlen(CASES[i].body),
                                                  &LIMITS, &r, param, &e),
                         -1);
        assert_string_equal(e.msg, CASES[i].message);
        assert_string_equal(param, CASES[i].param);
    }
}

static void test_form(void **state)
{
    struct format_options o = { .format = FORMAT_WEBP, .quality = 90 };
    struct gen_request r;
    struct image img;
    struct buf body;
    char param[REQUEST_PARAM_MAX];
    struct err e;

    (void)state;
    buf_init(&body, 1 << 16);
    buf_puts(&body, PART("n", "2") PART("seed", "9") PART("guidance_scale", "1.5")
                        PART("metadata", "false") PART("size", "256x256"));
    buf_puts(&body,
             "--XX\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\n");
    assert_int_equal(image_new(9, 7, 3, &img, NULL), 0);
    assert_int_equal(format_encode(&img, &o, &body, NULL), 0);
    buf_puts(&body, "\r\n--XX--\r\n");
    if (variations_request_parse(FORM_TYPE, body.data, body.len, &LIMITS, &r, param, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.seed, 9);
    assert_true(r.guidance == 1.5f && r.temperature == REQUEST_UNSET);
    assert_false(r.metadata);
    assert_int_equal(r.inputs[0].image.w, 9);
    gen_request_release(&r);
    image_release(&img);
    buf_release(&body);
}

/* docs/API.md has every table of fields word for word. */
static void test_docs_have_the_tables(void **state)
{
    static const struct field_table *const TABLES[] = { &COMMON_FIELDS,   &GENERATE_FIELDS,
                                                        &MIX_ITEM_FIELDS, &EMBEDDINGS_FIELDS,
                                                        &RANK_FIELDS,     &ENCODE_FIELDS,
                                                        &DECODE_FIELDS,   &OPENAI_FIELDS };
    struct buf doc, table;
    char *path = file_join(test_srcdir(), "docs/API.md");

    (void)state;
    buf_init(&doc, 1 << 20);
    buf_init(&table, 1 << 16);
    assert_int_equal(file_read(path, 1 << 20, &doc, NULL), 0);
    for (size_t i = 0; i < sizeof TABLES / sizeof TABLES[0]; i++) {
        buf_clear(&table);
        fields_print_markdown(TABLES[i], &table);
        if (!strstr(doc.data, table.data))
            fail_msg("docs/API.md lacks this table:\n%s", table.data);
    }
    buf_release(&doc);
    buf_release(&table);
    mem_free(path);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_refused),
    cmocka_unit_test(test_refused_elsewhere),
    cmocka_unit_test(test_too_many_inputs),
    cmocka_unit_test(test_defaults_come_from_the_model),
    cmocka_unit_test(test_every_field_is_taken),
    cmocka_unit_test(test_answers_and_extras),
    cmocka_unit_test(test_list_of_prompts),
    cmocka_unit_test(test_embeddings_become_unit_vectors),
    cmocka_unit_test(test_mixes),
    cmocka_unit_test(test_longest_mix),
    cmocka_unit_test(test_without_seed_every_request_differs),
    cmocka_unit_test(test_images),
    cmocka_unit_test(test_image_of_too_many_pixels),
    cmocka_unit_test(test_longest_prompt),
    cmocka_unit_test(test_openai),
    cmocka_unit_test(test_form_refused),
    cmocka_unit_test(test_form),
    cmocka_unit_test(test_docs_have_the_tables),
};

TEST_MAIN(TESTS)
