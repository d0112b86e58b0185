#include "server/api_tokens.h"

#include <jansson.h>

#include "base/json.h"
#include "server/answer.h"
#include "server/submit.h"

void api_encode(struct app *app, struct exchange *x)
{
    submit_body(app, x, encode_request_parse);
}

void api_encode_resume(struct app *app, struct exchange *x)
{
    const struct engine_info *info = &x->job->info;
    const struct job *job = x->job;
    json_t *data;

    (void)app;
    if (job->err.code != ERR_NONE) {
        reply_err(&x->reply, &job->err, NULL);
        return;
    }
    data = json_array();
    for (int i = 0; i < job->n_pictures; i++)
        json_add(&data, json_pack("{s:i,s:o}", "index", i, "tokens",
                                  answer_tokens(job->pictures[i].tokens, info->tokens)));
    reply_json(&x->reply,
               json_pack("{s:s,s:s,s:o}", "object", "list", "model", info->model, "data", data));
}

void api_decode(struct app *app, struct exchange *x)
{
    submit_body(app, x, decode_request_parse);
}
