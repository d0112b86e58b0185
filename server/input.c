#include "server/input.h"

#include "base/mem.h"

void input_release(struct input *in)
{
    mem_free(in->text);
    mem_free(in->ids);
    image_release(&in->image);
    mem_free(in->given);
}

static int prepare_text(struct input *in, const struct engine *g, struct err *e)
{
    in->ids = mem_alloc((size_t)g->info.context, sizeof *in->ids);
    if (!in->ids)
        return err_set(e, ERR_NOMEM, "out of memory");
    return g->calls->tokenize(g, in->text, in->text_len, in->ids, &in->end, e);
}

static int prepare_image(struct input *in, bool for_encoder, const struct engine *g, struct err *e)
{
    struct image small;

    if (for_encoder ? g->calls->fit_picture(g, &in->image, &small, e)
                    : g->calls->fit_image(g, &in->image, &small, e))
        return -1;
    image_release(&in->image);
    in->image = small;
    return 0;
}

int input_prepare(struct input *in, bool for_encoder, const struct engine *g, struct err *e)
{
    switch (in->kind) {
    case INPUT_TEXT:
        return prepare_text(in, g, e);
    case INPUT_IMAGE:
        return prepare_image(in, for_encoder, g, e);
    default:
        return 0;
    }
}
