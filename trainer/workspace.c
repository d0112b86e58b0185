#include "trainer/workspace.h"

#include <string.h>

static void begin(struct workspace *w, struct pass *p, struct device *dev, bool with_tape,
                  uint64_t seed)
{
    tape_clear(w->tape);
    pass_init(p, dev, &w->arena, with_tape ? w->tape : NULL);
    p->training = with_tape;
    p->seed = seed;
}

static int plan(struct workspace *w, void *self, workspace_graph *graph, struct err *e)
{
    struct pass p;
    begin(w, &p, w->dev, true, 0);
    graph(self, &p);
    arena_release_all(&w->arena);
    return pass_finish(&p, e);
}

int workspace_init(struct workspace *w, struct device *dev, void *self,
                   workspace_graph *const *graphs, int n, struct err *e)
{
    *w = (struct workspace){ .dev = dev, .tape = tape_new() };
    if (!w->tape)
        return err_set(e, ERR_NOMEM, "no memory for a tape");
    if (arena_init_planning(&w->arena, ARENA_HOST_BYTES, e))
        goto fail;
    for (int i = 0; i < n; i++)
        if (plan(w, self, graphs[i], e))
            goto fail;
    size_t bytes = arena_peak(&w->arena);
    arena_free(&w->arena);
    if (arena_init(&w->arena, dev, bytes, ARENA_HOST_BYTES, e))
        goto fail;
    return 0;
fail:
    workspace_release(w);
    return err_prefix(e, "planning a step: ");
}

void workspace_release(struct workspace *w)
{
    arena_free(&w->arena);
    tape_free(w->tape);
    *w = (struct workspace){ 0 };
}

int workspace_run(struct workspace *w, void *self, workspace_graph *graph, bool with_tape,
                  uint64_t seed, struct err *e)
{
    struct pass p;
    arena_release_all(&w->arena);
    begin(w, &p, w->dev, with_tape, seed);
    graph(self, &p);
    return pass_finish(&p, e);
}

void workspace_read(struct pass *p, const struct tensor *t, void *dst, size_t bytes)
{
    memset(dst, 0, bytes);
    struct err e;
    if (!t || pass_failed(p) || p->arena->planning)
        return;
    if (device_download(p->dev, t, 0, dst, bytes, &e))
        pass_fail(p, e.code, "%s", e.msg);
}

float workspace_scalar(struct pass *p, const struct tensor *t)
{
    float value;
    workspace_read(p, t, &value, sizeof value);
    return value;
}
