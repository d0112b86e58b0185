/*
 * Inputs as fields of a request: prompts, pictures, embeddings, mixes. Each adds to the inputs of a
 * struct gen_request, which is what the field's offset leads to.
 */
#ifndef SERVER_INPUT_FIELDS_H
#define SERVER_INPUT_FIELDS_H

#include "server/fields.h"
#include "server/request.h"

extern const struct field_type FIELD_PROMPT;    /* a string, or a list: a prompt each */
extern const struct field_type FIELD_NEGATIVE;  /* a string; an empty one is none */
extern const struct field_type FIELD_IMAGE;     /* base64 of a PNG, JPEG or WebP, or a data: URL */
extern const struct field_type FIELD_EMBEDDING; /* E numbers, or base64 of as many floats */
extern const struct field_type FIELD_MIX;       /* a list of objects, all one prompt */
extern const struct field_type FIELD_TEXTS;     /* a string, or a list of strings */
extern const struct field_type FIELD_IMAGES;    /* a picture, or a list of pictures */

#endif
