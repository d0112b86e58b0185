/*
 * References: pictures, channels last.
 */
#include "tests/kernels/ref.h"

#include <math.h>

#include "kernels/op.h"

/* Element (b, y, x, c), or 0 outside. */
static double at(const struct array *a, int64_t b, int64_t y, int64_t x, int64_t c)
{
    const int64_t *d = a->dim;

    if (y < 0 || y >= d[1] || x < 0 || x >= d[2])
        return 0;
    return a->v[((b * d[1] + y) * d[2] + x) * d[3] + c];
}

/* The position (b, y, x, c) of element i. */
struct position {
    int64_t b, y, x, c;
};

static struct position position_of(const struct array *a, int64_t i)
{
    const int64_t *d = a->dim;

    return (struct position){ i / d[3] / d[2] / d[1], i / d[3] / d[2] % d[1], i / d[3] % d[2],
                              i % d[3] };
}

static void conv_of(const struct array *x, const struct array *w, const struct array *b,
                    int64_t stride, const int64_t pad[4], struct array *out)
{
    int64_t kh = w->dim[1], kw = w->dim[2], I = w->dim[3];
    int64_t H = (x->dim[1] + pad[0] + pad[2] - kh) / stride + 1;
    int64_t W = (x->dim[2] + pad[1] + pad[3] - kw) / stride + 1;

    array_init(out, DTYPE_F32, 4, (int64_t[]){ x->dim[0], H, W, w->dim[0] });
    for (int64_t i = 0; i < array_count(out); i++) {
        struct position p = position_of(out, i);
        double sum = b->v ? b->v[p.c] : 0;
        for (int64_t j = 0; j < kh * kw * I; j++)
            sum += w->v[p.c * kh * kw * I + j] * at(x, p.b, p.y * stride - pad[0] + j / I / kw,
                                                    p.x * stride - pad[1] + j / I % kw, j % I);
        out->v[i] = sum;
    }
}

void ref_conv(const struct kernel_case *k, const struct array *in, struct array *out)
{
    conv_of(&in[0], &in[1], &in[2], k->i[0], k->i + 1, out);
}

void ref_conv_add(const struct kernel_case *k, const struct array *in, struct array *out)
{
    ref_conv(k, in, out);
    for (int64_t i = 0; i < array_count(out); i++)
        out->v[i] += in[3].v[i];
}

void ref_upsample2x_conv(const struct kernel_case *k, const struct array *in, struct array *out)
{
    const int64_t *d = in->dim;
    struct array twice;

    (void)k;
    array_init(&twice, DTYPE_F32, 4, (int64_t[]){ d[0], 2 * d[1], 2 * d[2], d[3] });
    for (int64_t i = 0; i < array_count(&twice); i++) {
        struct position p = position_of(&twice, i);
        twice.v[i] = at(in, p.b, p.y / 2, p.x / 2, p.c);
    }
    conv_of(&twice, &in[1], &in[2], 1, (int64_t[]){ 1, 1, 1, 1 }, out);
    array_release(&twice);
}

/* ---- resize ---- */

static double kernel_at(enum op_filter filter, bool antialias, double x)
{
    double a = antialias ? -0.5 : -0.75;

    x = fabs(x);
    if (filter == OP_BILINEAR)
        return x < 1 ? 1 - x : 0;
    if (x < 1)
        return (a + 2) * x * x * x - (a + 3) * x * x + 1;
    if (x < 2)
        return a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a;
    return 0;
}

/* Weight of input j in output i; the weight of pixels beyond the border goes to the border pixel
 * without antialias, and is shared out with it. */
static double weight(enum op_filter filter, bool antialias, int64_t in, int64_t out, int64_t i,
                     int64_t j)
{
    double step = (double)in / (double)out, stretch = antialias ? fmax(step, 1) : 1;
    double center = ((double)i + 0.5) * step, sum = 0, own = 0;

    for (int64_t t = -8; t < in + 8; t++) {
        double w = kernel_at(filter, antialias, ((double)t + 0.5 - center) / stretch);
        int64_t pixel = t < 0 ? 0 : t >= in ? in - 1 : t;
        if (antialias && pixel != t)
            continue;
        sum += w;
        own += pixel == j ? w : 0;
    }
    return own / sum;
}

void ref_resize(const struct kernel_case *k, const struct array *in, struct array *out)
{
    enum op_filter filter = (enum op_filter)k->i[2];
    bool antialias = k->i[3];
    int64_t H = in->dim[1], W = in->dim[2];
    struct array wy, wx; /* [h, H], [w, W] */

    array_init(&wy, DTYPE_F32, 2, (int64_t[]){ k->i[0], H });
    array_init(&wx, DTYPE_F32, 2, (int64_t[]){ k->i[1], W });
    for (int64_t i = 0; i < array_count(&wy); i++)
        wy.v[i] = weight(filter, antialias, H, k->i[0], i / H, i % H);
    for (int64_t i = 0; i < array_count(&wx); i++)
        wx.v[i] = weight(filter, antialias, W, k->i[1], i / W, i % W);
    array_init(out, DTYPE_F32, 4, (int64_t[]){ in->dim[0], k->i[0], k->i[1], in->dim[3] });
    for (int64_t i = 0; i < array_count(out); i++) {
        struct position p = position_of(out, i);
        for (int64_t j = 0; j < H * W; j++)
            out->v[i] +=
                wy.v[p.y * H + j / W] * wx.v[p.x * W + j % W] * at(in, p.b, j / W, j % W, p.c);
    }
    array_release(&wy);
    array_release(&wx);
}

/* ---- pixels ---- */

void ref_pixels_in(const struct kernel_case *k, const struct array *in, struct array *out)
{
    array_init(out, DTYPE_F32, in->n_dims, in->dim);
    for (int64_t i = 0; i < array_count(in); i++)
        out->v[i] = in->v[i] * (float)k->f[i % 3] + (float)k->f[3 + i % 3];
}

void ref_pixels_out(const struct kernel_case *k, const struct array *in, struct array *out)
{
    (void)k;
    array_init(out, DTYPE_U8, in->n_dims, in->dim);
    for (int64_t i = 0; i < array_count(in); i++)
        out->v[i] = rint(fmin(fmax(in->v[i] / 2 + 0.5, 0), 1) * 255);
}
