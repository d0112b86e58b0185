#include "clients/body.h"

#include <jansson.h>
#include <string.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/format.h"
#include "base/json.h"
#include "base/num.h"

#define IMAGE_FILE_MAX ((size_t)64 << 20)
#define IMAGE_WEIGHT 0.5 /* beside a prompt, unless told otherwise */

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

static int add_text(json_t *o, const char *key, const char *text, struct err *e)
{
    if (text && json_object_set_new(o, key, json_string(text)))
        return err_set(e, ERR_INVALID, "%s: not UTF-8", key);
    return 0;
}

static int add_image(json_t *o, const char *path, struct err *e)
{
    struct buf bytes, text;
    int failed;

    if (!path)
        return 0;
    buf_init(&bytes, IMAGE_FILE_MAX);
    buf_init(&text, BODY_BYTES_MAX);
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

/* [{"text", "weight"}, {"image", "weight"}], of weight 1 together */
static int add_mix(json_t *r, const struct generate_options *o, struct err *e)
{
    json_t *words = json_object(), *picture = json_object();
    double weight = IMAGE_WEIGHT;
    int failed =
        (o->image_weight && num_parse_real(o->image_weight, "image-weight", 0, 1, &weight, e)) ||
        add_text(words, "text", o->prompt, e) || add_image(picture, o->image, e);

    json_object_set_new(words, "weight", json_real(1 - weight));
    json_object_set_new(picture, "weight", json_real(weight));
    json_object_set_new(r, "mix", json_pack("[o,o]", words, picture));
    return failed;
}

static int add_prompt(json_t *r, const struct generate_options *o, struct err *e)
{
    if (o->prompt && o->image)
        return add_mix(r, o, e);
    return add_text(r, "prompt", o->prompt, e) || add_image(r, o->image, e);
}

/* What --format says, or the ending of --output: "cat.jpg" is a JPEG. */
static int add_format(json_t *r, const struct generate_options *o, struct err *e)
{
    const char *dot = o->output ? strrchr(o->output, '.') : NULL;
    int format;

    if (o->format)
        return add_text(r, "output_format", o->format, e);
    if (dot && strcmp(dot, ".jpg") == 0)
        return add_text(r, "output_format", "jpeg", e);
    if (dot && num_parse_choice(dot + 1, "", FORMAT_CHOICES, &format, NULL) == 0)
        return add_text(r, "output_format", dot + 1, e);
    return 0;
}

static int add_fields(json_t *r, const struct generate_options *o, struct err *e)
{
    return add_prompt(r, o, e) || add_text(r, "negative_prompt", o->negative, e) ||
           add_format(r, o, e) || add_whole(r, "quality", o->quality, e) ||
           add_whole(r, "n", o->n, e) || add_whole(r, "candidates", o->candidates, e) ||
           add_whole(r, "seed", o->seed, e) || add_real(r, "temperature", o->temperature, e) ||
           add_whole(r, "top_k", o->top_k, e) || add_real(r, "top_p", o->top_p, e) ||
           add_real(r, "guidance_scale", o->guidance, e) ||
           add_text(r, "priority", o->priority, e) || add_whole(r, "timeout_ms", o->timeout_ms, e);
}

int body_make(const struct generate_options *o, struct buf *ret_body, struct err *e)
{
    json_t *r = json_object();
    int failed = add_fields(r, o, e);

    if (!failed) {
        json_append(r, JSON_COMPACT, ret_body);
        failed = buf_check(ret_body, e);
    }
    json_decref(r);
    return failed ? -1 : 0;
}
