/*
 * Plugins for test_backends: shared objects in the place of libclipgen-cuda.so. Which one is a
 * matter of macros: PLUGIN_ENTRY is the name of the exported function, PLUGIN_ABI the version that
 * it claims.
 */
#include <stdio.h>

#include "kernels/backend.h"

/* A plugin without its device. */
static int no_device(int threads, void **ret_ctx, char *describe, size_t describe_size,
                     struct err *e)
{
    (void)threads, (void)ret_ctx, (void)describe, (void)describe_size;
    e->code = ERR_DEVICE;
    snprintf(e->msg, sizeof e->msg, "no device answers");
    return -1;
}

static const struct backend table = {
    .abi = PLUGIN_ABI,
    .size = sizeof table,
    .name = "cuda",
    .open = no_device,
};

backend_plugin PLUGIN_ENTRY;

const struct backend *PLUGIN_ENTRY(void)
{
    return &table;
}
