#include "convert/tensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/printable.h"

void tensors_release(struct tensors *t)
{
    for (size_t i = 0; i < t->n; i++)
        mem_free(t->item[i].name);
    mem_free(t->item);
    mem_free(t->by_name);
    *t = (struct tensors){ 0 };
}

static int reserve(struct tensors *t, struct err *e)
{
    struct tensors_item *item;

    if (t->n >= TENSORS_MAX)
        return err_set(e, ERR_TOO_LARGE, "more than %d tensors", TENSORS_MAX);
    item = mem_grow(t->item, t->n, &t->cap, sizeof *item);
    if (!item)
        return err_set(e, ERR_NOMEM, "no memory for more than %zu tensors", t->n);
    t->item = item;
    return 0;
}

int tensors_add(struct tensors *t, const char *name, const struct view *v, struct err *e)
{
    if (strlen(name) > TENSORS_NAME_MAX)
        return err_set(e, ERR_TOO_LARGE, "tensor %.64s...: a name of %zu bytes, at most %d", name,
                       strlen(name), TENSORS_NAME_MAX);
    if (!printable_is(name))
        return err_set(e, ERR_FORMAT, "tensor %.64s: its name has control characters", name);
    if (reserve(t, e))
        return -1;
    t->item[t->n] = (struct tensors_item){ mem_strdup(name), *v };
    if (!t->item[t->n].name)
        return err_set(e, ERR_NOMEM, "no memory for a name");
    t->n++;
    return 0;
}

void tensors_strip(struct tensors *t, const char *prefix)
{
    size_t n = strlen(prefix);

    for (size_t i = 0; i < t->n; i++)
        if (strncmp(t->item[i].name, prefix, n))
            return;
    for (size_t i = 0; i < t->n; i++)
        memmove(t->item[i].name, t->item[i].name + n, strlen(t->item[i].name) - n + 1);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(const struct tensors_item *const *)a)->name,
                  (*(const struct tensors_item *const *)b)->name);
}

int tensors_index(struct tensors *t, struct err *e)
{
    mem_free(t->by_name);
    t->by_name = mem_alloc(t->n + 1, sizeof *t->by_name);
    if (!t->by_name)
        return err_set(e, ERR_NOMEM, "no memory for %zu names", t->n);
    for (size_t i = 0; i < t->n; i++)
        t->by_name[i] = &t->item[i];
    qsort(t->by_name, t->n, sizeof *t->by_name, compare_names);
    for (size_t i = 1; i < t->n; i++)
        if (!compare_names(&t->by_name[i - 1], &t->by_name[i]))
            return err_set(e, ERR_FORMAT, "tensor %.96s is there twice", t->by_name[i]->name);
    return 0;
}

const struct view *tensors_find(const struct tensors *t, const char *name)
{
    const struct tensors_item key = { .name = (char *)(uintptr_t)name }, *p = &key;
    const struct tensors_item **hit =
        bsearch(&p, t->by_name, t->n, sizeof *t->by_name, compare_names);

    return hit ? &(*hit)->view : NULL;
}
