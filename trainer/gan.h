/*
 * The adversarial side of the VQGAN stage: discriminator, its optimiser, and the adaptive weight of
 * arXiv 2012.09841, equation 7, as HFAiLab/clip-gen train_vqgan.py computes it.
 */
#ifndef TRAINER_GAN_H
#define TRAINER_GAN_H

#include "kernels/tape.h"
#include "model/disc.h"
#include "model/vqgan.h"
#include "trainer/optim.h"

struct gan {
    struct disc disc;
    struct param_list params;
    struct optim optim;
    float weight; /* of the generator's adversarial loss, times the adaptive weight */
    /* of the last step */
    float loss_g, loss_d, norm_d, adaptive; /* norm_d: of the discriminator's gradient */
};

int gan_init(struct gan *g, const struct disc_config *c, const struct optim_settings *s,
             float weight, uint64_t seed, struct device *dev, struct err *e);
void gan_release(struct gan *g);

/*
 * Adds the adversarial gradient to recon's, which must hold that of the reconstruction loss
 * already: w = |d L_rec / d W| / (|d L_gan / d W| + 1e-4), clamped to [0, 1e4], W the decoder's
 * last convolution; d recon += weight w d L_gan / d recon. features: the input of that convolution.
 * Both norms come from the convolution's own adjoint (house rule: no second pass through the
 * network).
 */
void gan_push_generator(struct gan *g, struct pass *p, const struct vqgan *vqgan,
                        const struct tensor *features, struct tensor *recon);
/* Hinge losses on real and generated pictures, halved; one update. */
void gan_step_discriminator(struct gan *g, struct pass *p, const struct tensor *real,
                            const struct tensor *recon, int64_t step, float rate);

#endif
