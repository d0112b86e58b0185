/*
 * Tokens as draws: the codebook rows near to a vector, and how likely each is its token. A codebook
 * has many rows that mean nearly the same; a transformer that only ever sees the nearest one spends
 * itself on which of them it is. Stochastic sampling of codes: RQ-VAE, arXiv 2203.01941, 3.2.3.
 */
#ifndef TRAINER_NEAR_CODES_H
#define TRAINER_NEAR_CODES_H

#include <stdint.h>

#define NEAR_CODES 16 /* rows that are kept of each vector */

/* The rows of codebook [entries, dim] nearest to z [dim], nearest first, and their cumulative
 * probability: softmax of -|z - row|^2 / (2 temperature); for unit vectors that is of the cosine /
 * temperature. entries >= NEAR_CODES, temperature > 0. Any thread. */
void near_codes(const float *codebook, int entries, int dim, const float *z, float temperature,
                int32_t ret_codes[NEAR_CODES], float ret_odds[NEAR_CODES]);

/* The code that a uniform number in [0, 1) stands for. */
int32_t near_codes_draw(const int32_t codes[NEAR_CODES], const float odds[NEAR_CODES],
                        float uniform);

#endif
