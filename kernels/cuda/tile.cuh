/*
 * Products of matrices that exist only as functions, in fp32: a block computes TILE x TILE results,
 * 4 x 4 a thread, from pieces of DEPTH in shared memory. While one piece is multiplied, the next is
 * on its way into registers. Every result sums its terms in the order of the depth.
 *
 * An operand says how its numbers are reached:
 *
 *     struct operand {
 *         static constexpr bool ALONG_DEPTH = true;
 *         struct line { ... };                       what a thread knows of its row(s) beforehand
 *         __device__ line line_of(int row) const;    also of rows that are not there
 *         __device__ float4 load(const line &l, int k) const;
 *     };
 *
 * ALONG_DEPTH: load gives k .. k + 3 of one row. Otherwise it gives rows row .. row + 3 at depth k.
 * What is outside the matrix is zero.
 */
#ifndef KERNELS_CUDA_TILE_CUH
#define KERNELS_CUDA_TILE_CUH

#include "kernels/cuda/launch.cuh"

#define TILE 64
#define DEPTH 16
#define TILE_THREADS 256
#define TILE_LINE (TILE + 4) /* rows of a piece begin in different banks, at 16 bytes */

/* [depth][row] */
typedef float tile_piece[DEPTH][TILE_LINE];

/* Rows and columns of the thread's results: 4 from each. */
static __device__ int tile_row()
{
    return (int)threadIdx.x / 16 * 4;
}

static __device__ int tile_col()
{
    return (int)threadIdx.x % 16 * 4;
}

static __device__ float4 load4(const float *from)
{
    return *(const float4 *)from;
}

static __device__ float4 zero4()
{
    return make_float4(0.0f, 0.0f, 0.0f, 0.0f);
}

/* sum += a^T b, over `DEPTH` rows of each */
static __device__ void tile_multiply(const float (*a)[TILE_LINE], const float (*b)[TILE_LINE],
                                     float sum[4][4])
{
    EACH (k, DEPTH) {
        float4 x = load4(&a[k][tile_row()]), y = load4(&b[k][tile_col()]);
        float rows[4] = { x.x, x.y, x.z, x.w }, cols[4] = { y.x, y.y, y.z, y.w };
        EACH (i, 4)
            EACH (j, 4)
                sum[i][j] += rows[i] * cols[j];
    }
}

/* Four neighbours from `at` on of a line of n numbers; zeros behind its end. `whole`: lines begin
 * at 16 bytes and n is a multiple of 4, and so is `at`. */
static __device__ float4 load_line(const float *line, int at, int n, bool whole)
{
    if (whole)
        return at < n ? load4(line + at) : zero4();
    return make_float4(at < n ? line[at] : 0.0f, at + 1 < n ? line[at + 1] : 0.0f,
                       at + 2 < n ? line[at + 2] : 0.0f, at + 3 < n ? line[at + 3] : 0.0f);
}

static inline bool whole_lines(const void *data, int64_t n, int64_t stride)
{
    return (uintptr_t)data % 16 == 0 && n % 4 == 0 && stride % 4 == 0;
}

/* A matrix in memory: lines of n numbers, `stride` apart. */
struct stored {
    typedef int line;
    const float *at;
    int lines, n;
    int64_t stride;
    bool whole;
    __device__ line line_of(int row) const
    {
        return row;
    }
};

static inline stored stored_at(const float *at, int lines, int n, int64_t stride)
{
    return { at, lines, n, stride, whole_lines(at, n, stride) };
}

/* Its lines are the product's rows. */
struct stored_lines : stored {
    static constexpr bool ALONG_DEPTH = true;
    __device__ float4 load(line row, int k) const
    {
        return row < lines ? load_line(at + row * stride, k, n, whole) : zero4();
    }
};

/* Its columns are the product's rows, its lines the depth. */
struct stored_columns : stored {
    static constexpr bool ALONG_DEPTH = false;
    __device__ float4 load(line row, int k) const
    {
        return k < lines ? load_line(at + k * stride, row, n, whole) : zero4();
    }
};

/* One thread's share of an operand's pieces: four numbers of each. */
template <class Operand> struct tile_share {
    int row, deep; /* within a piece */
    typename Operand::line line;
    float4 value;

    __device__ tile_share(const Operand &o, int first_row)
    {
        int t = (int)threadIdx.x;
        row = Operand::ALONG_DEPTH ? t / 4 : t % 16 * 4;
        deep = Operand::ALONG_DEPTH ? t % 4 * 4 : t / 16;
        line = o.line_of(first_row + row);
    }
    __device__ void fetch(const Operand &o, int k)
    {
        value = o.load(line, k + deep);
    }
    __device__ void put(float (*piece)[TILE_LINE]) const
    {
        if (!Operand::ALONG_DEPTH) {
            *(float4 *)&piece[deep][row] = value;
            return;
        }
        piece[deep][row] = value.x;
        piece[deep + 1][row] = value.y;
        piece[deep + 2][row] = value.z;
        piece[deep + 3][row] = value.w;
    }
};

/* sum = results of rows i.. of a and j.. of b, over depths from..to; `from` at a whole piece. */
template <class A, class B>
static __device__ void tile_product(const A &a, const B &b, int i, int j, int from, int to,
                                    float sum[4][4])
{
    __shared__ tile_piece a_piece, b_piece;
    tile_share<A> a_share(a, i);
    tile_share<B> b_share(b, j);
    a_share.fetch(a, from);
    b_share.fetch(b, from);
    for (int k = from; k < to; k += DEPTH) {
        __syncthreads(); /* the piece before is multiplied */
        a_share.put(a_piece);
        b_share.put(b_piece);
        __syncthreads();
        if (k + DEPTH < to) {
            a_share.fetch(a, k + DEPTH);
            b_share.fetch(b, k + DEPTH);
        }
        tile_multiply(a_piece, b_piece, sum);
    }
}

/* sum += p^T b over TILE depths from..: p [depth][row] is in shared memory already, written since
 * the block last met in here. */
template <class B>
static __device__ void tile_product_of(const float (*p)[TILE_LINE], const B &b, int j, int from,
                                       float sum[4][4])
{
    __shared__ tile_piece b_piece;
    tile_share<B> b_share(b, j);
    for (int k = 0; k < TILE; k += DEPTH) {
        b_share.fetch(b, from + k);
        __syncthreads();
        b_share.put(b_piece);
        __syncthreads();
        tile_multiply(p + k, b_piece, sum);
    }
    __syncthreads();
}

/* Where a product's results go: y [parts][rows, cols]. */
struct tile_result {
    float *y;
    int rows, cols;
    const float *bias; /* [cols]; may be NULL */
    bool add;
    __device__ void put(int part, int i, int j, const float sum[4][4]) const
    {
        for (int r = 0; r < 4; r++)
            for (int c = 0; c < 4; c++) {
                if (i + r >= rows || j + c >= cols)
                    continue;
                float *to = y + ((int64_t)part * rows + i + r) * cols + j + c;
                *to = sum[r][c] + (bias ? bias[j + c] : 0.0f) + (add ? *to : 0.0f);
            }
    }
};

/* grid: (rows / TILE, cols / TILE, parts of the depth) */
template <class A, class B>
static __global__ void __launch_bounds__(TILE_THREADS)
    tile_kernel(A a, B b, int depth, int part_depth, tile_result to)
{
    int i = (int)blockIdx.x * TILE, j = (int)blockIdx.y * TILE;
    int from = (int)blockIdx.z * part_depth;
    float sum[4][4] = {};
    tile_product(a, b, i, j, from, (int)least(from + part_depth, depth), sum);
    to.put((int)blockIdx.z, i + tile_row(), j + tile_col(), sum);
}

/* parts: of the depth; each gives a matrix of results of its own. */
template <class A, class B>
static void launch_tiles(const struct cuda *c, const A &a, const B &b, int depth, int parts,
                         const tile_result &to)
{
    int part_depth = (int)ceil_div(ceil_div(depth, parts), DEPTH) * DEPTH;
    dim3 grid((unsigned)ceil_div(to.rows, TILE), (unsigned)ceil_div(to.cols, TILE),
              (unsigned)parts);
    LAUNCH((tile_kernel<A, B>), grid, TILE_THREADS, 0, c->stream, a, b, depth, part_depth, to);
}

#endif
