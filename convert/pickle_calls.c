/*
 * Names of classes and functions, and what Python would call. Nothing is looked up or called.
 */
#include "convert/pickle_ops.h"
#include "convert/suspects.h"

static int push_global(struct machine *m, struct pickle_text module, struct pickle_text name,
                       struct err *e)
{
    struct pickle *v;

    if (suspects_hold(&module, &name))
        return err_set(e, ERR_FORMAT,
                       "the file wants %.*s.%.*s, which runs programs or code; nothing was run, "
                       "and no checkpoint needs it: refused",
                       (int)(module.n < 40 ? module.n : 40), module.s,
                       (int)(name.n < 40 ? name.n : 40), name.s);
    v = machine_value(m, PICKLE_GLOBAL, e);
    if (v) {
        v->module = module;
        v->text = name;
    }
    return machine_push(m, v, e);
}

int pickle_run_global(struct machine *m, const struct argument *a, struct err *e)
{
    return push_global(m, a->module, a->text, e);
}

int pickle_run_stack_global(struct machine *m, const struct argument *a, struct err *e)
{
    const struct pickle *name, *module;

    (void)a;
    if (machine_need(m, 2, e))
        return -1;
    name = machine_pop(m);
    module = machine_pop(m);
    if (name->type != PICKLE_TEXT || module->type != PICKLE_TEXT)
        return err_set(e, ERR_FORMAT, "the name of a class is no text");
    return push_global(m, module->text, name->text, e);
}

/* The calls that have a meaning: plain containers. */
static const struct {
    const char *module, *name;
    enum pickle_type type;
} CONTAINERS[] = {
    { "collections", "OrderedDict", PICKLE_DICT },
    { "collections", "defaultdict", PICKLE_DICT },
    { "builtins", "dict", PICKLE_DICT },
    { "builtins", "list", PICKLE_LIST },
    { "builtins", "set", PICKLE_LIST },
    { "__builtin__", "set", PICKLE_LIST },
};

/* OrderedDict([[key, value], ...]), as Python 2 wrote it. */
static int add_pair_list(struct machine *m, struct pickle *to, const struct pickle *list,
                         struct err *e)
{
    for (size_t i = 0; list->type == PICKLE_LIST && i < list->n; i++) {
        const struct pickle *pair = list->item[i];
        if (pair->type != PICKLE_LIST || pair->n != 2)
            return err_set(e, ERR_FORMAT, "element %zu of a dictionary is no pair", i);
        if (machine_add_items(m, to, pair->item, 2, e))
            return -1;
    }
    return 0;
}

/* The first argument of a container is what it holds (a defaultdict's is a function). */
static int fill_container(struct machine *m, struct pickle *v, const struct pickle *args,
                          struct err *e)
{
    const struct pickle *first = pickle_at(args, 0);

    if (!first || first->type != PICKLE_LIST)
        return 0;
    return v->type == PICKLE_DICT ? add_pair_list(m, v, first, e)
                                  : machine_add_items(m, v, first->item, first->n, e);
}

static int push_call(struct machine *m, struct pickle *callable, struct pickle *args, struct err *e)
{
    struct pickle *v = machine_value(m, PICKLE_CALL, e);

    if (!v)
        return -1;
    for (size_t i = 0; i < sizeof CONTAINERS / sizeof *CONTAINERS; i++)
        if (pickle_is_global(callable, CONTAINERS[i].module, CONTAINERS[i].name)) {
            v->type = CONTAINERS[i].type;
            return fill_container(m, v, args, e) || machine_push(m, v, e) ? -1 : 0;
        }
    v->callable = callable;
    v->args = args;
    return machine_push(m, v, e);
}

/* REDUCE and NEWOBJ: callable, args -> what it makes. */
int pickle_run_call(struct machine *m, const struct argument *a, struct err *e)
{
    struct pickle *args, *callable;

    (void)a;
    if (machine_need(m, 2, e))
        return -1;
    args = machine_pop(m);
    callable = machine_pop(m);
    return push_call(m, callable, args, e);
}

int pickle_run_newobj_ex(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    if (machine_need(m, 3, e))
        return -1;
    machine_pop(m); /* arguments by keyword: no container has any */
    return pickle_run_call(m, a, e);
}

int pickle_run_build(struct machine *m, const struct argument *a, struct err *e)
{
    struct pickle *state;

    (void)a;
    if (machine_need(m, 2, e))
        return -1;
    state = machine_pop(m);
    machine_top(m)->state = state;
    return 0;
}

int pickle_run_persistent(struct machine *m, const struct argument *a, struct err *e)
{
    struct pickle *v;

    (void)a;
    if (machine_need(m, 1, e))
        return -1;
    v = machine_value(m, PICKLE_PERSISTENT, e);
    if (!v)
        return -1;
    v->args = machine_pop(m);
    return machine_add_items(m, m->persistent, &v, 1, e) || machine_push(m, v, e) ? -1 : 0;
}
