/*
 * The files of a bundle, and its config.json: one table of fields reads, checks and writes it.
 * Private to model/ and its tests.
 */
#ifndef MODEL_BUNDLE_CONFIG_H
#define MODEL_BUNDLE_CONFIG_H

#include "base/buf.h"
#include "model/bundle.h"

#define BUNDLE_CONFIG_MAX ((size_t)65536) /* bytes of config.json */

/* Text of config.json -> config. Every field of the table must be there, and no other; then as
 * bundle_config_check. */
int bundle_config_parse(const char *text, size_t n, struct bundle_config *ret_config,
                        struct err *e);
/* Appends the same as text. */
int bundle_config_format(const struct bundle_config *c, struct buf *out, struct err *e);

#endif
