#include "clients/generate.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/num.h"
#include "clients/spinner.h"
#include "clients/web.h"

#define IMAGE_FILE_MAX ((size_t)64 << 20)
#define PATH_MAX_BYTES 4096
#define NAME_BYTES 60 /* of a prompt, for a file's name */
#define NAME_MAX_BYTES (NAME_BYTES + 16)

/* ---- the request ---- */

/* Limits are the daemon's business; here only what JSON needs: is it a number? */
static int add_whole(json_t *o, const char *key, const char *text, struct err *e)
{
    int64_t value;

    if (!text)
        return 0;
    if (num_parse_int(text, key, INT64_MIN, INT64_MAX, &value, e))
        return -1;
    return json_object_set_new(o, key, json_integer(value));
}

static int add_real(json_t *o, const char *key, const char *text, struct err *e)
{
    double value;

    if (!text)
        return 0;
    if (num_parse_real(text, key, -1e9, 1e9, &value, e))
        return -1;
    return json_object_set_new(o, key, json_real(value));
}

static int add_prompt(json_t *o, const char *prompt, struct err *e)
{
    if (prompt && json_object_set_new(o, "prompt", json_string(prompt)))
        return err_set(e, ERR_INVALID, "the prompt is not UTF-8");
    return 0;
}

static int add_image(json_t *o, const char *path, struct err *e)
{
    struct buf bytes, text;
    int failed;

    if (!path)
        return 0;
    buf_init(&bytes, IMAGE_FILE_MAX);
    buf_init(&text, 2 * IMAGE_FILE_MAX);
    failed = file_read(path, IMAGE_FILE_MAX, &bytes, e);
    if (!failed) {
        base64_encode(bytes.data, bytes.len, &text);
        failed =
            buf_check(&text, e) ||
            json_object_set_new(o, "image", json_stringn(text.data ? text.data : "", text.len));
    }
    buf_release(&bytes);
    buf_release(&text);
    return failed;
}

static int add_fields(json_t *r, const struct generate_options *o, struct err *e)
{
    return add_prompt(r, o->prompt, e) || add_image(r, o->image, e) || add_whole(r, "n", o->n, e) ||
           add_whole(r, "candidates", o->candidates, e) || add_whole(r, "seed", o->seed, e) ||
           add_real(r, "temperature", o->temperature, e) || add_whole(r, "top_k", o->top_k, e) ||
           add_real(r, "top_p", o->top_p, e) || add_real(r, "guidance_scale", o->guidance, e);
}

static int dump_to_buf(const char *text, size_t n, void *buf)
{
    buf_append(buf, text, n);
    return 0;
}

/* -> JSON text in ret (initialised). */
static int make_request(const struct generate_options *o, struct buf *ret, struct err *e)
{
    json_t *r = json_object();
    int failed = add_fields(r, o, e);

    if (!failed) {
        json_dump_callback(r, dump_to_buf, ret, JSON_COMPACT);
        failed = buf_check(ret, e);
    }
    json_decref(r);
    return failed ? -1 : 0;
}

/* ---- the files ---- */

/* "A cat, sleeping" -> "a-cat-sleeping.png" */
static void name_from_prompt(const char *prompt, char name[NAME_MAX_BYTES])
{
    size_t n = 0;

    for (; *prompt && n < NAME_BYTES; prompt++) {
        unsigned char c = (unsigned char)*prompt;
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
        if (c >= 'A' && c <= 'Z')
            name[n++] = (char)(c - 'A' + 'a');
        else if (plain)
            name[n++] = (char)c;
        else if (n && name[n - 1] != '-')
            name[n++] = '-';
    }
    while (n && name[n - 1] == '-')
        n--;
    snprintf(name + n, NAME_MAX_BYTES - NAME_BYTES, "%s.png", n ? "" : "picture");
}

/* "cat.png" for one picture, "cat-1.png", "cat-2.png" for several. */
static int file_name(const char *output, size_t i, size_t n, char path[PATH_MAX_BYTES],
                     struct err *e)
{
    const char *slash = strrchr(output, '/');
    const char *dot = strrchr(slash ? slash : output, '.');
    int stem = dot ? (int)(dot - output) : (int)strlen(output);
    int length =
        n == 1 ? snprintf(path, PATH_MAX_BYTES, "%s", output)
               : snprintf(path, PATH_MAX_BYTES, "%.*s-%zu%s", stem, output, i + 1, dot ? dot : "");

    return length < PATH_MAX_BYTES ? 0 : err_set(e, ERR_INVALID, "--output: the name is too long");
}

static int write_picture(const json_t *picture, const char *path, struct err *e)
{
    const char *text = json_string_value(json_object_get(picture, "b64_json"));
    struct buf png;
    int failed;

    if (!text)
        return err_set(e, ERR_FORMAT, "the answer has no picture; is this clipgend?");
    buf_init(&png, IMAGE_FILE_MAX);
    failed = base64_decode(text, strlen(text), &png, e) ? err_prefix(e, "the answer's picture: ")
                                                        : file_write(path, png.data, png.len, e);
    buf_release(&png);
    if (failed)
        return -1;
    printf("%s  seed %" JSON_INTEGER_FORMAT "  score %.3f\n", path,
           json_integer_value(json_object_get(picture, "seed")),
           json_real_value(json_object_get(picture, "score")));
    return 0;
}

static int write_pictures(const json_t *answer, const char *output, struct err *e)
{
    const json_t *images = json_object_get(answer, "images");
    char path[PATH_MAX_BYTES];

    for (size_t i = 0; i < json_array_size(images); i++)
        if (file_name(output, i, json_array_size(images), path, e) ||
            write_picture(json_array_get(images, i), path, e))
            return -1;
    return 0;
}

/* The daemon's answer, with a spinner while it draws. */
static int ask(const struct generate_options *o, json_t **ret_answer, struct err *e)
{
    struct spinner spinner;
    struct web_tick tick = { spinner_turn, &spinner };
    struct buf request;
    int failed;

    buf_init(&request, 2 * IMAGE_FILE_MAX);
    failed = make_request(o, &request, e);
    if (!failed) {
        spinner_start(&spinner, "drawing");
        failed = web_call(o->server, "/v1/generate", request.data, 0, tick, ret_answer, e);
        spinner_stop(&spinner);
    }
    buf_release(&request);
    return failed;
}

int generate(const struct generate_options *o, struct err *e)
{
    char name[NAME_MAX_BYTES];
    json_t *answer;
    int failed;

    if (ask(o, &answer, e))
        return -1;
    name_from_prompt(o->prompt ? o->prompt : "", name);
    failed = write_pictures(answer, o->output ? o->output : name, e);
    json_decref(answer);
    return failed;
}
