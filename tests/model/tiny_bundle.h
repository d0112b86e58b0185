/*
 * A bundle of the tiny golden networks, without a tokenizer.
 */
#ifndef TESTS_MODEL_TINY_BUNDLE_H
#define TESTS_MODEL_TINY_BUNDLE_H

#include "model/bundle.h"

/* Sizes of the golden networks; null_cond as asked. */
struct bundle_config tiny_bundle_config(bool null_cond);
/* The golden weights; a null condition, which the reference has not, is random. bundle_close. */
struct bundle *tiny_bundle(struct device *dev, bool null_cond);
/* The same with its matrices in a format. */
struct bundle *tiny_bundle_in(struct device *dev, bool null_cond, enum param_format format);

#endif
