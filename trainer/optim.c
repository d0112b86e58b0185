#include "trainer/optim.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/device.h"
#include "kernels/update.h"

#define NAME_MAX_BYTES 160 /* prefix, group and a parameter's name */

static bool is_trained(const struct param *p)
{
    return !(p->flags & PARAM_BUFFER);
}

/* Lays tensors shaped as the list's values one after the other at *data; moves *data behind them.
 */
static void place(struct tensor *t, const struct param_list *params, bool trained_only,
                  unsigned char **data)
{
    for (int i = 0; i < params->n; i++) {
        t[i] = params->item[i]->value;
        t[i].wants_grad = false;
        t[i].grad = NULL;
        t[i].data = NULL;
        if (trained_only && !is_trained(params->item[i]))
            continue;
        t[i].data = *data;
        *data += (tensor_bytes(&t[i]) + 63) / 64 * 64;
    }
}

static size_t block_bytes(const struct param_list *params)
{
    size_t bytes = 0;
    for (int i = 0; i < params->n; i++)
        bytes += 3 * ((tensor_bytes(&params->item[i]->value) + 63) / 64 * 64);
    return bytes;
}

static int start(struct optim *o, struct err *e)
{
    for (int i = 0; i < o->params->n; i++) {
        if (o->m[i].data && (device_zero(o->dev, &o->m[i], e) || device_zero(o->dev, &o->v[i], e)))
            return -1;
        if (device_copy(o->dev, &o->average[i], &o->params->item[i]->value, e))
            return -1;
    }
    return 0;
}

int optim_init(struct optim *o, const struct optim_settings *s, struct param_list *params,
               struct device *dev, struct err *e)
{
    *o = (struct optim){ .settings = *s, .params = params, .dev = dev };
    size_t n = (size_t)params->n;
    o->m = mem_alloc(3 * n, sizeof *o->m);
    if (!o->m)
        return err_set(e, ERR_NOMEM, "optimiser: no memory for %zu records", 3 * n);
    o->v = o->m + n;
    o->average = o->v + n;
    if (device_alloc(dev, block_bytes(params), &o->block, e))
        goto fail;
    unsigned char *data = o->block;
    place(o->m, params, true, &data);
    place(o->v, params, true, &data);
    place(o->average, params, false, &data);
    if (start(o, e))
        goto fail;
    return 0;
fail:
    optim_release(o);
    return err_prefix(e, "optimiser: ");
}

void optim_release(struct optim *o)
{
    if (o->block)
        device_free(o->dev, o->block);
    mem_free(o->m);
    *o = (struct optim){ 0 };
}

static struct tensor *grad_norm(struct optim *o, struct pass *p)
{
    struct tensor **grads = mem_alloc((size_t)o->params->n, sizeof(struct tensor *));
    if (!grads)
        return pass_fail(p, ERR_NOMEM, "optimiser: no memory for %d gradients", o->params->n);
    int n = 0;
    for (int i = 0; i < o->params->n; i++)
        if (is_trained(o->params->item[i]))
            grads[n++] = &o->params->item[i]->grad;
    struct tensor *norm = update_grad_norm(p, grads, n);
    mem_free(grads);
    return norm;
}

/* A young average follows closely: with its full decay it would hold on to the random start for
 * long. The rise is that of TensorFlow's ExponentialMovingAverage(num_updates). */
static float average_decay(float full, int64_t step)
{
    float young = (float)(1 + step) / (float)(10 + step);
    return young < full ? young : full;
}

struct tensor *optim_step(struct optim *o, struct pass *p, int64_t step, float rate)
{
    const struct optim_settings *s = &o->settings;
    struct tensor *norm = grad_norm(o, p);
    struct tensor *factor = s->clip > 0 ? update_clip_factor(p, norm, s->clip) : NULL;
    struct adamw h = { rate, s->beta1, s->beta2, s->eps, 0, step + 1 };
    for (int i = 0; i < o->params->n; i++) {
        struct param *w = o->params->item[i];
        h.decay = w->flags & PARAM_DECAY ? s->decay : 0;
        if (is_trained(w))
            update_adamw(p, &w->value, &w->grad, &o->m[i], &o->v[i], &h, factor);
        if (s->average > 0)
            update_ema(p, &o->average[i], &w->value, average_decay(s->average, step));
    }
    return norm;
}

void optim_swap_average(struct optim *o)
{
    if (!(o->settings.average > 0))
        return;
    for (int i = 0; i < o->params->n; i++) {
        void *data = o->params->item[i]->value.data;
        o->params->item[i]->value.data = o->average[i].data;
        o->average[i].data = data;
    }
}

/* ---- saving and resuming ---- */

static int tensor_name(char *buf, size_t n, const char *prefix, const char *group, const char *name,
                       struct err *e)
{
    int len = snprintf(buf, n, "%s%s.%s", prefix, group, name);
    if (len < 0 || (size_t)len >= n)
        return err_set(e, ERR_INTERNAL, "tensor name '%s%s.%s' is too long", prefix, group, name);
    return 0;
}

/* A checkpoint being read or written: one of the two files is NULL. */
struct checkpoint {
    struct weights_out *out;
    const struct weights *in;
};

static int save_tensor(struct device *dev, const char *name, const struct tensor *t,
                       struct weights_out *out, struct err *e)
{
    float *host = mem_alloc(1, tensor_bytes(t));
    if (!host)
        return err_set(e, ERR_NOMEM, "%s: no memory for %zu bytes", name, tensor_bytes(t));
    int failed = device_download(dev, t, 0, host, tensor_bytes(t), e) ||
                 weights_out_add(out, name, W_F32, t->n_dims, t->dim, host, e);
    mem_free(host);
    return failed ? -1 : 0;
}

static int load_tensor(struct device *dev, const char *name, struct tensor *t,
                       const struct weights *w, struct err *e)
{
    const struct weights_entry *entry = weights_find(w, name);
    if (!entry)
        return err_set(e, ERR_NOT_FOUND, "%s: not in the checkpoint", name);
    if (weights_entry_count(entry) != tensor_count(t))
        return err_set(e, ERR_FORMAT, "%s: %lld values, expected %lld; was the recipe changed?",
                       name, (long long)weights_entry_count(entry), (long long)tensor_count(t));
    float *host = mem_alloc(1, tensor_bytes(t));
    if (!host)
        return err_set(e, ERR_NOMEM, "%s: no memory for %zu bytes", name, tensor_bytes(t));
    int failed =
        weights_read_f32(entry, host, e) || device_upload(dev, t, 0, host, tensor_bytes(t), e);
    mem_free(host);
    return failed ? -1 : 0;
}

/* One tensor for each parameter that has one, as PREFIX group . NAME. */
static int move_group(const struct optim *o, const char *prefix, const char *group,
                      struct tensor *tensors, const struct checkpoint *c, struct err *e)
{
    char name[NAME_MAX_BYTES];
    for (int i = 0; i < o->params->n; i++) {
        struct tensor *t = &tensors[i];
        if (!t->data)
            continue;
        if (tensor_name(name, sizeof name, prefix, group, o->params->item[i]->name, e))
            return -1;
        if (c->out ? save_tensor(o->dev, name, t, c->out, e)
                   : load_tensor(o->dev, name, t, c->in, e))
            return -1;
    }
    return 0;
}

static int move_state(const struct optim *o, const char *prefix, const struct checkpoint *c,
                      struct err *e)
{
    if (move_group(o, prefix, "adam_m", o->m, c, e) || move_group(o, prefix, "adam_v", o->v, c, e))
        return -1;
    return o->settings.average > 0 ? move_group(o, prefix, "average", o->average, c, e) : 0;
}

int optim_save(const struct optim *o, const char *prefix, struct weights_out *out, struct err *e)
{
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "%sweight.", prefix);
    if (weights_out_add_params(out, name, o->params, W_F32, e))
        return -1;
    return move_state(o, prefix, &(struct checkpoint){ .out = out }, e);
}

int optim_load(struct optim *o, const char *prefix, const struct weights *w, struct err *e)
{
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "%sweight.", prefix);
    if (weights_load_params(w, name, o->params, NULL, e))
        return -1;
    return move_state(o, prefix, &(struct checkpoint){ .in = w }, e);
}

int optim_load_result(struct param_list *params, const char *prefix, const struct weights *w,
                      struct err *e)
{
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "%sweight.", prefix);
    if (weights_load_params(w, name, params, NULL, e))
        return -1;
    for (int i = 0; i < params->n; i++) {
        struct param *p = params->item[i];
        if (tensor_name(name, sizeof name, prefix, "average", p->name, e))
            return -1;
        if (weights_find(w, name) && load_tensor(params->dev, name, &p->value, w, e))
            return -1;
    }
    return 0;
}
