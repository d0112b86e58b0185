#include "tests/kernels/guard_arena.h"

#include <string.h>

#include "base/mem.h"
#include "tests/test.h"

#define TENSORS_MAX 4096

/* Lies at the start of the arena's host memory. */
struct guard_list {
    size_t n;
    struct guard_tensor {
        size_t begin, end; /* its bytes in the block */
        char shape[64];
    } tensor[TENSORS_MAX];
};

static struct guard_list *list_of(const struct arena *a)
{
    return (struct guard_list *)a->host;
}

int arena_init(struct arena *a, struct device *dev, size_t bytes, size_t host_bytes, struct err *e)
{
    void *block;

    *a = (struct arena){ .dev = dev, .size = bytes };
    a->host_size = sizeof(struct guard_list) + host_bytes;
    a->host = mem_alloc(a->host_size, 1);
    if (!a->host || device_alloc(dev, bytes, &block, e))
        return err_set(e, ERR_NOMEM, "guarded arena: no memory");
    a->block = block;
    arena_release_all(a);
    return 0;
}

void arena_release_all(struct arena *a)
{
    list_of(a)->n = 0;
    a->used = 0;
    a->host_used = sizeof(struct guard_list);
}

void arena_free(struct arena *a)
{
    if (a->dev)
        device_free(a->dev, a->block);
    mem_free(a->host);
    *a = (struct arena){ 0 };
}

struct tensor *arena_tensor(struct arena *a, enum dtype t, int n_dims, const int64_t *dim,
                            struct err *e)
{
    struct guard_list *list = list_of(a);
    struct tensor *tensor = arena_host(a, sizeof *tensor, e);

    assert_non_null(tensor);
    *tensor = (struct tensor){ .dtype = t, .n_dims = n_dims };
    for (int d = 0; d < n_dims; d++)
        tensor->dim[d] = dim[d];
    size_t begin = a->used + GUARD_STRIP, end = begin + tensor_bytes(tensor);
    assert_true(list->n < TENSORS_MAX);
    assert_true(end + GUARD_STRIP <= a->size);
    tensor->data = a->block + begin;
    a->used = (end + 63) / 64 * 64;
    struct guard_tensor *g = &list->tensor[list->n++];
    *g = (struct guard_tensor){ .begin = begin, .end = end };
    tensor_describe(tensor, g->shape, sizeof g->shape);
    return tensor;
}

void *arena_host(struct arena *a, size_t bytes, struct err *e)
{
    size_t begin = a->host_used, end = begin + (bytes + 15) / 16 * 16;

    if (end > a->host_size) {
        err_set(e, ERR_NOMEM, "guarded arena: no room for %zu bytes", bytes);
        return NULL;
    }
    a->host_used = end;
    return memset(a->host + begin, 0, bytes);
}

/* The first byte of begin..end that is not the guard's; end if all are. */
static size_t first_touched(const unsigned char *bytes, size_t begin, size_t end)
{
    while (begin < end && bytes[begin] == GUARD_BYTE)
        begin++;
    return begin;
}

bool guard_intact(const struct arena *a, char *where, size_t n)
{
    const struct guard_list *list = list_of(a);
    struct tensor all = {
        .dtype = DTYPE_U8, .n_dims = 1, .dim = { (int64_t)a->size }, .data = a->block
    };
    unsigned char *bytes = mem_alloc(a->size, 1);
    size_t begin = 0;
    bool intact = true;
    struct err e;

    assert_non_null(bytes);
    assert_int_equal(device_download(a->dev, &all, 0, bytes, a->size, &e), 0);
    for (size_t i = 0; i <= list->n && intact; i++) {
        size_t end = i < list->n ? list->tensor[i].begin : a->size;
        size_t touched = first_touched(bytes, begin, end);
        intact = touched == end;
        if (!intact)
            snprintf(where, n, "%zu bytes behind %s, %zu before %s", touched - begin,
                     i > 0 ? list->tensor[i - 1].shape : "the start", end - touched,
                     i < list->n ? list->tensor[i].shape : "the end");
        begin = i < list->n ? list->tensor[i].end : end;
    }
    mem_free(bytes);
    return intact;
}
