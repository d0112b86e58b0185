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
#include "server/request.h"

#define KNOWN                                                                                      \
    "prompt, image, n, candidates, seed, temperature, top_k, top_p, guidance_scale, return, "      \
    "priority, timeout_ms"

static const struct request_limits LIMITS = {
    .image_pixels = 100,
    .timeout_ms = 300000,
    .sampling = { .temperature = 0.9f, .top_k = 40, .top_p = 0.95f, .guidance = 2 },
};

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
    { "{}", ERR_INVALID, "prompt", "prompt: missing; give a prompt or an image" },
    { "{\"prompt\":null}", ERR_INVALID, "prompt", "prompt: missing; give a prompt or an image" },
    { "{\"prompt\":\"\"}", ERR_INVALID, "prompt", "prompt: 0 bytes is outside 1..32000" },
    { "{\"prompt\":7}", ERR_INVALID, "prompt", "prompt: a string is expected, not a number" },
    { "{\"prompt\":[\"a\"]}", ERR_INVALID, "prompt", "prompt: a string is expected, not a list" },
    { "{\"prompt\":\"a\",\"steps\":20}", ERR_INVALID, "steps",
      "steps: unknown field; known are " KNOWN },
    { "{\"prompt\":\"a\",\"N\":1}", ERR_INVALID, "N", "N: unknown field; known are " KNOWN },
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
      "return: \"pixels\" is unknown; known is \"tokens\"" },
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
    { "{\"image\":\"QUJDRA==\"}", ERR_FORMAT, "image", "image: neither a PNG nor a JPEG" },
    { "{\"image\":\"\"}", ERR_FORMAT, "image", "image: neither a PNG nor a JPEG" },
    { "{\"image\":\"data:image/png,AAAA\"}", ERR_INVALID, "image",
      "image: a data URL must be data:image/png;base64,... or data:image/jpeg;base64,..." },
    { "{\"image\":\"data:\"}", ERR_INVALID, "image",
      "image: a data URL must be data:image/png;base64,... or data:image/jpeg;base64,..." },
    { "{\"image\":\"http://example.com/a.png\"}", ERR_FORMAT, "image", NULL },
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
        struct gen_request r;
        struct err e;
        char param[REQUEST_PARAM_MAX];

        if (gen_request_parse(REFUSED[i].json, strlen(REFUSED[i].json), &LIMITS, &r, param, &e) ==
            0)
            fail_msg("taken: %s", REFUSED[i].json);
        if (REFUSED[i].message)
            assert_string_equal(e.msg, REFUSED[i].message);
        assert_string_equal(param, REFUSED[i].param);
        assert_int_equal(e.code, REFUSED[i].code);
    }
}

static void parse(const char *json, struct gen_request *r)
{
    struct err e;
    char param[REQUEST_PARAM_MAX];

    if (gen_request_parse(json, strlen(json), &LIMITS, r, param, &e))
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
    assert_false(r.want_tokens);
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
    assert_true(r.want_tokens);
    assert_int_equal(r.priority, PRIORITY_LOW);
    assert_int_equal(r.timeout_ms, 250);
    assert_int_equal(request_seed(r.seed, 0), REQUEST_SEED_MAX);
    assert_int_equal(request_seed(r.seed, 3), 2); /* goes on at 0 */
    assert_int_equal(request_settings(&r, 3).seed, 2);
    assert_int_equal(request_settings(&r, 3).top_k, 65536);
    gen_request_release(&r);
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
        assert_int_equal(gen_request_parse(body.data, body.len, &LIMITS, &r, param, &e), -1);
        assert_int_equal(e.code, ERR_TOO_LARGE);
        assert_string_equal(param, "image");
        assert_memory_equal(e.msg, "image: ", 7);
        assert_non_null(strstr(e.msg, "100"));
        buf_release(&body);
    }
}

static void test_prompt_and_image_exclude_each_other(void **state)
{
    struct gen_request r;
    struct buf body;
    struct err e;
    char param[REQUEST_PARAM_MAX];

    (void)state;
    image_body(4, 4, false, "", &body);
    body.data[body.len - 1] = ',';
    buf_puts(&body, "\"prompt\":\"a\"}");
    assert_int_equal(gen_request_parse(body.data, body.len, &LIMITS, &r, param, &e), -1);
    assert_err(&e, ERR_INVALID, "image: give a prompt or an image, not both");
    buf_release(&body);
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
    assert_int_equal(gen_request_parse(body.data, body.len, &LIMITS, &r, param, &e), -1);
    assert_err(&e, ERR_INVALID, "prompt: 32001 bytes is outside 1..32000");
    buf_release(&body);
}

/* docs/API.md has the table of fields word for word. */
static void test_docs_have_the_table(void **state)
{
    struct buf doc, table;
    char *path = file_join(test_srcdir(), "docs/API.md");

    (void)state;
    buf_init(&doc, 1 << 20);
    buf_init(&table, 1 << 16);
    assert_int_equal(file_read(path, 1 << 20, &doc, NULL), 0);
    request_print_fields(&table);
    if (!strstr(doc.data, table.data))
        fail_msg("docs/API.md lacks this table:\n%s", table.data);
    buf_release(&doc);
    buf_release(&table);
    mem_free(path);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_refused),
    cmocka_unit_test(test_defaults_come_from_the_model),
    cmocka_unit_test(test_every_field_is_taken),
    cmocka_unit_test(test_without_seed_every_request_differs),
    cmocka_unit_test(test_images),
    cmocka_unit_test(test_image_of_too_many_pixels),
    cmocka_unit_test(test_prompt_and_image_exclude_each_other),
    cmocka_unit_test(test_longest_prompt),
    cmocka_unit_test(test_docs_have_the_table),
};

TEST_MAIN(TESTS)
