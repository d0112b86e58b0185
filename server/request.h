/*
 * What a client asks for: inputs or tokens, how pictures are drawn, and what comes back. Every
 * endpoint's body becomes a struct gen_request, each by its own table of fields (fields.h), with
 * every value within its limits:
 *
 *     gen_request_parse(text, n, &limits, &r, param, e)   or another one: what was asked for
 *     gen_request_fit(&r, &engine->info, param, e)        what that means for the model it names
 *     gen_request_prepare(&r, engine, param, e)           words to tokens, pictures to squares
 */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/format.h"
#include "base/image.h"
#include "model/bundle.h"
#include "model/generate.h"
#include "server/fields.h"
#include "server/input.h"

#define REQUEST_N_MAX 16
#define REQUEST_CANDIDATES_MAX 64
#define REQUEST_PROMPTS_MAX 16
#define REQUEST_PROMPT_MAX 32000     /* bytes */
#define REQUEST_INPUTS_MAX 32        /* of all prompts together */
#define REQUEST_MIX_MAX 8            /* parts of a mix */
#define REQUEST_WEIGHT_MAX 10        /* of a part, either sign */
#define REQUEST_SOURCES "text|image" /* order of enum gen_source */
#define REQUEST_ENCODINGS "float|base64"
#define REQUEST_ENCODING_BASE64 1
#define REQUEST_RESPONSE_FORMATS "b64_json|url"
#define REQUEST_QUALITY 90              /* of JPEG and WebP, unless told otherwise */
#define REQUEST_TOKENS_MAX 65536        /* of a picture that is given as tokens */
#define REQUEST_EMBED_MAX 65536         /* numbers of an embedding that is given */
#define REQUEST_TIMEOUT_MS_MAX 86400000 /* a day */
#define REQUEST_PARTIALS_MAX 8          /* of each picture */
#define REQUEST_PARAM_MAX FIELDS_PARAM_MAX
#define REQUEST_UNSET (-1)
#define REQUEST_SEED_MAX 9007199254740991 /* 2^53 - 1: every JSON reader keeps it exactly */

enum request_kind {
    REQUEST_GENERATE, /* pictures for prompts */
    REQUEST_EMBED,    /* embeddings of inputs */
    REQUEST_ENCODE,   /* tokens of pictures: inputs, all of them images */
    REQUEST_DECODE,   /* pictures of tokens */
};

/* Extras of an answer: a bit each. */
enum request_return {
    REQUEST_RETURN_TOKENS = 1,    /* of each picture */
    REQUEST_RETURN_SCORES = 2,    /* of every candidate, also of those that are not kept */
    REQUEST_RETURN_EMBEDDING = 4, /* of each picture */
};
#define REQUEST_RETURN_CHOICES "tokens|scores|embedding"

#define PRIORITY_CHOICES "high|normal|low"
enum priority { PRIORITY_HIGH, PRIORITY_NORMAL, PRIORITY_LOW, PRIORITY_N };

struct gen_request {
    enum request_kind kind;
    struct input *inputs; /* owned */
    int n_inputs, n_prompts;
    const char *source; /* static: the field that the prompts are from; NULL: none yet */
    int embedding_of;   /* enum gen_source, of that field */
    int32_t *tokens;    /* owned [n, n_tokens]; REQUEST_DECODE */
    int n_tokens;       /* of a picture, as the client has it */
    int n, candidates; /* of each prompt: pictures in the answer; pictures drawn, the best n kept */
    int64_t seed;      /* of the first picture; below 0 while parsing: a random one is wanted */
    float temperature, top_p, guidance; /* REQUEST_UNSET while parsing: the model's are wanted */
    int top_k;
    int output_format; /* enum format */
    int quality;       /* 1..100; of JPEG and WebP */
    bool metadata;     /* pictures carry how they were made */
    unsigned returns;  /* enum request_return */
    int as_url;        /* 1: pictures in OpenAI's answers are data: URLs */
    int encoding;      /* index into REQUEST_ENCODINGS, of embeddings */
    int priority;      /* enum priority */
    bool stream;
    int partials;   /* with `stream`: how often each picture is shown while it is drawn */
    int timeout_ms; /* from arrival to answer; 1 at least */
    char model[BUNDLE_NAME_MAX]; /* "": none is named */
};

struct request_limits {
    size_t image_pixels; /* of an image prompt, checked before it is decoded */
    int timeout_ms;      /* most that a request may ask for */
    bool metadata;       /* of requests that do not say */
};

/* Nothing asked for yet, everything else as limits say. */
struct gen_request gen_request_default(enum request_kind kind, const struct request_limits *limits);
void gen_request_release(struct gen_request *r);
/* What one field cannot see: values that do not go together; fills in what follows from others. Any
 * model. */
int gen_request_check(struct gen_request *r, const struct request_limits *limits,
                      char ret_param[REQUEST_PARAM_MAX], struct err *e);

/* Reads text by a table and checks it; on failure r is released. */
int gen_request_read(const struct field_table *t, const char *text, size_t n,
                     const struct request_limits *limits, struct gen_request *r,
                     char ret_param[REQUEST_PARAM_MAX], struct err *e);

/*
 * The body of a POST, n bytes of JSON. ret_param: the field that is to blame, "" if no single one
 * is; set on failure. INVALID and FORMAT: the client's mistake; TOO_LARGE: a picture has too many
 * pixels. Any thread.
 */
typedef int request_parse(const char *text, size_t n, const struct request_limits *limits,
                          struct gen_request *ret_request, char ret_param[REQUEST_PARAM_MAX],
                          struct err *e);

request_parse gen_request_parse;        /* /v1/generate */
request_parse embeddings_request_parse; /* /v1/embeddings */
request_parse rank_request_parse;       /* /v1/rank: a REQUEST_EMBED with both kinds of inputs */
request_parse encode_request_parse;     /* /v1/encode */
request_parse decode_request_parse;     /* /v1/decode */
request_parse openai_request_parse;     /* /v1/images/generations */
request_parse txt2img_request_parse;    /* /sdapi/v1/txt2img */

/* The body of POST /sdapi/v1/options: the model that it names, "" if none. */
int sdapi_options_parse(const char *text, size_t n, const struct request_limits *limits,
                        char ret_model[BUNDLE_NAME_MAX], char ret_param[REQUEST_PARAM_MAX],
                        struct err *e);

/* The form of POST /v1/images/variations; type: its Content-Type. */
int variations_request_parse(const char *type, const char *body, size_t n,
                             const struct request_limits *limits, struct gen_request *ret_request,
                             char ret_param[REQUEST_PARAM_MAX], struct err *e);

/* Their fields. Every one takes COMMON_FIELDS as well. */
extern const struct field_table COMMON_FIELDS, GENERATE_FIELDS, EMBEDDINGS_FIELDS, RANK_FIELDS,
    ENCODE_FIELDS, DECODE_FIELDS, OPENAI_FIELDS, TXT2IMG_FIELDS, SDAPI_OPTIONS_FIELDS;
extern const struct field_type FIELD_TOKENS;   /* request_tokens.c */
extern const struct field_type FIELD_SIZE;     /* request_openai.c */
extern const struct field_type FIELD_SETTINGS; /* request_sdapi.c */

/* Inputs of a kind. */
int request_count(const struct gen_request *r, enum input_kind kind);

/* Fills in the model's defaults and checks what depends on it: embeddings, tokens, what goes
 * together with guidance. ret_param as in gen_request_parse. */
int gen_request_fit(struct gen_request *r, const struct engine_info *info,
                    char ret_param[REQUEST_PARAM_MAX], struct err *e);

/* input_prepare for every input. ret_param as in gen_request_parse. Any thread. */
int gen_request_prepare(struct gen_request *r, const struct engine *g,
                        char ret_param[REQUEST_PARAM_MAX], struct err *e);

/* Seed of picture i of a prompt: (seed + i) mod 2^53. A request for that seed alone draws the same
 * picture again. */
uint64_t request_seed(int64_t seed, int i);
/* How picture i of a prompt is drawn. */
struct gen_settings request_settings(const struct gen_request *r, int i);

#endif
