/*
 * Every endpoint through a socket, with a fake engine: what goes in, what comes out.
 */
#include "tests/test.h"

#include <jansson.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

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
    o = client_json(&a);
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

/* ---- CLIP ---- */

/* A picture of one colour as base64 in a buffer. */
static void grey(int shade, int side, struct buf *text)
{
    struct format_options o = { .format = FORMAT_PNG };
    struct image img;
    struct buf file;

    assert_int_equal(image_new(side, side, 3, &img, NULL), 0);
    memset(img.px, shade, (size_t)side * (size_t)side * 3);
    buf_init(&file, 1 << 20);
    buf_init(text, 1 << 20);
    assert_int_equal(format_encode(&img, &o, &file, NULL), 0);
    base64_encode(file.data, file.len, text);
    buf_release(&file);
    image_release(&img);
}

static double embedding_at(const json_t *o, size_t i, size_t k)
{
    json_t *data = json_array_get(json_object_get(o, "data"), i);

    assert_int_equal(json_integer_value(json_object_get(data, "index")), i);
    assert_string_equal(text_at(data, "object"), "embedding");
    return json_number_value(json_array_get(json_object_get(data, "embedding"), k));
}

/* Texts come first, then pictures; numbers and base64 say the same. */
static void test_embeddings(void **state)
{
    struct fixture f;
    struct buf picture, json, floats;
    json_t *o, *o64;
    const char *text;
    float back;

    (void)state;
    open_default(&f);
    grey(200, 20, &picture);
    buf_init(&json, 1 << 20);
    buf_printf(&json, "{\"images\":[\"%s\"],\"input\":[\"abc\",\"d\"]}", picture.data);
    o = post(&f, "/v1/embeddings", json.data);
    assert_string_equal(text_at(o, "object"), "list");
    assert_string_equal(text_at(o, "model"), "fake");
    assert_int_equal(json_array_size(json_object_get(o, "data")), 3);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(o, "usage"), "prompt_tokens")), 4 + 2);
    for (size_t i = 0; i < 3; i++) {
        double squares = 0;
        for (size_t k = 0; k < FAKE_EMBED; k++)
            squares += embedding_at(o, i, k) * embedding_at(o, i, k);
        assert_true(squares > 0.999 && squares < 1.001);
    }
    o64 = post(&f, "/v1/embeddings", "{\"input\":\"d\",\"encoding_format\":\"base64\"}");
    text = text_at(json_array_get(json_object_get(o64, "data"), 0), "embedding");
    buf_init(&floats, 100);
    assert_int_equal(base64_decode(text, strlen(text), &floats, NULL), 0);
    assert_int_equal(floats.len, FAKE_EMBED * sizeof back);
    memcpy(&back, floats.data, sizeof back);
    assert_true(back == (float)embedding_at(o, 1, 0));
    json_decref(o);
    json_decref(o64);
    buf_release(&picture);
    buf_release(&json);
    buf_release(&floats);
    fixture_close(&f);
}

static void test_rank(void **state)
{
    struct fixture f;
    struct buf a, b, json;
    json_t *o, *row, *scores, *order;

    (void)state;
    open_default(&f);
    grey(5, 8, &a);
    grey(250, 8, &b);
    buf_init(&json, 1 << 20);
    buf_printf(&json, "{\"texts\":[\"x\",\"y\"],\"images\":[\"%s\",\"%s\"]}", a.data, b.data);
    o = post(&f, "/v1/rank", json.data);
    assert_int_equal(json_array_size(json_object_get(o, "data")), 2);
    for (size_t i = 0; i < 2; i++) {
        row = json_array_get(json_object_get(o, "data"), i);
        scores = json_object_get(row, "scores");
        order = json_object_get(row, "order");
        size_t best = (size_t)json_integer_value(json_array_get(order, 0));
        assert_int_equal(json_integer_value(json_object_get(row, "text")), i);
        assert_int_equal(json_array_size(scores), 2);
        assert_true(json_number_value(json_array_get(scores, best)) >=
                    json_number_value(json_array_get(scores, 1 - best)));
    }
    json_decref(o);
    buf_release(&a);
    buf_release(&b);
    buf_release(&json);
    fixture_close(&f);
}

/* ---- tokens ---- */

static void test_encode_and_decode(void **state)
{
    struct fixture f;
    struct buf a, b, json;
    json_t *o, *tokens;
    struct image img;

    (void)state;
    open_default(&f);
    grey(77, 30, &a);
    grey(9, 8, &b);
    buf_init(&json, 1 << 20);
    buf_printf(&json, "{\"images\":[\"%s\",\"%s\"]}", a.data, b.data);
    o = post(&f, "/v1/encode", json.data);
    assert_int_equal(json_array_size(json_object_get(o, "data")), 2);
    tokens = json_object_get(json_array_get(json_object_get(o, "data"), 0), "tokens");
    assert_int_equal(json_array_size(tokens), 6);
    assert_int_equal(json_integer_value(json_array_get(tokens, 5)), 77);
    json_decref(o);
    buf_release(&a);
    buf_release(&b);
    buf_release(&json);

    o = post(&f, "/v1/decode",
             "{\"tokens\":[[1,2,3,4,5,6],[6,5,4,3,2,1]],\"output_format\":\"webp\"}");
    assert_int_equal(json_array_size(json_object_get(o, "images")), 2);
    assert_int_equal(json_object_size(json_array_get(json_object_get(o, "images"), 0)), 1);
    assert_null(json_object_get(o, "seed"));
    img = picture_of(first_file(o));
    assert_int_equal(img.w, FAKE_SIDE);
    image_release(&img);
    json_decref(o);
    fixture_close(&f);
}

static void test_decode_to_a_file(void **state)
{
    struct fixture f;
    struct answer a;
    struct image img;

    (void)state;
    open_default(&f);
    client_call(f.port, "POST", "/v1/decode", "Accept: image/png\r\n", "{\"tokens\":[1,2,3,4,5,6]}",
                &a);
    assert_int_equal(a.status, 200);
    assert_null(answer_header(&a, "X-Seed"));
    assert_int_equal(format_decode(a.body.data, a.body.len, 1000, &img, NULL), 0);
    image_release(&img);
    answer_release(&a);
    fixture_close(&f);
}

/* The engine's failure is the answer of every endpoint that uses it. */
static void test_device_failures(void **state)
{
    static const struct {
        const char *path, *json;
        enum fake_call call;
    } CASES[] = {
        { "/v1/embeddings", "{\"input\":\"a\"}", FAKE_EMBED_CALL },
        { "/v1/decode", "{\"tokens\":[1,2,3,4,5,6]}", FAKE_DECODE_CALL },
    };
    struct fixture f;

    (void)state;
    open_default(&f);
    atomic_store(&f.fake->fail_code, ERR_INTERNAL);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        atomic_store(&f.fake->fail, CASES[i].call);
        assert_refused(&f, CASES[i].path, CASES[i].json, 500, NULL,
                       "the fake engine was told to fail");
    }
    fixture_close(&f);
}

/* ---- OpenAI ---- */

static void test_generations(void **state)
{
    struct fixture f;
    json_t *o, *data, *usage;
    struct image img;

    (void)state;
    open_default(&f);
    o = post(&f, "/v1/images/generations", "{\"prompt\":\"abc\",\"n\":2,\"seed\":5}");
    data = json_object_get(o, "data");
    usage = json_object_get(o, "usage");
    assert_int_equal(json_array_size(data), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(data, 1), "seed")), 6);
    img = picture_of(text_at(json_array_get(data, 1), "b64_json"));
    image_release(&img);
    assert_string_equal(text_at(o, "size"), "8x8");
    assert_string_equal(text_at(o, "output_format"), "png");
    assert_int_equal(json_integer_value(json_object_get(usage, "input_tokens")), 4);
    assert_int_equal(json_integer_value(json_object_get(usage, "output_tokens")), 2 * 6);
    json_decref(o);
    o = post(&f, "/v1/images/generations",
             "{\"prompt\":\"abc\",\"response_format\":\"url\",\"output_format\":\"webp\"}");
    assert_memory_equal(text_at(json_array_get(json_object_get(o, "data"), 0), "url"),
                        "data:image/webp;base64,UklGR", 28);
    json_decref(o);
    assert_refused(&f, "/v1/images/generations", "{\"prompt\":\"a\",\"size\":\"x\"}", 400, "size",
                   "size: 'x' is neither auto nor like 512x512");
    fixture_close(&f);
}

/* A form of n bytes; the boundary is XX. */
static void post_form(struct fixture *f, const char *body, size_t n, struct answer *ret_answer)
{
    int fd = client_connect(f->port);
    struct buf b;

    buf_init(&b, 1 << 20);
    buf_printf(&b,
               "POST /v1/images/variations HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n"
               "Content-Type: multipart/form-data; boundary=XX\r\n\r\n",
               n);
    client_send(fd, b.data);
    client_send_bytes(fd, body, n);
    client_read(fd, false, ret_answer);
    buf_release(&b);
    close(fd);
}

static void test_variations(void **state)
{
    static const char HEAD[] = "--XX\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n2\r\n"
                               "--XX\r\nContent-Disposition: form-data; name=\"image\"; "
                               "filename=\"a.png\"\r\n\r\n";
    struct format_options png = { .format = FORMAT_PNG };
    struct fixture f;
    struct image img;
    struct buf body;
    struct answer a;

    (void)state;
    open_default(&f);
    assert_int_equal(image_new(30, 20, 3, &img, NULL), 0);
    buf_init(&body, 1 << 20);
    buf_puts(&body, HEAD);
    assert_int_equal(format_encode(&img, &png, &body, NULL), 0);
    buf_puts(&body, "\r\n--XX--\r\n");
    post_form(&f, body.data, body.len, &a);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body.data, "\"b64_json\""));
    answer_release(&a);
    post_form(&f, HEAD, sizeof HEAD - 1, &a);
    assert_int_equal(a.status, 400);
    assert_non_null(strstr(a.body.data, "body: it ends inside of part 1"));
    answer_release(&a);
    client_call(f.port, "POST", "/v1/images/variations", "", "{}", &a);
    assert_int_equal(a.status, 415);
    assert_non_null(strstr(a.body.data, "Content-Type must be multipart/form-data (curl -F)"));
    answer_release(&a);
    image_release(&img);
    buf_release(&body);
    fixture_close(&f);
}

/* ---- AUTOMATIC1111 ---- */

/* What front ends send by default, much of which has no meaning here. */
static void test_txt2img(void **state)
{
    struct fixture f;
    json_t *o, *info;
    struct image img;

    (void)state;
    open_default(&f);
    o = post(&f, "/sdapi/v1/txt2img",
             "{\"prompt\":\"abc\",\"negative_prompt\":\"\",\"seed\":5,\"subseed\":-1,\"steps\":20,"
             "\"cfg_scale\":1,\"batch_size\":2,\"n_iter\":2,\"width\":512,\"height\":512,"
             "\"sampler_name\":\"Euler a\",\"override_settings\":{\"sd_model_checkpoint\":\"fake\","
             "\"CLIP_stop_at_last_layers\":2},\"alwayson_scripts\":{},\"send_images\":true}");
    assert_int_equal(json_array_size(json_object_get(o, "images")), 4);
    img = picture_of(json_string_value(json_array_get(json_object_get(o, "images"), 3)));
    image_release(&img);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "parameters"), "seed")),
                     5);
    info = json_loads(text_at(o, "info"), 0, NULL);
    assert_non_null(info);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(info, "all_seeds"), 3)), 8);
    assert_memory_equal(json_string_value(json_array_get(json_object_get(info, "infotexts"), 0)),
                        "abc\nSteps: 6,", 13);
    json_decref(info);
    json_decref(o);
    assert_refused(&f, "/sdapi/v1/txt2img", "{\"prompt\":\"a\",\"batch_size\":5,\"n_iter\":4}", 400,
                   "batch_size", "batch_size: 5 times n_iter 4 are 20 pictures, more than 16");
    assert_refused(&f, "/sdapi/v1/txt2img", "{\"prompt\":\"a\",\"cfg_scale\":30}", 400, "cfg_scale",
                   "cfg_scale: 30 is outside 1..20");
    assert_refused(&f, "/sdapi/v1/txt2img",
                   "{\"prompt\":\"a\",\"override_settings\":{\"sd_model_checkpoint\":\"v1-5\"}}",
                   404, "model", "model: 'v1-5' is not served here; fake is");
    fixture_close(&f);
}

struct post_in_thread {
    struct fixture *f;
    struct answer a;
};

static void *post_txt2img(void *arg)
{
    struct post_in_thread *p = arg;

    client_call(p->f->port, "POST", "/sdapi/v1/txt2img", "", "{\"prompt\":\"a\",\"seed\":-1}",
                &p->a);
    return NULL;
}

/* The client sees how far its job is, and can stop it; then its answer has no pictures. */
static void test_progress_and_interrupt(void **state)
{
    struct fixture f;
    struct post_in_thread p = { .f = &f };
    pthread_t thread;
    json_t *o;

    (void)state;
    open_default(&f);
    o = call(&f, "GET", "/sdapi/v1/progress", NULL, 200);
    assert_true(json_real_value(json_object_get(o, "progress")) == 0);
    json_decref(o);
    json_decref(call(&f, "POST", "/sdapi/v1/interrupt", NULL, 200)); /* nothing to stop */
    atomic_store(&f.fake->hold, FAKE_STEP_CALL);
    pthread_create(&thread, NULL, post_txt2img, &p);
    wait_for_held(&f, FAKE_STEP_CALL);
    o = call(&f, "GET", "/sdapi/v1/progress", NULL, 200);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "state"), "job_count")),
                     1);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(o, "state"), "sampling_steps")), 6);
    json_decref(o);
    json_decref(call(&f, "POST", "/sdapi/v1/interrupt", NULL, 200));
    atomic_store(&f.fake->hold, FAKE_NONE);
    pthread_join(thread, NULL);
    assert_int_equal(p.a.status, 200);
    o = client_json(&p.a);
    assert_int_equal(json_array_size(json_object_get(o, "images")), 0);
    json_decref(o);
    answer_release(&p.a);
    fixture_close(&f);
}

static void test_sd_lists(void **state)
{
    struct fixture f;
    json_t *o;

    (void)state;
    open_default(&f);
    o = call(&f, "GET", "/sdapi/v1/sd-models", NULL, 200);
    assert_string_equal(text_at(json_array_get(o, 0), "model_name"), "fake");
    json_decref(o);
    o = call(&f, "GET", "/sdapi/v1/samplers", NULL, 200);
    assert_int_equal(json_array_size(o), 1);
    json_decref(o);
    o = call(&f, "GET", "/sdapi/v1/options", NULL, 200);
    assert_string_equal(text_at(o, "sd_model_checkpoint"), "fake");
    json_decref(o);
    assert_refused(&f, "/sdapi/v1/options", "{\"sd_model_checkpoint\":\"v1-5\"}", 404,
                   "sd_model_checkpoint", "model: 'v1-5' is not served here; fake is");
    assert_refused(&f, "/sdapi/v1/options", "{\"sd_model_checkpoint\":5}", 400,
                   "sd_model_checkpoint",
                   "sd_model_checkpoint: a string is expected, not a number");
    fixture_close(&f);
}

static void test_sd_options_are_taken(void **state)
{
    struct fixture f;
    struct answer a;

    (void)state;
    open_default(&f);
    client_call(f.port, "POST", "/sdapi/v1/options", "",
                "{\"sd_model_checkpoint\":\"fake\",\"samples_format\":\"png\"}", &a);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body.data, "\"sd_model_checkpoint\":\"fake\""));
    answer_release(&a);
    fixture_close(&f);
}

/* ---- what there is ---- */

/* The page is there, may load nothing but its own, and can be turned off. */
static void test_web_page(void **state)
{
    static const struct {
        const char *path, *type, *word;
    } FILES[] = {
        { "/", "text/html; charset=utf-8", "<title>clipgen</title>" },
        { "/style.css", "text/css; charset=utf-8", "#gallery" },
        { "/app.js", "text/javascript; charset=utf-8", "v1/generate" },
        { "/events.js", "text/javascript; charset=utf-8", "export async function* events" },
    };
    struct fixture f;
    struct answer a;

    (void)state;
    open_default(&f);
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        client_get(f.port, FILES[i].path, &a);
        assert_int_equal(a.status, 200);
        assert_string_equal(answer_header(&a, "Content-Type"), FILES[i].type);
        assert_memory_equal(answer_header(&a, "Content-Security-Policy"), "default-src 'none';",
                            19);
        assert_string_equal(answer_header(&a, "X-Content-Type-Options"), "nosniff");
        assert_non_null(strstr(a.body.data, FILES[i].word));
        answer_release(&a);
    }
    f.app.web_page = false;
    client_get(f.port, "/", &a);
    assert_int_equal(a.status, 404);
    answer_release(&a);
    fixture_close(&f);
}

static void test_models(void **state)
{
    struct fixture f;
    json_t *o;

    (void)state;
    open_default(&f);
    o = call(&f, "GET", "/v1/models/fake", NULL, 200);
    assert_string_equal(text_at(o, "id"), "fake");
    assert_string_equal(text_at(o, "owned_by"), "clipgen");
    assert_int_equal(json_integer_value(json_object_get(o, "width")), FAKE_SIDE);
    json_decref(o);
    o = call(&f, "GET", "/v1/models/dall-e-2", NULL, 404);
    assert_string_equal(text_at(json_object_get(o, "error"), "message"),
                        "model: 'dall-e-2' is not served here; fake is");
    json_decref(o);
    o = call(&f, "GET",
             "/v1/models/1234567890123456789012345678901234567890123456789012345678901234", NULL,
             404); /* one letter more than a name may have */
    json_decref(o);
    fixture_close(&f);
}

static void test_capabilities(void **state)
{
    static const struct {
        const char *name;
        int value;
    } LIMITS[] = {
        { "body_bytes", 1 << 20 },
        { "queue_pictures", 64 },
        { "image_pixels", 1 << 16 },
        { "header_bytes", 1 << 16 },
        { "jobs", 8 },
        { "jobs_ttl_ms", 100000 },
        { "connections", 64 },
        { "header_timeout_ms", 20000 },
        { "body_timeout_ms", 20000 },
        { "write_timeout_ms", 20000 },
        { "json_depth", 8 },
        { "request_id_bytes", 63 },
        { "idempotency_key_bytes", 255 },
    };
    struct fixture f;
    json_t *o, *limits, *field;

    (void)state;
    open_default(&f);
    o = call(&f, "GET", "/v1/capabilities", NULL, 200);
    limits = json_object_get(o, "limits");
    for (size_t i = 0; i < sizeof LIMITS / sizeof LIMITS[0]; i++)
        assert_int_equal(json_integer_value(json_object_get(limits, LIMITS[i].name)),
                         LIMITS[i].value);
    assert_int_equal(json_array_size(json_object_get(o, "output_formats")), 3);
    field = json_object_get(json_object_get(json_object_get(o, "endpoints"), "/v1/generate"),
                            "guidance_scale");
    assert_int_equal((int)json_number_value(json_object_get(field, "max")), 20);
    field =
        json_object_get(json_object_get(json_object_get(o, "endpoints"), "/v1/decode"), "priority");
    assert_int_equal(json_array_size(json_object_get(field, "choices")), 3);
    json_decref(o);
    fixture_close(&f);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_output_formats),
    cmocka_unit_test(test_accept_chooses),
    cmocka_unit_test(test_prompts_of_all_kinds),
    cmocka_unit_test(test_late_refusals),
    cmocka_unit_test(test_embeddings),
    cmocka_unit_test(test_rank),
    cmocka_unit_test(test_encode_and_decode),
    cmocka_unit_test(test_decode_to_a_file),
    cmocka_unit_test(test_device_failures),
    cmocka_unit_test(test_generations),
    cmocka_unit_test(test_variations),
    cmocka_unit_test(test_txt2img),
    cmocka_unit_test(test_progress_and_interrupt),
    cmocka_unit_test(test_sd_lists),
    cmocka_unit_test(test_sd_options_are_taken),
    cmocka_unit_test(test_web_page),
    cmocka_unit_test(test_models),
    cmocka_unit_test(test_capabilities),
};

TEST_MAIN(TESTS)
