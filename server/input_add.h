/*
 * Inputs out of JSON values and files: each function adds one to the end of a request's list, with
 * a prompt number and the name of the field that it is from ("mix[1]"), which is also the prefix of
 * messages. Any thread.
 */
#ifndef SERVER_INPUT_ADD_H
#define SERVER_INPUT_ADD_H

#include "server/request.h"

struct json_t;

#define INPUT_EMBEDDING_KIND "a list of numbers, or a string"

/* With nothing in it yet, weight 1. NULL when that is one too many, or without memory. */
struct input *input_add(struct gen_request *r, enum input_kind kind, int prompt, const char *name,
                        struct err *e);
/* A string of 1..REQUEST_PROMPT_MAX bytes. */
int input_add_text(struct gen_request *r, int prompt, const char *name, const struct json_t *v,
                   struct err *e);
/* The bytes of a PNG, JPEG or WebP within limits->image_pixels. */
int input_add_file(struct gen_request *r, const char *name, const void *data, size_t n,
                   const struct request_limits *limits, struct err *e);
/* The same as base64 in a string, or in a data: URL. */
int input_add_image(struct gen_request *r, const char *name, const struct json_t *v,
                    const struct request_limits *limits, struct err *e);
/* 1..REQUEST_EMBED_MAX numbers, or base64 of 32-bit floats, little endian; of any length but 0,
 * made a unit vector. Taken for a picture's: input.source may be changed. */
int input_add_embedding(struct gen_request *r, const char *name, const struct json_t *v,
                        struct err *e);

#endif
