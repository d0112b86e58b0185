/*
 * Resizing with bilinear and bicubic filters, and pixels in and out of the float world.
 *
 * Every output coordinate of an axis is a weighted sum of a window of input coordinates. The
 * windows of both axes are computed first, into scratch. The adjoint gathers: an input coordinate
 * asks the outputs whose windows hold it, which are neighbours.
 */
#include "kernels/cuda/launch.cuh"

/* ---- filters ---- */

/* Keys' cubic convolution; a: its slope at 1. */
static __device__ double cubic(double x, double a)
{
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

/* ---- axes ---- */

/* Output coordinate i sums w[i * taps + k] * input[first[i] + k], k < n[i]. */
struct axis {
    int64_t in, out, taps; /* taps: the most of any window */
    double step, stretch;  /* input pixels between outputs; the filter's width against its own */
    double reach;          /* of the stretched filter to each side */
    enum op_filter filter;
    bool antialias;
    int32_t *first, *n;
    float *w;
    /* Outputs begin .. end - 1 look at input i. */
    int32_t *begin, *end;

    __device__ double weight(int64_t j, double center) const
    {
        double x = ((double)j + 0.5 - center) / stretch;
        if (filter == OP_BILINEAR)
            return fmax(0.0, 1.0 - fabs(x));
        return cubic(x, antialias ? -0.5 : -0.75);
    }
};

static axis axis_of(int64_t in, int64_t out, enum op_filter filter, bool antialias, float *memory)
{
    axis a = {};
    a.in = in;
    a.out = out;
    a.step = (double)in / (double)out;
    a.stretch = antialias && a.step > 1 ? a.step : 1;
    a.reach = (filter == OP_BILINEAR ? 1 : 2) * a.stretch;
    a.taps = 2 * (int64_t)ceil(a.reach) + 1;
    a.filter = filter;
    a.antialias = antialias;
    a.first = (int32_t *)memory;
    a.n = a.first + out;
    a.begin = a.n + out;
    a.end = a.begin + in;
    a.w = memory + 2 * (out + in);
    return a;
}

static int64_t axis_floats(const axis &a)
{
    return a.out * (a.taps + 2) + 2 * a.in;
}

static __device__ int64_t clamp(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/*
 * Window of output coordinate i. With antialias, Pillow's: the filter is cut at the border and made
 * to sum to 1. Without, the border pixel is repeated: its weights add up.
 */
struct window_each {
    axis a;
    __device__ void operator()(int64_t i) const
    {
        double center = ((double)i + 0.5) * a.step, sum = 0;
        int64_t from = (int64_t)floor(center - a.reach + 0.5);
        int64_t to = (int64_t)(center + a.reach + 0.5);
        float *w = a.w + i * a.taps;
        if (a.antialias) {
            from = clamp(from, 0, a.in - 1);
            to = clamp(to, from + 1, a.in);
        }
        int64_t first = clamp(from, 0, a.in - 1), last = clamp(to - 1, 0, a.in - 1);
        for (int64_t k = 0; k < a.taps; k++)
            w[k] = 0.0f;
        for (int64_t j = from; j < to; j++)
            sum += a.weight(j, center);
        for (int64_t j = from; j < to; j++)
            w[clamp(j, 0, a.in - 1) - first] += (float)(a.weight(j, center) / sum);
        a.first[i] = (int32_t)first;
        a.n[i] = (int32_t)(last - first + 1);
    }
};

/* The outputs that look at input coordinate j. */
struct viewers_each {
    axis a;
    __device__ void operator()(int64_t j) const
    {
        int32_t begin = 0;
        while (begin < a.out && a.first[begin] + a.n[begin] <= j)
            begin++;
        int32_t end = begin;
        while (end < a.out && a.first[end] <= j)
            end++;
        a.begin[j] = begin;
        a.end[j] = end;
    }
};

/* ---- pictures: x [B, H, W, C] <-> y [B, h, w, C] ---- */

struct resize {
    axis rows, cols;
    int64_t C;
};

/* Where element i of [B, height, width, C] is. */
struct pixel_place {
    int64_t picture, row, col, channel;
};

static __device__ pixel_place pixel_of(int64_t i, int64_t height, int64_t width, int64_t C)
{
    int64_t pixel = quotient(i, C), line = quotient(pixel, width), picture = quotient(line, height);
    return { picture, line - picture * height, pixel - line * width, i - pixel * C };
}

static int resize_open(struct resize *r, void *ctx, const char *op, ctensor *x, ctensor *y,
                       enum op_filter filter, bool antialias, struct err *e)
{
    float *memory = (float *)((const struct cuda *)ctx)->scratch;
    r->rows = axis_of(x->dim[1], y->dim[1], filter, antialias, memory);
    r->cols = axis_of(x->dim[2], y->dim[2], filter, antialias, memory + axis_floats(r->rows));
    r->C = x->dim[3];
    if (axis_floats(r->rows) + axis_floats(r->cols) > CUDA_SCRATCH_FLOATS)
        return err_set(e, ERR_TOO_LARGE, "%s: %lld x %lld to %lld x %lld needs too much scratch",
                       op, (long long)x->dim[1], (long long)x->dim[2], (long long)y->dim[1],
                       (long long)y->dim[2]);
    if (cuda_each(ctx, op, x, r->rows.out, window_each{ r->rows }, e) ||
        cuda_each(ctx, op, x, r->cols.out, window_each{ r->cols }, e))
        return -1;
    return 0;
}

struct resize_each {
    resize r;
    const float *x;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        pixel_place at = pixel_of(i, r.rows.out, r.cols.out, r.C);
        const float *wy = r.rows.w + at.row * r.rows.taps, *wx = r.cols.w + at.col * r.cols.taps;
        const float *line = x + (at.picture * r.rows.in + r.rows.first[at.row]) * r.cols.in * r.C +
                            r.cols.first[at.col] * r.C + at.channel;
        float sum = 0;
        for (int32_t l = 0; l < r.cols.n[at.col]; l++) {
            float column = 0;
            for (int32_t k = 0; k < r.rows.n[at.row]; k++)
                column += wy[k] * line[(k * r.cols.in + l) * r.C];
            sum += wx[l] * column;
        }
        y[i] = sum;
    }
};

int cuda_resize(void *ctx, ctensor *x, enum op_filter filter, bool antialias, struct tensor *y,
                struct err *e)
{
    struct resize r;
    if (CUDA_ALL_F32("resize", e, x, y) ||
        resize_open(&r, ctx, "resize", x, y, filter, antialias, e))
        return -1;
    return cuda_each(ctx, "resize", x, tensor_count(y), resize_each{ r, floats(x), floats(y) }, e);
}

struct resize_bwd_each {
    resize r;
    const float *dy;
    float *dx;
    __device__ void operator()(int64_t i) const
    {
        pixel_place at = pixel_of(i, r.rows.in, r.cols.in, r.C);
        const float *from = dy + at.picture * r.rows.out * r.cols.out * r.C + at.channel;
        float sum = 0;
        for (int32_t v = r.rows.begin[at.row]; v < r.rows.end[at.row]; v++) {
            float line = 0;
            for (int32_t u = r.cols.begin[at.col]; u < r.cols.end[at.col]; u++)
                line += r.cols.w[u * r.cols.taps + at.col - r.cols.first[u]] *
                        from[(v * r.cols.out + u) * r.C];
            sum += r.rows.w[v * r.rows.taps + at.row - r.rows.first[v]] * line;
        }
        dx[i] += sum;
    }
};

int cuda_resize_bwd(void *ctx, ctensor *dy, enum op_filter filter, bool antialias,
                    struct tensor *dx, struct err *e)
{
    struct resize r;
    if (CUDA_ALL_F32("resize_bwd", e, dy, dx) ||
        resize_open(&r, ctx, "resize_bwd", dx, dy, filter, antialias, e) ||
        cuda_each(ctx, "resize_bwd", dx, r.rows.in, viewers_each{ r.rows }, e) ||
        cuda_each(ctx, "resize_bwd", dx, r.cols.in, viewers_each{ r.cols }, e))
        return -1;
    return cuda_each(ctx, "resize_bwd", dx, tensor_count(dx),
                     resize_bwd_each{ r, floats(dy), floats(dx) }, e);
}

/* ---- pixels ---- */

/* One pixel. */
struct pixels_in_each {
    const uint8_t *x;
    float mul[3], add[3];
    float *y;
    __device__ void operator()(int64_t i) const
    {
        EACH (k, 3)
            y[3 * i + k] = (float)x[3 * i + k] * mul[k] + add[k];
    }
};

int cuda_pixels_in(void *ctx, ctensor *u8, const float mul[3], const float add[3], struct tensor *y,
                   struct err *e)
{
    if (cuda_all(DTYPE_U8, "pixels_in", e, u8) || CUDA_ALL_F32("pixels_in", e, y))
        return -1;
    pixels_in_each each = {
        (const uint8_t *)u8->data, { mul[0], mul[1], mul[2] }, { add[0], add[1], add[2] }, floats(y)
    };
    return cuda_each(ctx, "pixels_in", u8, tensor_count(u8) / 3, each, e);
}

/* To the nearest level, halves to even; NaN is black. */
struct pixels_out_each {
    const float *x;
    uint8_t *y;
    __device__ void operator()(int64_t i) const
    {
        float v = (x[i] * 0.5f + 0.5f) * 255.0f;
        v = v > 0.0f ? v : 0.0f;
        y[i] = (uint8_t)rintf(v < 255.0f ? v : 255.0f);
    }
};

int cuda_pixels_out(void *ctx, ctensor *x, struct tensor *u8, struct err *e)
{
    if (CUDA_ALL_F32("pixels_out", e, x) || cuda_all(DTYPE_U8, "pixels_out", e, u8))
        return -1;
    return cuda_each(ctx, "pixels_out", x, tensor_count(x),
                     pixels_out_each{ floats(x), (uint8_t *)u8->data }, e);
}
