/*
 * Stage `vqgan`: encoder, codebook, decoder and discriminator (arXiv 2012.09841). Loss: L1 + l2 *
 * squared error + quantiser, with a network for it the perceptual distance (model/lpips.h), and
 * after a while the adversarial term (gan.h).
 */
#ifndef TRAINER_STEP_VQGAN_H
#define TRAINER_STEP_VQGAN_H

#include "trainer/stage.h"

int stage_vqgan(const struct stage *s, bool *ret_done, struct err *e);

#endif
