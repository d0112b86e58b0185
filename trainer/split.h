/*
 * What is kept for tests. A picture's key decides, by hash, so that the split does not depend on
 * order, on other pictures or on random numbers.
 */
#ifndef TRAINER_SPLIT_H
#define TRAINER_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

/* 1 object of 20. */
bool split_object_held_out(const char *key);
/* 1 combination of 10 with each background but white, as bits. */
uint16_t split_backgrounds_held_out(const char *key);

#endif
