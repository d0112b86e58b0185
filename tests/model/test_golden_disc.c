/* The discriminator against the reference, in training and evaluation: logits, losses, gradients,
 * batch norm statistics; and a GAN step with its adaptive weight (house.md section 7). */
#include <math.h>

#include "base/mem.h"
#include "kernels/update.h"
#include "tests/model/tiny.h"
#include "tests/test.h"

#define HFAILAB_EPS 1e-5f
#define DISC_WEIGHT 0.8f

static struct pass *pass_in(struct tiny_vqgan *t, bool with_tape, bool training)
{
    struct pass *p = golden_pass(&t->g, with_tape);

    p->training = training;
    return p;
}

/* Training changes the statistics: every forward of the fixture starts from the stored ones. */
static void restore_statistics(struct tiny_vqgan *t)
{
    struct err e = { 0 };

    for (int i = 0; i < t->disc_params.n; i++) {
        struct param *param = t->disc_params.item[i];
        if (!(param->flags & PARAM_BUFFER))
            continue;
        float *values = golden_floats(&t->g, param->name, NULL);
        golden_ok(
            device_upload(t->g.dev, &param->value, 0, values, tensor_bytes(&param->value), &e), &e);
        mem_free(values);
    }
}

static struct tensor *generator_loss(struct pass *p, const struct tensor *logits)
{
    return op_scale(p, op_mean(p, logits), -1.0f);
}

/* The mean of both hinges. */
static struct tensor *disc_loss(struct pass *p, const struct tensor *real,
                                const struct tensor *fake)
{
    return op_scale(p, op_add(p, op_hinge(p, real, 1), op_hinge(p, fake, -1)), 0.5f);
}

/* ---- logits and losses ---- */

static void check_outputs(struct tiny_vqgan *t, bool training, const char *const names[4])
{
    struct pass *p = pass_in(t, false, training);
    struct tensor *x = golden_input(&t->g, "in.x", GOLDEN_CHANNELS_FIRST);
    struct tensor *recon = golden_input(&t->g, "out.recon", GOLDEN_CHANNELS_FIRST);
    struct tensor *real = disc_forward(p, &t->disc, x);

    golden_finish(&t->g);
    restore_statistics(t);
    struct tensor *fake = disc_forward(p, &t->disc, recon);
    golden_check(&t->g, names[0], real, GOLDEN_CHANNELS_FIRST, GOLDEN_FORWARD);
    golden_check(&t->g, names[1], fake, GOLDEN_CHANNELS_FIRST, GOLDEN_FORWARD);
    golden_check_scalar(&t->g, names[2], disc_loss(p, real, fake));
    golden_check_scalar(&t->g, names[3], generator_loss(p, fake));
}

static void training_outputs_match(void **state)
{
    (void)state;
    struct tiny_vqgan t;

    tiny_vqgan_open(&t, HFAILAB_EPS);
    check_outputs(&t, true,
                  (const char *const[]){ "out.disc.train.logits_real", "out.disc.train.logits_fake",
                                         "out.disc.train.loss_d", "out.disc.train.loss_g" });
    tiny_vqgan_close(&t);
}

static void evaluation_outputs_match(void **state)
{
    (void)state;
    struct tiny_vqgan t;

    tiny_vqgan_open(&t, HFAILAB_EPS);
    check_outputs(&t, false,
                  (const char *const[]){ "out.disc.eval.logits_real", "out.disc.eval.logits_fake",
                                         "out.disc.eval.loss_d", "out.disc.eval.loss_g" });
    tiny_vqgan_close(&t);
}

/* ---- gradients ---- */

static void gradients_match(void **state)
{
    (void)state;
    struct tiny_vqgan t;
    int trained = 0;

    tiny_vqgan_open(&t, HFAILAB_EPS);
    struct pass *p = pass_in(&t, true, true);
    struct tensor *x = golden_input(&t.g, "in.x", GOLDEN_CHANNELS_FIRST);
    struct tensor *recon = golden_input(&t.g, "out.recon", GOLDEN_CHANNELS_FIRST);
    struct tensor *real = disc_forward(p, &t.disc, x);
    golden_backward(&t.g, disc_loss(p, real, disc_forward(p, &t.disc, recon)));
    for (int i = 0; i < t.disc_params.n; i++)
        trained += !(t.disc_params.item[i]->flags & PARAM_BUFFER);
    assert_int_equal(golden_check_grads(&t.g, &t.disc_params, "grad"), trained);
    tiny_vqgan_close(&t);
}

static void gradient_of_the_picture_matches(void **state)
{
    (void)state;
    struct tiny_vqgan t;

    tiny_vqgan_open(&t, HFAILAB_EPS);
    struct pass *p = pass_in(&t, true, true);
    struct tensor *recon = golden_input(&t.g, "out.recon", GOLDEN_CHANNELS_FIRST);
    recon->wants_grad = true;
    param_list_want_grads(&t.disc_params, false);
    golden_backward(&t.g, generator_loss(p, disc_forward(p, &t.disc, recon)));
    golden_check_grad_of(&t.g, "out.disc.train.grad_recon", recon);
    tiny_vqgan_close(&t);
}

/* ---- statistics ---- */

static void check_statistics(struct tiny_vqgan *t, const char *after)
{
    char name[128];
    int checked = 0;

    for (int i = 0; i < t->disc_params.n; i++) {
        const struct param *param = t->disc_params.item[i];
        if (!(param->flags & PARAM_BUFFER))
            continue;
        snprintf(name, sizeof name, "%s.%s", after, param->name + sizeof "discriminator." - 1);
        golden_check(&t->g, name, &param->value, GOLDEN_AS_STORED, GOLDEN_FORWARD);
        checked++;
    }
    assert_int_equal(checked, 6);
}

static void see(struct tiny_vqgan *t, const char *name)
{
    struct pass *p = pass_in(t, false, true);

    disc_forward(p, &t->disc, golden_input(&t->g, name, GOLDEN_CHANNELS_FIRST));
    golden_finish(&t->g);
}

static void statistics_match(void **state)
{
    (void)state;
    struct tiny_vqgan t;

    tiny_vqgan_open(&t, HFAILAB_EPS);
    see(&t, "in.x");
    check_statistics(&t, "out.bn_after_real");
    restore_statistics(&t);
    see(&t, "out.recon");
    see(&t, "in.x");
    see(&t, "out.recon");
    check_statistics(&t, "out.bn_after_step");
    tiny_vqgan_close(&t);
}

/* ---- a GAN step ---- */

/* |d L / d W| of the decoder's last convolution, from the gradient at its output: its own adjoint
 * on values that nothing flows behind. */
static double last_conv_norm(struct tiny_vqgan *t, const struct tensor *features,
                             const struct tensor *grad)
{
    struct pass *p = &t->g.pass;
    struct nn_conv last = vqgan_last_conv(t->net);
    size_t from = tape_mark(t->g.tape);
    struct tensor *out = vqgan_decode_last(p, t->net, op_detach(p, features));

    tape_add_grad(p, out, grad, 1);
    tape_backward(p, from, tape_mark(t->g.tape));
    float *norm = golden_download(&t->g, update_grad_norm(p, &last.w->grad, 1));
    double value = *norm;
    mem_free(norm);
    tape_seed(p, last.w, 0);
    tape_seed(p, last.b, 0);
    return value;
}

/* Runs back what `loss` was recorded from since `from`. */
static void backward_from(struct pass *p, size_t from, const struct tensor *loss)
{
    tape_seed(p, loss, 1);
    tape_backward(p, from, tape_mark(p->tape));
}

/* What a step of the generator makes, and where its own records end on the tape. */
struct generator {
    struct tensor *x, *recon, *features, *quant, *l1;
    size_t end;
};

static struct generator run_generator(struct tiny_vqgan *t)
{
    struct pass *p = pass_in(t, true, true);
    struct tensor *ids, *rows, *z, *z_q;
    struct generator r;

    r.x = golden_input(&t->g, "in.x", GOLDEN_CHANNELS_FIRST);
    z = vqgan_encode(p, t->net, r.x);
    z_q = vqgan_quantize(p, t->net, z, &ids, &rows);
    r.quant = vqgan_quantizer_loss(p, t->net, z, rows, 0.2f);
    r.features = vqgan_decode_features(p, t->net, z_q);
    r.recon = vqgan_decode_last(p, t->net, r.features);
    r.end = tape_mark(t->g.tape);
    r.l1 = op_l1(p, r.x, r.recon);
    golden_finish(&t->g);
    return r;
}

/* The adversarial loss of `copy`, run back to it. The discriminator only passes the gradient on. */
static struct tensor *adversarial_loss(struct tiny_vqgan *t, struct tensor *copy)
{
    struct pass *p = &t->g.pass;
    size_t from = tape_mark(t->g.tape);

    param_list_want_grads(&t->disc_params, false);
    copy->wants_grad = true;
    struct tensor *loss = generator_loss(p, disc_forward(p, &t->disc, copy));
    backward_from(p, from, loss);
    golden_finish(&t->g);
    return loss;
}

static float adaptive_weight(struct tiny_vqgan *t, const struct generator *r,
                             const struct tensor *copy)
{
    double rec = last_conv_norm(t, r->features, tape_grad(&t->g.pass, r->recon));
    double gan = last_conv_norm(t, r->features, tape_grad(&t->g.pass, copy));
    double weight = fmin(rec / (gan + 1e-4), 1e4);

    golden_check_number(&t->g, "out.gan.grad_norm_rec", rec);
    golden_check_number(&t->g, "out.gan.grad_norm_disc", gan);
    golden_check_number(&t->g, "out.gan.weight", weight);
    return (float)weight;
}

static void adaptive_weight_matches(void **state)
{
    (void)state;
    struct tiny_vqgan t;

    tiny_vqgan_open(&t, HFAILAB_EPS);
    struct generator r = run_generator(&t);
    struct pass *p = &t.g.pass;
    backward_from(p, r.end, r.l1); /* as far as recon */
    struct tensor *copy = op_detach(p, r.recon);
    struct tensor *loss_g = adversarial_loss(&t, copy);
    float scale = DISC_WEIGHT * adaptive_weight(&t, &r, copy);
    struct tensor *total = op_add(p, op_add(p, r.l1, r.quant), op_scale(p, loss_g, scale));
    golden_check_scalar(&t.g, "out.gan.loss_total", total);

    tape_add_grad(p, r.recon, tape_grad(p, copy), scale);
    tape_seed(p, r.quant, 1);
    tape_backward(p, 0, r.end); /* the generator, once, for all three losses */
    golden_finish(&t.g);
    assert_int_equal(golden_check_grads(&t.g, &t.params, "gan_grad"), 15);
    tiny_vqgan_close(&t);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(training_outputs_match), cmocka_unit_test(evaluation_outputs_match),
    cmocka_unit_test(gradients_match),        cmocka_unit_test(gradient_of_the_picture_matches),
    cmocka_unit_test(statistics_match),       cmocka_unit_test(adaptive_weight_matches),
};
TEST_MAIN(TESTS)
