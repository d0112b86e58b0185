/* The work that bench/run compares with is counted from sizes; here the ops count it, in passes
 * that are planned at the same sizes. */
#include "bench/preset.h"
#include "bench/work.h"
#include "kernels/tape.h"
#include "tests/test.h"

#define BATCH 2 /* of training */

struct networks {
    struct bundle_config config;
    struct param_list params;
    struct clip clip;
    struct gpt gpt;
    struct vqgan *vqgan;
};

#define assert_ok(failed, e)                                                                       \
    do {                                                                                           \
        if (failed)                                                                                \
            fail_msg("%s", (e).msg);                                                               \
    } while (0)

static void want_all_grads(struct param_list *l)
{
    for (int i = 0; i < l->n; i++) {
        l->item[i]->value.grad = &l->item[i]->grad;
        l->item[i]->value.wants_grad = !(l->item[i]->flags & PARAM_BUFFER);
    }
}

static struct bundle_config config_of(enum preset_name name)
{
    struct preset preset;
    struct err e = { 0 };
    assert_ok(preset_load(name, &preset, &e), e);
    return preset.config;
}

static void open_networks(struct networks *n, struct bundle_config config)
{
    struct err e = { 0 };
    *n = (struct networks){ .config = config };
    param_list_init(&n->params);
    assert_ok(clip_init(&n->clip, &n->config.clip, &n->params, &e) ||
                  gpt_init(&n->gpt, &n->config.gpt, &n->params, &e) ||
                  vqgan_new(&n->config.vqgan, &n->params, &n->vqgan, &e),
              e);
    want_all_grads(&n->params);
}

static void close_networks(struct networks *n)
{
    clip_release(&n->clip);
    gpt_release(&n->gpt);
    vqgan_free(n->vqgan);
    param_list_release(&n->params);
}

typedef void graph(struct pass *p, const struct networks *n);

/* What the ops of a graph count. */
static double count(graph *g, const struct networks *n, bool with_tape)
{
    struct arena arena;
    struct pass p;
    struct err e = { 0 };
    struct tape *tape = with_tape ? tape_new() : NULL;
    assert_ok(arena_init_planning(&arena, ARENA_HOST_BYTES, &e), e);
    pass_init(&p, NULL, &arena, tape);
    g(&p, n);
    assert_ok(pass_finish(&p, &e), e);
    tape_free(tape);
    arena_free(&arena);
    return p.flops;
}

static struct tensor *floats(struct pass *p, int n_dims, const int64_t *dim)
{
    return pass_tensor(p, DTYPE_F32, n_dims, dim);
}

static struct tensor *ints(struct pass *p, int64_t a, int64_t b)
{
    return pass_tensor(p, DTYPE_I32, b ? 2 : 1, (int64_t[]){ a, b });
}

static struct tensor *pictures(struct pass *p, int64_t batch, int64_t side)
{
    return floats(p, 4, (int64_t[]){ batch, side, side, 3 });
}

static void text(struct pass *p, const struct networks *n)
{
    clip_text(p, &n->clip, ints(p, 1, n->config.clip.text.context), ints(p, 1, 0));
}

static void image(struct pass *p, const struct networks *n)
{
    clip_image(p, &n->clip, pictures(p, 1, n->config.clip.image.size));
}

static void encode(struct pass *p, const struct networks *n)
{
    vqgan_encode(p, n->vqgan, pictures(p, 1, n->config.vqgan.resolution));
}

static void decode(struct pass *p, const struct networks *n)
{
    vqgan_decode(p, n->vqgan, vqgan_lookup(p, n->vqgan, ints(p, n->config.gpt.tokens, 0), 1));
}

static struct tensor *logits(struct pass *p, const struct networks *n, int64_t batch)
{
    const struct gpt_config *c = &n->config.gpt;
    return gpt_forward(p, &n->gpt, floats(p, 2, (int64_t[]){ batch, c->cond_dim }),
                       ints(p, batch, c->tokens - 1), NULL);
}

static void sequence(struct pass *p, const struct networks *n)
{
    logits(p, n, 1);
}

static void train_gpt(struct pass *p, const struct networks *n)
{
    int64_t rows = (int64_t)BATCH * n->config.gpt.tokens;
    struct tensor *y = op_reshape(p, logits(p, n, BATCH), 2, (int64_t[]){ rows, -1 });
    tape_seed(p, op_cross_entropy(p, y, ints(p, rows, 0)), 1);
    tape_backward(p, 0, tape_mark(p->tape));
}

static void train_vqgan(struct pass *p, const struct networks *n)
{
    struct tensor *ids, *rows, *x = pictures(p, BATCH, n->config.vqgan.resolution);
    struct tensor *z = vqgan_encode(p, n->vqgan, x);
    struct tensor *q = vqgan_quantize(p, n->vqgan, z, &ids, &rows);
    tape_seed(p, vqgan_quantizer_loss(p, n->vqgan, z, rows, 0.25f), 1);
    tape_seed(p, op_l1(p, vqgan_decode(p, n->vqgan, q), x), 1);
    tape_backward(p, 0, tape_mark(p->tape));
}

/* The sums are of whole numbers below 2^53, but products are added in another order. */
#define assert_same(a, b)                                                                          \
    do {                                                                                           \
        double a_ = (a), b_ = (b);                                                                 \
        if (!(a_ > 0 && a_ > b_ * (1 - 1e-12) && a_ < b_ * (1 + 1e-12)))                           \
            fail_msg("%s: %.0f, ops count %.0f", #a, a_, b_);                                      \
    } while (0)

/* Attention's adjoint computes its weights anew: one product more than is necessary. */
static double gpt_attention_again(const struct gpt_config *c)
{
    return (double)c->layers * c->width * c->tokens * c->tokens;
}

static double vqgan_attention_again(const struct vqgan_config *c)
{
    double again = 0, width = (double)c->ch * c->mult[c->levels - 1];
    double positions = (double)vqgan_grid(c) * vqgan_grid(c);
    int blocks = 2; /* in the middles */
    if (c->attn_resolution == vqgan_grid(c))
        blocks += 2 * c->res_blocks + 1;
    again += blocks * 2 * positions * positions * width;
    return again;
}

static void check_counts(struct bundle_config config)
{
    struct networks n;
    open_networks(&n, config);
    const struct bundle_config *c = &n.config;
    assert_same(work_clip_text(&c->clip).flops, count(text, &n, false));
    assert_same(work_clip_image(&c->clip).flops, count(image, &n, false));
    assert_same(work_vqgan_encode(&c->vqgan).flops, count(encode, &n, false));
    assert_same(work_vqgan_decode(&c->vqgan).flops, count(decode, &n, false));
    assert_same(work_decode(&c->gpt, 1, 32, 4).flops, count(sequence, &n, false));
    assert_same(work_decode(&c->gpt, 8, 32, 4).flops, 8 * count(sequence, &n, false));
    assert_same(work_train_gpt(&c->gpt, BATCH).flops + BATCH * gpt_attention_again(&c->gpt),
                count(train_gpt, &n, true));
    assert_same(work_train_vqgan(&c->vqgan, BATCH).flops + BATCH * vqgan_attention_again(&c->vqgan),
                count(train_vqgan, &n, true));
    close_networks(&n);
}

static void published_sizes_count_as_the_ops_count(void **state)
{
    (void)state;
    check_counts(config_of(PRESET_COCO));
}

static void emoji_sizes_count_as_the_ops_count(void **state)
{
    (void)state;
    check_counts(config_of(PRESET_EMOJI));
}

/* Codes narrower than the features, attention at no level, odd widths. */
static void other_sizes_count_as_the_ops_count(void **state)
{
    (void)state;
    struct bundle_config c = config_of(PRESET_COCO);
    c.vqgan.code_dim = 8;
    c.vqgan.attn_resolution = 0;
    c.vqgan.mult[1] = 3;
    c.vqgan.res_blocks = 1;
    c.gpt.layers = 3;
    c.gpt.width = 80;
    c.clip.image.patch = 16;
    c.clip.text.context = 13;
    check_counts(c);
}

/* Every matrix but that of the condition is read in every step. */
static void a_decode_reads_every_matrix(void **state)
{
    (void)state;
    struct networks n;
    double weights = 0;
    open_networks(&n, config_of(PRESET_COCO));
    const struct gpt_config *c = &n.config.gpt;
    struct param_list gpt_params;
    struct gpt gpt;
    struct err e = { 0 };
    param_list_init(&gpt_params);
    assert_ok(gpt_init(&gpt, c, &gpt_params, &e), e);
    for (int i = 0; i < gpt_params.n; i++)
        if (gpt_params.item[i]->flags & PARAM_DECAY &&
            &gpt_params.item[i]->value != gpt.cond_proj.w)
            weights += (double)tensor_count(&gpt_params.item[i]->value);
    assert_same(work_decode(c, 1, 32, 4).weight_bytes, 256 * 4 * weights);
    assert_same(work_decode(c, 8, 8.5, 2).weight_bytes, 256 * 8.5 / 8 * weights);
    gpt_release(&gpt);
    param_list_release(&gpt_params);
    close_networks(&n);
}

/* Position 255 reads 255 keys and values a layer, position 0 none. */
static void a_decode_reads_what_the_cache_holds(void **state)
{
    (void)state;
    struct gpt_config c = { .layers = 3, .width = 8, .tokens = 4, .vocab = 16, .cond_dim = 2 };
    assert_same(work_decode(&c, 5, 32, 2).cache_bytes, 5 * 3 * (0 + 1 + 2 + 3) * 2 * 8 * 2);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(published_sizes_count_as_the_ops_count),
    cmocka_unit_test(emoji_sizes_count_as_the_ops_count),
    cmocka_unit_test(other_sizes_count_as_the_ops_count),
    cmocka_unit_test(a_decode_reads_every_matrix),
    cmocka_unit_test(a_decode_reads_what_the_cache_holds),
};
TEST_MAIN(TESTS)
