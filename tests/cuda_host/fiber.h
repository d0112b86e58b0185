/*
 * Fibers: a stack of its own and a place to go on. One OS thread switches between them by hand, so
 * a switch costs about what a function call does. AddressSanitizer is told of every switch.
 */
#ifndef CUDA_HOST_FIBER_H
#define CUDA_HOST_FIBER_H

#include <cstddef>

namespace cuda_host {

/* Made by the first fiber_enter; taken up again when `work` has returned. */
struct fiber;

/* The stack is kept for the next fiber when this one is given back. */
fiber *fiber_take();
void fiber_give(fiber *f);
/* From the scheduler into the fiber: starts work(argument) when it is new, and comes back when a
 * fiber leaves or ends, this one or one that it passed to. True: it has ended. */
bool fiber_enter(fiber *f, void (*work)(void *), void *argument);
/* From inside a fiber back to the scheduler. */
void fiber_leave(fiber *f);
/* From inside a fiber into another, which has started. */
void fiber_pass(fiber *f, fiber *to);
/* The fiber will not be entered again, though it has not ended: its frames are forgotten. */
void fiber_abandon(fiber *f);

}

#endif
