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
#include "clients/body.h"
#include "clients/spinner.h"
#include "clients/web.h"

#define FILE_BYTES_MAX ((size_t)64 << 20)
#define PATH_MAX_BYTES 4096
#define NAME_BYTES 60 /* of a prompt, for a file's name */
#define NAME_MAX_BYTES (NAME_BYTES + 16)

/* "A cat, sleeping" -> "a-cat-sleeping.png" */
static void name_from_prompt(const char *prompt, const char *format, char name[NAME_MAX_BYTES])
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
    snprintf(name + n, NAME_MAX_BYTES - NAME_BYTES, "%s.%.7s", n ? "" : "picture", format);
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
    buf_init(&png, FILE_BYTES_MAX);
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

    buf_init(&request, BODY_BYTES_MAX);
    failed = body_make(o, &request, e);
    if (!failed) {
        spinner_start(&spinner, "drawing");
        failed = web_call(
            &(struct web_request){
                .server = o->server, .path = "/v1/generate", .body = request.data, .tick = tick },
            ret_answer, e);
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
    name_from_prompt(o->prompt ? o->prompt : "", o->format ? o->format : "png", name);
    failed = write_pictures(answer, o->output ? o->output : name, e);
    json_decref(answer);
    return failed;
}
