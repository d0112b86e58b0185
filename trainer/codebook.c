#include "trainer/codebook.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define USAGE_DECAY 0.98f

int codebook_init(struct codebook *c, int entries, int width, bool unit, struct err *e)
{
    *c = (struct codebook){ .entries = entries, .width = width, .unit = unit };
    c->usage = mem_alloc((size_t)entries, sizeof *c->usage);
    c->rows = mem_alloc((size_t)entries * (size_t)width, sizeof *c->rows);
    if (!c->usage || !c->rows)
        return err_set(e, ERR_NOMEM, "no memory for a codebook of %d x %d", entries, width);
    return 0;
}

void codebook_release(struct codebook *c)
{
    mem_free(c->usage);
    mem_free(c->rows);
    *c = (struct codebook){ 0 };
}

static double mean_usage(const struct codebook *c)
{
    double sum = 0;
    for (int k = 0; k < c->entries; k++)
        sum += c->usage[k];
    return sum / c->entries;
}

static double alive(const struct codebook *c)
{
    int n = 0;
    double floor = 0.01 * mean_usage(c);
    for (int k = 0; k < c->entries; k++)
        n += c->usage[k] > floor;
    return (double)n / c->entries;
}

void codebook_count(struct codebook *c, const int32_t *ids, int64_t n, struct metrics *m)
{
    for (int k = 0; k < c->entries; k++)
        c->usage[k] *= USAGE_DECAY;
    /* rows is free between restarts, and one float an entry is all a histogram needs */
    float *count = c->rows;
    memset(count, 0, sizeof *count * (size_t)c->entries);
    for (int64_t i = 0; i < n; i++)
        count[ids[i]] += 1;
    double entropy = 0;
    for (int k = 0; k < c->entries; k++) {
        double f = count[k] / (double)n;
        entropy -= f > 0 ? f * log(f) : 0;
        c->usage[k] += (1 - USAGE_DECAY) * count[k];
    }
    metrics_set(m, "perplexity", exp(entropy));
    metrics_set(m, "codes_used", alive(c));
}

static void set_row(struct codebook *c, int k, const float *z)
{
    float *row = c->rows + (size_t)k * (size_t)c->width;
    double norm = 0;
    for (int i = 0; i < c->width; i++)
        norm += (double)z[i] * z[i];
    float scale = c->unit && norm > 0 ? (float)(1 / sqrt(norm)) : 1;
    for (int i = 0; i < c->width; i++)
        row[i] = z[i] * scale;
}

int codebook_restart(struct codebook *c, const float *z, int64_t n, double below, struct rng *r,
                     int *ret_dead)
{
    double mean = mean_usage(c), floor = below * mean;
    int n_dead = 0;
    for (int k = 0; k < c->entries; k++) {
        if (c->usage[k] >= floor)
            continue;
        set_row(c, k, z + (int64_t)rng_below(r, (uint32_t)n) * c->width);
        c->usage[k] = (float)mean;
        ret_dead[n_dead++] = k;
    }
    return n_dead;
}

int codebook_save(const struct codebook *c, struct weights_out *out, struct err *e)
{
    int64_t dim = c->entries;
    return weights_out_add(out, "codebook_usage", W_F32, 1, &dim, c->usage, e);
}

int codebook_load(struct codebook *c, const struct weights *w, struct err *e)
{
    const struct weights_entry *entry = weights_find(w, "codebook_usage");
    if (!entry || weights_entry_count(entry) != c->entries)
        return err_set(e, ERR_FORMAT, "codebook_usage: not %d values in the checkpoint",
                       c->entries);
    return weights_read_f32(entry, c->usage, e);
}
