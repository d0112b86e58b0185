#include "convert/inspect.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "convert/checkpoint.h"

#define PIECE 4096
#define NAME_COLUMN_MAX 64

/* Where a range begins before anything was seen. */
static const struct inspect_range NOTHING = { .min = INFINITY, .max = -INFINITY };

static void widen(struct inspect_range *r, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        r->n_nan += isnan(x[i]) != 0;
        r->min = x[i] < r->min ? x[i] : r->min; /* false for NaN */
        r->max = x[i] > r->max ? x[i] : r->max;
    }
}

struct inspect_range inspect_range(const struct view *v)
{
    struct inspect_range r = NOTHING;
    int64_t count = view_count(v);
    double x[PIECE];

    for (int64_t first = 0; first < count; first += PIECE) {
        size_t n = count - first < PIECE ? (size_t)(count - first) : PIECE;
        view_read_f64(v, first, n, x);
        widen(&r, x, n);
    }
    if (r.n_nan == count)
        r.min = r.max = 0;
    return r;
}

static int name_column(const struct tensors *t)
{
    size_t most = 0;

    for (size_t i = 0; i < t->n; i++) {
        size_t n = strlen(t->item[i].name);
        most = n > most ? n : most;
    }
    return (int)(most < NAME_COLUMN_MAX ? most : NAME_COLUMN_MAX);
}

static void print_tensors(const struct tensors *t, FILE *out)
{
    int column = name_column(t);

    fprintf(out, "%-*s  %-5s %-22s %13s %13s %s\n", column, "tensor", "dtype", "shape", "min",
            "max", "NaN");
    for (size_t i = 0; i < t->n; i++) {
        const struct view *v = &t->item[i].view;
        struct inspect_range r = inspect_range(v);
        char shape[VIEW_SHAPE_BYTES];
        view_shape(v->n_dims, v->dim, shape);
        fprintf(out, "%-*s  %-5s %-22s %13.6g %13.6g %lld\n", column, t->item[i].name,
                weights_dtype_name(v->dtype), shape, r.min, r.max, (long long)r.n_nan);
        file_map_forget(v->data, view_span(v));
    }
}

static void print_head(const struct checkpoint *c, FILE *out)
{
    const struct tensors *t = checkpoint_tensors(c);
    int64_t elements = 0;

    for (size_t i = 0; i < t->n; i++)
        elements += view_count(&t->item[i].view);
    for (size_t i = 0; i < checkpoint_n_files(c); i++)
        fprintf(out, "%s%s", i ? ", " : "", checkpoint_file(c, i));
    fprintf(out, ": %s, %zu tensors, %lld elements\n", checkpoint_container(c), t->n,
            (long long)elements);
}

int inspect_file(const char *path, const char *key, FILE *out, struct err *e)
{
    struct checkpoint *c;

    if (checkpoint_open(path, key, &c, e))
        return -1;
    print_head(c, out);
    print_tensors(checkpoint_tensors(c), out);
    checkpoint_close(c);
    return ferror(out) ? err_set(e, ERR_IO, "could not write the list") : 0;
}
