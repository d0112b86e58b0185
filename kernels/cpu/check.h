/*
 * The dtypes that an entry of the CPU backend was built for.
 */
#ifndef KERNELS_CPU_CHECK_H
#define KERNELS_CPU_CHECK_H

#include "kernels/cpu/cpu.h"

/* 0 when every tensor given (NULL: absent) is of type t; else -1, UNSUPPORTED. */
static inline int cpu_all(enum dtype t, const char *entry, int n, ctensor *const *tensors,
                          struct err *e)
{
    for (int i = 0; i < n; i++) {
        if (tensors[i] && tensors[i]->dtype != t)
            return err_set(e, ERR_UNSUPPORTED, "%s: operand %d is %s, the CPU has %s only", entry,
                           i, dtype_name(tensors[i]->dtype), dtype_name(t));
    }
    return 0;
}

#define CPU_OPERANDS(...) ((ctensor *[]){ __VA_ARGS__ })
#define CPU_ALL(t, entry, e, ...)                                                                  \
    cpu_all(t, entry, (int)(sizeof CPU_OPERANDS(__VA_ARGS__) / sizeof(ctensor *)),                 \
            CPU_OPERANDS(__VA_ARGS__), e)
#define CPU_ALL_F32(entry, e, ...) CPU_ALL(DTYPE_F32, entry, e, __VA_ARGS__)
#define CPU_ALL_I32(entry, e, ...) CPU_ALL(DTYPE_I32, entry, e, __VA_ARGS__)

#endif
