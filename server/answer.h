/*
 * What a finished job gives: its pictures as files, and the JSON objects that say how they came
 * about. The job is only read. Any thread.
 */
#ifndef SERVER_ANSWER_H
#define SERVER_ANSWER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/format.h"
#include "server/engine.h"
#include "server/job.h"
#include "server/reply.h"

struct json_t;

/* Picture i of the job as a file, with words on how it was made if the request wants them. Appends
 * to ret_file (initialised). */
int answer_picture(const struct job *job, int i, enum format format, struct buf *ret_file,
                   struct err *e);
/* All pictures in one file: the only one as it is, several on a sheet, row by row. */
int answer_sheet(const struct job *job, enum format format, struct buf *ret_file, struct err *e);
/* Picture i in the format of the request, as base64 in a JSON string. NULL: e says why. */
struct json_t *answer_base64(const struct job *job, int i, struct err *e);

/* The same of what a picture looks like so far, without words. */
struct json_t *answer_partial_base64(const struct job *job, const struct image *img, struct err *e);

/* The whole answer of POST /v1/generate, or NULL. encode_ns: time spent on files is added to it. */
struct json_t *answer_json(const struct job *job, int64_t *encode_ns, struct err *e);

/* n numbers as a JSON list. NULL without memory. */
struct json_t *answer_floats(const float *v, int n);
struct json_t *answer_tokens(const int32_t *tokens, int n);

/* Tokens of all texts of the request, with the start and end of each that the tokenizer adds. */
int answer_text_tokens(const struct job *job);

/* The header X-Seed: the seeds of all pictures. */
void answer_seeds(const struct job *job, struct reply *r);

#endif
