/*
 * Reading a manifest. It is not trusted: each function takes one field, checks it, and names it in
 * its message.
 */
#include <jansson.h>
#include <string.h>

#include "base/mem.h"
#include "trainer/dataset_format.h"

/* Backgrounds nearer than this to an object's mean colour (RGB distance) hide it. */
enum { CONTRAST_MIN = 60 };

static int read_string(const json_t *json, const char *field, char **ret, struct err *e)
{
    const json_t *value = json_object_get(json, field);

    if (!json_is_string(value))
        return err_set(e, ERR_FORMAT, "%s: a string is wanted", field);
    *ret = mem_strdup(json_string_value(value));
    return *ret ? 0 : err_set(e, ERR_NOMEM, "%s: out of memory", field);
}

static int read_bool(const json_t *json, const char *field, bool *ret, struct err *e)
{
    const json_t *value = json_object_get(json, field);

    if (!json_is_boolean(value))
        return err_set(e, ERR_FORMAT, "%s: true or false is wanted", field);
    *ret = json_is_true(value);
    return 0;
}

/* *ret_n counts what is in *ret_list at any time, so that a half-read item can be released. */
static int read_strings(const json_t *json, const char *field, char ***ret_list, int *ret_n,
                        struct err *e)
{
    const json_t *array = json_object_get(json, field);
    size_t n = json_array_size(array);

    if (!json_is_array(array) || n > DATASET_KEYWORDS_MAX)
        return err_set(e, ERR_FORMAT, "%s: a list of at most %d strings is wanted", field,
                       DATASET_KEYWORDS_MAX);
    *ret_list = mem_alloc(n, sizeof **ret_list);
    if (!*ret_list)
        return err_set(e, ERR_NOMEM, "%s: out of memory", field);
    for (size_t i = 0; i < n; i++) {
        const char *s = json_string_value(json_array_get(array, i));
        char *copy = s ? mem_strdup(s) : NULL;
        if (!copy)
            return err_set(e, ERR_FORMAT, "%s: %zu is no string", field, i);
        (*ret_list)[(*ret_n)++] = copy;
    }
    return 0;
}

static int read_ints(const json_t *json, const char *field, int min, int max, int ret[3],
                     struct err *e)
{
    const json_t *array = json_object_get(json, field);

    for (size_t i = 0; i < 3; i++) {
        const json_t *value = json_array_get(array, i);
        json_int_t number = json_integer_value(value);
        if (!json_is_integer(value) || number < min || number > max)
            return err_set(e, ERR_FORMAT, "%s: three numbers in %d..%d are wanted", field, min,
                           max);
        ret[i] = (int)number;
    }
    return 0;
}

static int read_mean(const json_t *json, struct dataset_item *item, struct err *e)
{
    int rgb[3];

    if (read_ints(json, "mean_rgb", 0, 255, rgb, e))
        return -1;
    for (int c = 0; c < 3; c++)
        item->mean_rgb[c] = (uint8_t)rgb[c];
    return 0;
}

static int read_held_out_on(const json_t *json, struct dataset_item *item, struct err *e)
{
    const json_t *array = json_object_get(json, "held_out_on");

    if (!json_is_array(array))
        return err_set(e, ERR_FORMAT, "held_out_on: a list of backgrounds is wanted");
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *name = json_string_value(json_array_get(array, i));
        int background = dataset_background_find(name ? name : "");
        if (background < 0)
            return err_set(e, ERR_FORMAT, "held_out_on: %zu is no background", i);
        item->held_out_on |= (uint16_t)(1u << background);
    }
    return 0;
}

/* The picture is a view of the mapped file; its place is checked here, once. */
static int read_image(const json_t *json, const struct dataset *ds, struct dataset_item *item,
                      struct err *e)
{
    const json_t *offset = json_object_get(json, "offset");
    json_int_t at = json_integer_value(offset);
    size_t file = ds->pictures.size, bytes;
    int size[3];

    if (read_ints(json, "size", 1, DATASET_SIDE_MAX, size, e))
        return -1;
    if (size[2] != dataset_kinds[ds->kind].channels)
        return err_set(e, ERR_FORMAT, "size: %d channels, not %d", size[2],
                       dataset_kinds[ds->kind].channels);
    bytes = (size_t)size[0] * (size_t)size[1] * (size_t)size[2];
    if (!json_is_integer(offset) || at < 0 || (size_t)at > file || bytes > file - (size_t)at)
        return err_set(e, ERR_FORMAT, "offset: %zu bytes at %lld leave the file of %zu", bytes,
                       (long long)at, file);
    item->image = (struct image){ size[0], size[1], size[2], (uint8_t *)ds->pictures.data + at };
    return 0;
}

static void find_low_contrast(struct dataset_item *item)
{
    for (int b = 0; b < DATASET_BACKGROUNDS; b++) {
        int distance2 = 0;
        for (int c = 0; c < 3; c++) {
            int d = item->mean_rgb[c] - dataset_backgrounds[b].rgb[c];
            distance2 += d * d;
        }
        if (distance2 < CONTRAST_MIN * CONTRAST_MIN)
            item->low_contrast_on |= (uint16_t)(1u << b);
    }
}

static int read_item(const json_t *json, const struct dataset *ds, struct dataset_item *item,
                     struct err *e)
{
    if (read_string(json, "key", &item->key, e) || read_string(json, "name", &item->name, e) ||
        read_string(json, "group", &item->group, e) ||
        read_string(json, "subgroup", &item->subgroup, e) ||
        read_string(json, "source", &item->source, e) ||
        read_strings(json, "keywords", &item->keywords, &item->n_keywords, e) ||
        read_strings(json, "captions", &item->captions, &item->n_captions, e) ||
        read_bool(json, "flippable", &item->flippable, e) ||
        read_bool(json, "held_out_object", &item->held_out_object, e) || read_mean(json, item, e) ||
        read_held_out_on(json, item, e) || read_image(json, ds, item, e))
        return -1;
    find_low_contrast(item);
    return 0;
}

static int read_items(const json_t *array, struct dataset *ds, struct err *e)
{
    size_t n = json_array_size(array);

    if (!json_is_array(array) || n < 1 || n > DATASET_ITEMS_MAX)
        return err_set(e, ERR_FORMAT, "items: a list of 1..%d pictures is wanted",
                       DATASET_ITEMS_MAX);
    ds->item = mem_alloc(n, sizeof *ds->item);
    if (!ds->item)
        return err_set(e, ERR_NOMEM, "items: no memory for %zu", n);
    ds->n = (int)n; /* zeroed items are released like others */
    for (size_t i = 0; i < n; i++)
        if (read_item(json_array_get(array, i), ds, &ds->item[i], e))
            return err_prefix(e, "items[%zu]: ", i);
    return 0;
}

static int read_header(const json_t *json, struct dataset *ds, struct err *e)
{
    const char *format = json_string_value(json_object_get(json, "format"));
    const char *kind = json_string_value(json_object_get(json, "kind"));
    json_int_t version = json_integer_value(json_object_get(json, "version"));

    if (!format || strcmp(format, DATASET_FORMAT) != 0 || version != DATASET_VERSION)
        return err_set(e, ERR_FORMAT, "not a %s of version %d; build it with the data stage",
                       DATASET_FORMAT, DATASET_VERSION);
    for (int k = 0; kind && k < DATASET_KINDS; k++)
        if (strcmp(kind, dataset_kinds[k].name) == 0) {
            ds->kind = (enum dataset_kind)k;
            return 0;
        }
    return err_set(e, ERR_FORMAT, "kind: '%s' is not known", kind ? kind : "");
}

int dataset_read_manifest(const char *text, size_t n, struct dataset *ds, struct err *e)
{
    json_error_t where;
    json_t *json = json_loadb(text, n, 0, &where);
    int rc;

    if (!json)
        return err_set(e, ERR_FORMAT, "line %d: %s", where.line, where.text);
    rc = read_header(json, ds, e);
    if (!rc)
        rc = read_items(json_object_get(json, "items"), ds, e);
    json_decref(json);
    return rc;
}
