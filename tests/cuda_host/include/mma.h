/*
 * nvcuda::wmma: 16 x 16 x 16 products of half or bfloat16 with sums in float. Which lane holds which
 * elements is nobody's business, as on the device: element e of lane l is element 32 e + l of the
 * tile. Loads and stores happen lane by lane, so data that other lanes have not stored yet shows.
 */
#ifndef CUDA_HOST_MMA_H
#define CUDA_HOST_MMA_H

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

namespace nvcuda {
namespace wmma {

struct matrix_a {
};
struct matrix_b {
};
struct accumulator {
};
struct row_major {
};
struct col_major {
};
enum layout_t { mem_row_major, mem_col_major };

static const unsigned SIDE = 16, HELD = SIDE * SIDE / cuda_host::WARP;

template <typename Use, int M, int N, int K, typename T, typename Layout = void> struct fragment {
    static_assert(M == 16 && N == 16 && K == 16, "tiles of 16 x 16 x 16 alone");
    static const int num_elements = HELD;
    T x[HELD];
};

/* ---- the lanes of the warp, together ---- */

static inline void nothing(void *const *)
{
}

/* All lanes of the warp are here. */
static inline void meet(const cuda_host::place &here)
{
    char dummy;
    cuda_host::warp_together({ here, 0xffffffff, &dummy, nothing });
}

/* The device wants tiles at multiples of 32 bytes and lines of whole 16 bytes. */
template <typename T> void check_address(const cuda_host::place &here, const T *at, unsigned ld)
{
    if ((uintptr_t)at % 32)
        cuda_host::fail("%s at %s:%d: address %p is no multiple of 32", here.what, here.file,
                        here.line, (const void *)at);
    if (ld * sizeof(T) % 16)
        cuda_host::fail("%s at %s:%d: lines of %u elements are not whole 16 bytes", here.what,
                        here.file, here.line, ld);
}

static inline unsigned offset(unsigned e, unsigned ld, bool by_rows)
{
    unsigned i = e / SIDE, j = e % SIDE;
    return by_rows ? i * ld + j : j * ld + i;
}

template <typename Fragment, typename T>
void load(const cuda_host::place &here, Fragment &f, const T *from, unsigned ld, bool by_rows)
{
    check_address(here, from, ld);
    for (unsigned e = 0; e < HELD; e++)
        f.x[e] = from[offset(e * cuda_host::WARP + cuda_host::lane_id(), ld, by_rows)];
    meet(here);
}

template <typename Use, typename T>
void load_matrix_sync(fragment<Use, 16, 16, 16, T, row_major> &f, const T *from, unsigned ld,
                      CUDA_HOST_HERE)
{
    load({ "load_matrix_sync", file, line }, f, from, ld, true);
}

template <typename Use, typename T>
void load_matrix_sync(fragment<Use, 16, 16, 16, T, col_major> &f, const T *from, unsigned ld,
                      CUDA_HOST_HERE)
{
    load({ "load_matrix_sync", file, line }, f, from, ld, false);
}

template <typename T>
void load_matrix_sync(fragment<accumulator, 16, 16, 16, T> &f, const T *from, unsigned ld,
                      layout_t layout, CUDA_HOST_HERE)
{
    load({ "load_matrix_sync", file, line }, f, from, ld, layout == mem_row_major);
}

template <typename T>
void store_matrix_sync(T *to, const fragment<accumulator, 16, 16, 16, T> &f, unsigned ld,
                       layout_t layout, CUDA_HOST_HERE)
{
    cuda_host::place here = { "store_matrix_sync", file, line };
    check_address(here, to, ld);
    meet(here);
    for (unsigned e = 0; e < HELD; e++)
        to[offset(e * cuda_host::WARP + cuda_host::lane_id(), ld, layout == mem_row_major)] =
            f.x[e];
}

template <typename Use, typename T, typename Layout>
void fill_fragment(fragment<Use, 16, 16, 16, T, Layout> &f, T value)
{
    for (unsigned e = 0; e < HELD; e++)
        f.x[e] = value;
}

/* ---- the product ---- */

template <typename A, typename B, typename Sum> struct product {
    Sum *d;
    const A *a;
    const B *b;
    const Sum *c;
};

template <typename A, typename B, typename Sum> void multiply(void *const *lanes)
{
    typedef product<A, B, Sum> part;
    float a[SIDE][SIDE], b[SIDE][SIDE], d[SIDE][SIDE];
    for (unsigned e = 0; e < SIDE * SIDE; e++) {
        const part *p = (const part *)lanes[e % cuda_host::WARP];
        if (!p)
            cuda_host::fail("mma_sync without all lanes of the warp");
        unsigned held = e / cuda_host::WARP;
        (&a[0][0])[e] = p->a->x[held];
        (&b[0][0])[e] = p->b->x[held];
        (&d[0][0])[e] = p->c->x[held];
    }
    for (unsigned i = 0; i < SIDE; i++)
        for (unsigned k = 0; k < SIDE; k++)
            for (unsigned j = 0; j < SIDE; j++)
                d[i][j] += a[i][k] * b[k][j];
    for (unsigned e = 0; e < SIDE * SIDE; e++)
        ((part *)lanes[e % cuda_host::WARP])->d->x[e / cuda_host::WARP] = (&d[0][0])[e];
}

/* d = a b + c */
template <typename T, typename LayoutA, typename LayoutB>
void mma_sync(fragment<accumulator, 16, 16, 16, float> &d,
              const fragment<matrix_a, 16, 16, 16, T, LayoutA> &a,
              const fragment<matrix_b, 16, 16, 16, T, LayoutB> &b,
              const fragment<accumulator, 16, 16, 16, float> &c, CUDA_HOST_HERE)
{
    typedef fragment<matrix_a, 16, 16, 16, T, LayoutA> A;
    typedef fragment<matrix_b, 16, 16, 16, T, LayoutB> B;
    typedef fragment<accumulator, 16, 16, 16, float> Sum;
    product<A, B, Sum> mine = { &d, &a, &b, &c };
    cuda_host::warp_together({ { "mma_sync", file, line }, 0xffffffff, &mine,
                               multiply<A, B, Sum> });
}

}
}

#endif
