/* The published names and shapes of every family are recognised, sized and found to the last
 * tensor; one that is missing, too many or of another shape is named. */
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "convert/plan.h"
#include "tests/test.h"

/* ---- key lists: "blocks.{24}.norm1.weight 1024 f32" stands for blocks 0 .. 23 ---- */

static int64_t digits(const char **s)
{
    int64_t n = 0;

    for (; **s >= '0' && **s <= '9'; ++*s)
        n = 10 * n + (**s - '0');
    return n;
}

static struct view parse_view(const char *shape, const char *dtype)
{
    int64_t dim[WEIGHTS_DIMS_MAX];
    int n = 0;

    while (*shape >= '0' && *shape <= '9') {
        dim[n++] = digits(&shape);
        shape += *shape == 'x';
    }
    return view_of(!strcmp(dtype, "f32") ? W_F32 : W_I64, n, dim, "");
}

static void add(struct tensors *t, const char *name, const struct view *v)
{
    struct err e = { 0 };

    if (tensors_add(t, name, v, &e))
        fail_msg("%s", e.msg);
}

static void add_line(struct tensors *t, char *line)
{
    char name[256], shape[64], dtype[16], *open = strchr(line, '{');

    assert_int_equal(sscanf(line, "%255s %63s %15s", name, shape, dtype), 3);
    struct view v = parse_view(shape, dtype);
    if (!open) {
        add(t, name, &v);
        return;
    }
    const char *end = open + 1;
    int n = (int)digits(&end), before = (int)(open - line);
    for (int i = 0; i < n; i++) {
        char numbered[300];
        snprintf(numbered, sizeof numbered, "%.*s%d%.*s", before, line, i,
                 (int)strcspn(end + 1, " "), end + 1);
        add(t, numbered, &v);
    }
}

static void load(const char *file, struct tensors *t)
{
    char path[512];
    struct buf text;
    struct err e = { 0 };

    snprintf(path, sizeof path, "%s/tests/data/keys/%s", test_srcdir(), file);
    buf_init(&text, 1 << 20);
    if (file_read(path, 1 << 20, &text, &e))
        fail_msg("%s", e.msg);
    *t = (struct tensors){ 0 };
    for (char *line = text.data; *line;) {
        char *end = line + strcspn(line, "\n");
        bool more = *end;
        *end = '\0';
        add_line(t, line);
        line = end + more;
    }
    buf_release(&text);
}

/* ---- from names to a plan ---- */

struct outcome {
    const struct family *family;
    struct networks n;
    struct plan plan;
};

static void name_params(enum network which, const struct networks *n, struct param_list *l)
{
    struct err e = { 0 };
    struct clip clip;
    struct vqgan *vqgan;
    struct gpt gpt;
    int failed = which == NETWORK_CLIP  ? clip_init(&clip, &n->clip, l, &e)
                 : which == NETWORK_GPT ? gpt_init(&gpt, &n->gpt, l, &e)
                                        : vqgan_new(&n->vqgan, l, &vqgan, &e);

    if (failed)
        fail_msg("%s", e.msg);
    if (which == NETWORK_CLIP)
        clip_release(&clip);
    else if (which == NETWORK_GPT)
        gpt_release(&gpt);
    else
        vqgan_free(vqgan);
}

/* tokens: of a picture, as the transformer would say. */
static void work_out(struct tensors *t, enum network which, int tokens, struct outcome *o)
{
    struct family_input in = { .path = "ViT-B-32-quickgelu", .tensors = t };
    struct options options = { 0 };
    struct param_list l;
    struct err e = { 0 };

    *o = (struct outcome){ .n.gpt.tokens = tokens };
    in.options = &options;
    plan_init(&o->plan);
    param_list_init(&l);
    if (conf_defaults(OPTIONS_ROWS, &options, &e) || tensors_index(t, &e) ||
        family_recognise(which, t, &o->family, &e) ||
        o->family->configure(o->family, &in, &o->n, &e))
        fail_msg("%s", e.msg);
    name_params(which, &o->n, &l);
    if (plan_params(&o->plan, o->family, &o->n, t, "", "", &l, &e))
        fail_msg("%s", e.msg);
    plan_unused(&o->plan, o->family, t);
    param_list_release(&l);
    conf_release(OPTIONS_ROWS, &options);
}

static void work_out_file(const char *file, enum network which, int tokens, struct outcome *o)
{
    struct tensors t;

    load(file, &t);
    work_out(&t, which, tokens, o);
    if (o->plan.n_misfits)
        fail_msg("%s: %s", file, o->plan.misfits.data);
    tensors_release(&t);
    plan_release(&o->plan);
}

/* ---- published files ---- */

static void hugging_face_clip(void **state)
{
    (void)state;
    struct outcome o;

    work_out_file("their_clip_vit_b32_hf.txt", NETWORK_CLIP, 0, &o);
    const struct clip_config *c = &o.n.clip;
    assert_string_equal(o.family->name, "Hugging Face CLIPModel");
    assert_int_equal(c->image.size, 224);
    assert_int_equal(c->image.patch, 32);
    assert_int_equal(c->image.heads, 12);
    assert_int_equal(c->text.heads, 8);
    assert_int_equal(c->text.vocab, 49408);
    assert_int_equal(c->embed_dim, 512);
}

static void openai_clip(void **state)
{
    (void)state;
    struct outcome o;

    work_out_file("their_clip_vit_l14_openai.txt", NETWORK_CLIP, 0, &o);
    const struct clip_config *c = &o.n.clip;
    assert_int_equal(c->image.size, 224);
    assert_int_equal(c->image.layers, 24);
    assert_int_equal(c->image.heads, 16);
    assert_int_equal(c->text.layers, 12);
    assert_int_equal(c->embed_dim, 768);
    assert_true(c->quick_gelu);
    assert_string_equal(o.n.activation_from, "an archive of OpenAI");
}

static void hfailab_gpt_large(void **state)
{
    (void)state;
    struct outcome o;

    work_out_file("their_gpt2_large.txt", NETWORK_GPT, 0, &o);
    assert_int_equal(o.n.gpt.layers, 36);
    assert_int_equal(o.n.gpt.width, 1280);
    assert_int_equal(o.n.gpt.heads, 20);
    assert_int_equal(o.n.gpt.tokens, 256);
    assert_int_equal(o.n.gpt.cond_dim, 512);
    assert_false(o.n.gpt.null_cond || o.n.centred);
}

static void check_f16(const struct vqgan_config *c, int codebook, float eps)
{
    static const int mult[] = { 1, 1, 2, 2, 4 };

    assert_int_equal(c->resolution, 256);
    assert_int_equal(c->levels, 5);
    assert_memory_equal(c->mult, mult, sizeof mult);
    assert_int_equal(c->ch, 128);
    assert_int_equal(c->res_blocks, 2);
    assert_int_equal(c->attn_resolution, 16);
    assert_int_equal(c->codebook, codebook);
    assert_float_equal(c->norm_eps, eps, 1e-9);
}

static void vqgans_with_sixteen_pixels_a_token(void **state)
{
    (void)state;
    struct outcome o;

    work_out_file("their_vqgan_hfailab.txt", NETWORK_VQGAN, 256, &o);
    check_f16(&o.n.vqgan, 16384, 1e-5f);
    work_out_file("their_vqgan_taming_1024.txt", NETWORK_VQGAN, 256, &o);
    check_f16(&o.n.vqgan, 1024, 1e-6f);
    work_out_file("their_vqgan_taming_16384.txt", NETWORK_VQGAN, 256, &o);
    check_f16(&o.n.vqgan, 16384, 1e-6f);
    assert_int_equal(vqgan_code_dim(&o.n.vqgan), 256);
    work_out_file("their_vqgan_llamagen16.txt", NETWORK_VQGAN, 256, &o);
    check_f16(&o.n.vqgan, 16384, 1e-6f);
    assert_int_equal(vqgan_code_dim(&o.n.vqgan), 8);
    assert_true(o.n.vqgan.unit_codes);
}

static void llamagen_with_eight(void **state)
{
    (void)state;
    static const int mult[] = { 1, 2, 2, 4 };
    struct outcome o;

    work_out_file("their_vqgan_llamagen8.txt", NETWORK_VQGAN, 1024, &o);
    assert_int_equal(o.n.vqgan.resolution, 256);
    assert_int_equal(o.n.vqgan.levels, 4);
    assert_memory_equal(o.n.vqgan.mult, mult, sizeof mult);
    assert_int_equal(o.n.vqgan.attn_resolution, 32);
}

/* ---- what does not fit is named ---- */

static struct tensors_item *item(struct tensors *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (!strcmp(t->item[i].name, name))
            return &t->item[i];
    fail_msg("%s is not in the list", name);
    return NULL;
}

static void misfits_are_listed_by_name(void **state)
{
    (void)state;
    struct tensors t;
    struct outcome o;

    load("their_vqgan_taming_1024.txt", &t);
    snprintf(item(&t, "decoder.up.3.block.1.conv1.bias")->name, 8, "strange");
    item(&t, "encoder.mid.attn_1.k.weight")->view.dim[1] = 7;
    item(&t, "encoder.norm_out.weight")->view.dtype = W_I64;
    work_out(&t, NETWORK_VQGAN, 256, &o);
    assert_int_equal(o.plan.n_misfits, 4);
    assert_string_equal(
        o.plan.misfits.data,
        "mis-shaped encoder.mid.attn_1.k.weight F32 [512, 7, 1, 1], wanted are real numbers [512, "
        "512]\n"
        "mis-shaped encoder.norm_out.weight I64 [512], wanted are real numbers [512]\n"
        "missing    decoder.up.3.block.1.conv1.bias\n"
        "unknown    strange [256]\n");
    plan_release(&o.plan);
    tensors_release(&t);
}

static void recognise_fails(const char *sign, enum network n, const char *msg)
{
    const struct family *f;
    struct tensors t = { 0 };
    struct view v = parse_view("4", "f32");
    struct err e = { 0 };

    add(&t, sign, &v);
    assert_int_equal(tensors_index(&t, &e), 0);
    assert_int_equal(family_recognise(n, &t, &f, &e), -1);
    assert_string_equal(e.msg, msg);
    tensors_release(&t);
}

static void strangers_are_named(void **state)
{
    (void)state;
    recognise_fails("visual.layer1.0.conv1.weight", NETWORK_CLIP,
                    "this is a CLIP whose image tower is a ResNet; only vision transformers (ViT) "
                    "are built");
    recognise_fails("quantize.embed.weight", NETWORK_VQGAN,
                    "this is a VQGAN with a Gumbel quantiser; only nearest codes are built");
    recognise_fails("wte.weight", NETWORK_GPT, "this is a GPT-2 for text");
    recognise_fails("quantize.embedding.weight", NETWORK_CLIP,
                    "this is taming-transformers VQGAN, not a file for --clip");
    recognise_fails("fc.weight", NETWORK_GPT,
                    "no family of --gpt has tensors of these names (the first is fc.weight); "
                    "--inspect lists them, --key chooses among dictionaries");
}

/* Without OpenAI's numbers, a configuration or a name, nobody says the activation. */
static void the_activation_must_be_said(void **state)
{
    (void)state;
    struct family_input in = { .path = "weights.pt" };
    struct options options = { 0 };
    const struct family *f;
    struct networks n = { 0 };
    struct tensors t;
    struct err e = { 0 };

    load("their_clip_vit_l14_openai.txt", &t);
    snprintf(item(&t, "input_resolution")->name, 10, "attn_mask");
    assert_int_equal(conf_defaults(OPTIONS_ROWS, &options, &e), 0);
    assert_int_equal(tensors_index(&t, &e) || family_recognise(NETWORK_CLIP, &t, &f, &e), 0);
    in.tensors = &t;
    in.options = &options;
    assert_int_equal(f->configure(f, &in, &n, &e), -1);
    assert_string_equal(e.msg,
                        "no tensor tells the activation: give --clip-activation quick_gelu "
                        "(weights of OpenAI, also HFAiLab's copy) or gelu (most of OpenCLIP)");
    in.path = "CLIP-ViT-L-14-laion2B-s32B/open_clip_pytorch_model.bin";
    assert_int_equal(f->configure(f, &in, &n, &e), 0);
    assert_false(n.clip.quick_gelu);
    conf_release(OPTIONS_ROWS, &options);
    tensors_release(&t);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(hugging_face_clip),   cmocka_unit_test(openai_clip),
    cmocka_unit_test(hfailab_gpt_large),   cmocka_unit_test(vqgans_with_sixteen_pixels_a_token),
    cmocka_unit_test(llamagen_with_eight), cmocka_unit_test(misfits_are_listed_by_name),
    cmocka_unit_test(strangers_are_named), cmocka_unit_test(the_activation_must_be_said),
};
TEST_MAIN(TESTS)
