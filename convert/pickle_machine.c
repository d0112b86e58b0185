#include "convert/pickle_machine.h"

int machine_full(const struct machine *m, struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "the pickle needs more than %zu bytes, or memory is out",
                   m->pool->max);
}

struct pickle *machine_value(struct machine *m, enum pickle_type type, struct err *e)
{
    struct pickle *p = pool_alloc(m->pool, 1, sizeof *p);

    if (!p)
        machine_full(m, e);
    else
        p->type = type;
    return p;
}

int machine_push(struct machine *m, struct pickle *v, struct err *e)
{
    struct pickle **stack;

    if (!v)
        return -1;
    if (m->n >= PICKLE_STACK_MAX)
        return err_set(e, ERR_TOO_LARGE, "more than %d values on the stack", PICKLE_STACK_MAX);
    stack = pool_grow(m->pool, m->stack, m->n, &m->cap, sizeof(struct pickle *));
    if (!stack)
        return machine_full(m, e);
    m->stack = stack;
    m->stack[m->n++] = v;
    return 0;
}

size_t machine_above_mark(const struct machine *m)
{
    return m->n - (m->n_marks ? m->mark[m->n_marks - 1] : 0);
}

int machine_need(const struct machine *m, size_t n, struct err *e)
{
    return machine_above_mark(m) >= n
               ? 0
               : err_set(e, ERR_FORMAT, "%zu values wanted, %zu are on the stack", n,
                         machine_above_mark(m));
}

struct pickle *machine_pop(struct machine *m)
{
    return m->stack[--m->n];
}

struct pickle *machine_top(const struct machine *m)
{
    return m->stack[m->n - 1];
}

int machine_mark(struct machine *m, struct err *e)
{
    size_t *mark;

    if (m->n_marks >= PICKLE_STACK_MAX)
        return err_set(e, ERR_TOO_LARGE, "more than %d marks", PICKLE_STACK_MAX);
    mark = pool_grow(m->pool, m->mark, m->n_marks, &m->marks_cap, sizeof *mark);
    if (!mark)
        return machine_full(m, e);
    m->mark = mark;
    m->mark[m->n_marks++] = m->n;
    return 0;
}

int machine_pop_marked(struct machine *m, struct pickle ***ret_items, size_t *ret_n, struct err *e)
{
    if (!m->n_marks)
        return err_set(e, ERR_FORMAT, "no mark on the stack");
    *ret_n = machine_above_mark(m);
    m->n_marks--;
    *ret_items = *ret_n ? m->stack + m->mark[m->n_marks] : NULL;
    m->n -= *ret_n;
    return 0;
}

int machine_put(struct machine *m, int64_t at, struct err *e)
{
    if (machine_need(m, 1, e))
        return -1;
    if (at >= PICKLE_MEMO_MAX)
        return err_set(e, ERR_TOO_LARGE, "memo entry %lld, at most %d are allowed", (long long)at,
                       PICKLE_MEMO_MAX);
    while ((size_t)at >= m->memo_cap) {
        struct pickle **memo =
            pool_grow(m->pool, m->memo, m->memo_cap, &m->memo_cap, sizeof(struct pickle *));
        if (!memo)
            return machine_full(m, e);
        m->memo = memo;
    }
    m->n_memo += !m->memo[at];
    m->memo[at] = machine_top(m);
    return 0;
}

int machine_get(struct machine *m, int64_t at, struct err *e)
{
    if ((size_t)at >= m->memo_cap || !m->memo[at])
        return err_set(e, ERR_FORMAT, "memo entry %lld was never made", (long long)at);
    return machine_push(m, m->memo[at], e);
}

static int add_item(struct machine *m, struct pickle *to, struct pickle *v, struct err *e)
{
    struct pickle **item = pool_grow(m->pool, to->item, to->n, &to->cap, sizeof(struct pickle *));

    if (!item)
        return machine_full(m, e);
    to->item = item;
    to->item[to->n++] = v;
    return 0;
}

int machine_add_items(struct machine *m, struct pickle *to, struct pickle **items, size_t n,
                      struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (add_item(m, to, items[i], e))
            return -1;
    return 0;
}
