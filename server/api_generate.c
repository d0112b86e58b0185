#include "server/api_generate.h"

#include <jansson.h>

#include "base/clock.h"
#include "server/accept.h"
#include "server/answer.h"
#include "server/sse.h"
#include "server/submit.h"

void api_generate(struct app *app, struct exchange *x)
{
    submit_body(app, x, gen_request_parse);
}

/* The format of a bare picture when the client wants that more than JSON, else FORMAT_COUNT. Of
 * formats that are wanted equally it is the one that the request names. */
static enum format bare_format(const struct exchange *x)
{
    const char *header = exchange_header(x, "Accept");
    enum format best = (enum format)x->job->request.output_format;
    int wanted = accept_quality(header, format_mime(best));

    for (int f = 0; f < FORMAT_COUNT; f++) {
        int quality = accept_quality(header, format_mime((enum format)f));
        if (quality > wanted) {
            wanted = quality;
            best = (enum format)f;
        }
    }
    return wanted > accept_quality(header, "application/json") ? best : FORMAT_COUNT;
}

static void reply_sheet(struct exchange *x, enum format format)
{
    int64_t begin = clock_ns();
    struct err e;

    if (answer_sheet(x->job, format, &x->reply.body, &e)) {
        reply_err(&x->reply, &e, NULL);
        return;
    }
    x->encode_ns = clock_ns() - begin;
    x->reply.type = format_mime(format);
    if (x->job->request.kind == REQUEST_GENERATE)
        answer_seeds(x->job, &x->reply);
}

static void reply_pictures(struct exchange *x)
{
    struct err e;
    json_t *answer = answer_json(x->job, &x->encode_ns, &e);

    if (answer)
        reply_json(&x->reply, answer);
    else
        reply_err(&x->reply, &e, NULL);
}

void api_generate_resume(struct app *app, struct exchange *x)
{
    enum format bare = x->as_json ? FORMAT_COUNT : bare_format(x);

    (void)app;
    if (x->job->err.code != ERR_NONE) {
        reply_err(&x->reply, &x->job->err, NULL);
        return;
    }
    if (bare == FORMAT_COUNT)
        reply_pictures(x);
    else
        reply_sheet(x, bare);
}

static void say_partial(struct app *app, struct exchange *x, int i, int k, const struct image *img,
                        struct buf *out)
{
    int64_t begin = clock_ns();
    struct err e;
    json_t *file = answer_partial_base64(x->job, img, &e);

    (void)app;
    x->encode_ns += clock_ns() - begin;
    sse_json(out, "partial_image",
             json_pack("{s:s,s:i,s:i,s:o}", "type", "partial_image", "image_index", i,
                       "partial_image_index", k, "b64_json", file));
}

static void say_completed(struct app *app, struct exchange *x, struct buf *out)
{
    x->as_json = true;
    api_generate_resume(app, x);
    stream_reply(x, "completed", out);
}

const struct stream_voice API_GENERATE_VOICE = {
    .talkative = true,
    .partial = say_partial,
    .completed = say_completed,
};
