/*
 * Where device tables come from: the CPU's is built in, once per instruction set; CUDA's is a
 * plugin. Private to kernels/. The only file that calls dlopen.
 */
#ifndef KERNELS_BACKENDS_H
#define KERNELS_BACKENDS_H

#include "kernels/backend.h"

/*
 * The table for the best instruction set that this machine has. The environment variable
 * CLIPGEN_CPU_ISA (base, avx2, avxvnni, avx512, avx512vnni) asks for a particular one, so that
 * tests can run each.
 */
int backends_cpu(const struct backend **ret_backend, struct err *e);

/*
 * The table of libclipgen-cuda.so, from $libdir/clipgen or the directory in CLIPGEN_PLUGIN_DIR.
 * DEVICE with the reason when it is not there or was built for another version. The plugin stays
 * loaded until the process ends: CUDA does not survive being unloaded.
 */
int backends_cuda(const struct backend **ret_backend, struct err *e);

#endif
