/*
 * What the configuration files beside CLIP weights say that no tensor does: heads, activation,
 * preprocessing. Hugging Face: config.json and preprocessor_config.json; OpenCLIP:
 * open_clip_config.json.
 */
#ifndef CONVERT_HINTS_H
#define CONVERT_HINTS_H

#include <stdbool.h>

#include "base/err.h"

#define HINTS_FILE_MAX ((size_t)1 << 20) /* bytes */

enum hints_activation { HINTS_ACT_UNKNOWN, HINTS_ACT_GELU, HINTS_ACT_QUICK_GELU };

struct hints {
    enum hints_activation activation;
    int image_heads, text_heads; /* 0: not said */
    bool pixels;                 /* mean and std are said */
    float mean[3], std[3];
    bool bilinear; /* false also where nothing is said */
};

/* path: the weights' file or directory. Files that are not there leave their hints out; values that
 * this program cannot follow are refused. */
int hints_read_hf(const char *path, struct hints *ret_hints, struct err *e);
int hints_read_open_clip(const char *path, struct hints *ret_hints, struct err *e);
/* What the name of the file or its directory says: "ViT-B-32-quickgelu". */
enum hints_activation hints_of_name(const char *path);

#endif
