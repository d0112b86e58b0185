/*
 * Memory of devices and pinned memory of the host. Pointers that are given to the API are looked up
 * here, so a copy in the wrong direction or beyond an allocation is refused with words.
 */
#ifndef CUDA_HOST_MEMORY_H
#define CUDA_HOST_MEMORY_H

namespace cuda_host {

/* Looks at every sentinel; one that was written is a fault. */
void memory_check();

}

#endif
