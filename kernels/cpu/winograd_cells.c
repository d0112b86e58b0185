#include "kernels/cpu/winograd_cells.h"

void CPU(winograd_turn_cells)(const struct winograd_cells *c, int64_t first, int64_t n, float *to,
                              int64_t pitch, int64_t plane, float *room)
{
    struct winograd_cell at = winograd_cell(c->rows, c->cols, first);
    const struct strip_source *s = &c->source;

    for (int64_t i = 0; i < n; i++, winograd_next(c->rows, c->cols, &at)) {
        int64_t y = at.y * c->step - c->top, x = at.x * c->step - c->left;
        struct square planes = { to + i * pitch, c->side * plane, plane };
        strip_expect(s, at.b, y, x + c->window + (WINOGRAD_AHEAD - 1) * c->step, c->window,
                     c->step);
        c->turn(strip_of(s, at.b, y, x, c->window, c->window, room), planes, s->n);
    }
}
