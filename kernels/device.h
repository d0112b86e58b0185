/*
 * A device: where tensors live and ops run. One thread uses a device at a time ("the device
 * thread").
 */
#ifndef KERNELS_DEVICE_H
#define KERNELS_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "kernels/tensor.h"

struct device;

/*
 * Opens "cpu", "cuda" or "auto" (cuda when a plugin and a device are there, else cpu;
 * device_describe says why). threads: CPU threads, 0 = as many as the process may run on. Scratch
 * memory that kernels need is taken here: no kernel allocates later.
 */
int device_open(const char *backend, int threads, struct device **ret_dev, struct err *e);
void device_close(struct device *d);
/* For logs: "cpu: avx512, 2 threads" */
const char *device_describe(const struct device *d);
/* Changes the number of CPU threads; results do not depend on it. */
void device_set_threads(struct device *d, int threads);

/*
 * What operands of large products in fp32 are rounded to from now on: F32 (at first), F16 or BF16,
 * where a GPU multiplies faster. Sums, results and all else stay fp32. UNSUPPORTED: the device has
 * no such products.
 */
int device_set_products(struct device *d, enum dtype t, struct err *e);

/* Device memory, aligned to 64 bytes, not zeroed. */
int device_alloc(struct device *d, size_t bytes, void **ret_data, struct err *e);
void device_free(struct device *d, void *data);

/* Host <-> device; offset and n in bytes within t. Upload returns once src may be reused; download
 * waits. */
int device_upload(struct device *d, struct tensor *t, size_t offset, const void *src, size_t n,
                  struct err *e);
int device_download(struct device *d, const struct tensor *t, size_t offset, void *dst, size_t n,
                    struct err *e);
/*
 * Packed matrices: w [n, k] of op_linear in the order in which the device's products read it, in
 * one of the formats F32, F16, BF16, Q8_0, Q4_0 (tensor.h).
 *
 *     struct tensor w;
 *     device_packed(dev, DTYPE_Q8_0, n, k, &w, e);     shape and size; UNSUPPORTED: no such format
 *     device_alloc(dev, tensor_bytes(&w), &w.data, e);
 *     device_pack(dev, &w, DTYPE_F16, rows, e);        rows [n, k] on the host, at any address
 */
int device_packed(const struct device *d, enum dtype format, int64_t n, int64_t k,
                  struct tensor *ret_w, struct err *e);
/* type: of rows, F32, F16, BF16, or Q8_0 or Q4_0 in blocks as files have them (blocks.h; k is a
 * multiple of 32 then), which a matrix of the same format takes as they are. Returns once rows may
 * be reused. FORMAT: a number that w's format cannot hold. */
int device_pack(struct device *d, struct tensor *w, enum dtype type, const void *rows,
                struct err *e);
int device_zero(struct device *d, struct tensor *t, struct err *e);
int device_copy(struct device *d, struct tensor *dst, const struct tensor *src, struct err *e);
/*
 * A graph is a list of ops on fixed memory, recorded once and then run with one call: what
 * launching each would cost is saved. Values may change in between, addresses and shapes may not.
 *
 *     device_graph_begin(d, e);               from here ops are recorded, not run
 *     ... ops, no upload, no download ...
 *     device_graph_end(d, &graph, e);         also after a failure: recording is over
 *     device_graph_replay(d, graph, e);       as often as wanted; waits for nothing
 *     device_graph_free(d, graph);
 */
bool device_has_graphs(const struct device *d);
int device_graph_begin(struct device *d, struct err *e);
int device_graph_end(struct device *d, void **ret_graph, struct err *e);
int device_graph_replay(struct device *d, void *graph, struct err *e);
/* NULL is fine. */
void device_graph_free(struct device *d, void *graph);

/* Waits until everything given to the device has run; reports what failed. */
int device_wait(struct device *d, struct err *e);

#endif
