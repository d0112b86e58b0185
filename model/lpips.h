/*
 * LPIPS (Zhang et al., arXiv 1801.03924): how different two pictures look, as the distance of their
 * features in a frozen VGG16. Names as in HFAiLab/clip-gen's vgg16_lpips: keys/lpips_vgg16.txt.
 * Widths come from the file, so a small network of the same layout works too.
 *
 *     struct lpips *m;
 *     if (lpips_open("vgg16_lpips.safetensors", dev, &m, e)) ...
 *     loss = lpips_distance(&p, m, recon, x);
 */
#ifndef MODEL_LPIPS_H
#define MODEL_LPIPS_H

#include "kernels/op.h"

#define LPIPS_SIDE_MIN 16 /* halved four times */

struct lpips;

int lpips_open(const char *path, struct device *dev, struct lpips **ret_model, struct err *e);
void lpips_close(struct lpips *m);

/* a, b [B, H, W, 3] in [-1, 1], sides of at least LPIPS_SIDE_MIN -> scalar, mean over the batch.
 * Gradients flow to pictures only. */
struct tensor *lpips_distance(struct pass *p, const struct lpips *m, const struct tensor *a,
                              const struct tensor *b);

#endif
