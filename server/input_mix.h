/*
 * One part of a mix: {"text" | "image" | "embedding": ..., "embedding_of": ..., "weight": ...}.
 */
#ifndef SERVER_INPUT_MIX_H
#define SERVER_INPUT_MIX_H

#include "server/fields.h"
#include "server/request.h"

extern const struct field_table MIX_ITEM_FIELDS;
extern const struct field_type MIX_TEXT, MIX_IMAGE, MIX_EMBEDDING;

/* Adds it to the inputs of prompt 0. name: "mix[1]", for messages. Any thread. */
int input_add_mixed(struct gen_request *r, const char *name, struct json_t *v,
                    const struct request_limits *limits, struct err *e);

#endif
