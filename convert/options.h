/*
 * The flags of clipgen-convert, as one table.
 */
#ifndef CONVERT_OPTIONS_H
#define CONVERT_OPTIONS_H

#include "base/conf.h"

#define OPTIONS_PATH_MAX 4096

/* In the order of their choices in the table. */
enum options_range { OPTIONS_RANGE_AUTO, OPTIONS_RANGE_SIGNED, OPTIONS_RANGE_UNIT };
enum options_switch { OPTIONS_AUTO, OPTIONS_NO, OPTIONS_YES };
enum options_export { OPTIONS_EXPORT_NO, OPTIONS_EXPORT_HFAILAB, OPTIONS_EXPORT_HF };

/* Texts are "" and numbers 0 where a flag is not given. */
struct options {
    char *clip, *vqgan, *gpt, *vocab, *output; /* a conversion */
    int dtype;                                 /* index into BUNDLE_DTYPE */
    char *name, *licence, *licence_file;
    char *inspect, *verify, *bundle; /* or one of these */
    int export;                      /* enum options_export: of `bundle` into `output` */
    char *key;
    int clip_activation; /* enum hints_activation */
    int64_t clip_heads, clip_text_heads, gpt_heads;
    int vqgan_range, vqgan_unit_codes; /* enum options_range, options_switch */
    int64_t vqgan_groups;
    double vqgan_eps;
};

extern const struct conf_row OPTIONS_ROWS[];

#endif
