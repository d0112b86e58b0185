/*
 * What CLIP looks at: words, a picture, or an embedding that somebody has already. A request has a
 * list of inputs; those with the same prompt number are one prompt, mixed by their weights.
 */
#ifndef SERVER_INPUT_H
#define SERVER_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/image.h"
#include "server/engine.h"

#define INPUT_NEGATIVE (-1) /* prompt number of what guidance leads away from */

#define INPUT_NAME_MAX 40

enum input_kind { INPUT_TEXT, INPUT_IMAGE, INPUT_EMBEDDING };

struct input {
    char name[INPUT_NAME_MAX]; /* the field that it is from: "prompt[2]" */
    enum input_kind kind;
    int prompt; /* 0.., or INPUT_NEGATIVE */
    float weight;

    char *text; /* owned; INPUT_TEXT */
    size_t text_len;
    int32_t *ids; /* owned [context]; its tokens, and the index of the last one */
    int end;
    struct image image; /* owned; INPUT_IMAGE */
    float *given;       /* owned [n_given], of unit length; INPUT_EMBEDDING */
    int n_given;
    enum gen_source source; /* of INPUT_EMBEDDING: which of CLIP's towers made it */
};

void input_release(struct input *in);

/* Words to tokens, a picture to the few pixels that the engine looks at (the encoder, or CLIP): a
 * full queue of whole photographs would fill the memory, and none of this is work for the device
 * thread. Any thread. */
int input_prepare(struct input *in, bool for_encoder, const struct engine *g, struct err *e);

#endif
