#include "trainer/dataset_out.h"

#include <errno.h>
#include <jansson.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "trainer/dataset_format.h"
#include "trainer/split.h"

struct dataset_out {
    enum dataset_kind kind;
    struct file_out pictures;
    char *manifest_path;
    json_t *manifest, *items, *groups; /* items and groups belong to the manifest */
    int n_held_out_objects, n_held_out_combinations;
};

/* --- JSON of one picture --- */

/* Mean colour, weighted by opacity; gray where nothing is opaque. */
static void mean_colour(const struct image *img, uint8_t ret_rgb[3])
{
    uint64_t sum[3] = { 0 }, weight = 0;
    const uint8_t *px = img->px, *end = px + (size_t)img->h * image_row_bytes(img);

    for (; px < end; px += img->channels) {
        unsigned alpha = img->channels == 4 ? px[3] : 255;
        weight += alpha;
        for (int c = 0; c < 3; c++)
            sum[c] += (uint64_t)px[c] * alpha;
    }
    for (int c = 0; c < 3; c++)
        ret_rgb[c] = weight ? (uint8_t)((sum[c] + weight / 2) / weight) : 128;
}

static json_t *json_strings(char *const *list, int n)
{
    json_t *array = json_array();

    for (int i = 0; i < n; i++)
        if (json_array_append_new(array, json_string(list[i]))) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *json_backgrounds(uint16_t bits)
{
    json_t *array = json_array();

    for (int b = 0; b < DATASET_BACKGROUNDS; b++)
        if (bits >> b & 1)
            json_array_append_new(array, json_string(dataset_backgrounds[b].name));
    return array;
}

static json_t *describe(const struct dataset_out *out, const struct dataset_item *item)
{
    const struct image *img = &item->image;
    uint16_t held_out_on = out->kind == DATASET_EMOJI ? split_backgrounds_held_out(item->key) : 0;
    uint8_t mean[3];

    mean_colour(img, mean);
    return json_pack("{ss ss ss ss ss so so sb s[iii] sb so s[iii] sI}", "key", item->key, "name",
                     item->name, "group", item->group, "subgroup", item->subgroup, "source",
                     item->source, "keywords", json_strings(item->keywords, item->n_keywords),
                     "captions", json_strings(item->captions, item->n_captions), "flippable",
                     item->flippable, "mean_rgb", mean[0], mean[1], mean[2], "held_out_object",
                     split_object_held_out(item->key), "held_out_on", json_backgrounds(held_out_on),
                     "size", img->w, img->h, img->channels, "offset",
                     (json_int_t)out->pictures.written);
}

/* --- the set --- */

static json_t *describe_sources(const struct dataset_source *sources, int n)
{
    json_t *array = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(array, json_pack("{ss ss ss ss}", "package", sources[i].package,
                                               "version", sources[i].version, "file",
                                               sources[i].file, "licence", sources[i].licence));
    return array;
}

static int start_manifest(struct dataset_out *out, const struct dataset_source *sources, int n,
                          struct err *e)
{
    out->manifest =
        json_pack("{ss si ss so}", "format", DATASET_FORMAT, "version", DATASET_VERSION, "kind",
                  dataset_kinds[out->kind].name, "sources", describe_sources(sources, n));
    out->items = json_array();
    out->groups = json_object();
    if (!out->manifest || !out->items || !out->groups)
        return err_set(e, ERR_NOMEM, "no memory for a manifest, or a path that is not UTF-8");
    return 0;
}

static int open_files(struct dataset_out *out, const char *dir, struct err *e)
{
    char *pictures;
    int rc;

    if (file_make_dirs(dir, e))
        return -1;
    pictures = file_join(dir, DATASET_PICTURES);
    out->manifest_path = file_join(dir, DATASET_MANIFEST);
    if (!pictures || !out->manifest_path)
        rc = err_set(e, ERR_NOMEM, "no memory for a path");
    else
        rc = file_out_open(&out->pictures, pictures, e);
    mem_free(pictures);
    return rc;
}

int dataset_out_open(const char *dir, enum dataset_kind kind, const struct dataset_source *sources,
                     int n_sources, struct dataset_out **ret_out, struct err *e)
{
    struct dataset_out *out = mem_alloc(1, sizeof *out);

    if (!out)
        return err_set(e, ERR_NOMEM, "no memory for a data set");
    out->kind = kind;
    out->pictures.fd = -1;
    if (start_manifest(out, sources, n_sources, e) || open_files(out, dir, e)) {
        dataset_out_close(out);
        return -1;
    }
    *ret_out = out;
    return 0;
}

static int check_picture(const struct dataset_out *out, const struct image *img, struct err *e)
{
    int channels = dataset_kinds[out->kind].channels;

    if (img->channels != channels || img->w > DATASET_SIDE_MAX || img->h > DATASET_SIDE_MAX)
        return err_set(e, ERR_INVALID,
                       "picture: %d x %d with %d channels; wanted: %d channels, sides up to %d",
                       img->w, img->h, img->channels, channels, DATASET_SIDE_MAX);
    if (json_array_size(out->items) >= DATASET_ITEMS_MAX)
        return err_set(e, ERR_TOO_LARGE, "more than %d pictures", DATASET_ITEMS_MAX);
    return 0;
}

/* The counts that the manifest ends with. */
static void count(struct dataset_out *out, const struct dataset_item *item, const json_t *json)
{
    json_int_t in_group = json_integer_value(json_object_get(out->groups, item->group));

    json_object_set_new(out->groups, item->group, json_integer(in_group + 1));
    if (json_is_true(json_object_get(json, "held_out_object")))
        out->n_held_out_objects++;
    else
        out->n_held_out_combinations += (int)json_array_size(json_object_get(json, "held_out_on"));
}

int dataset_out_add(struct dataset_out *out, const struct dataset_item *item, struct err *e)
{
    const struct image *img = &item->image;
    json_t *json;

    if (check_picture(out, img, e))
        return -1;
    json = describe(out, item);
    if (!json || json_array_append(out->items, json)) {
        json_decref(json);
        return err_set(e, ERR_INVALID, "a name, keyword or caption is not UTF-8");
    }
    count(out, item, json);
    json_decref(json);
    file_out_write(&out->pictures, img->px, (size_t)img->h * image_row_bytes(img));
    return 0;
}

static json_t *describe_counts(const struct dataset_out *out)
{
    return json_pack("{sI sI sO si si}", "pictures", (json_int_t)json_array_size(out->items),
                     "bytes", (json_int_t)out->pictures.written, "groups", out->groups,
                     "held_out_objects", out->n_held_out_objects, "held_out_combinations",
                     out->n_held_out_combinations);
}

static int write_manifest(struct dataset_out *out, struct err *e)
{
    struct buf text;
    int rc;

    if (json_object_set_new(out->manifest, "counts", describe_counts(out)) ||
        json_object_set(out->manifest, "items", out->items))
        return err_set(e, ERR_NOMEM, "no memory for the manifest");
    buf_init(&text, DATASET_MANIFEST_MAX);
    json_append(out->manifest, JSON_INDENT(1), &text);
    rc = buf_check(&text, e);
    if (!rc)
        rc = file_write(out->manifest_path, text.data, text.len, e);
    buf_release(&text);
    return rc;
}

/* A directory with a manifest is whole: an old one goes first, the new one comes last. */
int dataset_out_commit(struct dataset_out *out, struct err *e)
{
    if (json_array_size(out->items) == 0)
        return err_set(e, ERR_INVALID, "not one picture");
    if (unlink(out->manifest_path) && errno != ENOENT)
        return err_errno(e, out->manifest_path);
    if (file_out_commit(&out->pictures, e))
        return -1;
    return write_manifest(out, e);
}

void dataset_out_close(struct dataset_out *out)
{
    if (!out)
        return;
    file_out_abort(&out->pictures);
    json_decref(out->manifest);
    json_decref(out->items);
    json_decref(out->groups);
    mem_free(out->manifest_path);
    mem_free(out);
}
