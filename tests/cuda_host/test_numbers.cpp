/* Numbers: 16-bit floats, intrinsics, products of cuBLAS and of wmma, each against plain arithmetic. */
#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>

#include "tests/cuda_host/test_device.h"

/* Whole numbers from -4 to 4: products and sums of them are exact in every type here. */
static float number(size_t i)
{
    return (float)((int)(i * 7919 % 9) - 4);
}

template <typename T> static std::vector<T> numbers(size_t n)
{
    std::vector<T> x(n);
    for (size_t i = 0; i < n; i++)
        x[i] = T(number(i));
    return x;
}

static void halves_round_to_even(void **)
{
    assert_int_equal(__half_as_ushort(__float2half(1.0f)), 0x3c00);
    assert_int_equal(__half_as_ushort(__float2half(2049.0f)), 0x6800);
    assert_int_equal(__half_as_ushort(__float2half(2051.0f)), 0x6802);
    assert_int_equal(__bfloat16_as_ushort(__float2bfloat16(257.0f)), 0x4380);
    assert_true((float)(__half(2048.0f) + __half(1.0f)) == 2048.0f);
    assert_true(__half2float(__hfma(__half(3.0f), __half(4.0f), __half(5.0f))) == 17.0f);
    float2 two = __half22float2(__floats2half2_rn(1.5f, -2.0f));
    assert_true(two.x == 1.5f && two.y == -2.0f);
    float2 b = __bfloat1622float2(__hadd2({ 1.0f, 2.0f }, __floats2bfloat162_rn(3.0f, 4.0f)));
    assert_true(b.x == 4.0f && b.y == 6.0f);
}

static void intrinsics_are_theirs(void **)
{
    assert_int_equal(__popc(0xf0f0u), 8);
    assert_int_equal(__clz(1), 31);
    assert_int_equal(__clz(0), 32);
    assert_int_equal(__ffs(8), 4);
    assert_int_equal(__ffs(0), 0);
    assert_int_equal(__brev(1u), 0x80000000u);
    assert_int_equal(__umulhi(0x80000000u, 6u), 3);
    assert_int_equal(__dp4a(0x01ff0203, 0x01020304, 100), 100 + 1 - 2 + 6 + 12);
    assert_int_equal(__float_as_int(1.0f), 0x3f800000);
    assert_true(rsqrtf(4.0f) == 0.5f);
    assert_int_equal(__float2int_rn(2.5f), 2);
}

static void vectors_are_aligned(void **)
{
    assert_int_equal(alignof(float4), 16);
    assert_int_equal(alignof(float2), 8);
    assert_int_equal(alignof(uchar4), 4);
    assert_int_equal(alignof(float3), 4);
}

/* ---- cuBLAS ---- */

static cublasHandle_t open_blas()
{
    cublasHandle_t blas;
    assert_int_equal(cublasCreate(&blas), CUBLAS_STATUS_SUCCESS);
    return blas;
}

/* Element (i, j) of op(x), whose columns lie ld apart. */
static size_t at(bool trans, int i, int j, int ld)
{
    return (size_t)(trans ? i * ld + j : j * ld + i);
}

static void check_sgemm(bool trans_a, bool trans_b)
{
    const int m = 5, n = 4, k = 7, lda = trans_a ? k + 1 : m + 2, ldb = trans_b ? n : k, ldc = m;
    const float alpha = 2, beta = -1;
    std::vector<float> a = numbers<float>(80), b = numbers<float>(80), c = numbers<float>(20);
    device_array<float> da(a), db(b), dc(c);
    cublasHandle_t blas = open_blas();
    assert_int_equal(cublasSgemm(blas, trans_a ? CUBLAS_OP_T : CUBLAS_OP_N,
                                 trans_b ? CUBLAS_OP_T : CUBLAS_OP_N, m, n, k, &alpha, da.data, lda,
                                 db.data, ldb, &beta, dc.data, ldc),
                     CUBLAS_STATUS_SUCCESS);
    assert_true(dc[0] == c[0]); /* queued */
    run_well();
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            float want = beta * c[at(false, i, j, ldc)];
            for (int l = 0; l < k; l++)
                want += alpha * a[at(trans_a, i, l, lda)] * b[at(trans_b, l, j, ldb)];
            assert_true(dc[at(false, i, j, ldc)] == want);
        }
    cublasDestroy(blas);
}

static void products_of_cublas(void **)
{
    check_sgemm(false, false);
    check_sgemm(true, false);
    check_sgemm(false, true);
    check_sgemm(true, true);
}

static void batches_of_16_bits(void **)
{
    const int side = 3, batch = 2;
    const float one = 1, zero = 0;
    device_array<__nv_bfloat16> a(numbers<__nv_bfloat16>(18)), b(numbers<__nv_bfloat16>(18));
    float *c;
    expect_success(cudaMalloc(&c, 18 * sizeof(float))); /* NaN: beta is 0 */
    cublasHandle_t blas = open_blas();
    assert_int_equal(cublasGemmStridedBatchedEx(blas, CUBLAS_OP_N, CUBLAS_OP_N, side, side, side,
                                                &one, a.data, CUDA_R_16BF, side, 9, b.data,
                                                CUDA_R_16BF, side, 9, &zero, c, CUDA_R_32F, side, 9,
                                                batch, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
                     CUBLAS_STATUS_SUCCESS);
    run_well();
    for (int z = 0; z < batch; z++)
        for (int i = 0; i < side; i++)
            for (int j = 0; j < side; j++) {
                float want = 0;
                for (int l = 0; l < side; l++)
                    want += number((size_t)(9 * z + l * side + i)) *
                            number((size_t)(9 * z + j * side + l));
                assert_true(c[9 * z + j * side + i] == want);
            }
    cublasDestroy(blas);
    cudaFree(c);
}

static void crooked_products_are_refused(void **)
{
    const float one = 1;
    device_array<float> x(64);
    cublasHandle_t blas = open_blas();
    assert_int_equal(cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, 8, 8, 8, &one, x.data, 7, x.data,
                                 8, &one, x.data, 8),
                     CUBLAS_STATUS_INVALID_VALUE);
    assert_int_equal(cublasGemmEx(blas, CUBLAS_OP_N, CUBLAS_OP_N, 8, 8, 8, &one, x.data, CUDA_R_32F,
                                  8, x.data, CUDA_R_16F, 8, &one, x.data, CUDA_R_32F, 8,
                                  CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
                     CUBLAS_STATUS_NOT_SUPPORTED);
    cublasDestroy(blas);
}

/* ---- wmma ---- */

/* c [16, 16] = a [16, 16 k] b [16 k, 16], b by columns; every tile passes through shared memory. */
template <typename T> __global__ void tile_products(const T *a, const T *b, float *c, int k)
{
    using namespace nvcuda::wmma;
    __shared__ __align__(32) T a_tile[256];
    fragment<matrix_a, 16, 16, 16, T, row_major> fa;
    fragment<matrix_b, 16, 16, 16, T, col_major> fb;
    fragment<accumulator, 16, 16, 16, float> sum;
    fill_fragment(sum, 0.0f);
    for (int t = 0; t < k; t++) {
        __syncwarp();
        for (unsigned i = threadIdx.x; i < 256; i += 32)
            a_tile[i] = a[i / 16 * 16 * (unsigned)k + 16 * (unsigned)t + i % 16];
        __syncwarp();
        load_matrix_sync(fa, a_tile, 16);
        load_matrix_sync(fb, b + 16 * t, 16 * (unsigned)k);
        mma_sync(sum, fa, fb, sum);
    }
    for (int i = 0; i < sum.num_elements; i++)
        sum.x[i] *= 2;
    store_matrix_sync(c, sum, 16, mem_row_major);
}

template <typename T> static void check_tiles()
{
    const int k = 2;
    device_array<T> a(numbers<T>(256 * k)), b(numbers<T>(256 * k));
    device_array<float> c(256);
    LAUNCH(tile_products<T>, 1, 32, 0, nullptr, a.data, b.data, c.data, k);
    run_well();
    for (size_t i = 0; i < 16; i++)
        for (size_t j = 0; j < 16; j++) {
            float want = 0;
            for (size_t l = 0; l < 16 * k; l++)
                want += 2 * number(i * 16 * k + l) * number(j * 16 * k + l);
            assert_true(c[16 * i + j] == want);
        }
}

static void products_of_wmma(void **)
{
    check_tiles<__half>();
    check_tiles<__nv_bfloat16>();
}

__global__ void half_a_warp(const __half *a)
{
    nvcuda::wmma::fragment<nvcuda::wmma::matrix_a, 16, 16, 16, __half, nvcuda::wmma::row_major> f;
    if (threadIdx.x < 16)
        nvcuda::wmma::load_matrix_sync(f, a, 16);
    else
        __syncthreads();
}

__global__ void crooked_tile(const __half *a)
{
    nvcuda::wmma::fragment<nvcuda::wmma::matrix_a, 16, 16, 16, __half, nvcuda::wmma::row_major> f;
    nvcuda::wmma::load_matrix_sync(f, a + 8, 16);
}

static void tiles_want_a_whole_warp_and_straight_addresses(void **)
{
    device_array<__half> a(512);
    LAUNCH(half_a_warp, 1, 32, 0, nullptr, a.data);
    run_ill("load_matrix_sync");
    LAUNCH(crooked_tile, 1, 32, 0, nullptr, a.data);
    run_ill("is no multiple of 32");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(halves_round_to_even),
    cmocka_unit_test(intrinsics_are_theirs),
    cmocka_unit_test(vectors_are_aligned),
    cmocka_unit_test(products_of_cublas),
    cmocka_unit_test(batches_of_16_bits),
    cmocka_unit_test(crooked_products_are_refused),
    cmocka_unit_test(products_of_wmma),
    cmocka_unit_test(tiles_want_a_whole_warp_and_straight_addresses),
};

TEST_MAIN(tests)
