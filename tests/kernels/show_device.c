/*
 * show_device BACKEND: what device_open gets, in words; 77 and the reason when it gets nothing.
 */
#include <stdio.h>

#include "kernels/device.h"

int main(int argc, char **argv)
{
    struct device *dev;
    struct err e;

    if (argc != 2) {
        fputs("usage: show_device BACKEND\n", stderr);
        return 2;
    }
    if (device_open(argv[1], 0, &dev, &e)) {
        puts(e.msg);
        return 77;
    }
    puts(device_describe(dev));
    device_close(dev);
    return 0;
}
