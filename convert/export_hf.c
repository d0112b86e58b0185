#include "convert/export_hf.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/gzip.h"
#include "base/json.h"
#include "base/mem.h"
#include "convert/json.h"
#include "model/bpe.h"
#include "model/tokenizer.h"

#define TEXT_MAX ((size_t)64 << 20)

/* ---- files ---- */

static int write_text(const char *dir, const char *name, const struct buf *text, struct err *e)
{
    char *path = file_join(dir, name);
    int failed = !path ? err_set(e, ERR_NOMEM, "no memory for a path")
                       : buf_check(text, e) || file_write(path, text->data, text->len, e);

    mem_free(path);
    return failed ? -1 : 0;
}

/* Owns root from here; NULL: memory was out. */
static int write_json(const char *dir, const char *name, json_t *root, struct err *e)
{
    struct buf text;
    int failed;

    buf_init(&text, TEXT_MAX);
    json_append(root, JSON_INDENT(2), &text);
    buf_puts(&text, "\n");
    failed = text.failed ? err_set(e, ERR_NOMEM, "%s: no memory, or text that is no UTF-8", name)
                         : write_text(dir, name, &text, e);
    buf_release(&text);
    json_decref(root);
    return failed;
}

/* ---- configuration ---- */

static json_t *tower(const struct clip_config *c, int width, int layers, int heads)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:s, s:f, s:i}", "hidden_size", width,
                     "intermediate_size", 4 * width, "num_hidden_layers", layers,
                     "num_attention_heads", heads, "hidden_act",
                     c->quick_gelu ? "quick_gelu" : "gelu", "layer_norm_eps", 1e-5,
                     "projection_dim", c->embed_dim);
}

static json_t *model_config(const struct clip_config *c)
{
    json_t *text = tower(c, c->text.width, c->text.layers, c->text.heads);
    json_t *vision = tower(c, c->image.width, c->image.layers, c->image.heads);

    json_object_set_new(text, "vocab_size", json_integer(c->text.vocab));
    json_object_set_new(text, "max_position_embeddings", json_integer(c->text.context));
    json_object_set_new(text, "bos_token_id", json_integer(c->text.vocab - 2));
    json_object_set_new(text, "eos_token_id", json_integer(c->text.vocab - 1));
    json_object_set_new(vision, "image_size", json_integer(c->image.size));
    json_object_set_new(vision, "patch_size", json_integer(c->image.patch));
    return json_pack("{s:s, s:[s], s:i, s:o, s:o}", "model_type", "clip", "architectures",
                     "CLIPModel", "projection_dim", c->embed_dim, "text_config", text,
                     "vision_config", vision);
}

static json_t *three(const float x[3])
{
    return json_pack("[f, f, f]", (double)x[0], (double)x[1], (double)x[2]);
}

static json_t *picture_config(const struct clip_config *c)
{
    return json_pack("{s:s, s:b, s:b, s:b, s:b, s:{s:i}, s:{s:i, s:i}, s:i, s:o, s:o}",
                     "image_processor_type", "CLIPImageProcessor", "do_resize", 1, "do_center_crop",
                     1, "do_rescale", 1, "do_normalize", 1, "size", "shortest_edge", c->image.size,
                     "crop_size", "height", c->image.size, "width", c->image.size, "resample",
                     c->bilinear ? 2 : 3, "image_mean", three(c->mean), "image_std", three(c->std));
}

/* ---- tokenizer ---- */

static int put_token(json_t *vocab, const struct buf *token, int id)
{
    return json_object_set_new(vocab, token->data, json_integer(id));
}

/* The bytes, each once inside a word and once at its end. */
static int put_bytes(json_t *vocab)
{
    int failed = 0;

    for (int i = 0; i < 256 && !failed; i++) {
        struct buf token;
        int id = bpe_byte_id((unsigned char)i);
        buf_init(&token, 64);
        bpe_byte_text((unsigned char)i, &token);
        failed = put_token(vocab, &token, id);
        buf_puts(&token, BPE_WORD_END);
        failed = failed || token.failed || put_token(vocab, &token, id + BPE_BYTES);
        buf_release(&token);
    }
    return failed;
}

/* "left right" of one line, joined. */
static int put_merge(json_t *vocab, const char *line, size_t n, int id)
{
    size_t left = strcspn(line, " ");
    struct buf token;
    int failed;

    buf_init(&token, 4096);
    buf_append(&token, line, left);
    buf_append(&token, line + left + 1, n - left - 1);
    failed = token.failed || put_token(vocab, &token, id);
    buf_release(&token);
    return failed;
}

/* text: a merges file that the tokenizer takes. NULL without memory. */
static json_t *vocabulary(const char *text)
{
    json_t *vocab = json_object();
    int failed = put_bytes(vocab), id = BPE_FIRST_MERGE;

    for (const char *s = text + strcspn(text, "\n"); *s && s[1] && !failed; id++) {
        size_t n = strcspn(++s, "\n");
        failed = put_merge(vocab, s, n, id);
        s += n;
    }
    failed = failed || json_object_set_new(vocab, "<|startoftext|>", json_integer(id)) ||
             json_object_set_new(vocab, "<|endoftext|>", json_integer(id + 1));
    if (!failed)
        return vocab;
    json_decref(vocab);
    return NULL;
}

static int write_tokenizer(const char *path, const char *dir, struct err *e)
{
    struct buf text;
    int failed;

    buf_init(&text, TEXT_MAX);
    failed = gzip_read(path, TEXT_MAX, &text, e) || write_text(dir, "merges.txt", &text, e) ||
             write_json(dir, "vocab.json", vocabulary(text.data), e);
    buf_release(&text);
    return failed ? -1 : 0;
}

int export_hf_write(const char *bundle, const struct bundle_config *c, const char *dir,
                    struct err *e)
{
    char *path = file_join(bundle, c->vocab_file);
    int failed =
        !path ? err_set(e, ERR_NOMEM, "no memory for a path")
              : write_json(dir, "config.json", model_config(&c->clip), e) ||
                    write_json(dir, "preprocessor_config.json", picture_config(&c->clip), e) ||
                    write_tokenizer(path, dir, e);

    mem_free(path);
    return failed ? -1 : 0;
}
