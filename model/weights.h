/*
 * safetensors files: read through a map, every name, shape, dtype and range checked at open;
 * written atomically. Format: u64 little-endian header length, JSON header {name: {dtype, shape,
 * data_offsets}}, then the data.
 */
#ifndef MODEL_WEIGHTS_H
#define MODEL_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/param.h"

#define WEIGHTS_HEADER_MAX ((size_t)16 << 20)
#define WEIGHTS_DIMS_MAX 8

/*
 * safetensors has no blocks of quantised numbers. A matrix in Q8_0 or Q4_0 (kernels/blocks.h) is
 * therefore a tensor of bytes in the file, U8 [rows, blocks in a row, bytes of a block], and the
 * metadata "blocks": "q8_0" or "q4_0" says so of all U8 tensors of the file. Here it is [rows,
 * columns] like any other matrix; rows are whole blocks.
 */
enum weights_dtype {
    W_F64,
    W_F32,
    W_F16,
    W_BF16,
    W_I64,
    W_I32,
    W_I16,
    W_I8,
    W_U8,
    W_BOOL,
    W_Q8_0,
    W_Q4_0
};

struct weights_entry {
    const char *name;
    enum weights_dtype dtype;
    int n_dims;
    int64_t dim[WEIGHTS_DIMS_MAX];
    const void *data; /* unaligned, little endian, inside the map */
    size_t bytes;
};

struct weights;

int weights_open(const char *path, struct weights **ret_weights, struct err *e);
/* The same over bytes in memory (fuzzing, tests); data must outlive it. */
int weights_open_memory(const void *data, size_t size, struct weights **ret_weights, struct err *e);
void weights_close(struct weights *w);
int weights_n(const struct weights *w);
const struct weights_entry *weights_at(const struct weights *w, int i); /* in file order */
/* An entry whose values will not be read again soon: the file's pages need not stay in memory. */
void weights_forget(const struct weights *w, const struct weights_entry *entry);
const struct weights_entry *weights_find(const struct weights *w, const char *name);
/* W_Q8_0 or W_Q4_0 where the file has matrices in such blocks, else W_U8. */
enum weights_dtype weights_blocks(const struct weights *w);
/* A string of __metadata__; NULL if absent. */
const char *weights_metadata(const struct weights *w, const char *key);
int64_t weights_entry_count(const struct weights_entry *entry);
const char *weights_dtype_name(enum weights_dtype t);
/* Bytes of one element; in blocks none has its own, and data is bytes: 1. */
size_t weights_dtype_size(enum weights_dtype t);
/* Bytes of n elements; in blocks n is a multiple of 32. */
size_t weights_bytes(enum weights_dtype t, size_t n);
bool weights_is_real(enum weights_dtype t);   /* F64, F32, F16, BF16, and in blocks */
bool weights_in_blocks(enum weights_dtype t); /* Q8_0, Q4_0 */
/* Elements first .. first + n - 1 of data, of a real dtype, as floats. */
void weights_convert_f32(enum weights_dtype t, const void *data, size_t first, size_t n,
                         float *dst);
/* One element of an integer dtype. */
int64_t weights_load_int(enum weights_dtype t, const unsigned char *p);

/* Converts an entry's values; dst has weights_entry_count() elements. Integer dtypes only to i32,
 * others to f32. */
int weights_read_f32(const struct weights_entry *entry, float *dst, struct err *e);
int weights_read_i32(const struct weights_entry *entry, int32_t *dst, struct err *e);

/*
 * Fills every parameter of the list from the tensor prefix + name. Missing and mis-shaped tensors
 * are errors that name all of them up to the message's length; so is an extra tensor under the
 * prefix, unless its name ends in one of the ignored endings (NULL-terminated list, may be NULL).
 * Conv weights change layout (PARAM_CONV).
 */
int weights_load_params(const struct weights *w, const char *prefix, struct param_list *l,
                        const char *const *ignore, struct err *e);

/* Names, shapes and dtypes alone: whether weights_load_params would take the file. */
int weights_check_params(const struct weights *w, const char *prefix, const struct param_list *l,
                         const char *const *ignore, struct err *e);

/* ---- writing ---- */

struct weights_out;
int weights_out_new(struct weights_out **ret_out, struct err *e);
void weights_out_free(struct weights_out *o);
int weights_out_metadata(struct weights_out *o, const char *key, const char *value, struct err *e);
/* Copies the values (n = product of dims, host memory of the dtype's C type: f32 as float; for
 * W_F16, W_BF16 and blocks the source is float and is rounded to nearest even). INVALID: a number
 * that the dtype cannot hold; blocks for something else than a matrix of whole blocks; two kinds of
 * blocks, or blocks and W_U8, in one file. */
int weights_out_add(struct weights_out *o, const char *name, enum weights_dtype dtype, int n_dims,
                    const int64_t *dim, const void *src, struct err *e);
/* Elements first .. first + n - 1 of a tensor, as floats. */
typedef int weights_fill(void *ctx, int64_t first, size_t n, float *dst, struct err *e);
/* A tensor (F32, F16, BF16, Q8_0 or Q4_0) whose values are asked for, in order and in pieces, while
 * the file is written: nothing is copied before. ctx must live until then. */
int weights_out_stream(struct weights_out *o, const char *name, enum weights_dtype dtype,
                       int n_dims, const int64_t *dim, weights_fill *fill, void *ctx,
                       struct err *e);
/* As what a network's file holds a parameter: dtype; where that is blocks, only matrices that
 * op_linear alone reads (PARAM_LINEAR) and whose rows are whole blocks, and the others F32. */
enum weights_dtype weights_param_dtype(enum weights_dtype dtype, const struct param *p);
/* Every parameter of the list under prefix + name, in file layout, as weights_param_dtype. */
int weights_out_add_params(struct weights_out *o, const char *prefix, const struct param_list *l,
                           enum weights_dtype dtype, struct err *e);
/* Atomic; entries in the order added. The same content gives the same bytes. */
int weights_out_write(struct weights_out *o, const char *path, struct err *e);

#endif
