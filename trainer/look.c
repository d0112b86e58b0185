#include "trainer/look.h"

#include <string.h>

#include "base/mem.h"
#include "trainer/near_codes.h"
#include "trainer/pixels.h"
#include "trainer/workspace.h"

#define GROUP 4 /* pictures that are looked at together */
/* Sets of more pictures than fit are looked at anew each time. */
#define MEMORY_BYTES ((size_t)1 << 30)

/* Rows of what was seen, one a picture. */
struct rows {
    int32_t *codes;  /* [T, codes] that a token may be, nearest first */
    float *odds;     /* [T, codes] cumulative */
    float *features; /* [E] */
};

struct look {
    struct bundle *bundle;
    int n_tokens, n_features, code_dim;
    int codes; /* that a token is drawn from: NEAR_CODES, or 1 */
    float temperature;
    size_t pixels; /* bytes of a picture */
    int side, batch;
    struct workspace work;
    struct rows seen;  /* [B] of the last batch */
    int32_t *tokens;   /* [B, T] drawn */
    struct rows known; /* [objects * backgrounds] of plain scenes; NULL: too many */
    bool *is_known;
    int backgrounds; /* an object's plain scenes */
    float *codebook; /* [K, code_dim] as vectors are compared with it */
    /* of the group that is looked at */
    uint8_t *group_pixels; /* [GROUP, side, side, 3] */
    int32_t *group_ids;    /* [GROUP * T] the nearest codes */
    float *group_z;        /* [GROUP * T, code_dim] */
    struct rows group;
    double flops;
};

static void graph(void *self, struct pass *p)
{
    struct look *l = self;
    const struct vqgan *v = l->bundle->vqgan;
    struct tensor *ids;
    size_t n = GROUP * (size_t)l->n_tokens;
    struct tensor *u8 =
        pass_upload(p, DTYPE_U8, 4, (int64_t[]){ GROUP, l->side, l->side, 3 }, l->group_pixels);
    struct tensor *z = vqgan_encode(p, v, pixels_for_vqgan(p, u8));
    vqgan_quantize(p, v, z, &ids, NULL);
    struct tensor *features =
        clip_image(p, &l->bundle->clip, pixels_for_clip(p, &l->bundle->config.clip, u8));
    workspace_read(p, ids, l->group_ids, sizeof(int32_t) * n);
    workspace_read(p, vqgan_comparable(p, v, z), l->group_z,
                   sizeof(float) * n * (size_t)l->code_dim);
    workspace_read(p, features, l->group.features, sizeof(float) * GROUP * (size_t)l->n_features);
    l->flops += p->flops;
}

/* The codes that each token of the group may be. */
static void find_codes(struct look *l)
{
    for (int i = 0; i < GROUP * l->n_tokens; i++) {
        int32_t *codes = l->group.codes + (size_t)i * (size_t)l->codes;
        float *odds = l->group.odds + (size_t)i * (size_t)l->codes;
        if (l->codes > 1)
            near_codes(l->codebook, l->bundle->config.vqgan.codebook, l->code_dim,
                       l->group_z + (size_t)i * (size_t)l->code_dim, l->temperature, codes, odds);
        else
            *codes = l->group_ids[i];
    }
}

static void draw_tokens(struct look *l, struct rng *r)
{
    for (int i = 0; i < l->batch * l->n_tokens; i++) {
        const int32_t *codes = l->seen.codes + (size_t)i * (size_t)l->codes;
        const float *odds = l->seen.odds + (size_t)i * (size_t)l->codes;
        l->tokens[i] = r && l->codes > 1 ? near_codes_draw(codes, odds, rng_uniform(r)) : codes[0];
    }
}

static void copy_row(const struct look *l, const struct rows *from, int64_t i,
                     const struct rows *to, int64_t j)
{
    size_t n = (size_t)l->n_tokens * (size_t)l->codes, m = (size_t)l->n_features;
    memcpy(to->codes + (size_t)j * n, from->codes + (size_t)i * n, n * sizeof(int32_t));
    memcpy(to->odds + (size_t)j * n, from->odds + (size_t)i * n, n * sizeof(float));
    memcpy(to->features + (size_t)j * m, from->features + (size_t)i * m, m * sizeof(float));
}

/* Row of `known` that a scene has; -1: none. */
static int64_t known_row(const struct look *l, const struct scene *s)
{
    if (!s->plain || !l->is_known)
        return -1;
    return (int64_t)s->object * l->backgrounds + (s->background < 0 ? 0 : s->background);
}

static void remember(struct look *l, const struct scene *s, int row)
{
    int64_t known = known_row(l, s);
    if (known < 0)
        return;
    copy_row(l, &l->seen, row, &l->known, known);
    l->is_known[known] = true;
}

static bool recall(struct look *l, const struct scene *s, int row)
{
    int64_t known = known_row(l, s);
    if (known < 0 || !l->is_known[known])
        return false;
    copy_row(l, &l->known, known, &l->seen, row);
    return true;
}

/* Looks at n <= GROUP pictures of the batch; what else the group holds is not read. */
static int look_at_group(struct look *l, const struct batch *batch, const int *rows, int n,
                         struct err *e)
{
    for (int i = 0; i < n; i++)
        memcpy(l->group_pixels + (size_t)i * l->pixels, batch->pixels + (size_t)rows[i] * l->pixels,
               l->pixels);
    if (workspace_run(&l->work, l, graph, false, 0, e))
        return -1;
    find_codes(l);
    for (int i = 0; i < n; i++) {
        copy_row(l, &l->group, i, &l->seen, rows[i]);
        remember(l, &batch->scenes[rows[i]], rows[i]);
    }
    return 0;
}

int look_at(struct look *l, const struct batch *batch, struct rng *r, const int32_t **ret_tokens,
            const float **ret_features, double *ret_flops, struct err *e)
{
    int rows[GROUP], n = 0;
    l->flops = 0;
    for (int row = 0; row < l->batch; row++) {
        if (!recall(l, &batch->scenes[row], row))
            rows[n++] = row;
        if (n == GROUP || (n > 0 && row + 1 == l->batch)) {
            if (look_at_group(l, batch, rows, n, e))
                return -1;
            n = 0;
        }
    }
    draw_tokens(l, r);
    *ret_tokens = l->tokens;
    *ret_features = l->seen.features;
    *ret_flops = l->flops;
    return 0;
}

/* ---- opening ---- */

static int rows_new(const struct look *l, size_t n, struct rows *ret, struct err *e)
{
    size_t codes = (size_t)l->n_tokens * (size_t)l->codes;
    ret->codes = mem_alloc(n, codes * sizeof *ret->codes);
    ret->odds = mem_alloc(n, codes * sizeof *ret->odds);
    ret->features = mem_alloc(n, (size_t)l->n_features * sizeof *ret->features);
    if (!ret->codes || !ret->odds || !ret->features)
        return err_set(e, ERR_NOMEM, "no memory for tokens and features of %zu pictures", n);
    return 0;
}

static void rows_release(struct rows *r)
{
    mem_free(r->codes);
    mem_free(r->odds);
    mem_free(r->features);
}

static int open_memory(struct look *l, const struct dataset *ds, struct err *e)
{
    size_t n, code = sizeof(int32_t) + sizeof(float);
    size_t row = (size_t)(l->n_tokens * l->codes) * code + (size_t)l->n_features * sizeof(float);
    l->backgrounds = ds->kind == DATASET_EMOJI ? DATASET_BACKGROUNDS : 1;
    n = (size_t)ds->n * (size_t)l->backgrounds;
    if (n > MEMORY_BYTES / row)
        return 0;
    l->is_known = mem_alloc(n, sizeof *l->is_known);
    if (!l->is_known)
        return err_set(e, ERR_NOMEM, "no memory to remember %zu pictures", n);
    return rows_new(l, n, &l->known, e);
}

static void read_codebook(void *self, struct pass *p)
{
    struct look *l = self;
    const struct vqgan *v = l->bundle->vqgan;
    workspace_read(p, vqgan_comparable(p, v, vqgan_codebook(v)), l->codebook,
                   sizeof(float) * (size_t)l->bundle->config.vqgan.codebook * (size_t)l->code_dim);
}

static int alloc_group(struct look *l, struct err *e)
{
    size_t n = GROUP * (size_t)l->n_tokens, dim = (size_t)l->code_dim;
    l->group_pixels = mem_alloc(GROUP, l->pixels);
    l->group_ids = mem_alloc(n, sizeof *l->group_ids);
    l->group_z = mem_alloc(n, dim * sizeof *l->group_z);
    l->codebook = mem_alloc((size_t)l->bundle->config.vqgan.codebook, dim * sizeof *l->codebook);
    l->tokens = mem_alloc((size_t)l->batch * (size_t)l->n_tokens, sizeof *l->tokens);
    if (!l->group_pixels || !l->group_ids || !l->group_z || !l->codebook || !l->tokens)
        return err_set(e, ERR_NOMEM, "no memory to look at %d pictures", GROUP);
    return rows_new(l, GROUP, &l->group, e);
}

static int open_all(struct look *l, const struct dataset *ds, struct err *e)
{
    workspace_graph *graphs[] = { graph, read_codebook };
    if (alloc_group(l, e) || rows_new(l, (size_t)l->batch, &l->seen, e) || open_memory(l, ds, e) ||
        workspace_init(&l->work, l->bundle->dev, l, graphs, 2, e))
        return -1;
    return workspace_run(&l->work, l, read_codebook, false, 0, e);
}

int look_new(struct bundle *b, const struct dataset *ds, int side, int batch, float temperature,
             struct look **ret_look, struct err *e)
{
    bool drawn = temperature > 0 && b->config.vqgan.codebook >= NEAR_CODES;
    struct look *l = mem_alloc(1, sizeof *l);
    if (!l)
        return err_set(e, ERR_NOMEM, "no memory to look at pictures");
    *l = (struct look){ .bundle = b,
                        .n_tokens = b->config.gpt.tokens,
                        .n_features = b->config.clip.embed_dim,
                        .code_dim = vqgan_code_dim(&b->config.vqgan),
                        .codes = drawn ? NEAR_CODES : 1,
                        .temperature = temperature,
                        .pixels = (size_t)side * (size_t)side * 3,
                        .side = side,
                        .batch = batch };
    if (open_all(l, ds, e)) {
        look_free(l);
        return -1;
    }
    *ret_look = l;
    return 0;
}

void look_free(struct look *l)
{
    if (!l)
        return;
    workspace_release(&l->work);
    rows_release(&l->seen);
    rows_release(&l->known);
    rows_release(&l->group);
    mem_free(l->is_known);
    mem_free(l->tokens);
    mem_free(l->codebook);
    mem_free(l->group_pixels);
    mem_free(l->group_ids);
    mem_free(l->group_z);
    mem_free(l);
}
