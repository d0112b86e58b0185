#include "kernels/device.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/backends.h"
#include "kernels/device_impl.h"

/* "cpu: ", then what the table says of itself */
static int open_table(struct device *d, int threads, struct err *e)
{
    size_t used = (size_t)snprintf(d->describe, sizeof d->describe, "%s: ", d->backend->name);
    return d->backend->open(threads, &d->ctx, d->describe + used, sizeof d->describe - used, e);
}

static int open_cpu(struct device *d, int threads, struct err *e)
{
    return backends_cpu(&d->backend, e) ? -1 : open_table(d, threads, e);
}

static int open_cuda(struct device *d, int threads, struct err *e)
{
    return backends_cuda(&d->backend, e) ? -1 : open_table(d, threads, e);
}

static int open_auto(struct device *d, int threads, struct err *e)
{
    struct err why;
    if (!open_cuda(d, threads, &why))
        return 0;
    if (open_cpu(d, threads, e))
        return -1;
    size_t used = strlen(d->describe);
    snprintf(d->describe + used, sizeof d->describe - used, " (cuda: %s)", why.msg);
    return 0;
}

static const struct {
    const char *name;
    int (*open)(struct device *d, int threads, struct err *e);
} openers[] = {
    { "cpu", open_cpu },
    { "cuda", open_cuda },
    { "auto", open_auto },
};

int device_open(const char *backend, int threads, struct device **ret_dev, struct err *e)
{
    size_t i = 0, n = sizeof openers / sizeof openers[0];
    while (i < n && strcmp(openers[i].name, backend))
        i++;
    if (i == n)
        return err_set(e, ERR_INVALID, "backend: '%s' is none of cpu, cuda, auto", backend);
    struct device *d = mem_alloc(1, sizeof *d);
    if (!d)
        return err_set(e, ERR_NOMEM, "backend %s: no memory", backend);
    if (openers[i].open(d, threads, e)) {
        mem_free(d);
        return err_prefix(e, "backend %s: ", backend);
    }
    *ret_dev = d;
    return 0;
}

void device_close(struct device *d)
{
    if (!d)
        return;
    d->backend->close(d->ctx);
    mem_free(d);
}

const char *device_describe(const struct device *d)
{
    return d->describe;
}

void device_set_threads(struct device *d, int threads)
{
    d->backend->set_threads(d->ctx, threads);
}

int device_set_products(struct device *d, enum dtype t, struct err *e)
{
    if (d->backend->set_products)
        return d->backend->set_products(d->ctx, t, e);
    if (t == DTYPE_F32)
        return 0;
    return err_set(e, ERR_UNSUPPORTED, "products of %s: the %s backend has f32", dtype_name(t),
                   d->backend->name);
}

int device_alloc(struct device *d, size_t bytes, void **ret_data, struct err *e)
{
    return d->backend->mem_alloc(d->ctx, bytes, ret_data, e);
}

void device_free(struct device *d, void *data)
{
    if (data)
        d->backend->mem_free(d->ctx, data);
}

/* Bytes offset..offset+n must lie within t. */
static int check_range(const char *what, const struct tensor *t, size_t offset, size_t n,
                       struct err *e)
{
    size_t bytes = tensor_bytes(t);
    if (offset <= bytes && n <= bytes - offset)
        return 0;
    return err_set(e, ERR_INTERNAL, "%s: %zu bytes at %zu are outside a tensor of %zu bytes", what,
                   n, offset, bytes);
}

int device_upload(struct device *d, struct tensor *t, size_t offset, const void *src, size_t n,
                  struct err *e)
{
    if (check_range("upload", t, offset, n, e))
        return -1;
    return d->backend->upload(d->ctx, (char *)t->data + offset, src, n, e);
}

int device_download(struct device *d, const struct tensor *t, size_t offset, void *dst, size_t n,
                    struct err *e)
{
    if (check_range("download", t, offset, n, e))
        return -1;
    return d->backend->download_wait(d->ctx, dst, (const char *)t->data + offset, n, e);
}

int device_packed(const struct device *d, enum dtype format, int64_t n, int64_t k,
                  struct tensor *ret_w, struct err *e)
{
    const struct backend *b = d->backend;
    size_t bytes;
    if (!b->packed_bytes || !b->packed_bytes(d->ctx, format, n, k, &bytes))
        return err_set(e, ERR_UNSUPPORTED, "%s: no %s matrices of %lld x %lld", b->name,
                       dtype_name(format), (long long)n, (long long)k);
    *ret_w = (struct tensor){ .dtype = format, .n_dims = 2, .dim = { n, k }, .packed = bytes };
    return 0;
}

int device_pack(struct device *d, struct tensor *w, enum dtype type, const void *rows,
                struct err *e)
{
    if (!w->packed)
        return err_set(e, ERR_INTERNAL, "pack: the matrix is a plain one");
    return d->backend->pack_wait(d->ctx, type, rows, w, e);
}

int device_zero(struct device *d, struct tensor *t, struct err *e)
{
    return d->backend->zero(d->ctx, t->data, tensor_bytes(t), e);
}

int device_copy(struct device *d, struct tensor *dst, const struct tensor *src, struct err *e)
{
    size_t n = tensor_bytes(src);
    if (tensor_bytes(dst) != n)
        return err_set(e, ERR_INTERNAL, "copy: %zu bytes into a tensor of %zu", n,
                       tensor_bytes(dst));
    return d->backend->copy(d->ctx, dst->data, src->data, n, e);
}

bool device_has_graphs(const struct device *d)
{
    return d->backend->graph_begin;
}

int device_graph_begin(struct device *d, struct err *e)
{
    return d->backend->graph_begin(d->ctx, e);
}

int device_graph_end(struct device *d, void **ret_graph, struct err *e)
{
    return d->backend->graph_end(d->ctx, ret_graph, e);
}

int device_graph_replay(struct device *d, void *graph, struct err *e)
{
    return d->backend->graph_replay(d->ctx, graph, e);
}

void device_graph_free(struct device *d, void *graph)
{
    if (graph)
        d->backend->graph_free(d->ctx, graph);
}

int device_wait(struct device *d, struct err *e)
{
    return d->backend->wait(d->ctx, e);
}
