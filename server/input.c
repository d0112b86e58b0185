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

static int prepare_image(struct input *in, const struct engine *g, struct err *e)
{
    struct image small;

    if (g->calls->fit_image(g, &in->image, &small, e))
        return -1;
    image_release(&in->image);
    in->image = small;
    return 0;
}

static int prepare_nothing(struct input *in, const struct engine *g, struct err *e)
{
    (void)in;
    (void)g;
    (void)e;
    return 0;
}

int input_prepare(struct input *in, const struct engine *g, struct err *e)
{
    static int (*const PREPARE[])(struct input *, const struct engine *, struct err *) = {
        [INPUT_TEXT] = prepare_text,
        [INPUT_IMAGE] = prepare_image,
        [INPUT_EMBEDDING] = prepare_nothing,
    };

    return PREPARE[in->kind](in, g, e);
}
