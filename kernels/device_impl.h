/*
 * What a device is: a table and that table's own state. Private to kernels/.
 */
#ifndef KERNELS_DEVICE_IMPL_H
#define KERNELS_DEVICE_IMPL_H

#include "kernels/backend.h"
#include "kernels/device.h"

struct device {
    const struct backend *backend; /* static storage, of the program or of the plugin */
    void *ctx;                     /* owned; the table's open made it */
    char describe[320]; /* with the words of an error */
};

#endif
