#include "bench/random.h"

#include "base/mem.h"
#include "base/rng.h"

#define TABLE 65521 /* a prime: the rows of a matrix do not repeat each other */

static void fill(const struct param *param, const float *table, float *values)
{
    int64_t n = tensor_count(&param->value);
    bool random = param->start == START_NORMAL || param->start == START_UNIFORM;
    float scale = param->start == START_ONE ? 1 : param->start == START_ZERO ? 0 : param->scale;
    for (int64_t i = 0; i < n; i++)
        values[i] = scale * (random ? table[i % TABLE] : 1);
}

int random_fill(struct param_list *l, struct err *e)
{
    int64_t largest = TABLE;
    for (int i = 0; i < l->n; i++)
        if (tensor_count(&l->item[i]->value) > largest)
            largest = tensor_count(&l->item[i]->value);
    float *table = mem_alloc(TABLE, sizeof *table);
    float *values = mem_alloc((size_t)largest, sizeof *values);
    int failed = 0;
    if (!table || !values)
        failed = err_set(e, ERR_NOMEM, "no memory for random weights");
    for (int i = 0; i < TABLE && !failed; i++)
        table[i] = rng_normal_at(1, 0, (uint64_t)i);
    for (int i = 0; i < l->n && !failed; i++) {
        fill(l->item[i], table, values);
        failed = param_set(l, l->item[i], values, e);
    }
    mem_free(table);
    mem_free(values);
    return failed;
}

int random_fill_bundle(struct bundle *b, struct err *e)
{
    struct param_list *lists[] = { &b->clip_params, &b->vqgan_params, &b->gpt_params,
                                   &b->condition_params };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (random_fill(lists[i], e))
            return -1;
    return 0;
}
