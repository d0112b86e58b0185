/*
 * The CPU's table, once per instruction set, and its memory: the host's.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/par.h"

#define STRING_1(s) #s
#define STRING(s) STRING_1(s)

static void cpu_close(void *ctx)
{
    struct cpu *c = ctx;
    if (!c)
        return;
    for (int i = 0; i < CPU_THREADS_MAX; i++)
        mem_free(c->scratch[i]);
    mem_free(c->shared);
    mem_free(c);
}

/* As many threads as there is scratch for. */
static void cpu_set_threads(void *ctx, int threads)
{
    struct cpu *c = ctx;
    c->threads = 1;
    while (c->threads < threads && c->threads < CPU_THREADS_MAX && c->scratch[c->threads])
        c->threads++;
}

static int take_scratch(struct cpu *c, int n, struct err *e)
{
    c->shared = mem_alloc(CPU_SHARED_BYTES, 1);
    if (!c->shared)
        return err_set(e, ERR_NOMEM, "cpu: no memory for scratch that threads share");
    for (int i = 0; i < n && i < CPU_THREADS_MAX; i++) {
        c->scratch[i] = mem_alloc(CPU_SCRATCH_BYTES, 1);
        if (!c->scratch[i])
            return err_set(e, ERR_NOMEM, "cpu: no memory for the scratch of %d threads", n);
    }
    return 0;
}

/* Scratch for every CPU, also when fewer threads are asked for: set_threads may raise them. */
static int cpu_open(int threads, void **ret_ctx, char *describe, size_t describe_size,
                    struct err *e)
{
    int cpus = par_cpus();
    struct cpu *c = mem_alloc(1, sizeof *c);
    if (!c)
        return err_set(e, ERR_NOMEM, "cpu: no memory");
    if (take_scratch(c, threads > cpus ? threads : cpus, e))
        goto fail;
    cpu_set_threads(c, threads > 0 ? threads : cpus);
    CPU(gemm_open)();
    snprintf(describe, describe_size, "%s, %d threads", STRING(CPU_DOT_ISA), c->threads);
    *ret_ctx = c;
    return 0;
fail:
    cpu_close(c);
    return -1;
}

static int cpu_mem_alloc(void *ctx, size_t bytes, void **ret_data, struct err *e)
{
    (void)ctx;
    void *data = mem_alloc(bytes, 1);
    if (!data)
        return err_set(e, ERR_NOMEM, "cpu: no memory for %zu bytes", bytes);
    *ret_data = data;
    return 0;
}

static void cpu_mem_free(void *ctx, void *data)
{
    (void)ctx;
    mem_free(data);
}

/* Upload, download and copy are one thing where host and device memory are one. */
static int cpu_copy(void *ctx, void *dst, const void *src, size_t n, struct err *e)
{
    (void)ctx;
    (void)e;
    memcpy(dst, src, n);
    return 0;
}

static int cpu_zero(void *ctx, void *dst, size_t n, struct err *e)
{
    (void)ctx;
    (void)e;
    memset(dst, 0, n);
    return 0;
}

static int cpu_wait(void *ctx, struct err *e)
{
    (void)ctx;
    (void)e;
    return 0;
}

#define ENTRY(name) .name = CPU(name)

const struct backend CPU_DOT(backend) = {
    .abi = BACKEND_ABI,
    .size = sizeof(struct backend),
    .name = "cpu",

    .open = cpu_open,
    .close = cpu_close,
    .set_threads = cpu_set_threads,
    .mem_alloc = cpu_mem_alloc,
    .mem_free = cpu_mem_free,
    .upload = cpu_copy,
    .download_wait = cpu_copy,
    .copy = cpu_copy,
    .zero = cpu_zero,
    .wait = cpu_wait,

    ENTRY(gemm),
    ENTRY(packed_bytes),
    ENTRY(pack_wait),
    .linear_packed = CPU_DOT(linear_packed),
    ENTRY(bias_bwd),
    ENTRY(attention),
    ENTRY(attention_bwd),
    ENTRY(attention_cached),
    ENTRY(conv),
    ENTRY(conv_add),
    ENTRY(conv_bwd_data),
    ENTRY(conv_bwd_weight),
    ENTRY(resize),
    ENTRY(resize_bwd),
    ENTRY(pixels_in),
    ENTRY(pixels_out),
    ENTRY(layernorm),
    ENTRY(layernorm_bwd),
    ENTRY(groupnorm),
    ENTRY(groupnorm_bwd),
    ENTRY(batchnorm),
    ENTRY(batchnorm_bwd),
    ENTRY(l2norm),
    ENTRY(l2norm_bwd),
    ENTRY(softmax),
    ENTRY(softmax_bwd),
    ENTRY(act),
    ENTRY(act_bwd),
    ENTRY(dropout),
    ENTRY(add_noise),
    ENTRY(add),
    ENTRY(axpy),
    ENTRY(sum_leading),
    ENTRY(fill),
    ENTRY(scale),
    ENTRY(scale_exp),
    ENTRY(scale_exp_bwd),
    ENTRY(copy_2d),
    ENTRY(permute),
    ENTRY(replace_rows),
    ENTRY(replace_rows_bwd),
    ENTRY(embedding),
    ENTRY(embedding_bwd),
    ENTRY(nearest_code),
    ENTRY(cross_entropy),
    ENTRY(cross_entropy_bwd),
    ENTRY(l1),
    ENTRY(l1_bwd),
    ENTRY(l2),
    ENTRY(l2_bwd),
    ENTRY(hinge),
    ENTRY(hinge_bwd),
    ENTRY(mean),
    ENTRY(mean_bwd),
    ENTRY(sample_draw),
    ENTRY(sample_probs),
    ENTRY(sum_squares),
    ENTRY(norm_of_sum),
    ENTRY(clip_factor),
    ENTRY(adamw),
    ENTRY(ema),
};
