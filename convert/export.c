#include "convert/export.h"

#include <stdio.h>
#include <string.h>

#include "base/dir_out.h"
#include "base/file.h"
#include "base/mem.h"
#include "convert/export_hf.h"
#include "convert/plan.h"
#include "model/bundle.h"

#define README_MAX 65536

/* A tensor on its way out: part of one of ours. */
struct outgoing {
    struct view view;
};

struct export
{
    const char *bundle, *dir;
    struct bundle_config config;
    struct networks networks;
    struct weights *weights;
    struct outgoing *outgoing; /* [n] of the file that is written */
    size_t n;
};

/* Prefix in the bundle, what is put in front in the file, and whose names it then has. */
struct part {
    const char *prefix, *theirs, *sign;
};

static const struct part CLIP_OPENAI[] = { { "clip.", "", "visual.class_embedding" },
                                           { NULL, NULL, NULL } };
static const struct part CLIP_HF[] = { { "clip.", "", "vision_model.embeddings.class_embedding" },
                                       { NULL, NULL, NULL } };
static const struct part VQGAN[] = { { "vqgan.", "", "decoder.quant_conv_in.weight" },
                                     { NULL, NULL, NULL } };
static const struct part GPT[] = { { "gpt.", "", "blocks.0.encoder.self_attn.in_proj_weight" },
                                   { "condition.", "condition.",
                                     "blocks.0.encoder.self_attn.in_proj_weight" },
                                   { NULL, NULL, NULL } };

struct file {
    const char *name;
    const struct part *parts;
};

/* By enum options_export; NULL ends a list. */
static const struct file FILES[][4] = {
    [OPTIONS_EXPORT_HFAILAB] = { { "clip.safetensors", CLIP_OPENAI },
                                 { "vqgan.safetensors", VQGAN },
                                 { "gpt.safetensors", GPT } },
    [OPTIONS_EXPORT_HF] = { { "model.safetensors", CLIP_HF },
                            { "vqgan.safetensors", VQGAN },
                            { "gpt.safetensors", GPT } },
};

/* ---- tensors ---- */

static int fill(void *ctx, int64_t first, size_t n, float *dst, struct err *e)
{
    const struct outgoing *o = ctx;

    (void)e;
    view_read_f32(&o->view, first, n, dst);
    file_map_forget(o->view.data, view_span(&o->view));
    return 0;
}

/* One of our tensors: as it is, transposed, or in three. */
static int add_tensor(struct export *x, struct weights_out *out, const struct part *p,
                      const struct family *f, const struct weights_entry *t, struct err *e)
{
    struct view v = view_of(t->dtype, t->n_dims, t->dim, t->data);
    struct renamed r;

    if (!family_rename(f, &x->networks, t->name + strlen(p->prefix), &r))
        return err_set(e, ERR_INTERNAL, "%s has no name for %s", f->name, t->name);
    for (int i = 0; i < r.n; i++) {
        struct outgoing *o = &x->outgoing[x->n++];
        char name[2 * TENSORS_NAME_MAX];
        o->view = r.n == 1 ? v : view_rows(&v, i * (v.dim[0] / r.n), v.dim[0] / r.n);
        if (r.transposed)
            o->view = view_transpose(&o->view);
        snprintf(name, sizeof name, "%s%s", p->theirs, r.name[i]);
        if (weights_out_stream(out, name, t->dtype, o->view.n_dims, o->view.dim, fill, o, e))
            return -1;
    }
    return 0;
}

static int add_part(struct export *x, struct weights_out *out, const struct part *p, struct err *e)
{
    const struct family *f = family_of_sign(p->sign);

    for (int i = 0; i < weights_n(x->weights); i++) {
        const struct weights_entry *t = weights_at(x->weights, i);
        if (!strncmp(t->name, p->prefix, strlen(p->prefix)) && add_tensor(x, out, p, f, t, e))
            return -1;
    }
    return 0;
}

static int add_parts(struct export *x, struct weights_out *out, const struct file *f, struct err *e)
{
    x->n = 0;
    for (const struct part *p = f->parts; p->prefix; p++)
        if (add_part(x, out, p, e))
            return -1;
    return weights_out_metadata(out, "format", "pt", e); /* without it, transformers refuses */
}

static int write_file(struct export *x, const struct file *f, struct err *e)
{
    char *path = file_join(x->dir, f->name);
    struct weights_out *out = NULL;
    int failed = -1;

    if (!path)
        err_set(e, ERR_NOMEM, "no memory for a path");
    else if (!weights_out_new(&out, e) && !add_parts(x, out, f, e))
        failed = weights_out_write(out, path, e);
    weights_out_free(out);
    mem_free(path);
    return failed;
}

/* ---- words ---- */

static const char *const HOW_TO_LOAD[] = {
    [OPTIONS_EXPORT_HFAILAB] =
        "```python\n"
        "from safetensors.torch import load_file\n"
        "vqgan.load_state_dict(load_file(\"vqgan.safetensors\"))\n"
        "gpt.load_state_dict(load_file(\"gpt.safetensors\"), strict=False)  # masks are buffers\n"
        "clip = load_file(\"clip.safetensors\")  # OpenAI's names\n"
        "```\n",
    [OPTIONS_EXPORT_HF] = "```python\n"
                          "from transformers import CLIPModel, CLIPTokenizer\n"
                          "clip = CLIPModel.from_pretrained(\".\")\n"
                          "tokenizer = CLIPTokenizer.from_pretrained(\".\")\n"
                          "from safetensors.torch import load_file\n"
                          "vqgan = load_file(\"vqgan.safetensors\")  # HFAiLab/clip-gen's names\n"
                          "gpt = load_file(\"gpt.safetensors\")\n"
                          "```\n",
};

/* The flags that say what no tensor does; Hugging Face's files beside CLIP say its part. */
static void put_way_back(const struct bundle_config *c, enum options_export how, struct buf *out)
{
    buf_puts(out, "\nA bundle for clipgend is made of it again by\n\n```sh\nclipgen-convert");
    if (how == OPTIONS_EXPORT_HF)
        buf_puts(out, " --clip .");
    else
        buf_printf(out,
                   " --clip clip.safetensors --clip-activation %s \\\n    --clip-heads %d "
                   "--clip-text-heads %d --vocab MERGES",
                   c->clip.quick_gelu ? "quick_gelu" : "gelu", c->clip.image.heads,
                   c->clip.text.heads);
    buf_printf(out,
               " --gpt gpt.safetensors --gpt-heads %d \\\n    --vqgan vqgan.safetensors "
               "--vqgan-groups %d --vqgan-eps %g --vqgan-unit-codes %s \\\n    --vqgan-range %s "
               "--output BUNDLE\n```\n",
               c->gpt.heads, c->vqgan.groups, (double)c->vqgan.norm_eps,
               c->vqgan.unit_codes ? "yes" : "no", c->vqgan.unit_range ? "unit" : "signed");
}

static void put_readme(const struct export *x, enum options_export how, struct buf *out)
{
    const struct bundle_config *c = &x->config;

    buf_printf(out, "# %s\n\nExported by clipgen-convert for PyTorch.\n\n%s\n", c->name,
               HOW_TO_LOAD[how]);
    buf_printf(
        out,
        "What the tensors do not tell: CLIP has %d and %d heads (pictures, text) and %s; the "
        "transformer has %d heads%s; the VQGAN's group norms have %d groups and epsilon %g%s.\n",
        c->clip.image.heads, c->clip.text.heads, c->clip.quick_gelu ? "QuickGELU" : "exact GELU",
        c->gpt.heads,
        c->centred ? " and takes conditions that are centred (condition.image_mean and "
                     "condition.text_mean)"
                   : "",
        c->vqgan.groups, (double)c->vqgan.norm_eps,
        c->vqgan.unit_codes ? "; codes are compared at unit length" : "");
    put_way_back(c, how, out);
    buf_printf(out, "\nLicence: %s\n", c->licence[0] ? c->licence : "not given");
}

static int write_readme(const struct export *x, enum options_export how, struct err *e)
{
    char *path = file_join(x->dir, "README.md");
    struct buf text;
    int failed;

    buf_init(&text, README_MAX);
    put_readme(x, how, &text);
    failed = !path ? err_set(e, ERR_NOMEM, "no memory for a path")
                   : buf_check(&text, e) || file_write(path, text.data, text.len, e);
    buf_release(&text);
    mem_free(path);
    return failed ? -1 : 0;
}

/* ---- */

static int write_files(struct export *x, enum options_export how, struct err *e)
{
    for (const struct file *f = FILES[how]; f->name; f++)
        if (write_file(x, f, e))
            return -1;
    if (how == OPTIONS_EXPORT_HF && export_hf_write(x->bundle, &x->config, x->dir, e))
        return -1;
    return write_readme(x, how, e);
}

/* PyTorch knows no blocks, and numbers that were rounded to them are not what was trained. */
static int check_stored(const struct export *x, struct err *e)
{
    enum weights_dtype blocks = weights_blocks(x->weights);

    return weights_in_blocks(blocks)
               ? err_set(e, ERR_UNSUPPORTED,
                         "%s: matrices are stored as %s; export the bundle that they were rounded "
                         "from, in f32, f16 or bf16",
                         x->bundle, weights_dtype_name(blocks))
               : 0;
}

static int open_bundle_files(struct export *x, struct err *e)
{
    char *path = file_join(x->bundle, BUNDLE_WEIGHTS);
    int failed = -1;

    if (!path)
        err_set(e, ERR_NOMEM, "no memory for a path");
    else if (!bundle_check(x->bundle, e) && !bundle_config_read(x->bundle, &x->config, e))
        failed = weights_open(path, &x->weights, e);
    mem_free(path);
    if (failed || check_stored(x, e))
        return -1;
    x->networks.vqgan = x->config.vqgan;
    x->outgoing = mem_alloc((size_t)weights_n(x->weights) * RENAME_PARTS_MAX, sizeof *x->outgoing);
    return x->outgoing ? 0 : err_set(e, ERR_NOMEM, "no memory for the tensors' names");
}

static int write_directory(struct export *x, const struct options *o, struct err *e)
{
    struct dir_out d;
    int failed;

    if (dir_out_open(&d, o->output, e))
        return err_prefix(e, "--output: ");
    x->dir = d.tmp;
    failed = write_files(x, (enum options_export)o->export, e) || dir_out_commit(&d, e);
    dir_out_abort(&d);
    return failed ? -1 : 0;
}

int export_run(const struct options *o, FILE *out, struct err *e)
{
    struct export x = { .bundle = o->bundle };
    int failed;

    if (!*o->bundle || !*o->output)
        return err_set(e, ERR_INVALID, "--export wants --bundle DIR and --output DIR");
    failed = open_bundle_files(&x, e) || write_directory(&x, o, e);
    weights_close(x.weights);
    mem_free(x.outgoing);
    if (!failed)
        fprintf(out, "written to %s\n", o->output);
    return failed ? -1 : 0;
}
