/*
 * Every endpoint through a socket, with a fake engine: what goes in, what comes out.
 */
#include "tests/test.h"

#include <jansson.h>
#include <string.h>

#include "base/base64.h"
#include "base/format.h"
#include "tests/server/client.h"
#include "tests/server/fixture.h"

/* ---- helpers ---- */

static void open_default(struct fixture *f)
{
    struct fixture_options o = fixture_defaults();

    fixture_open(f, &o);
}

/* The JSON that a request is answered with, with this status. */
static json_t *call(struct fixture *f, const char *method, const char *path, const char *json,
                    int status)
{
    struct answer a;
    json_t *o;

    client_call(f->port, method, path, "", json, &a);
    if (a.status != status)
        fail_msg("%s %s %s: %d, not %d: %.*s", method, path, json ? json : "", a.status, status,
                 (int)a.body.len, a.body.data);
    o = json_loadb(a.body.data, a.body.len, 0, NULL);
    assert_non_null(o);
    answer_release(&a);
    return o;
}

static json_t *post(struct fixture *f, const char *path, const char *json)
{
    return call(f, "POST", path, json, 200);
}

static const char *text_at(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));

    assert_non_null(text);
    return text;
}

static void assert_refused(struct fixture *f, const char *path, const char *json, int status,
                           const char *param, const char *message)
{
    json_t *o = call(f, "POST", path, json, status), *error = json_object_get(o, "error");

    assert_string_equal(text_at(error, "message"), message);
    if (param)
        assert_string_equal(text_at(error, "param"), param);
    else
        assert_true(json_is_null(json_object_get(error, "param")));
    json_decref(o);
}

/* A base64 file of one of our formats -> its picture. */
static struct image picture_of(const char *text)
{
    struct buf file;
    struct image img;

    buf_init(&file, 1 << 20);
    assert_int_equal(base64_decode(text, strlen(text), &file, NULL), 0);
    assert_int_equal(format_decode(file.data, file.len, 1 << 16, &img, NULL), 0);
    buf_release(&file);
    return img;
}

static const char *first_file(const json_t *o)
{
    return text_at(json_array_get(json_object_get(o, "images"), 0), "b64_json");
}

/* ---- /v1/generate ---- */

static void test_output_formats(void **state)
{
    static const char *const NAMES[] = { "png", "jpeg", "webp" };
    static const char *const STARTS[] = { "iVBOR", "/9j/", "UklGR" };
    struct fixture f;

    (void)state;
    open_default(&f);
    for (int i = 0; i < 3; i++) {
        char json[100];
        snprintf(json, sizeof json, "{\"prompt\":\"a\",\"output_format\":\"%s\"}", NAMES[i]);
        json_t *o = post(&f, "/v1/generate", json);
        struct image img = picture_of(first_file(o));
        assert_string_equal(text_at(o, "output_format"), NAMES[i]);
        assert_memory_equal(first_file(o), STARTS[i], strlen(STARTS[i]));
        assert_int_equal(img.w, FAKE_SIDE);
        image_release(&img);
        json_decref(o);
    }
    fixture_close(&f);
}

static void test_accept_chooses(void **state)
{
    static const struct {
        const char *accept, *json, *type;
    } CASES[] = {
        { "image/jpeg", "{\"prompt\":\"a\"}", "image/jpeg" },
        { "image/webp", "{\"prompt\":\"a\",\"output_format\":\"jpeg\"}", "image/webp" },
        { "image/*", "{\"prompt\":\"a\",\"output_format\":\"jpeg\"}", "image/jpeg" },
        { "image/*", "{\"prompt\":\"a\"}", "image/png" },
        { "image/png;q=0.5, image/webp;q=0.9", "{\"prompt\":\"a\"}", "image/webp" },
        { "image/png, application/json", "{\"prompt\":\"a\"}", "application/json" },
        { "*/*", "{\"prompt\":\"a\"}", "application/json" },
        { "text/html", "{\"prompt\":\"a\"}", "application/json" },
    };
    struct fixture f;

    (void)state;
    open_default(&f);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct answer a;
        char header[100];
        snprintf(header, sizeof header, "Accept: %s\r\n", CASES[i].accept);
        client_call(f.port, "POST", "/v1/generate", header, CASES[i].json, &a);
        assert_int_equal(a.status, 200);
        assert_string_equal(answer_header(&a, "Content-Type"), CASES[i].type);
        answer_release(&a);
    }
    fixture_close(&f);
}

static void test_prompts_of_all_kinds(void **state)
{
    static const struct {
        const char *json;
        int images;
    } CASES[] = {
        { "{\"prompt\":[\"a\",\"b\",\"c\"],\"n\":2}", 6 },
        { "{\"embedding\":[1,2,3,4],\"embedding_of\":\"text\"}", 1 },
        { "{\"mix\":[{\"text\":\"a\"},{\"embedding\":[0,1,0,0],\"weight\":-0.5}]}", 1 },
        { "{\"prompt\":\"a\",\"negative_prompt\":\"b\",\"guidance_scale\":3,\"n\":2}", 2 },
    };
    struct fixture f;

    (void)state;
    open_default(&f);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        json_t *o = post(&f, "/v1/generate", CASES[i].json);
        assert_int_equal(json_array_size(json_object_get(o, "images")), CASES[i].images);
        json_decref(o);
    }
    fixture_close(&f);
}

/* What only the tokenizer or the device can tell still names its field. */
static void test_late_refusals(void **state)
{
    struct fixture f;

    (void)state;
    open_default(&f);
    assert_refused(&f, "/v1/generate", "{\"prompt\":\"!\"}", 400, "prompt",
                   "prompt: '!' has no token");
    assert_refused(&f, "/v1/generate", "{\"prompt\":[\"a\",\"!\"]}", 400, "prompt",
                   "prompt[1]: '!' has no token");
    assert_refused(&f, "/v1/generate",
                   "{\"prompt\":\"a\",\"negative_prompt\":\"!\",\"guidance_scale\":2}", 400,
                   "negative_prompt", "negative_prompt: '!' has no token");
    assert_refused(&f, "/v1/generate",
                   "{\"mix\":[{\"text\":\"a\"},{\"text\":\"a\",\"weight\":-1}]}", 400, NULL,
                   "mix: the parts cancel each other");
    assert_refused(&f, "/v1/generate", "{\"prompt\":\"a\",\"model\":\"b\"}", 404, "model",
                   "model: 'b' is not served here; fake is");
    fixture_close(&f);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_output_formats),
    cmocka_unit_test(test_accept_chooses),
    cmocka_unit_test(test_prompts_of_all_kinds),
    cmocka_unit_test(test_late_refusals),
};

TEST_MAIN(TESTS)
