/*
 * How a picture was made, in words that travel with its file: the lines that AUTOMATIC1111's
 * programs write, and that many others read.
 *
 *     a cat
 *     Negative prompt: blurry
 *     Steps: 256, CFG scale: 3, Seed: 7, Size: 64x64, Model: emoji-64, ...
 */
#ifndef SERVER_PARAMETERS_H
#define SERVER_PARAMETERS_H

#include "base/buf.h"
#include "server/engine.h"
#include "server/job.h"

/* Appends the text of a picture of the job to out. */
void parameters_print(const struct job *job, const struct picture *p, struct buf *out);

#endif
