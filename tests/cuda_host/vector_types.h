/*
 * Small vectors with the alignment that CUDA gives them: a vector load from an address that is not
 * a multiple of it is an error on the device, and -fsanitize=alignment says so here.
 */
#ifndef CUDA_HOST_VECTOR_TYPES_H
#define CUDA_HOST_VECTOR_TYPES_H

#define CUDA_HOST_VECTOR_1(name, type)                                                             \
    struct name##1 {                                                                               \
        type x;                                                                                    \
    };
#define CUDA_HOST_VECTOR_2(name, type)                                                             \
    struct alignas(2 * sizeof(type)) name##2 {                                                     \
        type x, y;                                                                                 \
    };                                                                                             \
    static inline name##2 make_##name##2(type x, type y)                                           \
    {                                                                                              \
        return { x, y };                                                                           \
    }
#define CUDA_HOST_VECTOR_3(name, type)                                                             \
    struct name##3 {                                                                               \
        type x, y, z;                                                                              \
    };                                                                                             \
    static inline name##3 make_##name##3(type x, type y, type z)                                   \
    {                                                                                              \
        return { x, y, z };                                                                        \
    }
#define CUDA_HOST_VECTOR_4(name, type)                                                             \
    struct alignas(4 * sizeof(type) < 16 ? 4 * sizeof(type) : 16) name##4 {                        \
        type x, y, z, w;                                                                           \
    };                                                                                             \
    static inline name##4 make_##name##4(type x, type y, type z, type w)                           \
    {                                                                                              \
        return { x, y, z, w };                                                                     \
    }
#define CUDA_HOST_VECTORS(name, type)                                                              \
    CUDA_HOST_VECTOR_1(name, type)                                                                 \
    CUDA_HOST_VECTOR_2(name, type)                                                                 \
    CUDA_HOST_VECTOR_3(name, type)                                                                 \
    CUDA_HOST_VECTOR_4(name, type)

CUDA_HOST_VECTORS(char, signed char)
CUDA_HOST_VECTORS(uchar, unsigned char)
CUDA_HOST_VECTORS(short, short)
CUDA_HOST_VECTORS(ushort, unsigned short)
CUDA_HOST_VECTORS(int, int)
CUDA_HOST_VECTORS(uint, unsigned)
CUDA_HOST_VECTORS(float, float)
CUDA_HOST_VECTOR_2(longlong, long long)
CUDA_HOST_VECTOR_2(ulonglong, unsigned long long)
CUDA_HOST_VECTOR_2(double, double)

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z)
    {
    }
};

#endif
