#include "convert/pickle_ops.h"

/* ---- stack and memo ---- */

int pickle_run_mark(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    return machine_mark(m, e);
}

int pickle_run_pop(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    if (machine_need(m, 1, e))
        return -1;
    machine_pop(m);
    return 0;
}

int pickle_run_pop_mark(struct machine *m, const struct argument *a, struct err *e)
{
    struct pickle **items;
    size_t n;

    (void)a;
    return machine_pop_marked(m, &items, &n, e);
}

int pickle_run_dup(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    return machine_need(m, 1, e) || machine_push(m, machine_top(m), e) ? -1 : 0;
}

int pickle_run_put(struct machine *m, const struct argument *a, struct err *e)
{
    return machine_put(m, a->i, e);
}

int pickle_run_memoize(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    return machine_put(m, (int64_t)m->n_memo, e);
}

int pickle_run_get(struct machine *m, const struct argument *a, struct err *e)
{
    return machine_get(m, a->i, e);
}

/* ---- plain values ---- */

int pickle_run_none(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    return machine_push(m, machine_value(m, PICKLE_NONE, e), e);
}

static int push_int(struct machine *m, enum pickle_type type, int64_t i, struct err *e)
{
    struct pickle *v = machine_value(m, type, e);

    if (v)
        v->integer = i;
    return machine_push(m, v, e);
}

int pickle_run_true(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    return push_int(m, PICKLE_BOOL, 1, e);
}

int pickle_run_false(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    return push_int(m, PICKLE_BOOL, 0, e);
}

int pickle_run_int(struct machine *m, const struct argument *a, struct err *e)
{
    return push_int(m, PICKLE_INT, a->i, e);
}

int pickle_run_real(struct machine *m, const struct argument *a, struct err *e)
{
    struct pickle *v = machine_value(m, PICKLE_REAL, e);

    if (v)
        v->real = a->real;
    return machine_push(m, v, e);
}

static int push_text(struct machine *m, enum pickle_type type, struct pickle_text t, struct err *e)
{
    struct pickle *v = machine_value(m, type, e);

    if (v)
        v->text = t;
    return machine_push(m, v, e);
}

int pickle_run_text(struct machine *m, const struct argument *a, struct err *e)
{
    return push_text(m, PICKLE_TEXT, a->text, e);
}

/* Little-endian two's complement of any length. */
int pickle_run_long(struct machine *m, const struct argument *a, struct err *e)
{
    const unsigned char *s = (const unsigned char *)a->text.s;
    uint64_t v = a->text.n && s[a->text.n - 1] & 128 ? UINT64_MAX : 0;

    if (a->text.n > sizeof v)
        return push_text(m, PICKLE_LONG, a->text, e);
    for (size_t i = a->text.n; i-- > 0;)
        v = v << 8 | s[i];
    return push_int(m, PICKLE_INT, (int64_t)v, e);
}

/* ---- containers ---- */

/* A container of the newest n values, which leave the stack. */
static int push_container(struct machine *m, enum pickle_type type, struct pickle **items, size_t n,
                          struct err *e)
{
    struct pickle *v = machine_value(m, type, e);

    return !v || machine_add_items(m, v, items, n, e) || machine_push(m, v, e) ? -1 : 0;
}

int pickle_run_empty_list(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    return push_container(m, PICKLE_LIST, NULL, 0, e);
}

int pickle_run_empty_dict(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    return push_container(m, PICKLE_DICT, NULL, 0, e);
}

static int push_marked(struct machine *m, enum pickle_type type, struct err *e)
{
    struct pickle **items;
    size_t n;

    return machine_pop_marked(m, &items, &n, e) || push_container(m, type, items, n, e) ? -1 : 0;
}

int pickle_run_tuple(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    return push_marked(m, PICKLE_LIST, e);
}

static int check_pairs(size_t n, struct err *e)
{
    return n % 2 ? err_set(e, ERR_FORMAT, "%zu keys and values are no pairs", n) : 0;
}

int pickle_run_dict(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    return (m->n_marks && check_pairs(machine_above_mark(m), e)) || push_marked(m, PICKLE_DICT, e)
               ? -1
               : 0;
}

static int push_tuple_of(struct machine *m, size_t n, struct err *e)
{
    if (machine_need(m, n, e))
        return -1;
    m->n -= n;
    return push_container(m, PICKLE_LIST, m->stack + m->n, n, e);
}

int pickle_run_tuple1(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    return push_tuple_of(m, 1, e);
}

int pickle_run_tuple2(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    return push_tuple_of(m, 2, e);
}

int pickle_run_tuple3(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    return push_tuple_of(m, 3, e);
}

/* n values into the container below them. */
static int add_to(struct machine *m, enum pickle_type type, struct pickle **items, size_t n,
                  struct err *e)
{
    if (machine_need(m, 1, e))
        return -1;
    /* What keys and values are put into is a dictionary, whatever class made it. */
    if (type == PICKLE_DICT && machine_top(m)->type == PICKLE_CALL && !machine_top(m)->n)
        machine_top(m)->type = PICKLE_DICT;
    if (machine_top(m)->type != type && machine_top(m)->type != PICKLE_CALL)
        return err_set(e, ERR_FORMAT, "items for a value that is no container of them");
    return machine_add_items(m, machine_top(m), items, n, e);
}

int pickle_run_append(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    if (machine_need(m, 2, e))
        return -1;
    m->n--;
    return add_to(m, PICKLE_LIST, m->stack + m->n, 1, e);
}

int pickle_run_appends(struct machine *m, const struct argument *a, struct err *e)
{
    struct pickle **items;
    size_t n;

    (void)a;
    return machine_pop_marked(m, &items, &n, e) || add_to(m, PICKLE_LIST, items, n, e) ? -1 : 0;
}

int pickle_run_setitem(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    if (machine_need(m, 3, e))
        return -1;
    m->n -= 2;
    return add_to(m, PICKLE_DICT, m->stack + m->n, 2, e);
}

int pickle_run_setitems(struct machine *m, const struct argument *a, struct err *e)
{
    struct pickle **items;
    size_t n;

    (void)a;
    if (machine_pop_marked(m, &items, &n, e) || check_pairs(n, e))
        return -1;
    return add_to(m, PICKLE_DICT, items, n, e);
}
