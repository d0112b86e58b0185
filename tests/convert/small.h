/*
 * Conversions of the small checkpoints in tests/data/convert/families. Whatever goes wrong fails
 * the test, but for small_try.
 */
#ifndef TESTS_CONVERT_SMALL_H
#define TESTS_CONVERT_SMALL_H

#include "convert/options.h"

#define FAMILIES "/tests/data/convert/families/"

/* A path in the source tree; valid until the next call but seven. */
const char *small_path(const char *rest);
/* What every small network needs said, because its heads are not 64 wide; paths as they are.
 * conf_release. */
void small_options(struct options *o, const char *clip, const char *vqgan, const char *out);
void small_set(struct options *o, const char *key, const char *value);
int small_try(const struct options *o, struct err *e);
/* And releases the options. */
void small_convert(struct options *o);

/* how: enum options_export. */
void small_export(int how, const char *bundle, const char *out);
/* Options to convert what was exported; name: of the CLIP file, or empty for the directory. */
void small_back(struct options *o, const char *exported, const char *name, const char *vocab,
                const char *out);
void small_convert_back(const char *exported, const char *name, const char *vocab, const char *out);

#endif
