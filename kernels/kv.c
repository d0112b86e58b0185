#include "kernels/kv.h"

#include "base/num.h"

static bool slab_bytes(enum dtype dtype, int layers, int slots, int positions, int width,
                       size_t *ret_bytes)
{
    size_t n = dtype_size(dtype);
    return num_mul(n, (size_t)layers, &n) && num_mul(n, (size_t)slots, &n) &&
           num_mul(n, (size_t)positions, &n) && num_mul(n, (size_t)width, &n) &&
           num_mul(n, 2, ret_bytes);
}

static struct tensor half(const struct kv *kv, enum dtype dtype)
{
    return (struct tensor){ .dtype = dtype,
                            .n_dims = 4,
                            .dim = { kv->layers, kv->slots, kv->positions, kv->width } };
}

int kv_plan(struct kv *kv, enum dtype dtype, int layers, int slots, int positions, int width,
            struct err *e)
{
    size_t bytes;

    *kv = (struct kv){ .layers = layers, .slots = slots, .positions = positions, .width = width };
    if (dtype != DTYPE_F32 && dtype != DTYPE_F16)
        return err_set(e, ERR_INVALID, "kv: a cache of %s, must be f32 or f16", dtype_name(dtype));
    if (layers < 1 || slots < 1 || positions < 1 || width < 1 ||
        !slab_bytes(dtype, layers, slots, positions, width, &bytes))
        return err_set(e, ERR_INVALID, "kv: no cache of %d layers, %d slots, %d positions, %d wide",
                       layers, slots, positions, width);
    kv->keys = kv->values = half(kv, dtype);
    return 0;
}

size_t kv_bytes(const struct kv *kv)
{
    return tensor_bytes(&kv->keys) + tensor_bytes(&kv->values);
}

static int take_half(struct kv *kv, struct tensor *t, struct err *e)
{
    if (device_alloc(kv->dev, tensor_bytes(t), &t->data, e))
        return -1;
    return device_zero(kv->dev, t, e);
}

int kv_init(struct kv *kv, struct device *dev, enum dtype dtype, int layers, int slots,
            int positions, int width, struct err *e)
{
    size_t bytes;

    if (kv_plan(kv, dtype, layers, slots, positions, width, e))
        return -1;
    kv->dev = dev;
    bytes = kv_bytes(kv);
    if (take_half(kv, &kv->keys, e) || take_half(kv, &kv->values, e)) {
        kv_release(kv);
        return err_prefix(e, "kv: %zu bytes of cache: ", bytes);
    }
    return 0;
}

void kv_release(struct kv *kv)
{
    if (!kv->dev)
        return;
    device_free(kv->dev, kv->keys.data);
    device_free(kv->dev, kv->values.data);
    *kv = (struct kv){ 0 };
}
