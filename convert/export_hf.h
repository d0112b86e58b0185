/*
 * What Hugging Face's CLIPModel, its tokenizer and its picture processor read beside the weights.
 */
#ifndef CONVERT_EXPORT_HF_H
#define CONVERT_EXPORT_HF_H

#include "model/bundle.h"

/* Writes config.json, preprocessor_config.json, merges.txt and vocab.json of the bundle into dir.
 */
int export_hf_write(const char *bundle, const struct bundle_config *c, const char *dir,
                    struct err *e);

#endif
