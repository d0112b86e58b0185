#include "model/pair_map.h"

#include "base/mem.h"

/* The slot of the pair, or the empty one where it belongs. The table is never full. */
static struct pair *probe(const struct pair_map *m, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t i = (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & (m->cap - 1);

    while (m->slot[i].left >= 0 && (m->slot[i].left != left || m->slot[i].right != right))
        i = (i + 1) & (m->cap - 1);
    return &m->slot[i];
}

int pair_map_init(struct pair_map *m, size_t expected, struct err *e)
{
    *m = (struct pair_map){ .cap = 64 };
    while (m->cap / 2 <= expected)
        m->cap *= 2;
    m->slot = mem_alloc(m->cap, sizeof *m->slot);
    if (!m->slot)
        return err_set(e, ERR_NOMEM, "no memory for %zu pairs", m->cap);
    for (size_t i = 0; i < m->cap; i++)
        m->slot[i].left = -1;
    return 0;
}

void pair_map_release(struct pair_map *m)
{
    mem_free(m->slot);
    *m = (struct pair_map){ 0 };
}

const struct pair *pair_map_find(const struct pair_map *m, int32_t left, int32_t right)
{
    const struct pair *p = probe(m, left, right);

    return p->left < 0 ? NULL : p;
}

static int grow(struct pair_map *m, struct err *e)
{
    struct pair_map bigger;

    if (pair_map_init(&bigger, m->cap, e))
        return -1;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slot[i].left >= 0)
            *probe(&bigger, m->slot[i].left, m->slot[i].right) = m->slot[i];
    bigger.n = m->n;
    pair_map_release(m);
    *m = bigger;
    return 0;
}

struct pair *pair_map_at(struct pair_map *m, int32_t left, int32_t right, struct err *e)
{
    struct pair *p = probe(m, left, right);

    if (p->left >= 0)
        return p;
    if (2 * (m->n + 1) > m->cap) {
        if (grow(m, e))
            return NULL;
        p = probe(m, left, right);
    }
    m->n++;
    *p = (struct pair){ left, right, 0 };
    return p;
}
