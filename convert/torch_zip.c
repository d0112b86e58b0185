/*
 * PREFIX/data.pkl holds the pickle and PREFIX/data/KEY one storage each; the prefix is the name
 * that the file was saved under. A TorchScript archive has code beside them.
 */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "convert/torch.h"
#include "convert/torch_file.h"
#include "convert/zip.h"

#define PICKLE_NAME "data.pkl"

struct archive {
    struct zip *zip;
    char prefix[ZIP_NAME_MAX + 1]; /* "archive/" */
};

/* ---- records ---- */

static bool has_ending(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);

    return n >= k && !strcmp(name + n - k, end);
}

/* The prefix is what stands in front of the only data.pkl. */
static int find_prefix(struct archive *a, struct err *e)
{
    const char *found = NULL;

    for (size_t i = 0; i < zip_n(a->zip); i++) {
        const char *name = zip_at(a->zip, i)->name;
        if (!has_ending(name, "/" PICKLE_NAME))
            continue;
        if (found)
            return err_set(e, ERR_FORMAT, "two pickles, %.64s and %.64s", found, name);
        found = name;
    }
    if (!found)
        return err_set(e, ERR_FORMAT,
                       "no record */" PICKLE_NAME ": a ZIP archive, but not one of torch.save");
    snprintf(a->prefix, sizeof a->prefix, "%.*s", (int)(strlen(found) - strlen(PICKLE_NAME)),
             found);
    return 0;
}

static int find_record(const struct archive *a, const char *name, const struct zip_record **ret,
                       struct err *e)
{
    char path[ZIP_NAME_MAX + TORCH_KEY_MAX + 16];

    snprintf(path, sizeof path, "%s%s", a->prefix, name);
    return zip_find(a->zip, path, ret, e);
}

/* Storages are written as they lie in memory; only big-endian machines say so, and differ. */
static int check_byte_order(const struct archive *a, struct err *e)
{
    const struct zip_record *r;

    if (find_record(a, "byteorder", &r, NULL))
        return 0;
    return r->bytes == 6 && !memcmp(r->data, "little", 6)
               ? 0
               : err_set(e, ERR_UNSUPPORTED, "byte order '%.*s', only little is read",
                         (int)(r->bytes < 16 ? r->bytes : 16), (const char *)r->data);
}

/* ---- storages ---- */

static int locate(void *ctx, struct torch_storage *s, struct err *e)
{
    const struct archive *a = ctx;
    const struct zip_record *r;
    char name[TORCH_KEY_MAX + 8];
    size_t bytes;

    snprintf(name, sizeof name, "data/%.*s", (int)s->key.n, s->key.s);
    if (find_record(a, name, &r, e))
        return -1;
    if (!num_mul(s->numel, weights_dtype_size(s->dtype), &bytes) || bytes > r->bytes)
        return err_set(e, ERR_FORMAT,
                       "storage %s claims %zu elements of %s; its record has %zu bytes", name,
                       s->numel, weights_dtype_name(s->dtype), r->bytes);
    s->data = r->data;
    return 0;
}

/* ---- */

static int read_pickle(struct archive *a, const char *key, struct tensors *out, struct err *e)
{
    const struct zip_record *r;
    struct pickle_file pickle;
    struct pool pool;
    int failed;

    if (find_record(a, PICKLE_NAME, &r, e))
        return -1;
    if (r->bytes > TORCH_PICKLE_MAX)
        return err_set(e, ERR_TOO_LARGE, "a pickle of %zu bytes, at most %zu are allowed", r->bytes,
                       TORCH_PICKLE_MAX);
    pool_init(&pool, TORCH_VALUES_MAX);
    failed = pickle_read(r->data, r->bytes, &pool, &pickle, e) ||
             torch_collect(pickle.root, key, locate, a, out, e);
    pool_release(&pool);
    return failed ? -1 : 0;
}

int torch_zip_read(const void *data, size_t size, const char *key, struct tensors *out,
                   bool *ret_script, struct err *e)
{
    struct archive a = { 0 };
    const struct zip_record *constants;
    int failed;

    if (zip_open(data, size, &a.zip, e))
        return -1;
    failed = find_prefix(&a, e) || check_byte_order(&a, e) || read_pickle(&a, key, out, e);
    if (!failed)
        *ret_script = !find_record(&a, "constants.pkl", &constants, NULL);
    zip_close(a.zip);
    return failed ? -1 : 0;
}
