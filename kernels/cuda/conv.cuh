/*
 * Convolutions as products of matrices that are never stored (implicit GEMM): the operands.
 *
 * Pictures are channels-last, so the depth of a product runs over taps and, inside a tap, over
 * channels that are neighbours in memory.
 */
#ifndef KERNELS_CUDA_CONV_CUH
#define KERNELS_CUDA_CONV_CUH

#include "kernels/cuda/tile.cuh"

struct conv_shape {
    int batch, height, width, in;    /* x [B, H, W, I] */
    int out_height, out_width, out;  /* y [B, H', W', O] */
    int kernel_height, kernel_width; /* w [O, kh, kw, I] */
    int stride, top, left;
    int doubling; /* 1: the picture is doubled first */
};

/* ---- where a tap leads ---- */

/* A position of a picture: its corner in source coordinates, before the tap is added. */
struct position {
    bool there;
    int64_t picture; /* first pixel */
    int y, x;
};

/* Output position -> pixel of x under the tap. */
struct taps_forward {
    conv_shape s;
    __device__ int count() const
    {
        return s.kernel_height * s.kernel_width;
    }
    __device__ position position_of(int i) const
    {
        int per = s.out_height * s.out_width, b = i / per, y = i % per / s.out_width;
        return { b < s.batch, (int64_t)b * s.height * s.width, y * s.stride - s.top,
                 i % s.out_width * s.stride - s.left };
    }
    /* -1: outside the picture */
    __device__ int64_t pixel(const position &p, int tap) const
    {
        int y = p.y + tap / s.kernel_width, x = p.x + tap % s.kernel_width;
        bool inside =
            p.there && y >= 0 && y < s.height << s.doubling && x >= 0 && x < s.width << s.doubling;
        return inside ? p.picture + (y >> s.doubling) * s.width + (x >> s.doubling) : -1;
    }
};

/* Pixel of x -> output position that saw it under the tap. A doubled picture's pixel is four; their
 * taps follow each other. */
struct taps_backward {
    conv_shape s;
    __device__ int count() const
    {
        return (s.kernel_height * s.kernel_width) << (2 * s.doubling);
    }
    __device__ position position_of(int i) const
    {
        int per = s.height * s.width, b = i / per, y = i % per / s.width;
        return { b < s.batch, (int64_t)b * s.out_height * s.out_width, (y << s.doubling) + s.top,
                 (i % s.width << s.doubling) + s.left };
    }
    __device__ int64_t pixel(const position &p, int tap) const
    {
        int taps = s.kernel_height * s.kernel_width, copy = tap / taps, t = tap % taps;
        int y = p.y + copy / 2 - t / s.kernel_width, x = p.x + copy % 2 - t % s.kernel_width;
        bool inside = p.there && y >= 0 && x >= 0 && y % s.stride == 0 && x % s.stride == 0 &&
                      y / s.stride < s.out_height && x / s.stride < s.out_width;
        return inside ? p.picture + y / s.stride * s.out_width + x / s.stride : -1;
    }
};

/* ---- pictures under taps ---- */

/* Rows: positions; depth: taps, and in them channels of src. */
template <class Taps> struct gathered_lines {
    static constexpr bool ALONG_DEPTH = true;
    typedef position line;
    Taps taps;
    const float *src;
    int channels;
    bool whole; /* four neighbours are always in one tap, at 16 bytes */
    __device__ line line_of(int row) const
    {
        return taps.position_of(row);
    }
    __device__ float one(const line &l, int k) const
    {
        int tap = k / channels;
        int64_t pixel = tap < taps.count() ? taps.pixel(l, tap) : -1;
        return pixel < 0 ? 0.0f : src[pixel * channels + k % channels];
    }
    __device__ float4 load(const line &l, int k) const
    {
        if (!whole)
            return make_float4(one(l, k), one(l, k + 1), one(l, k + 2), one(l, k + 3));
        int tap = k / channels;
        int64_t pixel = tap < taps.count() ? taps.pixel(l, tap) : -1;
        return pixel < 0 ? zero4() : load4(src + pixel * channels + k % channels);
    }
};

/* Rows: taps, and in them channels of x; depth: output positions. */
struct gathered_columns {
    static constexpr bool ALONG_DEPTH = false;
    typedef int line;
    taps_forward taps;
    const float *src;
    int channels;
    bool whole;
    __device__ line line_of(int row) const
    {
        return row;
    }
    __device__ float one(const position &p, int row) const
    {
        int tap = row / channels;
        int64_t pixel = tap < taps.count() ? taps.pixel(p, tap) : -1;
        return pixel < 0 ? 0.0f : src[pixel * channels + row % channels];
    }
    __device__ float4 load(line row, int k) const
    {
        position p = taps.position_of(k);
        if (!whole)
            return make_float4(one(p, row), one(p, row + 1), one(p, row + 2), one(p, row + 3));
        int tap = row / channels;
        int64_t pixel = tap < taps.count() ? taps.pixel(p, tap) : -1;
        return pixel < 0 ? zero4() : load4(src + pixel * channels + row % channels);
    }
};

/* w [O, taps, I] for the adjoint: rows are channels of x, depth is taps and in them channels of y.
 */
struct turned_weights {
    static constexpr bool ALONG_DEPTH = false;
    typedef int line;
    const float *w;
    int out, taps, in, depth; /* depth: taps of a doubled picture come four times */
    bool whole;
    __device__ line line_of(int row) const
    {
        return row;
    }
    __device__ float4 load(line row, int k) const
    {
        int tap = k / out % taps, o = k % out;
        return k < depth ? load_line(w + ((int64_t)o * taps + tap) * in, row, in, whole) : zero4();
    }
};

#endif
