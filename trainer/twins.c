#include "trainer/twins.h"

#include <string.h>

#include "base/mem.h"

int twins_init(struct twins *t, const struct dataset *ds, const struct scene_options *scene,
               int batch, int side, int grid, int dim, struct err *e)
{
    size_t b = (size_t)batch;
    *t = (struct twins){ .ds = ds, .scene = *scene, .batch = batch, .side = side, .grid = grid };
    t->pixels = mem_alloc(b, (size_t)side * (size_t)side * 3);
    t->differs = mem_alloc(b * (size_t)grid * (size_t)grid, sizeof *t->differs);
    t->zero = mem_alloc((size_t)dim, sizeof *t->zero);
    if (!t->pixels || !t->differs || !t->zero)
        return err_set(e, ERR_NOMEM, "no memory for twins of %d pictures", batch);
    return 0;
}

void twins_release(struct twins *t)
{
    mem_free(t->pixels);
    mem_free(t->differs);
    mem_free(t->zero);
}

static bool patch_differs(const struct twins *t, const uint8_t *a, const uint8_t *b, int x, int y)
{
    int patch = t->side / t->grid;
    for (int row = y * patch; row < (y + 1) * patch; row++) {
        size_t at = ((size_t)row * (size_t)t->side + (size_t)(x * patch)) * 3;
        if (memcmp(a + at, b + at, (size_t)patch * 3))
            return true;
    }
    return false;
}

int twins_make(struct twins *t, const struct batch *b, struct rng *r, struct err *e)
{
    size_t bytes = (size_t)t->side * (size_t)t->side * 3;
    int32_t *differs = t->differs;
    for (int i = 0; i < t->batch; i++) {
        struct scene twin = b->scenes[i];
        uint8_t *pixels = t->pixels + (size_t)i * bytes;
        twin.background = scene_other_background(t->ds, &twin, &t->scene, r);
        if (scene_render(t->ds, &twin, t->side, pixels, e))
            return -1;
        for (int p = 0; p < t->grid * t->grid; p++)
            *differs++ =
                patch_differs(t, pixels, b->pixels + (size_t)i * bytes, p % t->grid, p / t->grid);
    }
    return 0;
}
