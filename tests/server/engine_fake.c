#include "tests/server/engine_fake.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"

static struct fake *fake_of(const struct engine *g)
{
    return (struct fake *)(uintptr_t)g;
}

/* Every device call passes here: waits while held, fails when told to. */
static int enter(struct fake *f, enum fake_call call, struct err *e)
{
    int once = (int)call;

    while (atomic_load(&f->hold) == (int)call) {
        atomic_store(&f->held, (int)call);
        usleep(200);
    }
    atomic_store(&f->held, FAKE_NONE);
    if (call != FAKE_NONE && atomic_compare_exchange_strong(&f->fail, &once, FAKE_NONE))
        return err_set(e, (enum err_code)atomic_load(&f->fail_code),
                       "the fake engine was told to fail");
    return 0;
}

static int fake_tokenize(const struct engine *g, const char *text, size_t n, int32_t *ret_ids,
                         int *ret_end, struct err *e)
{
    int at = 0;

    (void)g;
    memset(ret_ids, 0, FAKE_CONTEXT * sizeof *ret_ids);
    for (size_t i = 0; i < n && at < FAKE_CONTEXT - 1; i++) {
        if (text[i] == '!')
            return err_set(e, ERR_INVALID, "'!' has no token");
        ret_ids[at++] = (unsigned char)text[i];
    }
    *ret_end = at;
    return 0;
}

static void unit(float *v)
{
    float n = 0;

    for (int i = 0; i < FAKE_EMBED; i++)
        n += v[i] * v[i];
    for (int i = 0; i < FAKE_EMBED; i++)
        v[i] /= sqrtf(n);
}

static int fake_fit_image(const struct engine *g, const struct image *img, struct image *ret_img,
                          struct err *e)
{
    (void)g;
    return image_fit_square(img, FAKE_SIDE, IMAGE_BICUBIC, ret_img, e);
}

static int fake_embed_text(struct engine *g, const int32_t *ids, int end, float *ret_embed,
                           struct err *e)
{
    struct fake *f = fake_of(g);

    if (enter(f, FAKE_EMBED_CALL, e))
        return -1;
    for (int i = 0; i < FAKE_EMBED; i++)
        ret_embed[i] = 1;
    for (int i = 0; i < end; i++)
        ret_embed[i % FAKE_EMBED] += (float)ids[i];
    unit(ret_embed);
    atomic_fetch_add(&f->embedded, 1);
    return 0;
}

static int fake_embed_image(struct engine *g, const struct image *img, float *ret_embed,
                            struct err *e)
{
    struct fake *f = fake_of(g);
    size_t n = (size_t)img->w * (size_t)img->h * (size_t)img->channels;

    if (enter(f, FAKE_EMBED_CALL, e))
        return -1;
    if (img->w > atomic_load(&f->widest))
        atomic_store(&f->widest, img->w);
    for (int i = 0; i < FAKE_EMBED; i++)
        ret_embed[i] = 1;
    for (size_t i = 0; i < n; i++)
        ret_embed[i % FAKE_EMBED] += (float)img->px[i];
    unit(ret_embed);
    return 0;
}

/* Leans towards one side or the other, so that tests can tell whether the source came through. */
static int fake_condition(struct engine *g, const float *embed, enum gen_source source,
                          float *ret_cond, struct err *e)
{
    (void)g;
    (void)e;
    memcpy(ret_cond, embed, FAKE_EMBED * sizeof *embed);
    ret_cond[source == GEN_TEXT ? 0 : 1] += 1;
    unit(ret_cond);
    return 0;
}

static int rows_used(const struct fake *f)
{
    int n = 0;

    for (int i = 0; i < FAKE_ROWS_MAX; i++)
        n += f->slots[i].used ? f->slots[i].rows : 0;
    return n;
}

static int fake_rows_free(const struct engine *g)
{
    return g->info.rows - rows_used(fake_of(g));
}

static int fake_rows_needed(const struct engine *g, const struct gen_settings *s)
{
    (void)g;
    return s->guidance > 1 ? 2 : 1;
}

static void note_live(struct fake *f, int change)
{
    int live = atomic_fetch_add(&f->live, change) + change;

    if (live > atomic_load(&f->max_live))
        atomic_store(&f->max_live, live);
}

static int fake_admit(struct engine *g, const float *cond, const float *negative,
                      const struct gen_settings *s, int *ret_slot, struct err *e)
{
    struct fake *f = fake_of(g);
    int i = 0, rows = fake_rows_needed(g, s);

    if (rows > fake_rows_free(g))
        return err_set(e, ERR_BUSY, "no rows");
    while (f->slots[i].used)
        i++;
    f->slots[i] = (struct fake_slot){ .used = true, .rows = rows, .settings = *s };
    memcpy(f->slots[i].cond, cond, sizeof f->slots[i].cond);
    if (negative)
        f->slots[i].cond[0] -= negative[0];
    *ret_slot = i;
    note_live(f, 1);
    atomic_fetch_add(&f->admitted, 1);
    return 0;
}

static int32_t draw(const struct fake_slot *s)
{
    uint64_t stream =
        (uint64_t)(1e6f + s->cond[0] * 1e6f) + (uint64_t)(s->settings.temperature * 1e3f);

    return (int32_t)(rng_u32_at(s->settings.seed, stream, (uint64_t)s->position) & 255);
}

static int fake_step(struct engine *g, struct err *e)
{
    struct fake *f = fake_of(g);

    if (enter(f, FAKE_STEP_CALL, e))
        return -1;
    usleep((unsigned)atomic_load(&f->step_us));
    for (int i = 0; i < FAKE_ROWS_MAX; i++) {
        struct fake_slot *s = &f->slots[i];
        if (s->used && s->position < g->info.tokens) {
            s->tokens[s->position] = draw(s);
            s->position++;
        }
    }
    atomic_fetch_add(&f->steps, 1);
    return 0;
}

static int fake_position(const struct engine *g, int slot)
{
    return fake_of(g)->slots[slot].position;
}

static const int32_t *fake_tokens(const struct engine *g, int slot)
{
    return fake_of(g)->slots[slot].tokens;
}

static void fake_drop(struct engine *g, int slot)
{
    struct fake *f = fake_of(g);

    f->slots[slot].used = false;
    note_live(f, -1);
    atomic_fetch_add(&f->dropped, 1);
}

static int fake_decode(struct engine *g, const int32_t *tokens, struct image *ret_img,
                       struct err *e)
{
    struct fake *f = fake_of(g);
    struct image img;
    int side = g->info.side;
    uint32_t noise = 1; /* a large picture makes a large PNG */

    if (enter(f, FAKE_DECODE_CALL, e) || image_new(side, side, 3, &img, e))
        return -1;
    for (int i = 0; i < side * side * 3; i++) {
        noise = noise * 1664525u + 1013904223u + (uint32_t)tokens[i % g->info.tokens];
        img.px[i] = (uint8_t)(noise >> 24);
    }
    *ret_img = img;
    atomic_fetch_add(&f->decoded, 1);
    return 0;
}

static int fake_encode(struct engine *g, const struct image *img, int32_t *ret_tokens,
                       struct err *e)
{
    struct fake *f = fake_of(g);

    if (enter(f, FAKE_DECODE_CALL, e))
        return -1;
    for (int i = 0; i < g->info.tokens; i++)
        ret_tokens[i] = img->px[i];
    return 0;
}

static void fake_close(struct engine *g)
{
    struct fake *f = fake_of(g), *last = f;

    if (f->bundle) {
        atomic_compare_exchange_strong(&f->bundle->last, &last, NULL);
        atomic_fetch_add(&f->bundle->closed, 1);
    }
    mem_free(g);
}

static const struct engine_calls FAKE_CALLS = {
    .tokenize = fake_tokenize,
    .fit_image = fake_fit_image,
    .fit_picture = fake_fit_image,
    .embed_text = fake_embed_text,
    .embed_image = fake_embed_image,
    .condition = fake_condition,
    .rows_free = fake_rows_free,
    .rows_needed = fake_rows_needed,
    .admit = fake_admit,
    .step = fake_step,
    .position = fake_position,
    .tokens = fake_tokens,
    .drop = fake_drop,
    .decode = fake_decode,
    .encode = fake_encode,
    .close = fake_close,
};

struct fake *fake_open(int rows, int tokens)
{
    struct fake *f = mem_alloc(1, sizeof *f);
    struct engine_info *info;

    if (!f)
        return NULL; /* a test lets memory be out */
    info = &f->engine.info;
    f->engine.calls = &FAKE_CALLS;
    snprintf(info->model, sizeof info->model, "fake");
    snprintf(info->device, sizeof info->device, "arithmetic");
    info->embed_dim = FAKE_EMBED;
    info->context = FAKE_CONTEXT;
    info->tokens = tokens;
    info->columns = 2;
    info->codebook = 256;
    info->side = FAKE_SIDE;
    info->rows = rows;
    info->sampling = (struct bundle_sampling){ .temperature = 1, .top_p = 1, .guidance = 1 };
    return f;
}

/* ---- the shop ---- */

void fake_shop_init(struct fake_shop *shop, int rows, int tokens)
{
    static const char *const NAMES[FAKE_BUNDLES] = { "fake", "other", "third" };

    memset(shop, 0, sizeof *shop);
    for (int i = 0; i < FAKE_BUNDLES; i++)
        shop->bundles[i] = (struct fake_bundle){
            .name = NAMES[i], .rows = rows, .tokens = tokens, .version = 1, .bytes = 100 << 20
        };
}

static struct fake_bundle *bundle_at(const void *ctx, const char *path, struct err *e)
{
    struct fake_shop *shop = (struct fake_shop *)(uintptr_t)ctx;

    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;

    for (int i = 0; i < FAKE_BUNDLES; i++)
        if (strcmp(shop->bundles[i].name, name) == 0)
            return &shop->bundles[i];
    err_set(e, ERR_IO, "%s: No such file or directory", path);
    return NULL;
}

static void fill_info(struct fake_bundle *b, struct engine_info *info)
{
    snprintf(info->model, sizeof info->model, "%s", b->name);
    info->version = atomic_load(&b->version);
    info->weights_bytes = atomic_load(&b->bytes);
}

static int fake_plan(const void *ctx, const char *path, struct engine_info *ret_info, struct err *e)
{
    struct fake_bundle *b = bundle_at(ctx, path, e);
    struct fake *f;

    if (!b)
        return -1;
    if (atomic_load(&b->bad))
        return err_set(e, ERR_FORMAT, "%s/config.json: told to be bad", path);
    f = fake_open(b->rows, b->tokens);
    if (!f)
        return err_set(e, ERR_NOMEM, "%s: out of memory", path);
    *ret_info = f->engine.info;
    fill_info(b, ret_info);
    mem_free(f);
    return 0;
}

static int fake_source_open(const void *ctx, const char *path, struct engine **ret_engine,
                            struct err *e)
{
    struct fake_bundle *b = bundle_at(ctx, path, e);
    struct fake *f;

    if (!b)
        return -1;
    while (atomic_load(&b->hold))
        usleep(200);
    if (atomic_load(&b->broken))
        return err_set(e, ERR_FORMAT, "%s/model.safetensors: told to be broken", path);
    f = fake_open(b->rows, b->tokens);
    if (!f)
        return err_set(e, ERR_NOMEM, "%s: out of memory", path);
    f->bundle = b;
    fill_info(b, &f->engine.info);
    if (atomic_load(&b->mute)) {
        atomic_store(&f->fail_code, ERR_INTERNAL);
        atomic_store(&f->fail, FAKE_STEP_CALL);
    }
    atomic_store(&b->last, f);
    atomic_fetch_add(&b->opened, 1);
    *ret_engine = &f->engine;
    return 0;
}

struct engine_source fake_source(const struct fake_shop *shop)
{
    return (struct engine_source){ .plan = fake_plan, .open = fake_source_open, .ctx = shop };
}
