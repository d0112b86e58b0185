#include "trainer/draw.h"

#include <string.h>

#include "base/mem.h"

struct gen_settings draw_settings(const struct bundle_config *c, uint64_t seed)
{
    return (struct gen_settings){ .seed = seed,
                                  .temperature = c->sampling.temperature,
                                  .top_k = c->sampling.top_k,
                                  .top_p = c->sampling.top_p,
                                  .guidance = c->gpt.null_cond ? c->sampling.guidance : 1 };
}

static int admit(const struct bundle *b, struct gen *g, const char *prompt, uint64_t seed,
                 float *embed, int32_t *ids, int *ret_slot, struct err *e)
{
    struct tokenizer_result r;
    struct gen_settings settings = draw_settings(&b->config, seed);
    if (tokenizer_encode(b->tokenizer, prompt, strlen(prompt), b->config.clip.text.context, ids, &r,
                         e) ||
        gen_embed_text(g, ids, r.end, embed, e) || gen_condition(g, embed, GEN_TEXT, embed, e))
        return -1;
    return gen_admit(g, embed, NULL, &settings, ret_slot, e);
}

/* Draws n prompts, which all fit at once. */
static int draw_some(const struct bundle *b, struct gen *g, char *const *prompts, int n,
                     uint64_t seed, float *embed, int32_t *ids, struct image *ret_imgs,
                     struct err *e)
{
    int slots[256], admitted = 0, made = 0, failed = 0;
    while (admitted < n && !failed) {
        failed = admit(b, g, prompts[admitted], seed + (uint64_t)admitted, embed, ids,
                       &slots[admitted], e);
        admitted += !failed;
    }
    while (gen_live(g) && !failed)
        failed = gen_step(g, e);
    while (made < n && !failed) {
        failed = gen_image(g, slots[made], &ret_imgs[made], e);
        made += !failed;
    }
    for (int i = 0; i < admitted; i++)
        gen_drop(g, slots[i]);
    while (failed && made)
        image_release(&ret_imgs[--made]);
    return failed ? -1 : 0;
}

int draw_prompts(const struct bundle *b, struct gen *g, char *const *prompts, int n, uint64_t seed,
                 struct image *ret_imgs, struct err *e)
{
    struct gen_settings settings = draw_settings(&b->config, seed);
    int at_once = gen_rows_free(g) / gen_rows_needed(&settings), done = 0, failed = 0;
    float *embed = mem_alloc((size_t)b->config.clip.embed_dim, sizeof *embed);
    int32_t *ids = mem_alloc((size_t)b->config.clip.text.context, sizeof *ids);
    at_once = at_once > 256 ? 256 : at_once;
    if (!embed || !ids || at_once < 1)
        failed = err_set(e, ERR_NOMEM, "no room for a picture");
    while (done < n && !failed) {
        int some = n - done < at_once ? n - done : at_once;
        failed = draw_some(b, g, prompts + done, some, seed + (uint64_t)done, embed, ids,
                           ret_imgs + done, e);
        done += failed ? 0 : some;
    }
    while (failed && done)
        image_release(&ret_imgs[--done]);
    mem_free(embed);
    mem_free(ids);
    return failed ? -1 : 0;
}
