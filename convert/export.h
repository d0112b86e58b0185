/*
 * The other way: a bundle's networks as files that PyTorch users load. hfailab: clip.safetensors,
 * vqgan.safetensors and gpt.safetensors under the names of HFAiLab/clip-gen (OpenAI's for CLIP).
 * hf: CLIP as model.safetensors with the files that Hugging Face's CLIPModel and tokenizer read
 * beside it, the others as before. Values keep the dtype that they have.
 */
#ifndef CONVERT_EXPORT_H
#define CONVERT_EXPORT_H

#include <stdio.h>

#include "convert/options.h"

/* o->export of o->bundle into o->output, a directory that appears whole or not at all. */
int export_run(const struct options *o, FILE *out, struct err *e);

#endif
