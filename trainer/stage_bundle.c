#include "trainer/stage_bundle.h"

#include "base/log.h"
#include "base/mem.h"
#include "trainer/run.h"

static int load_gpt(const struct stage *s, struct bundle *b, struct err *e)
{
    struct weights *w;
    if (run_open_result(s->config, "gpt", &w, e))
        return -1;
    int failed = optim_load_result(&b->gpt_params, "gpt.", w, e) ||
                 weights_load_params(w, "condition.", &b->condition_params, NULL, e);
    weights_close(w);
    return failed ? err_prefix(e, "result of stage gpt: ") : 0;
}

int stage_bundle(const struct stage *s, bool *ret_done, struct err *e)
{
    struct bundle *b;
    if (stage_open_frozen(s, &b, e))
        return -1;
    char *vocab = stage_vocab_path(s, e);
    int failed =
        !vocab || load_gpt(s, b, e) ||
        bundle_save(b, s->config->bundle_dir, BUNDLE_DTYPE[s->config->bundle_dtype], vocab, e);
    if (!failed)
        log_info("bundle: written to %s", s->config->bundle_dir);
    mem_free(vocab);
    bundle_close(b);
    *ret_done = !failed;
    return failed ? -1 : 0;
}
