/*
 * bench/kernels [NAME]: how fast the CPU's kernels are, beside what the machine can do.
 *
 * One row a kernel and shape, on one thread and on all; the shapes are those of the networks that
 * are trained here. NAME: only rows whose name contains it. Work is counted as the textbook counts
 * it (2 m n k for a product), whatever the kernel does; norms count the bytes they must move.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bench/peak.h"
#include "kernels/backends.h"

#define OPERANDS_MAX 8
#define MIN_NS 200000000 /* a row runs at least so long */

struct bench {
    const struct backend *backend;
    void *ctx;
    struct tensor t[OPERANDS_MAX]; /* of the row that is running */
    struct err err;
};

struct row {
    const char *name;
    int (*run)(struct bench *b, const int64_t *n);
    double (*work)(const int64_t *n);
    const char *unit;
    int64_t n[6];
};

/* The next operand of the row: made on the first run, found again on later ones. */
static struct tensor *operand(struct bench *b, int *i, int n_dims, const int64_t *dim)
{
    struct tensor *t = &b->t[(*i)++];
    if (t->data)
        return t;
    *t = (struct tensor){ .dtype = DTYPE_F32, .n_dims = n_dims };
    memcpy(t->dim, dim, (size_t)n_dims * sizeof *dim);
    t->data = mem_alloc((size_t)tensor_count(t), sizeof(float));
    float *x = t->data;
    for (int64_t j = 0; x && j < tensor_count(t); j++)
        x[j] = (float)(j * 7919 % 1000) * 0.001f - 0.5f;
    return t;
}

#define OPERAND(b, i, ...)                                                                         \
    operand(b, i, (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),                     \
            (int64_t[]){ __VA_ARGS__ })

static void forget_operands(struct bench *b)
{
    for (int i = 0; i < OPERANDS_MAX; i++) {
        mem_free(b->t[i].data);
        b->t[i] = (struct tensor){ 0 };
    }
}

/* n: kernel size, B, H, I, O of a stride 1 convolution that keeps the size */
struct conv_operands {
    struct tensor *x, *w, *bias, *y;
    struct backend_conv how;
};

static struct conv_operands conv_operands(struct bench *b, const int64_t *n)
{
    int i = 0, p = (int)(n[0] / 2);
    return (struct conv_operands){
        .x = OPERAND(b, &i, n[1], n[2], n[2], n[3]),
        .w = OPERAND(b, &i, n[4], n[0], n[0], n[3]),
        .bias = OPERAND(b, &i, n[4]),
        .y = OPERAND(b, &i, n[1], n[2], n[2], n[4]),
        .how = { 1, { p, p, p, p }, false },
    };
}

static double conv_work(const int64_t *n)
{
    return 2.0 * (double)(n[0] * n[0] * n[1] * n[2] * n[2] * n[3] * n[4]);
}

static int run_conv(struct bench *b, const int64_t *n)
{
    struct conv_operands o = conv_operands(b, n);
    return b->backend->conv(b->ctx, &o.how, o.x, o.w, o.bias, o.y, &b->err);
}

static int run_conv_bwd_data(struct bench *b, const int64_t *n)
{
    struct conv_operands o = conv_operands(b, n);
    return b->backend->conv_bwd_data(b->ctx, &o.how, o.y, o.w, o.x, &b->err);
}

static int run_conv_bwd_weight(struct bench *b, const int64_t *n)
{
    struct conv_operands o = conv_operands(b, n);
    return b->backend->conv_bwd_weight(b->ctx, &o.how, o.x, o.y, o.w, &b->err);
}

/* n: m, n, k, trans_a, trans_b, beta */
static int run_gemm(struct bench *b, const int64_t *n)
{
    int i = 0;
    bool trans_a = n[3] != 0, trans_b = n[4] != 0;
    struct tensor *a = trans_a ? OPERAND(b, &i, n[2], n[0]) : OPERAND(b, &i, n[0], n[2]);
    struct tensor *w = trans_b ? OPERAND(b, &i, n[1], n[2]) : OPERAND(b, &i, n[2], n[1]);
    struct tensor *c = OPERAND(b, &i, n[0], n[1]);
    struct backend_gemm g = {
        .m = n[0],
        .n = n[1],
        .k = n[2],
        .batch = 1,
        .trans_a = trans_a,
        .trans_b = trans_b,
        .a = a->data,
        .b = w->data,
        .c = c->data,
        .lda = tensor_cols(a),
        .ldb = tensor_cols(w),
        .ldc = n[1],
        .alpha = 1,
        .beta = (float)n[5],
    };
    return b->backend->gemm(b->ctx, &g, &b->err);
}

static double gemm_work(const int64_t *n)
{
    return 2.0 * (double)(n[0] * n[1] * n[2]);
}

/* n: B, T, D, heads, causal */
struct attn_operands {
    struct tensor *qkv, *out, *lse, *dout, *dqkv;
};

static struct attn_operands attn_operands(struct bench *b, const int64_t *n)
{
    int i = 0;
    return (struct attn_operands){
        .qkv = OPERAND(b, &i, n[0], n[1], 3 * n[2]),
        .out = OPERAND(b, &i, n[0], n[1], n[2]),
        .lse = OPERAND(b, &i, n[0], n[3], n[1]),
        .dout = OPERAND(b, &i, n[0], n[1], n[2]),
        .dqkv = OPERAND(b, &i, n[0], n[1], 3 * n[2]),
    };
}

/* Two products forward, five backward; causal ones need half. */
static double attn_products(const int64_t *n, int products)
{
    return 2.0 * products * (double)(n[0] * n[1] * n[1] * n[2]) / (n[4] ? 2 : 1);
}

static double attn_work(const int64_t *n)
{
    return attn_products(n, 2);
}

static double attn_bwd_work(const int64_t *n)
{
    return attn_products(n, 5);
}

static int run_attn(struct bench *b, const int64_t *n)
{
    struct attn_operands o = attn_operands(b, n);
    return b->backend->attention(b->ctx, o.qkv, (int)n[3], n[4] != 0, o.out, o.lse, &b->err);
}

static int run_attn_bwd(struct bench *b, const int64_t *n)
{
    struct attn_operands o = attn_operands(b, n);
    return b->backend->attention_bwd(b->ctx, o.qkv, (int)n[3], n[4] != 0, o.out, o.lse, o.dout,
                                     o.dqkv, &b->err);
}

/* n: B, H, C, groups */
struct norm_operands {
    struct tensor *x, *g, *b, *y, *stats, *dx, *dg, *db;
};

static struct norm_operands norm_operands(struct bench *b, const int64_t *n)
{
    int i = 0;
    return (struct norm_operands){
        .x = OPERAND(b, &i, n[0], n[1], n[1], n[2]),
        .g = OPERAND(b, &i, n[2]),
        .b = OPERAND(b, &i, n[2]),
        .y = OPERAND(b, &i, n[0], n[1], n[1], n[2]),
        .stats = OPERAND(b, &i, n[0], n[3], 2),
        .dx = OPERAND(b, &i, n[0], n[1], n[1], n[2]),
        .dg = OPERAND(b, &i, n[2]),
        .db = OPERAND(b, &i, n[2]),
    };
}

static double norm_work(const int64_t *n)
{
    return 2.0 * sizeof(float) * (double)(n[0] * n[1] * n[1] * n[2]);
}

static double norm_bwd_work(const int64_t *n)
{
    return 2.0 * norm_work(n);
}

static int run_groupnorm(struct bench *b, const int64_t *n)
{
    struct norm_operands o = norm_operands(b, n);
    return b->backend->groupnorm(b->ctx, o.x, o.g, o.b, (int)n[3], 1e-6f, true, o.y, o.stats,
                                 &b->err);
}

static int run_groupnorm_bwd(struct bench *b, const int64_t *n)
{
    struct norm_operands o = norm_operands(b, n);
    return b->backend->groupnorm_bwd(b->ctx, o.x, o.g, o.b, (int)n[3], true, o.stats, o.y, o.dx,
                                     o.dg, o.db, &b->err);
}

/* n: N, D */
static int run_layernorm(struct bench *b, const int64_t *n)
{
    int i = 0;
    struct tensor *x = OPERAND(b, &i, n[0], n[1]), *g = OPERAND(b, &i, n[1]);
    struct tensor *bias = OPERAND(b, &i, n[1]), *y = OPERAND(b, &i, n[0], n[1]);
    struct tensor *stats = OPERAND(b, &i, n[0], 2);
    return b->backend->layernorm(b->ctx, x, g, bias, 1e-5f, y, stats, &b->err);
}

static double rows_work(const int64_t *n)
{
    return 2.0 * sizeof(float) * (double)(n[0] * n[1]);
}

/* The three products of a convolution. */
#define CONV(what, ...)                                                                            \
    { what, run_conv, conv_work, "GFLOP/s", __VA_ARGS__ },                                         \
        { what " data", run_conv_bwd_data, conv_work, "GFLOP/s", __VA_ARGS__ },                    \
    {                                                                                              \
        what " weight", run_conv_bwd_weight, conv_work, "GFLOP/s", __VA_ARGS__                     \
    }

static const struct row rows[] = {
    CONV("conv 3x3 48->48 [16,64,64]", { 3, 16, 64, 48, 48 }),
    CONV("conv 3x3 3->24 [16,64,64]", { 3, 16, 64, 3, 24 }),
    CONV("conv 3x3 24->3 [16,64,64]", { 3, 16, 64, 24, 3 }),
    CONV("conv 3x3 96->96 [16,16,16]", { 3, 16, 16, 96, 96 }),
    CONV("conv 3x3 128->128 [16,8,8]", { 3, 16, 8, 128, 128 }),
    CONV("conv 1x1 96->48 [16,32,32]", { 1, 16, 32, 96, 48 }),
    CONV("conv 3x3 512->512 [1,16,16]", { 3, 1, 16, 512, 512 }),
    CONV("conv 3x3 128->128 [1,128,128]", { 3, 1, 128, 128, 128 }),
    { "linear 4096x1024x256", run_gemm, gemm_work, "GFLOP/s", { 4096, 1024, 256, 0, 1, 0 } },
    { "linear 4096x1024x256 dx", run_gemm, gemm_work, "GFLOP/s", { 4096, 256, 1024, 0, 0, 1 } },
    { "linear 4096x1024x256 dw", run_gemm, gemm_work, "GFLOP/s", { 1024, 256, 4096, 1, 0, 1 } },
    { "linear 1024x192x192", run_gemm, gemm_work, "GFLOP/s", { 1024, 192, 192, 0, 1, 0 } },
    { "linear 1024x192x192 dw", run_gemm, gemm_work, "GFLOP/s", { 192, 192, 1024, 1, 0, 1 } },
    { "rows 1x1536x384", run_gemm, gemm_work, "GFLOP/s", { 1, 1536, 384, 0, 1, 0 } },
    { "rows 8x1536x384", run_gemm, gemm_work, "GFLOP/s", { 8, 1536, 384, 0, 1, 0 } },
    { "rows 64x1536x384", run_gemm, gemm_work, "GFLOP/s", { 64, 1536, 384, 0, 1, 0 } },
    { "attention 16x256x256 h8", run_attn, attn_work, "GFLOP/s", { 16, 256, 256, 8, 0 } },
    { "attention 16x256x256 h8 bwd", run_attn_bwd, attn_bwd_work, "GFLOP/s", { 16, 256, 256, 8 } },
    { "attention causal", run_attn, attn_work, "GFLOP/s", { 16, 256, 256, 8, 1 } },
    { "attention causal bwd", run_attn_bwd, attn_bwd_work, "GFLOP/s", { 16, 256, 256, 8, 1 } },
    { "attention 32x64x192 h6 causal", run_attn, attn_work, "GFLOP/s", { 32, 64, 192, 6, 1 } },
    { "attention 16x256x512 h1", run_attn, attn_work, "GFLOP/s", { 16, 256, 512, 1, 0 } },
    { "groupnorm+silu [16,64,64,48]", run_groupnorm, norm_work, "GB/s", { 16, 64, 48, 16 } },
    { "groupnorm+silu bwd", run_groupnorm_bwd, norm_bwd_work, "GB/s", { 16, 64, 48, 16 } },
    { "layernorm [4096,256]", run_layernorm, rows_work, "GB/s", { 4096, 256 } },
};

#define N_ROWS (sizeof rows / sizeof rows[0])

/* Work a nanosecond, best of the runs that fit into MIN_NS; negative when a kernel failed. */
static double measure(struct bench *b, const struct row *r)
{
    int64_t best = INT64_MAX, begin = clock_ns();
    if (r->run(b, r->n))
        return -1;
    do {
        int64_t start = clock_ns();
        if (r->run(b, r->n))
            return -1;
        int64_t took = clock_ns() - start;
        best = took < best ? took : best;
    } while (clock_ns() - begin < MIN_NS);
    return r->work(r->n) / (double)best;
}

static int print_row(struct bench *b, const struct row *r, int threads)
{
    b->backend->set_threads(b->ctx, 1);
    double one = measure(b, r);
    b->backend->set_threads(b->ctx, threads);
    double all = measure(b, r);
    forget_operands(b);
    if (one < 0 || all < 0)
        return -1;
    printf("%-38s %8.1f %8.1f  %s\n", r->name, one, all, r->unit);
    return 0;
}

static int print_table(struct bench *b, const char *only, int threads)
{
    printf("%-38s %8s %8d  threads\n", "", "1", threads);
    printf("%-38s %8.1f %8.1f  GFLOP/s\n", "peak: multiply-adds on registers", peak_gflops(1),
           peak_gflops(threads));
    for (size_t i = 0; i < N_ROWS; i++) {
        if (only && !strstr(rows[i].name, only))
            continue;
        if (print_row(b, &rows[i], threads))
            return err_prefix(&b->err, "%s: ", rows[i].name);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct bench b = { 0 };
    char words[256];
    int failed = backends_cpu(&b.backend, &b.err);
    if (!failed)
        failed = b.backend->open(0, &b.ctx, words, sizeof words, &b.err);
    if (!failed) {
        printf("%s: %s\n", b.backend->name, words);
        failed = print_table(&b, argc > 1 ? argv[1] : NULL, (int)sysconf(_SC_NPROCESSORS_ONLN));
    }
    if (failed)
        fprintf(stderr, "%s\n", b.err.msg);
    if (b.ctx)
        b.backend->close(b.ctx);
    return failed ? 1 : 0;
}
