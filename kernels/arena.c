#include "kernels/arena.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

#define DEVICE_ALIGN ((size_t)64)
#define HOST_ALIGN ((size_t)16)

static int init_host(struct arena *a, size_t host_bytes, struct err *e)
{
    a->host = mem_alloc(host_bytes, 1);
    if (!a->host)
        return err_set(e, ERR_NOMEM, "arena: no memory for %zu bytes of records", host_bytes);
    a->host_size = host_bytes;
    return 0;
}

int arena_init(struct arena *a, struct device *dev, size_t bytes, size_t host_bytes, struct err *e)
{
    *a = (struct arena){ .dev = dev, .size = bytes };
    if (init_host(a, host_bytes, e))
        return -1;
    void *block;
    if (device_alloc(dev, bytes, &block, e)) {
        arena_free(a);
        return err_prefix(e, "arena: ");
    }
    a->block = block;
    return 0;
}

int arena_init_planning(struct arena *a, size_t host_bytes, struct err *e)
{
    *a = (struct arena){ .planning = true, .size = SIZE_MAX };
    return init_host(a, host_bytes, e);
}

void arena_release_all(struct arena *a)
{
    arena_release(a, (struct arena_mark){ 0 });
}

void arena_free(struct arena *a)
{
    if (a->dev)
        device_free(a->dev, a->block);
    mem_free(a->host);
    *a = (struct arena){ 0 };
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){ .device = a->used, .host = a->host_used };
}

void arena_release(struct arena *a, struct arena_mark m)
{
    a->used = m.device;
    a->host_used = m.host;
}

size_t arena_peak(const struct arena *a)
{
    return a->peak;
}

/* Takes bytes, rounded up to align, from one of the two blocks; false when they do not fit. */
static bool bump(size_t bytes, size_t align, size_t size, size_t *used, size_t *peak,
                 size_t *ret_offset)
{
    size_t end;
    if (!num_add(bytes, align - 1, &bytes) || !num_add(*used, bytes & ~(align - 1), &end) ||
        end > size)
        return false;
    *ret_offset = *used;
    *used = end;
    if (end > *peak)
        *peak = end;
    return true;
}

static int shape_bytes(const struct tensor *t, size_t *ret_bytes, struct err *e)
{
    size_t bytes = dtype_size(t->dtype);
    for (int i = 0; i < t->n_dims; i++) {
        if (t->dim[i] < 1)
            return err_set(e, ERR_INTERNAL, "arena: dimension %d of %d is %" PRId64, i, t->n_dims,
                           t->dim[i]);
        if (!num_mul(bytes, (size_t)t->dim[i], &bytes) || bytes > INT64_MAX)
            return err_set(e, ERR_TOO_LARGE, "arena: a tensor of more than 2^63 bytes");
    }
    *ret_bytes = bytes;
    return 0;
}

static int take_data(struct arena *a, struct tensor *t, struct err *e)
{
    size_t bytes = 0, offset;
    if (shape_bytes(t, &bytes, e))
        return -1;
    if (!bump(bytes, DEVICE_ALIGN, a->size, &a->used, &a->peak, &offset))
        return err_set(e, ERR_NOMEM, "arena: %zu bytes wanted, %zu of %zu in use", bytes, a->used,
                       a->size);
    t->data = a->planning ? NULL : a->block + offset;
    return 0;
}

struct tensor *arena_tensor(struct arena *a, enum dtype dtype, int n_dims, const int64_t *dim,
                            struct err *e)
{
    if (n_dims < 0 || n_dims > TENSOR_DIMS_MAX) {
        err_set(e, ERR_INTERNAL, "arena: %d dimensions, at most %d", n_dims, TENSOR_DIMS_MAX);
        return NULL;
    }
    struct tensor *t = arena_host(a, sizeof *t, e);
    if (!t)
        return NULL;
    t->dtype = dtype;
    t->n_dims = n_dims;
    for (int i = 0; i < n_dims; i++)
        t->dim[i] = dim[i];
    return take_data(a, t, e) ? NULL : t;
}

void *arena_host(struct arena *a, size_t bytes, struct err *e)
{
    size_t offset;
    if (!bump(bytes, HOST_ALIGN, a->host_size, &a->host_used, &a->host_peak, &offset)) {
        err_set(e, ERR_NOMEM, "arena: %zu bytes of records wanted, %zu of %zu in use", bytes,
                a->host_used, a->host_size);
        return NULL;
    }
    return memset(a->host + offset, 0, bytes);
}
