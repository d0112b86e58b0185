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

static int check_weights(const char *path, const struct bundle_config *c, int *ret_n, struct err *e)
{
    struct weights *w;
    int failed;

    if (check_digest(path, c->weights_sha256, e) || weights_open(path, &w, e))
        return -1;
    failed = check_values(w, e) ? err_prefix(e, "%s: ", path) : 0;
    *ret_n = weights_n(w);
    weights_close(w);
    return failed;
}

int verify_bundle(const char *dir, FILE *out, struct err *e)
{
    struct bundle_config c;
    char *path;
    int failed, n = 0;

    if (bundle_check(dir, e) || bundle_config_read(dir, &c, e))
        return -1;
    path = file_join(dir, BUNDLE_WEIGHTS);
    failed = path ? check_weights(path, &c, &n, e) : err_set(e, ERR_NOMEM, "no memory for a path");
    mem_free(path);
    if (!failed)
        fprintf(out, "%s: %s is whole: %d tensors, every value finite, SHA-256 %s\n", dir, c.name,
                n, c.weights_sha256[0] ? "as recorded" : "not recorded");
    return failed;
}
