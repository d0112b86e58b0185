#include "convert/hints.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "convert/json.h"

/* ---- the files ---- */

/* NAME in the directory of the weights; mem_free. */
static char *beside(const char *path, const char *name)
{
    char *dir = file_is_dir(path) ? mem_strdup(path) : file_parent(path);
    char *file = dir ? file_join(dir, name) : NULL;

    mem_free(dir);
    return file;
}

/* The JSON of a file beside the weights through a reader; 0 if there is no such file. */
static int read_beside(const char *path, const char *name,
                       int (*read)(const json_t *root, struct hints *h, struct err *e),
                       struct hints *h, struct err *e)
{
    char *file = beside(path, name);
    json_t *root = NULL;
    int failed = 0;

    if (!file)
        return err_set(e, ERR_NOMEM, "no memory for a path");
    if (file_exists(file)) {
        failed = json_read(file, HINTS_FILE_MAX, &root, e);
        if (!failed && read(root, h, e))
            failed = err_prefix(e, "%s: ", file);
        json_decref(root);
    }
    mem_free(file);
    return failed;
}

/* ---- values ---- */

static int read_count(const json_t *object, const char *key, int *ret, struct err *e)
{
    const json_t *j = json_object_get(object, key);
    json_int_t n = json_integer_value(j);

    if (!j || json_is_null(j))
        return 0;
    if (!json_is_integer(j) || n < 1 || n > 1024)
        return err_set(e, ERR_INVALID, "%s: no whole number within 1..1024", key);
    *ret = (int)n;
    return 0;
}

static int read_three(const json_t *object, const char *key, float ret[3], bool *ret_found,
                      struct err *e)
{
    const json_t *j = json_object_get(object, key);

    if (!j || json_is_null(j))
        return 0;
    if (json_array_size(j) != 3)
        return err_set(e, ERR_INVALID, "%s: no list of three numbers", key);
    for (size_t i = 0; i < 3; i++)
        ret[i] = (float)json_number_value(json_array_get(j, i));
    *ret_found = true;
    return 0;
}

/* ---- Hugging Face ---- */

static int read_hf_tower(const json_t *root, const char *tower, int *ret_heads, struct hints *h,
                         struct err *e)
{
    const json_t *c = json_object_get(root, tower);
    const char *act = json_string_value(json_object_get(c, "hidden_act"));
    const json_t *eps = json_object_get(c, "layer_norm_eps");

    if (read_count(c, "num_attention_heads", ret_heads, e))
        return err_prefix(e, "%s.", tower);
    if (eps && fabs(json_number_value(eps) - 1e-5) > 1e-9)
        return err_set(e, ERR_UNSUPPORTED, "%s.layer_norm_eps: %g, only 1e-5 is built", tower,
                       json_number_value(eps));
    if (!act)
        return 0;
    if (strcmp(act, "quick_gelu") != 0 && strcmp(act, "gelu") != 0)
        return err_set(e, ERR_UNSUPPORTED, "%s.hidden_act: '%.32s' is neither gelu nor quick_gelu",
                       tower, act);
    h->activation = act[0] == 'q' ? HINTS_ACT_QUICK_GELU : HINTS_ACT_GELU;
    return 0;
}

static int read_hf_config(const json_t *root, struct hints *h, struct err *e)
{
    enum hints_activation text;

    if (read_hf_tower(root, "text_config", &h->text_heads, h, e))
        return -1;
    text = h->activation;
    if (read_hf_tower(root, "vision_config", &h->image_heads, h, e))
        return -1;
    if (text && h->activation != text)
        return err_set(e, ERR_UNSUPPORTED, "the towers have two different activations");
    return 0;
}

enum { RESAMPLE_BILINEAR = 2, RESAMPLE_BICUBIC = 3 }; /* Pillow's numbers */

static int read_hf_preprocessor(const json_t *root, struct hints *h, struct err *e)
{
    const json_t *resample = json_object_get(root, "resample");
    json_int_t n = json_integer_value(resample);

    if (resample && n != RESAMPLE_BILINEAR && n != RESAMPLE_BICUBIC)
        return err_set(e, ERR_UNSUPPORTED, "resample: %lld is neither bilinear (2) nor bicubic (3)",
                       (long long)n);
    h->bilinear = n == RESAMPLE_BILINEAR;
    return read_three(root, "image_mean", h->mean, &h->pixels, e) ||
                   read_three(root, "image_std", h->std, &h->pixels, e)
               ? -1
               : 0;
}

int hints_read_hf(const char *path, struct hints *ret_hints, struct err *e)
{
    struct hints h = { 0 };

    if (read_beside(path, "config.json", read_hf_config, &h, e) ||
        read_beside(path, "preprocessor_config.json", read_hf_preprocessor, &h, e))
        return -1;
    *ret_hints = h;
    return 0;
}

/* ---- OpenCLIP ---- */

/* vision_cfg has the width of a head, text_cfg their number. */
static int read_open_clip_heads(const json_t *model, struct hints *h, struct err *e)
{
    const json_t *vision = json_object_get(model, "vision_cfg");
    int width = 0, head_width = 0;

    if (read_count(json_object_get(model, "text_cfg"), "heads", &h->text_heads, e))
        return err_prefix(e, "text_cfg.");
    if (read_count(vision, "head_width", &head_width, e))
        return err_prefix(e, "vision_cfg.");
    if (!head_width)
        return 0;
    width = (int)json_integer_value(json_object_get(vision, "width"));
    h->image_heads = width / head_width;
    return 0;
}

static int read_open_clip_pixels(const json_t *c, struct hints *h, struct err *e)
{
    const char *how = json_string_value(json_object_get(c, "interpolation"));

    if (how && strcmp(how, "bicubic") != 0 && strcmp(how, "bilinear") != 0)
        return err_set(e, ERR_UNSUPPORTED,
                       "preprocess_cfg.interpolation: '%.32s' is neither bilinear nor bicubic",
                       how);
    h->bilinear = how && !strcmp(how, "bilinear");
    return read_three(c, "mean", h->mean, &h->pixels, e) ||
                   read_three(c, "std", h->std, &h->pixels, e)
               ? -1
               : 0;
}

/* Exact GELU unless quick_gelu is said. */
static int read_open_clip(const json_t *root, struct hints *h, struct err *e)
{
    const json_t *model = json_object_get(root, "model_cfg");
    bool quick = json_is_true(json_object_get(model, "quick_gelu"));

    if (!json_is_object(model))
        return err_set(e, ERR_FORMAT, "model_cfg is missing or no object");
    h->activation = quick ? HINTS_ACT_QUICK_GELU : HINTS_ACT_GELU;
    return read_open_clip_heads(model, h, e) ||
                   read_open_clip_pixels(json_object_get(root, "preprocess_cfg"), h, e)
               ? -1
               : 0;
}

int hints_read_open_clip(const char *path, struct hints *ret_hints, struct err *e)
{
    struct hints h = { 0 };

    if (read_beside(path, "open_clip_config.json", read_open_clip, &h, e))
        return -1;
    *ret_hints = h;
    return 0;
}

/* ---- names ---- */

enum hints_activation hints_of_name(const char *path)
{
    /* The first that is in the path; a tag says more than a collection. */
    static const struct {
        const char *part;
        enum hints_activation activation;
    } NAMES[] = {
        { "quickgelu", HINTS_ACT_QUICK_GELU }, { "quick_gelu", HINTS_ACT_QUICK_GELU },
        { "openai", HINTS_ACT_QUICK_GELU },    { "clip_vit_b32.pt", HINTS_ACT_QUICK_GELU },
        { "open_clip", HINTS_ACT_GELU },       { "laion2b", HINTS_ACT_GELU },
        { "datacomp", HINTS_ACT_GELU },
    };
    char lower[PATH_MAX];
    size_t n = 0;

    for (; path[n] && n + 1 < sizeof lower; n++)
        lower[n] = (char)tolower((unsigned char)path[n]);
    lower[n] = '\0';
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strstr(lower, NAMES[i].part))
            return NAMES[i].activation;
    return HINTS_ACT_UNKNOWN;
}
