/*
 * safetensors: what is written is read back; every way a header can lie is refused with its words;
 * parameters travel through files in both layouts.
 */
#include "tests/test.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "kernels/device.h"
#include "model/weights.h"

/* ---- opening: what is refused ---- */

struct refusal {
    const char *header;
    int data_bytes;
    enum err_code code;
    const char *message;
};

#define F32_2(name, from, to)                                                                      \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" from "," to "]}"

#define BLOCKS(name) "\"__metadata__\":{\"blocks\":\"" name "\"}"
#define U8(shape, bytes)                                                                           \
    "\"a\":{\"dtype\":\"U8\",\"shape\":[" shape "],\"data_offsets\":[0," bytes "]}"

static const struct refusal REFUSALS[] = {
    { "{", 0, ERR_FORMAT, "header: string or '}' expected near end of file at byte 1" },
    { "[]", 0, ERR_FORMAT, "header: no JSON object" },
    { "{\"a\":{\"b\":[[1]]}}", 0, ERR_FORMAT, "header: nested deeper than 3 at byte 11" },
    { "{" F32_2("a", "0", "8") "," F32_2("a", "8", "16") "}", 16, ERR_FORMAT,
      "header: duplicate object key near '\"a\"' at byte 57" },
    { "{\"__metadata__\":[]}", 0, ERR_FORMAT, "__metadata__ is no object" },
    { "{\"__metadata__\":{\"k\":1}}", 0, ERR_FORMAT, "__metadata__: k is no string" },
    { "{\"a\":1}", 0, ERR_FORMAT, "tensor a: dtype is missing or no string" },
    { "{\"a\":{\"dtype\":\"F8_E4M3\"}}", 0, ERR_UNSUPPORTED,
      "tensor a: dtype 'F8_E4M3' is none of F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL" },
    { "{\"a\":{\"dtype\":\"F32\"}}", 0, ERR_FORMAT, "tensor a: shape is missing or no list" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1]}}", 0, ERR_FORMAT,
      "tensor a: shape has 9 dimensions, at most 8 are allowed" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,-1]}}", 0, ERR_FORMAT,
      "tensor a: dimension 1 of the shape is no size" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2.5]}}", 0, ERR_FORMAT,
      "tensor a: dimension 0 of the shape is no size" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296]}}", 0, ERR_FORMAT,
      "tensor a: shape has more bytes than 64 bits can count" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, ERR_FORMAT,
      "tensor a: data_offsets is missing or no list of two whole numbers" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8.0]}}", 8, ERR_FORMAT,
      "tensor a: data_offsets is missing or no list of two whole numbers" },
    { "{" F32_2("a", "0", "16") "}", 8, ERR_FORMAT,
      "tensor a: data_offsets 0..16 are outside the data, 0..8" },
    { "{" F32_2("a", "-8", "0") "}", 8, ERR_FORMAT,
      "tensor a: data_offsets -8..0 are outside the data, 0..8" },
    { "{" F32_2("a", "8", "0") "}", 8, ERR_FORMAT,
      "tensor a: data_offsets 8..0 are outside the data, 0..8" },
    { "{" F32_2("a", "0", "4") "}", 8, ERR_FORMAT,
      "tensor a: data_offsets span 4 bytes, dtype and shape need 8" },
    { "{" F32_2("a", "0", "8") "," F32_2("b", "4", "12") "}", 12, ERR_FORMAT,
      "tensors a and b overlap at byte 4" },
    { "{" F32_2("a", "0", "8") "," F32_2("b", "12", "20") "}", 20, ERR_FORMAT,
      "bytes 8..12 before tensor b belong to none" },
    { "{" F32_2("a", "0", "8") "}", 12, ERR_FORMAT,
      "bytes 8..12 after the last tensor belong to none" },
    { "{" BLOCKS("q5_0") "}", 0, ERR_UNSUPPORTED,
      "metadata: blocks of 'q5_0' are neither q8_0 nor q4_0" },
    { "{" BLOCKS("q8_0") "," U8("2,1,18", "36") "}", 36, ERR_FORMAT,
      "tensor a: the file's bytes are q8_0 blocks, but the shape is not [rows, blocks, 34]" },
    { "{" BLOCKS("q4_0") "," U8("2,18", "36") "}", 36, ERR_FORMAT,
      "tensor a: the file's bytes are q4_0 blocks, but the shape is not [rows, blocks, 18]" },
    { "{" BLOCKS("q4_0") "," U8("0,400000000000000000,18", "0") "}", 0, ERR_FORMAT,
      "tensor a: the file's bytes are q4_0 blocks, but the shape is not [rows, blocks, 18]" },
};

/* Length, header and data_bytes zeros; mem_free. */
static unsigned char *build(const char *header, int data_bytes, size_t *ret_size)
{
    size_t n = strlen(header);
    unsigned char *file = mem_alloc(8 + n + (size_t)data_bytes, 1);

    assert_non_null(file);
    file[0] = n & 255;
    file[1] = n >> 8 & 255;
    memcpy(file + 8, header, n);
    *ret_size = 8 + n + (size_t)data_bytes;
    return file;
}

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REFUSALS / sizeof *REFUSALS; i++) {
        const struct refusal *r = &REFUSALS[i];
        struct err e = { 0 };
        struct weights *w = NULL;
        size_t size;
        unsigned char *file = build(r->header, r->data_bytes, &size);
        assert_int_equal(weights_open_memory(file, size, &w, &e), -1);
        assert_string_equal(e.msg, r->message);
        assert_int_equal(e.code, r->code);
        assert_null(w);
        mem_free(file);
    }
}

static void test_header_length(void **state)
{
    static const struct {
        unsigned char length[8];
        size_t size;
        const char *message;
    } CASES[] = {
        { { 0 }, 7, "7 bytes are too few for a safetensors file" },
        { { 3 }, 10, "header: 3 bytes, the file has 2" },
        { { 1, 0, 0, 1 }, 8, "header: 16777217 bytes, at most 16777216 are allowed" },
        { { 255, 255, 255, 255, 255, 255, 255, 255 },
          8,
          "header: 18446744073709551615 bytes, at most 16777216 are allowed" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        unsigned char file[16] = { 0 };
        struct err e = { 0 };
        struct weights *w;
        memcpy(file, CASES[i].length, 8);
        assert_int_equal(weights_open_memory(file, CASES[i].size, &w, &e), -1);
        assert_string_equal(e.msg, CASES[i].message);
    }
}

static void test_empty_and_padded(void **state)
{
    struct weights *w;
    struct err e;
    size_t size;
    unsigned char *file = build("{\"e\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[1,1]},"
                                "\"s\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}   ",
                                1, &size);

    (void)state;
    assert_int_equal(weights_open_memory(file, size, &w, &e), 0);
    assert_int_equal(weights_n(w), 2);
    assert_int_equal(weights_entry_count(weights_find(w, "e")), 0);
    assert_int_equal(weights_entry_count(weights_find(w, "s")), 1);
    assert_null(weights_find(w, "x"));
    assert_null(weights_metadata(w, "x"));
    weights_close(w);
    mem_free(file);
}

/* ---- round trip ---- */

static const char *out_path(char *buf, size_t n, const char *name)
{
    const char *dir = getenv("BUILDDIR");

    snprintf(buf, n, "%s/%s.%d.safetensors", dir ? dir : "/tmp", name, (int)getpid());
    return buf;
}

static struct weights_out *sample_out(void)
{
    static const float real[3] = { 1.5f, -2.0f, 0x1p-20f };
    static const double wide[3] = { 1.5, -2.0, 0x1p-20 };
    static const int64_t whole[3] = { -1, 0, 2147483647 };
    static const unsigned char bytes[3] = { 0, 1, 255 };
    static const int16_t narrow[3] = { -2, 0, 300 };
    static const int64_t dim[2] = { 3, 1 };
    struct weights_out *o;
    struct err e;

    assert_int_equal(weights_out_new(&o, &e), 0);
    assert_int_equal(weights_out_metadata(o, "who", "a \"test\"", &e), 0);
    assert_int_equal(weights_out_add(o, "u8", W_U8, 2, dim, bytes, &e), 0);
    assert_int_equal(weights_out_add(o, "f16", W_F16, 2, dim, real, &e), 0);
    assert_int_equal(weights_out_add(o, "f32", W_F32, 2, dim, real, &e), 0);
    assert_int_equal(weights_out_add(o, "bf16", W_BF16, 1, dim, real, &e), 0);
    assert_int_equal(weights_out_add(o, "f64", W_F64, 1, dim, wide, &e), 0);
    assert_int_equal(weights_out_add(o, "i64", W_I64, 1, dim, whole, &e), 0);
    assert_int_equal(weights_out_add(o, "i16", W_I16, 1, dim, narrow, &e), 0);
    assert_int_equal(weights_out_add(o, "i8", W_I8, 1, dim, bytes, &e), 0);
    assert_int_equal(weights_out_add(o, "none", W_F32, 1, (int64_t[]){ 0 }, NULL, &e), 0);
    return o;
}

static void check_sample(const struct weights *w)
{
    static const char *const ORDER[] = { "u8",  "f16", "f32", "bf16", "f64",
                                         "i64", "i16", "i8",  "none" };
    float real[3];
    int32_t whole[3];
    struct err e;

    assert_int_equal(weights_n(w), 9);
    assert_string_equal(weights_metadata(w, "who"), "a \"test\"");
    for (int i = 0; i < 9; i++)
        assert_string_equal(weights_at(w, i)->name, ORDER[i]);
    for (int i = 1; i < 5; i++) {
        const float *want = (const float[]){ 1.5f, -2.0f, 0x1p-20f };
        assert_int_equal(weights_read_f32(weights_at(w, i), real, &e), 0);
        assert_memory_equal(real, want, sizeof real);
    }
    assert_int_equal(weights_find(w, "f16")->dim[1], 1);
    assert_int_equal(weights_read_i32(weights_find(w, "i64"), whole, &e), 0);
    assert_int_equal(whole[0], -1);
    assert_int_equal(whole[2], 2147483647);
    assert_int_equal(weights_read_i32(weights_find(w, "u8"), whole, &e), 0);
    assert_int_equal(whole[2], 255);
    assert_int_equal(weights_read_i32(weights_find(w, "i16"), whole, &e), 0);
    assert_int_equal(whole[0], -2);
    assert_int_equal(whole[2], 300);
    assert_int_equal(weights_read_i32(weights_find(w, "i8"), whole, &e), 0);
    assert_int_equal(whole[2], -1);
}

/* i/4 - 1 of element i: exact in all three dtypes of floats. */
static int fill_quarters(void *ctx, int64_t first, size_t n, float *dst, struct err *e)
{
    int64_t *asked = ctx;

    (void)e;
    assert_int_equal(first, *asked); /* in order */
    *asked += (int64_t)n;
    for (size_t i = 0; i < n; i++)
        dst[i] = (float)(((size_t)first + i) % 300) / 4 - 1;
    return 0;
}

static int fill_never(void *ctx, int64_t first, size_t n, float *dst, struct err *e)
{
    (void)ctx, (void)first, (void)n, (void)dst;
    return err_set(e, ERR_IO, "gone");
}

/* Tensors that are asked for in pieces are the same bytes as tensors that were added whole. */
static void test_streamed(void **state)
{
    enum { N = 3 * 49984, DTYPES = 4 };
    static const int64_t dim[] = { 3, 49984 };
    static const enum weights_dtype dtypes[DTYPES] = { W_F16, W_F32, W_BF16, W_Q4_0 };
    static const char *const names[] = { "h", "f", "b", "q" };
    static float values[N];
    struct weights_out *whole, *streamed, *bad;
    int64_t asked[DTYPES] = { 0 }, from = 0;
    struct buf text[2];
    char path[256];
    struct err e = { 0 };

    (void)state;
    fill_quarters(&from, 0, N, values, NULL);
    assert_int_equal(weights_out_new(&whole, &e) || weights_out_new(&streamed, &e), 0);
    for (int i = 0; i < DTYPES; i++) {
        assert_int_equal(weights_out_add(whole, names[i], dtypes[i], 2, dim, values, &e), 0);
        assert_int_equal(
            weights_out_stream(streamed, names[i], dtypes[i], 2, dim, fill_quarters, &asked[i], &e),
            0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weights_out_write(i ? streamed : whole, out_path(path, 256, "s"), &e), 0);
        buf_init(&text[i], 1 << 24);
        assert_int_equal(file_read(path, 1 << 24, &text[i], &e), 0);
        unlink(path);
    }
    assert_int_equal(text[0].len, text[1].len);
    assert_memory_equal(text[0].data, text[1].data, text[0].len);
    buf_release(&text[0]);
    buf_release(&text[1]);
    weights_out_free(whole);
    weights_out_free(streamed);

    assert_int_equal(weights_out_new(&bad, &e), 0);
    assert_int_equal(weights_out_stream(bad, "x", W_I64, 2, dim, fill_never, NULL, &e), -1);
    assert_err(&e, ERR_INVALID, "tensor x: I64 is not written from floats");
    assert_int_equal(weights_out_stream(bad, "x", W_F32, 2, dim, fill_never, NULL, &e), 0);
    assert_int_equal(weights_out_write(bad, out_path(path, 256, "bad"), &e), -1);
    assert_err(&e, ERR_IO, "tensor x: gone");
    assert_false(file_exists(path));
    weights_out_free(bad);
}

/* A matrix in blocks is bytes to every other reader, and a matrix to us. */
static void test_blocks(void **state)
{
    static const int64_t dim[] = { 3, 64 };
    float x[3 * 64], back[3 * 64];
    struct weights_out *o;
    struct weights *w;
    struct buf text;
    char path[256];
    struct err e = { 0 };

    (void)state;
    for (int i = 0; i < 3 * 64; i++)
        x[i] = (float)(i % 64 * 37 % 255 - 127) / 4; /* exact: 127 steps of a quarter in a block */
    for (int i = 0; i < 3 * 64; i += 32)
        x[i] = 127.0f / 4;
    assert_int_equal(weights_out_new(&o, &e), 0);
    assert_int_equal(weights_out_add(o, "m", W_Q8_0, 2, dim, x, &e), 0);
    assert_int_equal(weights_out_add(o, "v", W_F32, 1, dim, x, &e), 0);
    assert_int_equal(weights_out_write(o, out_path(path, sizeof path, "blocks"), &e), 0);
    weights_out_free(o);
    buf_init(&text, 1 << 16);
    assert_int_equal(file_read(path, 1 << 16, &text, &e), 0);
    unlink(path);
    assert_non_null(strstr(text.data + 8, "\"__metadata__\":{\"blocks\":\"q8_0\"}"));
    assert_non_null(strstr(text.data + 8, "\"m\":{\"dtype\":\"U8\",\"shape\":[3,2,34],"));
    assert_int_equal(weights_open_memory(text.data, text.len, &w, &e), 0);
    const struct weights_entry *m = weights_find(w, "m");
    assert_int_equal(m->dtype, W_Q8_0);
    assert_true(m->n_dims == 2 && m->dim[0] == 3 && m->dim[1] == 64 && m->bytes == 6 * 34);
    assert_int_equal(weights_entry_count(m), 3 * 64);
    assert_int_equal(weights_read_f32(m, back, &e), 0);
    assert_memory_equal(back, x, sizeof x);
    weights_close(w);
    buf_release(&text);
}

/* What has no place in a file says so before a byte is written. */
static void test_blocks_refusals(void **state)
{
    static const int64_t odd[] = { 2, 48 }, whole[] = { 2, 64 }, cube[] = { 1, 2, 64 };
    static const char *const beyond = "tensor m: 1e+07 is beyond what Q8_0 holds, +-8.31901e+06; "
                                      "BF16 and F32 hold it";
    float x[128] = { 0 };
    struct weights_out *o;
    struct err e = { 0 };

    (void)state;
    assert_int_equal(weights_out_new(&o, &e), 0);
    assert_int_equal(weights_out_add(o, "m", W_Q8_0, 2, odd, x, &e), -1);
    assert_err(&e, ERR_INVALID, "tensor m: Q8_0 is for matrices whose rows are whole blocks of 32");
    assert_int_equal(weights_out_add(o, "m", W_Q8_0, 3, cube, x, &e), -1);
    assert_err(&e, ERR_INVALID, "tensor m: Q8_0 is for matrices whose rows are whole blocks of 32");
    x[100] = 1e7f;
    assert_int_equal(weights_out_add(o, "m", W_Q8_0, 2, whole, x, &e), -1);
    assert_err(&e, ERR_INVALID, beyond);
    x[100] = NAN;
    assert_int_equal(weights_out_add(o, "m", W_Q4_0, 2, whole, x, &e), -1);
    assert_int_equal(weights_out_add(o, "m", W_F16, 2, whole, x, &e), 0); /* a float has one */
    x[100] = 65505;
    assert_int_equal(weights_out_add(o, "h", W_F16, 2, whole, x, &e), -1);
    assert_err(&e, ERR_INVALID,
               "tensor h: 65505 is beyond what F16 holds, +-65504; BF16 and F32 hold it");
    assert_int_equal(weights_out_add(o, "q", W_Q8_0, 2, whole, x, &e), 0);
    assert_int_equal(weights_out_add(o, "p", W_Q4_0, 2, whole, x, &e), -1);
    assert_err(&e, ERR_INVALID, "tensor p: Q4_0 beside the Q8_0 of q: a file has one of them");
    assert_int_equal(weights_out_add(o, "p", W_U8, 2, whole, x, &e), -1);
    assert_err(&e, ERR_INVALID, "tensor p: U8 beside the Q8_0 of q: a file has one of them");
    weights_out_free(o);
}

static void test_round_trip(void **state)
{
    char path[2][256];
    struct buf text[2];
    struct weights *w;
    struct err e;

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct weights_out *o = sample_out();
        assert_int_equal(weights_out_write(o, out_path(path[i], 256, i ? "b" : "a"), &e), 0);
        weights_out_free(o);
        buf_init(&text[i], 1 << 20);
        assert_int_equal(file_read(path[i], 1 << 20, &text[i], &e), 0);
        unlink(path[i]);
    }
    assert_int_equal(text[0].len, text[1].len);
    assert_memory_equal(text[0].data, text[1].data, text[0].len);
    assert_int_equal(weights_open_memory(text[0].data, text[0].len, &w, &e), 0);
    check_sample(w);
    weights_close(w);
    buf_release(&text[0]);
    buf_release(&text[1]);
}

static void test_open_file(void **state)
{
    char path[256], want[300];
    struct weights *w;
    struct err e;

    (void)state;
    out_path(path, sizeof path, "broken");
    assert_int_equal(file_write(path, "123", 3, &e), 0);
    assert_int_equal(weights_open(path, &w, &e), -1);
    snprintf(want, sizeof want, "%s: 3 bytes are too few for a safetensors file", path);
    assert_string_equal(e.msg, want);
    unlink(path);
    assert_int_equal(weights_open(path, &w, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void test_wrong_kinds(void **state)
{
    static const int64_t one = 1, big = 2147483648;
    static const float x = 0.5f;
    struct weights_out *o;
    struct err e;
    float f;
    int32_t i;

    (void)state;
    assert_int_equal(weights_out_new(&o, &e), 0);
    assert_int_equal(weights_out_add(o, "i", W_I64, 1, &one, &big, &e), 0);
    assert_int_equal(weights_out_add(o, "i", W_I64, 1, &one, &big, &e), -1);
    assert_string_equal(e.msg, "tensor i: added twice");
    assert_int_equal(weights_out_add(o, "n", W_F32, 9, NULL, &x, &e), -1);
    assert_string_equal(e.msg, "tensor n: 9 dimensions are outside 0..8");
    weights_out_free(o);

    const struct weights_entry whole = { "i", W_I64, 1, { 1 }, &big, 8 };
    const struct weights_entry real = { "x", W_F32, 1, { 1 }, &x, 4 };
    assert_int_equal(weights_read_f32(&whole, &f, &e), -1);
    assert_string_equal(e.msg, "tensor i: dtype is I64, wanted are real numbers");
    assert_int_equal(weights_read_i32(&whole, &i, &e), -1);
    assert_string_equal(e.msg, "tensor i: element 0 is 2147483648, outside 32 bits");
    assert_int_equal(weights_read_i32(&real, &i, &e), -1);
    assert_string_equal(e.msg, "tensor x: dtype is F32, wanted I64, I32, I16, I8, U8 or BOOL");
}

/* Files of the reference library, when they are there. */
static void test_reference_files(void **state)
{
    char dir[512], **names;
    size_t n;
    struct err e;

    (void)state;
    snprintf(dir, sizeof dir, "%s/../shared/golden", test_srcdir());
    if (file_list(dir, 1000, &names, &n, &e)) {
        print_message("skipped: no %s\n", dir);
        skip();
    }
    for (size_t i = 0; i < n; i++) {
        char *path = file_join(dir, names[i]);
        struct weights *w;
        if (strstr(names[i], ".safetensors")) {
            assert_int_equal(weights_open(path, &w, &e), 0);
            assert_true(weights_n(w) > 0);
            weights_close(w);
        }
        mem_free(path);
    }
    file_list_free(names, n);
}

/* ---- parameters ---- */

/* A matrix and a convolution whose memory layout differs from the file's. */
static void list_init(struct param_list *l, struct device *dev)
{
    struct err e;

    param_list_init(l);
    param_add(l, 0, START_NORMAL, 1.0f, 2, (int64_t[]){ 3, 5 }, "lin.weight");
    param_add(l, PARAM_CONV, START_NORMAL, 1.0f, 4, (int64_t[]){ 2, 3, 3, 4 }, "conv.weight");
    param_add(l, PARAM_BUFFER, START_ONE, 0.0f, 1, (int64_t[]){ 6 }, "mean");
    assert_int_equal(param_list_alloc(l, dev, false, &e), 0);
}

static void download(struct device *dev, const struct param_list *l, const char *name, float *out)
{
    const struct tensor *t = &param_find(l, name)->value;
    struct err e;

    assert_int_equal(device_download(dev, t, 0, out, tensor_bytes(t), &e), 0);
}

static void check_same(struct device *dev, const struct param_list *a, const struct param_list *b)
{
    for (int i = 0; i < a->n; i++) {
        float x[128], y[128];
        download(dev, a, a->item[i]->name, x);
        download(dev, b, a->item[i]->name, y);
        assert_memory_equal(x, y, tensor_bytes(&a->item[i]->value));
    }
}

/* In the file, element [o][i][y][x] of the convolution is memory's [o][y][x][i]. */
static void check_file_layout(struct device *dev, const struct weights *w,
                              const struct param_list *l)
{
    const struct weights_entry *t = weights_find(w, "net.conv.weight");
    float file[72], memory[72];
    struct err e;

    assert_int_equal(t->n_dims, 4);
    assert_int_equal(t->dim[1], 4);
    assert_int_equal(t->dim[3], 3);
    assert_int_equal(weights_read_f32(t, file, &e), 0);
    download(dev, l, "conv.weight", memory);
    for (int k = 0; k < 72; k++) {
        int o = k / 36, i = k / 9 % 4, s = k % 9;
        assert_true(file[k] == memory[(o * 9 + s) * 4 + i]);
    }
}

static struct device *cpu(void)
{
    struct device *dev;
    struct err e;

    assert_int_equal(device_open("cpu", 1, &dev, &e), 0);
    return dev;
}

static struct weights *save_and_open(const struct param_list *l, enum weights_dtype dtype)
{
    struct weights_out *o;
    struct weights *w;
    char path[256];
    struct err e;

    assert_int_equal(weights_out_new(&o, &e), 0);
    assert_int_equal(weights_out_add_params(o, "net.", l, dtype, &e), 0);
    assert_int_equal(weights_out_write(o, out_path(path, sizeof path, "params"), &e), 0);
    weights_out_free(o);
    assert_int_equal(weights_open(path, &w, &e), 0);
    unlink(path);
    return w;
}

static void test_params(void **state)
{
    struct device *dev = cpu();
    struct param_list a, b;
    struct weights *w;
    struct err e;

    (void)state;
    list_init(&a, dev);
    list_init(&b, dev);
    assert_int_equal(param_list_reset(&a, 7, &e), 0);
    w = save_and_open(&a, W_F32);
    check_file_layout(dev, w, &a);
    assert_int_equal(weights_load_params(w, "net.", &b, NULL, &e), 0);
    check_same(dev, &a, &b);
    weights_close(w);

    w = save_and_open(&a, W_F16); /* rounded once; rounding again changes nothing */
    assert_int_equal(weights_load_params(w, "net.", &a, NULL, &e), 0);
    weights_close(w);
    w = save_and_open(&a, W_F16);
    assert_int_equal(weights_load_params(w, "net.", &b, NULL, &e), 0);
    check_same(dev, &a, &b);
    weights_close(w);

    param_list_release(&a);
    param_list_release(&b);
    device_close(dev);
}

static void test_misfits(void **state)
{
    static const float x[15];
    static const char *const IGNORE[] = { "num_batches_tracked", NULL };
    struct device *dev = cpu();
    struct weights_out *o;
    struct weights *w;
    struct param_list l;
    char path[256];
    struct err e;

    (void)state;
    list_init(&l, dev);
    assert_int_equal(weights_out_new(&o, &e), 0);
    weights_out_add(o, "n.lin.weight", W_F32, 2, (int64_t[]){ 5, 3 }, x, &e);
    weights_out_add(o, "n.odd", W_F32, 1, (int64_t[]){ 1 }, x, &e);
    weights_out_add(o, "n.mean", W_I32, 1, (int64_t[]){ 6 }, x, &e);
    weights_out_add(o, "n.num_batches_tracked", W_F32, 0, NULL, x, &e);
    weights_out_add(o, "m.other", W_F32, 0, NULL, x, &e);
    assert_int_equal(weights_out_write(o, out_path(path, sizeof path, "misfits"), &e), 0);
    weights_out_free(o);
    assert_int_equal(weights_open(path, &w, &e), 0);
    unlink(path);
    assert_int_equal(weights_load_params(w, "n.", &l, IGNORE, &e), -1);
    assert_string_equal(e.msg,
                        "4 tensors do not fit: F32[5, 3] instead of real [3, 5] for n.lin.weight; "
                        "missing n.conv.weight; I32[6] instead of real [6] for n.mean; "
                        "unknown n.odd");
    assert_int_equal(e.code, ERR_FORMAT);
    weights_close(w);
    param_list_release(&l);
    device_close(dev);
}

/* ---- packed parameters ---- */

/* A matrix in a format beside a plain vector. */
static void packed_init(struct param_list *l, struct device *dev, enum param_format format)
{
    struct err e;

    param_list_init(l);
    param_add(l, PARAM_LINEAR, START_ZERO, 0, 2, (int64_t[]){ 5, 40 }, "lin.weight");
    param_add(l, 0, START_ZERO, 0, 1, (int64_t[]){ 5 }, "lin.bias");
    assert_int_equal(param_list_alloc_packed(l, dev, format, &e), 0);
}

/* A file of both, the matrix stored as dtype; opened, and its bytes to free afterwards. */
static struct weights *matrix_file(const float *matrix, enum weights_dtype dtype, const char *path)
{
    static const float bias[5] = { 1, 2, 3, 4, 5 };
    struct weights_out *o;
    struct weights *w;
    double wide[200];
    struct err e;

    for (int i = 0; i < 200; i++)
        wide[i] = matrix[i];
    assert_int_equal(weights_out_new(&o, &e), 0);
    assert_int_equal(weights_out_add(o, "net.lin.weight", dtype, 2, (int64_t[]){ 5, 40 },
                                     dtype == W_F64 ? (const void *)wide : matrix, &e),
                     0);
    assert_int_equal(weights_out_add(o, "net.lin.bias", W_F32, 1, (int64_t[]){ 5 }, bias, &e), 0);
    assert_int_equal(weights_out_write(o, path, &e), 0);
    weights_out_free(o);
    assert_int_equal(weights_open(path, &w, &e), 0);
    unlink(path);
    return w;
}

static void check_same_packed(struct device *dev, const struct param_list *a,
                              const struct param_list *b)
{
    const struct tensor *x = &a->item[0]->value, *y = &b->item[0]->value;
    size_t n = tensor_bytes(x);
    char *xs = mem_alloc(n, 1), *ys = mem_alloc(n, 1);
    struct err e;

    assert_true(x->packed > 0);
    assert_int_equal(tensor_bytes(y), n);
    assert_int_equal(device_download(dev, x, 0, xs, n, &e), 0);
    assert_int_equal(device_download(dev, y, 0, ys, n, &e), 0);
    assert_memory_equal(xs, ys, n);
    mem_free(xs);
    mem_free(ys);
}

/* Straight from a file of any dtype gives what the values give. */
static void test_packed_params(void **state)
{
    static const enum weights_dtype DTYPES[] = { W_F64, W_F32, W_F16, W_BF16 };
    struct param_list want, got;
    struct device *dev;
    float matrix[200];
    char path[256];
    struct err e;

    (void)state;
    assert_int_equal(device_open("cpu", 2, &dev, &e), 0);
    out_path(path, sizeof path, "packed");
    for (int i = 0; i < 200; i++) /* numbers that every dtype has */
        matrix[i] = (float)(i * 37 % 63 - 31) / 16;
    for (enum param_format format = PARAM_F32; format < PARAM_PLAIN; format++) {
        packed_init(&want, dev, format);
        assert_int_equal(param_set(&want, want.item[0], matrix, &e), 0);
        for (int i = 0; i < 4; i++) {
            struct weights *w = matrix_file(matrix, DTYPES[i], path);
            packed_init(&got, dev, format);
            assert_int_equal(weights_load_params(w, "net.", &got, NULL, &e), 0);
            check_same_packed(dev, &got, &want);
            weights_close(w);
            param_list_release(&got);
        }
        param_list_release(&want);
    }
    device_close(dev);
}

static void test_packed_refusals(void **state)
{
    struct param_list l;
    struct device *dev;
    struct weights_out *o;
    float matrix[200] = { 0 };
    char path[256];
    struct err e;

    (void)state;
    assert_int_equal(device_open("cpu", 1, &dev, &e), 0);
    out_path(path, sizeof path, "packed");
    matrix[3 * 40 + 39] = 70000;
    struct weights *w = matrix_file(matrix, W_F32, path);
    packed_init(&l, dev, PARAM_F16);
    assert_int_equal(weights_load_params(w, "net.", &l, NULL, &e), -1);
    assert_err(&e, ERR_FORMAT,
               "tensor net.lin.weight: row 3 holds a number beyond what f16 can hold, +-65504");
    assert_int_equal(weights_out_new(&o, &e), 0);
    assert_int_equal(weights_out_add_params(o, "net.", &l, W_F32, &e), -1);
    assert_err(&e, ERR_UNSUPPORTED, "tensor net.lin.weight: packed matrices are not written");
    weights_out_free(o);
    weights_close(w);
    param_list_release(&l);
    device_close(dev);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_refusals),         cmocka_unit_test(test_header_length),
    cmocka_unit_test(test_empty_and_padded), cmocka_unit_test(test_round_trip),
    cmocka_unit_test(test_blocks),           cmocka_unit_test(test_blocks_refusals),
    cmocka_unit_test(test_streamed),         cmocka_unit_test(test_open_file),
    cmocka_unit_test(test_wrong_kinds),      cmocka_unit_test(test_reference_files),
    cmocka_unit_test(test_params),           cmocka_unit_test(test_misfits),
    cmocka_unit_test(test_packed_params),    cmocka_unit_test(test_packed_refusals),
};

TEST_MAIN(TESTS)
