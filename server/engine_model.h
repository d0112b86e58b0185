/*
 * The engines of model bundles on a device. Opening one opens both; engine->calls->close closes
 * both.
 */
#ifndef SERVER_ENGINE_MODEL_H
#define SERVER_ENGINE_MODEL_H

#include "model/param.h"
#include "server/engine.h"

struct engine_model_options {
    const char *backend; /* "auto", "cpu", "cuda" */
    enum param_format weights;
    int threads; /* CPU threads; 0: all */
    int rows;    /* of a step */
};

/* o: borrowed as long as the source is used. */
struct engine_source engine_model_source(const struct engine_model_options *o);

#endif
