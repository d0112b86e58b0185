/*
 * Order candidates by CLIP: cosine of each picture's embedding with the prompt's.
 */
#ifndef MODEL_RANK_H
#define MODEL_RANK_H

#include <stddef.h>

/* a, b unit vectors [n] -> cosine. */
float rank_cosine(const float *a, const float *b, int n);
/* Order of n scores, best first, equal ones in index order, into ret_order[n]. */
void rank_order(const float *scores, int n, int *ret_order);

#endif
