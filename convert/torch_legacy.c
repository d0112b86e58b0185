/*
 * torch.save before 1.6 wrote five pickles: a magic number, the protocol, the machine's sizes, the
 * object, and the keys of its storages; then each storage in that order, a 64-bit count of elements
 * and the elements. Only the object's pickle says what type a storage has.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "convert/torch.h"
#include "convert/torch_file.h"

#define PROTOCOL 1001
#define COUNT_BYTES 8

/* PROTO 2, LONG1 of 10 bytes: 0x1950a86a20f9469cfc6c. */
static const unsigned char MAGIC[] = { 0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                       0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.' };

struct legacy {
    const unsigned char *data;
    size_t size, at;
    struct pool pool;
    struct torch_storage *storage; /* [n] sorted by key, each key once */
    size_t n;
};

static int next_pickle(struct legacy *l, struct pickle_file *ret, struct err *e)
{
    size_t left = l->size - l->at;

    if (pickle_read(l->data + l->at, left < TORCH_PICKLE_MAX ? left : TORCH_PICKLE_MAX, &l->pool,
                    ret, e))
        return -1;
    l->at += ret->used;
    return 0;
}

static int read_head(struct legacy *l, struct err *e)
{
    struct pickle_file magic, protocol, machine;
    const struct pickle *little;
    int64_t version;

    if (next_pickle(l, &magic, e) || next_pickle(l, &protocol, e) || next_pickle(l, &machine, e))
        return -1;
    if (!pickle_int(protocol.root, PROTOCOL, PROTOCOL, &version))
        return err_set(e, ERR_UNSUPPORTED, "another protocol of torch.save than %d", PROTOCOL);
    little = pickle_get(machine.root, "little_endian");
    if (!little || little->type != PICKLE_BOOL || !little->integer)
        return err_set(e, ERR_UNSUPPORTED, "written on a big-endian machine");
    return 0;
}

/* ---- storages ---- */

static int compare_keys(const void *a, const void *b)
{
    const struct pickle_text *x = &((const struct torch_storage *)a)->key;
    const struct pickle_text *y = &((const struct torch_storage *)b)->key;
    int order = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);

    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* Several tensors may share a storage: keeps one of each key, which must agree. */
static int unite(struct legacy *l, struct err *e)
{
    size_t n = 0;

    if (l->n)
        qsort(l->storage, l->n, sizeof *l->storage, compare_keys);
    for (size_t i = 0; i < l->n; i++) {
        const struct torch_storage *s = &l->storage[i];
        if (!n || compare_keys(&l->storage[n - 1], s))
            l->storage[n++] = *s;
        else if (l->storage[n - 1].dtype != s->dtype || l->storage[n - 1].numel != s->numel)
            return err_set(e, ERR_FORMAT, "storage %.*s has two types or sizes",
                           (int)(s->key.n < 40 ? s->key.n : 40), s->key.s);
    }
    l->n = n;
    return 0;
}

/* The storages that the object's pickle names. */
static int name_storages(struct legacy *l, const struct pickle *persistent, struct err *e)
{
    if (persistent->n > TORCH_STORAGES_MAX)
        return err_set(e, ERR_TOO_LARGE, "%zu storages, at most %d are allowed", persistent->n,
                       TORCH_STORAGES_MAX);
    l->storage = mem_alloc(persistent->n, sizeof *l->storage);
    if (!l->storage)
        return err_set(e, ERR_NOMEM, "no memory for %zu storages", persistent->n);
    for (; l->n < persistent->n; l->n++)
        if (torch_storage_of(persistent->item[l->n], &l->storage[l->n], e))
            return -1;
    return unite(l, e);
}

static struct torch_storage *find(const struct legacy *l, const struct torch_storage *key)
{
    return l->n ? bsearch(key, l->storage, l->n, sizeof *l->storage, compare_keys) : NULL;
}

static int place_storage(struct legacy *l, const struct pickle *key, struct err *e)
{
    const struct torch_storage wanted = { .key = key->text };
    struct torch_storage *s = key->type == PICKLE_TEXT ? find(l, &wanted) : NULL;
    uint64_t numel = 0;
    size_t bytes;

    if (!s || s->data)
        return err_set(e, ERR_FORMAT, "no tensor has this storage, or it is there twice");
    if (l->size - l->at < COUNT_BYTES)
        return err_set(e, ERR_FORMAT, "the file ends early");
    for (int i = COUNT_BYTES; i-- > 0;)
        numel = numel << 8 | l->data[l->at + (size_t)i];
    l->at += COUNT_BYTES;
    if (numel != s->numel)
        return err_set(e, ERR_FORMAT, "%llu elements, its tensors say %zu",
                       (unsigned long long)numel, s->numel);
    if (!num_mul(s->numel, weights_dtype_size(s->dtype), &bytes) || bytes > l->size - l->at)
        return err_set(e, ERR_FORMAT, "%zu elements of %s, the file has %zu bytes", s->numel,
                       weights_dtype_name(s->dtype), l->size - l->at);
    s->data = l->data + l->at;
    l->at += bytes;
    return 0;
}

static int place_storages(struct legacy *l, const struct pickle *keys, struct err *e)
{
    if (keys->type != PICKLE_LIST)
        return err_set(e, ERR_FORMAT, "no list of storages");
    for (size_t i = 0; i < keys->n; i++)
        if (place_storage(l, keys->item[i], e))
            return err_prefix(e, "storage %zu: ", i);
    return 0;
}

static int locate(void *ctx, struct torch_storage *s, struct err *e)
{
    const struct torch_storage *hit = find(ctx, s);

    if (!hit || !hit->data)
        return err_set(e, ERR_FORMAT, "its storage %.*s is not in the file",
                       (int)(s->key.n < 40 ? s->key.n : 40), s->key.s);
    s->data = hit->data;
    return 0;
}

/* ---- */

bool torch_legacy_looks_like(const void *data, size_t size)
{
    return size >= sizeof MAGIC && !memcmp(data, MAGIC, sizeof MAGIC);
}

static int read_all(struct legacy *l, const char *key, struct tensors *out, struct err *e)
{
    struct pickle_file object, keys;

    if (read_head(l, e) || next_pickle(l, &object, e) || next_pickle(l, &keys, e) ||
        name_storages(l, object.persistent, e) || place_storages(l, keys.root, e))
        return -1;
    return torch_collect(object.root, key, locate, l, out, e);
}

int torch_legacy_read(const void *data, size_t size, const char *key, struct tensors *out,
                      struct err *e)
{
    struct legacy l = { .data = data, .size = size };
    int failed;

    pool_init(&l.pool, TORCH_VALUES_MAX);
    failed = read_all(&l, key, out, e);
    mem_free(l.storage);
    pool_release(&l.pool);
    return failed ? -1 : 0;
}
