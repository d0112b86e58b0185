/*
 * Writing safetensors. The header lists entries in the order added; the data lies by falling
 * element size (and in that order within one size), so that every tensor is aligned without gaps,
 * as the format's reference writer does it.
 */
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "model/weights_dtype.h"
#include "model/weights_out.h"

#define ALIGN 8
#define PIECE 65536 /* values of a streamed entry at a time: whole blocks */

/* ---- order ---- */

/* Calls for every entry, largest elements first, until one fails. */
static int in_data_order(struct weights_out *o,
                         int (*visit)(struct out_entry *t, void *ctx, struct err *e), void *ctx,
                         struct err *e)
{
    for (size_t size = ALIGN; size > 0; size /= 2)
        for (size_t i = 0; i < o->n; i++)
            if (weights_dtype_size(o->entry[i].dtype) == size && visit(&o->entry[i], ctx, e))
                return -1;
    return 0;
}

static int place_entry(struct out_entry *t, void *ctx, struct err *e)
{
    size_t *end = ctx;

    t->offset = *end;
    if (!num_add(*end, t->bytes, end))
        return err_set(e, ERR_TOO_LARGE, "more bytes than 64 bits can count");
    return 0;
}

/* ---- header ---- */

static json_t *describe_entry(const struct out_entry *t)
{
    bool blocks = weights_in_blocks(t->dtype);
    json_t *shape = json_array();
    int64_t as_bytes[3];
    const int64_t *dim = blocks ? as_bytes : t->dim;

    if (blocks)
        weights_blocks_out(t->dtype, t->dim, as_bytes);
    for (int i = 0; i < (blocks ? 3 : t->n_dims); i++)
        json_array_append_new(shape, json_integer(dim[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", weights_dtype_name(blocks ? W_U8 : t->dtype),
                     "shape", shape, "data_offsets", (json_int_t)t->offset,
                     (json_int_t)(t->offset + t->bytes));
}

/* The header as JSON; NULL when memory is out. */
static json_t *describe(const struct weights_out *o)
{
    json_t *header = json_object();
    int failed = 0;

    if (json_object_size(o->metadata))
        failed |= json_object_set(header, "__metadata__", o->metadata);
    for (size_t i = 0; i < o->n; i++)
        failed |= json_object_set_new(header, o->entry[i].name, describe_entry(&o->entry[i]));
    if (!failed)
        return header;
    json_decref(header);
    return NULL;
}

/* Length, JSON, and spaces up to the next multiple of ALIGN. */
static int build_header(const struct weights_out *o, struct buf *b, struct err *e)
{
    json_t *header = describe(o);
    unsigned char length[8];

    if (!header)
        return err_set(e, ERR_NOMEM, "no memory for the header, or a name that is no UTF-8");
    buf_append(b, "12345678", sizeof length);
    json_append(header, JSON_COMPACT, b);
    json_decref(header);
    while (b->len % ALIGN && !b->failed)
        buf_puts(b, " ");
    if (buf_check(b, e))
        return err_prefix(e, "header: ");
    for (size_t i = 0, n = b->len - sizeof length; i < sizeof length; i++, n >>= 8)
        length[i] = n & 255;
    memcpy(b->data, length, sizeof length);
    return 0;
}

/* ---- data ---- */

/* What an entry of the file passes through. */
struct writer {
    struct file_out file;
    float *values, *out; /* [PIECE] numbers, and what the file holds of them: no more bytes */
};

static int write_stream(const struct out_entry *t, struct writer *w, struct err *e)
{
    for (size_t first = 0; first < t->count; first += PIECE) {
        size_t n = t->count - first < PIECE ? t->count - first : PIECE;
        if (t->fill(t->ctx, (int64_t)first, n, w->values, e) ||
            weights_out_convert(t->dtype, w->values, n, w->out, e))
            return err_prefix(e, "tensor %.96s: ", t->name);
        file_out_write(&w->file, w->out, weights_bytes(t->dtype, n));
    }
    return 0;
}

static int write_entry(struct out_entry *t, void *ctx, struct err *e)
{
    struct writer *w = ctx;

    if (t->fill)
        return write_stream(t, w, e);
    file_out_write(&w->file, t->data, t->bytes);
    return 0;
}

static int write_file(struct weights_out *o, const struct buf *header, const char *path,
                      struct err *e)
{
    struct writer w = { .values = mem_alloc(PIECE, sizeof *w.values),
                        .out = mem_alloc(PIECE, sizeof *w.out) };
    int rc = -1;

    if (!w.values || !w.out)
        err_set(e, ERR_NOMEM, "no memory to write %d values at a time", PIECE);
    else if (!file_out_open(&w.file, path, e)) {
        file_out_write(&w.file, header->data, header->len);
        rc = in_data_order(o, write_entry, &w, e) || file_out_commit(&w.file, e) ? -1 : 0;
        file_out_abort(&w.file);
    }
    mem_free(w.values);
    mem_free(w.out);
    return rc;
}

int weights_out_write(struct weights_out *o, const char *path, struct err *e)
{
    struct buf header;
    size_t end = 0;
    int rc;

    buf_init(&header, WEIGHTS_HEADER_MAX);
    rc = in_data_order(o, place_entry, &end, e) || build_header(o, &header, e) ||
                 write_file(o, &header, path, e)
             ? -1
             : 0;
    buf_release(&header);
    return rc;
}
