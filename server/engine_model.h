/*
 * The engine of a model bundle on a device. Opens both; engine->calls->close closes both.
 */
#ifndef SERVER_ENGINE_MODEL_H
#define SERVER_ENGINE_MODEL_H

#include "model/param.h"
#include "server/engine.h"

struct engine_model_options {
    const char *bundle;  /* directory */
    const char *backend; /* "auto", "cpu", "cuda" */
    size_t memory_max;   /* bytes of caches and activations; 0: what is available */
    enum param_format weights;
    int threads; /* CPU threads; 0: all */
    int rows;    /* of a step */
};

int engine_model_open(const struct engine_model_options *o, struct engine **ret_engine,
                      struct err *e);

#endif
