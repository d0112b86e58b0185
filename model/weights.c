/*
 * Opening a safetensors file. The header comes from outside: nothing in it is used before it has
 * been checked, and the tensors must tile the data exactly (no overlap, no byte without an owner),
 * as the format's reference reader demands.
 */
#include "model/weights.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "model/weights_dtype.h"

#define METADATA "__metadata__"
#define LENGTH_BYTES 8

struct weights {
    struct file_map map;       /* empty when the bytes are the caller's */
    json_t *header;            /* owns the names */
    enum weights_dtype blocks; /* what U8 tensors are: W_U8, W_Q8_0 or W_Q4_0 */
    int n;
    struct weights_entry *entry;          /* [n] in file order */
    const struct weights_entry **by_name; /* [n] sorted */
};

int64_t weights_entry_count(const struct weights_entry *entry)
{
    int64_t n = 1;

    for (int i = 0; i < entry->n_dims; i++)
        n *= entry->dim[i];
    return n;
}

/* ---- one entry ---- */

static int read_dtype(struct weights_entry *t, const json_t *j, struct err *e)
{
    const char *name = json_string_value(j);

    if (!name)
        return err_set(e, ERR_FORMAT, "dtype is missing or no string");
    if (weights_dtype_find(name, &t->dtype))
        return 0;
    return err_set(e, ERR_UNSUPPORTED,
                   "dtype '%.16s' is none of F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL",
                   name);
}

/* Fills dims and bytes. Sizes beside a zero are counted too: strides are products of them. */
static int read_shape(struct weights_entry *t, const json_t *j, struct err *e)
{
    size_t n = json_array_size(j), bytes;
    bool empty = false;

    if (!json_is_array(j))
        return err_set(e, ERR_FORMAT, "shape is missing or no list");
    if (n > WEIGHTS_DIMS_MAX)
        return err_set(e, ERR_FORMAT, "shape has %zu dimensions, at most %d are allowed", n,
                       WEIGHTS_DIMS_MAX);
    t->n_dims = (int)n;
    bytes = weights_dtype_size(t->dtype);
    for (size_t i = 0; i < n; i++) {
        const json_t *d = json_array_get(j, i);
        if (!json_is_integer(d) || json_integer_value(d) < 0)
            return err_set(e, ERR_FORMAT, "dimension %zu of the shape is no size", i);
        t->dim[i] = json_integer_value(d);
        empty |= t->dim[i] == 0;
        if (!num_mul(bytes, t->dim[i] ? (size_t)t->dim[i] : 1, &bytes) || bytes > INT64_MAX)
            return err_set(e, ERR_FORMAT, "shape has more bytes than 64 bits can count");
    }
    t->bytes = empty ? 0 : bytes;
    return 0;
}

static int read_offsets(struct weights_entry *t, const json_t *j, const unsigned char *data,
                        size_t size, struct err *e)
{
    const json_t *jb = json_array_get(j, 0), *je = json_array_get(j, 1);
    json_int_t begin = json_integer_value(jb), end = json_integer_value(je);

    if (json_array_size(j) != 2 || !json_is_integer(jb) || !json_is_integer(je))
        return err_set(e, ERR_FORMAT, "data_offsets is missing or no list of two whole numbers");
    if (begin < 0 || end < begin || (uint64_t)end > size)
        return err_set(e, ERR_FORMAT, "data_offsets %lld..%lld are outside the data, 0..%zu",
                       (long long)begin, (long long)end, size);
    if ((uint64_t)(end - begin) != t->bytes)
        return err_set(e, ERR_FORMAT, "data_offsets span %lld bytes, dtype and shape need %zu",
                       (long long)(end - begin), t->bytes);
    t->data = data + begin;
    return 0;
}

static int read_entry(const struct weights *w, struct weights_entry *t, const char *name,
                      const json_t *j, const unsigned char *data, size_t size, struct err *e)
{
    t->name = name;
    if (read_dtype(t, json_object_get(j, "dtype"), e) ||
        read_shape(t, json_object_get(j, "shape"), e) ||
        read_offsets(t, json_object_get(j, "data_offsets"), data, size, e) ||
        (t->dtype == W_U8 && w->blocks != W_U8 && weights_blocks_in(w->blocks, t, e)))
        return err_prefix(e, "tensor %.96s: ", name);
    return 0;
}

/* ---- all entries ---- */

static int compare_names(const void *a, const void *b)
{
    const struct weights_entry *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static int compare_places(const void *a, const void *b)
{
    const struct weights_entry *x = *(const struct weights_entry *const *)a;
    const struct weights_entry *y = *(const struct weights_entry *const *)b;

    if (x->data != y->data)
        return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes); /* an empty tensor comes first */
}

/* Sorted by place, every tensor must begin where the one before it ends. */
static int check_tiling(const struct weights *w, const unsigned char *data, size_t size,
                        struct err *e)
{
    size_t end = 0;

    qsort(w->by_name, (size_t)w->n, sizeof *w->by_name, compare_places);
    for (int i = 0; i < w->n; i++) {
        const struct weights_entry *t = w->by_name[i];
        size_t begin = (size_t)((const unsigned char *)t->data - data);
        if (begin < end)
            return err_set(e, ERR_FORMAT, "tensors %.64s and %.64s overlap at byte %zu",
                           w->by_name[i - 1]->name, t->name, begin);
        if (begin > end)
            return err_set(e, ERR_FORMAT, "bytes %zu..%zu before tensor %.96s belong to none", end,
                           begin, t->name);
        end = begin + t->bytes;
    }
    if (end != size)
        return err_set(e, ERR_FORMAT, "bytes %zu..%zu after the last tensor belong to none", end,
                       size);
    return 0;
}

static int check_metadata(json_t *meta, struct err *e)
{
    const char *key;
    json_t *value;

    if (meta && !json_is_object(meta))
        return err_set(e, ERR_FORMAT, METADATA " is no object");
    json_object_foreach (meta, key, value)
        if (!json_is_string(value))
            return err_set(e, ERR_FORMAT, METADATA ": %.96s is no string", key);
    return 0;
}

static int read_entries(struct weights *w, const unsigned char *data, size_t size, struct err *e)
{
    const char *name;
    json_t *j;

    w->entry = mem_alloc(json_object_size(w->header) + 1, sizeof *w->entry);
    w->by_name = mem_alloc(json_object_size(w->header) + 1, sizeof *w->by_name);
    if (!w->entry || !w->by_name)
        return err_set(e, ERR_NOMEM, "no memory for %zu entries", json_object_size(w->header));
    json_object_foreach (w->header, name, j) {
        if (!strcmp(name, METADATA))
            continue;
        if (read_entry(w, &w->entry[w->n], name, j, data, size, e))
            return -1;
        w->by_name[w->n] = &w->entry[w->n];
        w->n++;
    }
    if (check_tiling(w, data, size, e))
        return -1;
    qsort(w->by_name, (size_t)w->n, sizeof *w->by_name, compare_names);
    return 0;
}

/* ---- the file ---- */

/* Refuses text nested deeper than the format's {name: {key: [..]}} before a tree is built of it. */
static int check_depth(const char *text, size_t n, struct err *e)
{
    int depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < n; i++) {
        if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && (text[i] == '{' || text[i] == '['))
            depth++;
        else if (!quoted && (text[i] == '}' || text[i] == ']'))
            depth--;
        if (depth > 3)
            return err_set(e, ERR_FORMAT, "header: nested deeper than 3 at byte %zu", i);
    }
    return 0;
}

static int read_header(struct weights *w, const char *text, size_t n, struct err *e)
{
    json_error_t je;

    if (check_depth(text, n, e))
        return -1;
    w->header = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
    if (!w->header)
        return err_set(e, ERR_FORMAT, "header: %s at byte %d", je.text, je.position);
    if (!json_is_object(w->header))
        return err_set(e, ERR_FORMAT, "header: no JSON object");
    return check_metadata(json_object_get(w->header, METADATA), e) ||
                   weights_blocks_find(weights_metadata(w, WEIGHTS_BLOCKS), &w->blocks, e)
               ? -1
               : 0;
}

static int header_length(const unsigned char *data, size_t size, size_t *ret_n, struct err *e)
{
    uint64_t n = 0;

    if (size < LENGTH_BYTES)
        return err_set(e, ERR_FORMAT, "%zu bytes are too few for a safetensors file", size);
    for (int i = LENGTH_BYTES; i-- > 0;)
        n = n << 8 | data[i];
    if (n > WEIGHTS_HEADER_MAX)
        return err_set(e, ERR_FORMAT, "header: %llu bytes, at most %zu are allowed",
                       (unsigned long long)n, WEIGHTS_HEADER_MAX);
    if (n > size - LENGTH_BYTES)
        return err_set(e, ERR_FORMAT, "header: %llu bytes, the file has %zu", (unsigned long long)n,
                       size - LENGTH_BYTES);
    *ret_n = (size_t)n;
    return 0;
}

static int parse(struct weights *w, const unsigned char *data, size_t size, struct err *e)
{
    size_t n = 0;

    if (header_length(data, size, &n, e) || read_header(w, (const char *)data + LENGTH_BYTES, n, e))
        return -1;
    return read_entries(w, data + LENGTH_BYTES + n, size - LENGTH_BYTES - n, e);
}

int weights_open_memory(const void *data, size_t size, struct weights **ret_weights, struct err *e)
{
    struct weights *w = mem_alloc(1, sizeof *w);

    if (!w)
        return err_set(e, ERR_NOMEM, "no memory for weights");
    if (parse(w, data, size, e)) {
        weights_close(w);
        return -1;
    }
    *ret_weights = w;
    return 0;
}

int weights_open(const char *path, struct weights **ret_weights, struct err *e)
{
    struct file_map map;

    if (file_map_open(path, SIZE_MAX, &map, e))
        return -1;
    if (weights_open_memory(map.data, map.size, ret_weights, e)) {
        file_map_close(&map);
        return err_prefix(e, "%s: ", path);
    }
    (*ret_weights)->map = map;
    return 0;
}

void weights_close(struct weights *w)
{
    if (!w)
        return;
    json_decref(w->header);
    mem_free(w->entry);
    mem_free(w->by_name);
    file_map_close(&w->map);
    mem_free(w);
}

int weights_n(const struct weights *w)
{
    return w->n;
}

const struct weights_entry *weights_at(const struct weights *w, int i)
{
    return &w->entry[i];
}

void weights_forget(const struct weights *w, const struct weights_entry *entry)
{
    if (w->map.data) /* else the bytes are the caller's, and no file has them */
        file_map_forget(entry->data, entry->bytes);
}

const struct weights_entry *weights_find(const struct weights *w, const char *name)
{
    const struct weights_entry key = { .name = name }, *p = &key;
    const struct weights_entry **hit =
        bsearch(&p, w->by_name, (size_t)w->n, sizeof *w->by_name, compare_names);

    return hit ? *hit : NULL;
}

enum weights_dtype weights_blocks(const struct weights *w)
{
    return w->blocks;
}

const char *weights_metadata(const struct weights *w, const char *key)
{
    return json_string_value(json_object_get(json_object_get(w->header, METADATA), key));
}
