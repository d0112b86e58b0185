#include "convert/verify.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "convert/inspect.h"
#include "model/bundle.h"

static int check_digest(const char *path, const char *recorded, struct err *e)
{
    char digest[SHA256_TEXT_BYTES];

    if (!*recorded)
        return 0;
    if (sha256_file(path, digest, e))
        return -1;
    return strcmp(digest, recorded) ? err_set(e, ERR_FORMAT,
                                              "%s: SHA-256 is %s, config.json recorded %s: the "
                                              "file was changed or is damaged",
                                              path, digest, recorded)
                                    : 0;
}

static int check_values(const struct weights *w, struct err *e)
{
    for (int i = 0; i < weights_n(w); i++) {
        const struct weights_entry *t = weights_at(w, i);
        struct view v = view_of(t->dtype, t->n_dims, t->dim, t->data);
        struct inspect_range r = inspect_range(&v);
        if (r.n_nan || isinf(r.min) || isinf(r.max))
            return err_set(e, ERR_FORMAT, "tensor %.96s: %lld values are NaN, the others %g..%g",
                           t->name, (long long)r.n_nan, r.min, r.max);
        file_map_forget(t->data, t->bytes);
    }
    return 0;
}

/* What was found, for the last line. */
struct found {
    int n_tensors;
    const char *blocks; /* NULL: no matrices in blocks */
};

static int check_weights(const char *path, const struct bundle_config *c, struct found *ret_found,
                         struct err *e)
{
    struct weights *w;
    int failed;

    if (check_digest(path, c->weights_sha256, e) || weights_open(path, &w, e))
        return -1;
    failed = check_values(w, e) ? err_prefix(e, "%s: ", path) : 0;
    ret_found->n_tensors = weights_n(w);
    if (weights_in_blocks(weights_blocks(w)))
        ret_found->blocks = weights_dtype_name(weights_blocks(w));
    weights_close(w);
    return failed;
}

static void report(const char *dir, const struct bundle_config *c, const struct found *f, FILE *out)
{
    fprintf(out, "%s: %s is whole: %d tensors%s%s, every value finite, SHA-256 %s\n", dir, c->name,
            f->n_tensors, f->blocks ? ", matrices in " : "", f->blocks ? f->blocks : "",
            c->weights_sha256[0] ? "as recorded" : "not recorded");
}

int verify_bundle(const char *dir, FILE *out, struct err *e)
{
    struct bundle_config c;
    char *path;
    struct found found = { 0 };
    int failed;

    if (bundle_check(dir, e) || bundle_config_read(dir, &c, e))
        return -1;
    path = file_join(dir, BUNDLE_WEIGHTS);
    failed =
        path ? check_weights(path, &c, &found, e) : err_set(e, ERR_NOMEM, "no memory for a path");
    mem_free(path);
    if (!failed)
        report(dir, &c, &found, out);
    return failed;
}
