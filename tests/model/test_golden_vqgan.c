/* The VQGAN against the reference: latent, codes, reconstruction, losses, every gradient, and the
 * two eps of group norm that published weights were made with. */
#include "tests/model/tiny.h"
#include "tests/test.h"

#define HFAILAB_EPS 1e-5f
#define TAMING_EPS 1e-6f

struct result {
    struct tensor *x, *z, *ids, *rows, *z_q, *recon;
};

static struct result run(struct tiny_vqgan *t, bool with_tape)
{
    struct pass *p = golden_pass(&t->g, with_tape);
    struct result r;

    r.x = golden_input(&t->g, "in.x", GOLDEN_CHANNELS_FIRST);
    r.z = vqgan_encode(p, t->net, r.x);
    r.z_q = vqgan_quantize(p, t->net, r.z, &r.ids, &r.rows);
    r.recon = vqgan_decode(p, t->net, r.z_q);
    golden_finish(&t->g);
    return r;
}

static void check_forward(struct tiny_vqgan *t, struct golden *want, const struct result *r,
                          float beta)
{
    struct pass *p = &t->g.pass;
    struct weights *own = t->g.file;
    struct tensor *quant = vqgan_quantizer_loss(p, t->net, r->z, r->rows, beta);

    t->g.file = want->file;
    golden_check(&t->g, "out.z", r->z, GOLDEN_CHANNELS_FIRST, GOLDEN_FORWARD);
    golden_check_ids(&t->g, "out.indices", r->ids);
    golden_check(&t->g, "out.z_q", r->z_q, GOLDEN_CHANNELS_FIRST, GOLDEN_FORWARD);
    golden_check(&t->g, "out.recon", r->recon, GOLDEN_CHANNELS_FIRST, GOLDEN_FORWARD);
    golden_check_scalar(&t->g, "out.loss_quant", quant);
    t->g.file = own;
}

static void forward_matches(void **state)
{
    (void)state;
    struct tiny_vqgan t;

    tiny_vqgan_open(&t, HFAILAB_EPS);
    struct result r = run(&t, false);
    check_forward(&t, &t.g, &r, 0.2f);
    golden_check_scalar(&t.g, "out.loss_l1", op_l1(&t.g.pass, r.x, r.recon));
    tiny_vqgan_close(&t);
}

static void gradients_match(void **state)
{
    (void)state;
    struct tiny_vqgan t;

    tiny_vqgan_open(&t, HFAILAB_EPS);
    struct result r = run(&t, true);
    struct pass *p = &t.g.pass;
    struct tensor *quant = vqgan_quantizer_loss(p, t.net, r.z, r.rows, 0.2f);
    struct tensor *loss = op_add(p, op_l1(p, r.x, r.recon), quant);
    golden_check_scalar(&t.g, "out.loss", loss);
    golden_backward(&t.g, loss);
    assert_int_equal(golden_check_grads(&t.g, &t.params, "grad"), t.params.n);
    tiny_vqgan_close(&t);
}

/* The codes of a picture, looked up, are what quantising gave. */
static void lookup_is_the_inverse_of_codes(void **state)
{
    (void)state;
    struct tiny_vqgan t;

    tiny_vqgan_open(&t, HFAILAB_EPS);
    struct result r = run(&t, false);
    struct tensor *rows = vqgan_lookup(&t.g.pass, t.net, r.ids, r.x->dim[0]);
    golden_check(&t.g, "out.z_q", rows, GOLDEN_CHANNELS_FIRST, 1e-6);
    tiny_vqgan_close(&t);
}

static void taming_eps_matches(void **state)
{
    (void)state;
    struct tiny_vqgan t;
    struct golden taming;

    golden_open(&taming, "vqgan_tiny_taming.safetensors");
    tiny_vqgan_open(&t, TAMING_EPS);
    struct result r = run(&t, false);
    check_forward(&t, &taming, &r, 0.25f);
    tiny_vqgan_close(&t);
    golden_close(&taming);
}

/* The two networks differ by more than the tolerance, so neither eps can stand in for the other. */
static void wrong_eps_is_noticed(void **state)
{
    (void)state;
    struct tiny_vqgan t;

    tiny_vqgan_open(&t, TAMING_EPS);
    struct result r = run(&t, false);
    assert_true(golden_error(&t.g, "out.z", r.z, GOLDEN_CHANNELS_FIRST) > GOLDEN_FORWARD);
    tiny_vqgan_close(&t);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(forward_matches),
    cmocka_unit_test(gradients_match),
    cmocka_unit_test(lookup_is_the_inverse_of_codes),
    cmocka_unit_test(taming_eps_matches),
    cmocka_unit_test(wrong_eps_is_noticed),
};
TEST_MAIN(TESTS)
