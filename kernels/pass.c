#include "kernels/pass.h"

#include <stdarg.h>
#include <stdio.h>

void pass_init(struct pass *p, struct device *dev, struct arena *a, struct tape *tape)
{
    *p = (struct pass){ .dev = dev, .arena = a, .tape = tape };
}

bool pass_failed(const struct pass *p)
{
    return p->err.code != ERR_NONE;
}

struct tensor *pass_fail(struct pass *p, enum err_code code, const char *fmt, ...)
{
    if (pass_failed(p))
        return NULL;
    va_list args;
    va_start(args, fmt);
    vsnprintf(p->err.msg, sizeof p->err.msg, fmt, args);
    va_end(args);
    p->err.code = code;
    return NULL;
}

int pass_finish(struct pass *p, struct err *e)
{
    return pass_failed(p) ? err_set(e, p->err.code, "%s", p->err.msg) : 0;
}

struct tensor *pass_tensor(struct pass *p, enum dtype t, int n_dims, const int64_t *dim)
{
    return pass_failed(p) ? NULL : arena_tensor(p->arena, t, n_dims, dim, &p->err);
}

void pass_place(struct pass *p, struct tensor *y)
{
    p->place = y;
}

struct tensor *pass_upload(struct pass *p, enum dtype t, int n_dims, const int64_t *dim,
                           const void *src)
{
    struct tensor *y = pass_tensor(p, t, n_dims, dim);
    if (!y || p->arena->planning)
        return y;
    return device_upload(p->dev, y, 0, src, tensor_bytes(y), &p->err) ? NULL : y;
}
