#include "server/parameters.h"

#include <inttypes.h>

/* A line: "a cat", or of a mix "a cat :0.7 AND <image> :0.3"; none if there is no such prompt. */
static void print_prompt(const struct gen_request *r, int prompt, const char *title,
                         struct buf *out)
{
    static const char *const STANDS_FOR[] = {
        [INPUT_IMAGE] = "<image>", [INPUT_EMBEDDING] = "<embedding>"
    };
    int n = 0;

    for (int i = 0; i < r->n_inputs; i++) {
        const struct input *in = &r->inputs[i];
        if (in->prompt != prompt)
            continue;
        buf_puts(out, n++ ? " AND " : title);
        buf_puts(out, in->text ? in->text : STANDS_FOR[in->kind]);
        if (in->weight != 1)
            buf_printf(out, " :%g", (double)in->weight);
    }
    if (n)
        buf_puts(out, "\n");
}

void parameters_print(const struct job *job, const struct picture *p, struct buf *out)
{
    const struct gen_request *r = &job->request;
    const struct engine_info *info = &job->info;

    print_prompt(r, p->prompt, "", out);
    print_prompt(r, INPUT_NEGATIVE, "Negative prompt: ", out);
    buf_printf(out,
               "Steps: %d, CFG scale: %g, Seed: %" PRIu64 ", Size: %dx%d, Model: %s, "
               "Temperature: %g, Top k: %d, Top p: %g, Version: clipgen %s",
               info->tokens, (double)r->guidance, p->seed, info->side, info->side, info->model,
               (double)r->temperature, r->top_k, (double)r->top_p, CLIPGEN_VERSION);
}
