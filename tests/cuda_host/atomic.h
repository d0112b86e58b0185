/*
 * Atomics: a thread gives way only where it waits, so plain reads and writes are. Each returns the
 * value before.
 */
#ifndef CUDA_HOST_ATOMIC_H
#define CUDA_HOST_ATOMIC_H

namespace cuda_host {

/* Keeps arguments from choosing T: atomicAdd(&unsigned_value, 1). */
template <typename T> struct same {
    typedef T type;
};

template <typename T> T replace(T *at, T by)
{
    T old = *at;
    *at = by;
    return old;
}

}

#define CUDA_HOST_ATOMIC(name, expression)                                                         \
    template <typename T> T name(T *at, typename cuda_host::same<T>::type x)                       \
    {                                                                                              \
        T old = *at;                                                                               \
        return cuda_host::replace<T>(at, expression);                                              \
    }

CUDA_HOST_ATOMIC(atomicAdd, old + x)
CUDA_HOST_ATOMIC(atomicSub, old - x)
CUDA_HOST_ATOMIC(atomicMin, x < old ? x : old)
CUDA_HOST_ATOMIC(atomicMax, old < x ? x : old)
CUDA_HOST_ATOMIC(atomicAnd, old & x)
CUDA_HOST_ATOMIC(atomicOr, old | x)
CUDA_HOST_ATOMIC(atomicXor, old ^ x)
CUDA_HOST_ATOMIC(atomicExch, ((void)old, x))
CUDA_HOST_ATOMIC(atomicInc, old >= x ? 0 : old + 1)
CUDA_HOST_ATOMIC(atomicDec, old == 0 || old > x ? x : old - 1)

template <typename T>
T atomicCAS(T *at, typename cuda_host::same<T>::type expected,
            typename cuda_host::same<T>::type x)
{
    return cuda_host::replace<T>(at, *at == expected ? x : *at);
}

#endif
