#include "convert/torch.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"

#define DEPTH_MAX 32      /* of dictionaries in dictionaries */
#define STEPS_MAX 1000000 /* values looked at, shared ones as often as they are met */
#define WRAPPERS_DEPTH_MAX 4

/* ---- storages ---- */

static const struct {
    const char *name;
    enum weights_dtype dtype;
} STORAGES[] = {
    { "DoubleStorage", W_F64 },    { "FloatStorage", W_F32 }, { "HalfStorage", W_F16 },
    { "BFloat16Storage", W_BF16 }, { "LongStorage", W_I64 },  { "IntStorage", W_I32 },
    { "ShortStorage", W_I16 },     { "CharStorage", W_I8 },   { "ByteStorage", W_U8 },
    { "BoolStorage", W_BOOL },
};

static int storage_dtype(const struct pickle *type, enum weights_dtype *ret, struct err *e)
{
    for (size_t i = 0; i < sizeof STORAGES / sizeof *STORAGES; i++)
        if (pickle_is_global(type, "torch", STORAGES[i].name)) {
            *ret = STORAGES[i].dtype;
            return 0;
        }
    if (type->type != PICKLE_GLOBAL)
        return err_set(e, ERR_FORMAT, "the storage has no type");
    return err_set(e, ERR_UNSUPPORTED, "a storage of type %.*s.%.*s",
                   (int)(type->module.n < 40 ? type->module.n : 40), type->module.s,
                   (int)(type->text.n < 40 ? type->text.n : 40), type->text.s);
}

int torch_storage_of(const struct pickle *persistent, struct torch_storage *ret_storage,
                     struct err *e)
{
    const struct pickle *id = persistent->args, *tag = pickle_at(id, 0), *type = pickle_at(id, 1);
    const struct pickle *key = pickle_at(id, 2), *window = pickle_at(id, 5);
    struct torch_storage s = { 0 };
    int64_t numel;

    if (!tag || tag->type != PICKLE_TEXT || !pickle_text_is(&tag->text, "storage") || !type ||
        !key || key->type != PICKLE_TEXT)
        return err_set(e, ERR_FORMAT, "an outside object that is no storage");
    if (!pickle_int(pickle_at(id, 4), 0, INT64_MAX, &numel))
        return err_set(e, ERR_FORMAT, "a storage without size");
    if (window && window->type != PICKLE_NONE)
        return err_set(e, ERR_UNSUPPORTED, "a storage inside another (torch before 0.4)");
    if (storage_dtype(type, &s.dtype, e))
        return -1;
    if (key->text.n > TORCH_KEY_MAX)
        return err_set(e, ERR_FORMAT, "the name of its storage has %zu bytes, at most %d",
                       key->text.n, TORCH_KEY_MAX);
    s.key = key->text;
    s.numel = (size_t)numel;
    *ret_storage = s;
    return 0;
}

/* ---- tensors ---- */

static int read_sizes(const struct pickle *list, const char *what, int *ret_n,
                      int64_t ret[WEIGHTS_DIMS_MAX], struct err *e)
{
    if (!list || list->type != PICKLE_LIST || list->n > WEIGHTS_DIMS_MAX)
        return err_set(e, ERR_FORMAT, "%s: no list of at most %d sizes", what, WEIGHTS_DIMS_MAX);
    for (size_t i = 0; i < list->n; i++)
        if (!pickle_int(list->item[i], 0, INT64_MAX, &ret[i]))
            return err_set(e, ERR_FORMAT, "%s: element %zu is no size", what, i);
    *ret_n = (int)list->n;
    return 0;
}

/* Elements of the shape, and the place behind the last one; -1: more than 64 bits count, even if a
 * size of 0 makes nothing of them. */
static int measure(const struct view *v, size_t offset, size_t *ret_count, size_t *ret_end,
                   struct err *e)
{
    size_t count = 1, end = offset, step;
    bool empty = false;

    for (int i = 0; i < v->n_dims; i++) {
        empty |= v->dim[i] == 0;
        if (!num_mul(count, v->dim[i] ? (size_t)v->dim[i] : 1, &count) || count > INT64_MAX)
            goto too_many;
    }
    count = empty ? 0 : count;
    for (int i = 0; i < v->n_dims && count; i++)
        if (!num_mul((size_t)v->dim[i] - 1, (size_t)v->stride[i], &step) ||
            !num_add(end, step, &end))
            goto too_many;
    if (count && !num_add(end, 1, &end))
        goto too_many;
    *ret_count = count;
    *ret_end = end;
    return 0;
too_many:
    return err_set(e, ERR_FORMAT, "shape and strides have more elements than 64 bits can count");
}

/* Every element inside the storage, and no more of them than it has. */
static int check_range(const struct view *v, size_t offset, const struct torch_storage *s,
                       struct err *e)
{
    size_t count = 0, end = 0;

    if (measure(v, offset, &count, &end, e))
        return -1;
    if (end > s->numel)
        return err_set(e, ERR_FORMAT, "elements up to %zu of a storage of %zu", end, s->numel);
    if (count > s->numel)
        return err_set(e, ERR_UNSUPPORTED, "%zu elements share a storage of %zu", count, s->numel);
    return 0;
}

/* args: storage, offset, size, stride, ... */
static int read_tensor(const struct pickle *args, torch_locate *locate, void *ctx,
                       struct view *ret_view, struct err *e)
{
    const struct pickle *persistent = pickle_at(args, 0);
    struct torch_storage s;
    struct view v = { 0 };
    int64_t offset;
    int n_strides = 0;

    if (!persistent || persistent->type != PICKLE_PERSISTENT)
        return err_set(e, ERR_FORMAT, "its values are no storage of the file");
    if (torch_storage_of(persistent, &s, e) ||
        read_sizes(pickle_at(args, 2), "shape", &v.n_dims, v.dim, e) ||
        read_sizes(pickle_at(args, 3), "stride", &n_strides, v.stride, e))
        return -1;
    if (n_strides != v.n_dims || !pickle_int(pickle_at(args, 1), 0, INT64_MAX, &offset))
        return err_set(e, ERR_FORMAT, "offset, shape and stride do not belong together");
    v.dtype = s.dtype;
    if (check_range(&v, (size_t)offset, &s, e) || locate(ctx, &s, e))
        return -1;
    v.data = s.data + (size_t)offset * weights_dtype_size(v.dtype);
    *ret_view = v;
    return 0;
}

static bool is_made_by(const struct pickle *p, const char *const names[2])
{
    return p && p->type == PICKLE_CALL &&
           (pickle_is_global(p->callable, "torch._utils", names[0]) ||
            pickle_is_global(p->callable, "torch._utils", names[1]));
}

/* The arguments that make p a tensor, or a parameter, which wraps one; NULL if it is neither. */
static const struct pickle *tensor_args(const struct pickle *p)
{
    static const char *const tensors[] = { "_rebuild_tensor_v2", "_rebuild_tensor" };
    static const char *const parameters[] = { "_rebuild_parameter",
                                              "_rebuild_parameter_with_state" };

    if (is_made_by(p, parameters))
        p = pickle_at(p->args, 0);
    return is_made_by(p, tensors) ? p->args : NULL;
}

/* ---- walking ---- */

struct walk {
    torch_locate *locate;
    void *ctx;
    struct tensors *out;
    int steps;
    char name[TENSORS_NAME_MAX + 1];
    size_t n; /* of the name */
};

static int walk_value(struct walk *w, const struct pickle *p, int depth, struct err *e);

static int add_tensor(struct walk *w, const struct pickle *args, struct err *e)
{
    struct view v;

    if (read_tensor(args, w->locate, w->ctx, &v, e))
        return err_prefix(e, "tensor %.96s: ", w->name);
    return tensors_add(w->out, w->name, &v, e);
}

/* Appends ".key"; false if the name gets too long. */
static bool extend_name(struct walk *w, const struct pickle_text *key)
{
    size_t dot = w->n > 0;

    if (memchr(key->s, 0, key->n) || w->n + dot + key->n > TENSORS_NAME_MAX)
        return false;
    if (dot)
        w->name[w->n++] = '.';
    memcpy(w->name + w->n, key->s, key->n);
    w->n += key->n;
    w->name[w->n] = '\0';
    return true;
}

static int walk_dict(struct walk *w, const struct pickle *dict, int depth, struct err *e)
{
    size_t n = w->n;
    int failed = 0;

    if (depth > DEPTH_MAX)
        return err_set(e, ERR_TOO_LARGE, "%.96s: nested deeper than %d", w->name, DEPTH_MAX);
    for (size_t i = 0; i + 1 < dict->n && !failed; i += 2) {
        const struct pickle *key = dict->item[i];
        if (++w->steps > STEPS_MAX)
            return err_set(e, ERR_TOO_LARGE, "more than %d values", STEPS_MAX);
        if (key->type != PICKLE_TEXT) /* of optimisers: parameters by number */
            continue;
        if (!extend_name(w, &key->text))
            return err_set(e, ERR_FORMAT, "%.96s: a key inside it is longer than %d bytes", w->name,
                           TENSORS_NAME_MAX);
        failed = walk_value(w, dict->item[i + 1], depth, e);
        w->n = n;
        w->name[n] = '\0';
    }
    return failed;
}

/* A value that was made by a call: a tensor, a module with its state, or nothing that we know. */
static int walk_call(struct walk *w, const struct pickle *p, int depth, struct err *e)
{
    const struct pickle *args = tensor_args(p), *f = p->callable;

    if (args)
        return add_tensor(w, args, e);
    if (p->state && p->state->type == PICKLE_DICT)
        return walk_dict(w, p->state, depth + 1, e);
    if (f && f->type == PICKLE_GLOBAL && pickle_text_is(&f->module, "torch._utils"))
        return err_set(e, ERR_UNSUPPORTED, "%.96s: made by torch._utils.%.*s: no plain tensor",
                       w->name, (int)(f->text.n < 40 ? f->text.n : 40), f->text.s);
    return 0;
}

static int walk_value(struct walk *w, const struct pickle *p, int depth, struct err *e)
{
    if (p->type == PICKLE_DICT)
        return walk_dict(w, p, depth + 1, e);
    return p->type == PICKLE_CALL ? walk_call(w, p, depth, e) : 0;
}

/* ---- which dictionary ---- */

/* In this order: Lightning's name first, since it has other dictionaries beside it. */
static const char *const WRAPPERS[] = { "state_dict", "model", "module", "ema" };
#define N_WRAPPERS (sizeof WRAPPERS / sizeof *WRAPPERS)

static bool holds_tensors(const struct pickle *dict)
{
    for (size_t i = 1; i < dict->n; i += 2)
        if (tensor_args(dict->item[i]))
            return true;
    return false;
}

static bool is_container(const struct pickle *p)
{
    return p && (p->type == PICKLE_DICT ||
                 (p->type == PICKLE_CALL && p->state && p->state->type == PICKLE_DICT));
}

static const struct pickle *unwrap(const struct pickle *root)
{
    for (int depth = 0; depth < WRAPPERS_DEPTH_MAX; depth++) {
        const struct pickle *inner = NULL;
        if (root->type != PICKLE_DICT || holds_tensors(root))
            break;
        for (size_t i = 0; i < N_WRAPPERS && !is_container(inner); i++)
            inner = pickle_get(root, WRAPPERS[i]);
        if (!is_container(inner))
            break;
        root = inner;
    }
    return root;
}

/* "a.b" -> root["a"]["b"] */
static int follow(const struct pickle *root, const char *key, const struct pickle **ret,
                  struct err *e)
{
    char part[64];

    for (const char *rest = key; rest;) {
        size_t n = strcspn(rest, ".");
        snprintf(part, sizeof part, "%.*s", (int)(n < sizeof part ? n : sizeof part - 1), rest);
        root = pickle_get(root, part);
        if (!root)
            return err_set(e, ERR_NOT_FOUND, "the file has no dictionary '%.64s' (--key)", key);
        rest = rest[n] ? rest + n + 1 : NULL;
    }
    *ret = root;
    return 0;
}

int torch_collect(const struct pickle *root, const char *key, torch_locate *locate, void *ctx,
                  struct tensors *out, struct err *e)
{
    struct walk w = { .locate = locate, .ctx = ctx, .out = out };

    if (key && follow(root, key, &root, e))
        return -1;
    if (!key)
        root = unwrap(root);
    if (!is_container(root))
        return err_set(e, ERR_FORMAT, "the file holds no dictionary of tensors");
    return walk_value(&w, root, 0, e);
}
