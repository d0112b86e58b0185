/*
 * The sources of a bundle in its config.json: a list of {"network", "family", "file", "sha256"}.
 * Private to model/.
 */
#ifndef MODEL_BUNDLE_SOURCES_H
#define MODEL_BUNDLE_SOURCES_H

#include <jansson.h>

#include "model/bundle.h"

int bundle_sources_read(const json_t *list, struct bundle_config *c, struct err *e);
/* A new list; NULL when memory is out. */
json_t *bundle_sources_json(const struct bundle_config *c);

#endif
