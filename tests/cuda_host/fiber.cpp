#include "tests/cuda_host/fiber.h"

#include <sys/mman.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <vector>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifndef __x86_64__
#include <ucontext.h>
#endif

namespace cuda_host {

/* Frames of sanitizer builds are large; memory that is never touched costs nothing. */
static const size_t STACK_BYTES = 256 << 10;
static const size_t GUARD_BYTES = 4096;

/* ---- the switch itself: saves the present place and goes on at the other ---- */

#ifdef __x86_64__
typedef void *context;

extern "C" void cuda_host_switch(context *from, context to);
asm(".text\n"
    ".p2align 4\n"
    ".hidden cuda_host_switch\n"
    ".globl cuda_host_switch\n"
    ".type cuda_host_switch, @function\n"
    "cuda_host_switch:\n"
    "    pushq %rbp\n"
    "    pushq %rbx\n"
    "    pushq %r12\n"
    "    pushq %r13\n"
    "    pushq %r14\n"
    "    pushq %r15\n"
    "    movq %rsp, (%rdi)\n"
    "    movq %rsi, %rsp\n"
    "    popq %r15\n"
    "    popq %r14\n"
    "    popq %r13\n"
    "    popq %r12\n"
    "    popq %rbx\n"
    "    popq %rbp\n"
    "    ret\n"
    ".size cuda_host_switch, .-cuda_host_switch\n");

static void context_switch(context *from, context *to)
{
    cuda_host_switch(from, *to);
}

/* Six registers, and the function as the address to return to; there the stack is as after a call. */
static void context_make(context *c, char *, char *top, void (*entry)())
{
    void **sp = (void **)top;
    *--sp = nullptr;
    *--sp = (void *)entry;
    for (int i = 0; i < 6; i++)
        *--sp = nullptr;
    *c = sp;
}
#else
typedef ucontext_t context;

static void context_switch(context *from, context *to)
{
    swapcontext(from, to);
}

static void context_make(context *c, char *bottom, char *top, void (*entry)())
{
    getcontext(c);
    c->uc_stack.ss_sp = bottom;
    c->uc_stack.ss_size = (size_t)(top - bottom);
    c->uc_link = nullptr;
    makecontext(c, entry, 0);
}
#endif

struct fiber {
    char *bottom, *top; /* of the stack, above its guard page */
    bool started, ended;
    context place;
    void *fake_stack; /* AddressSanitizer's */
    void (*work)(void *);
    void *argument;
};

/* Where the scheduler is while a fiber runs. */
static struct {
    context place;
    void *fake_stack;
    const void *bottom; /* of its stack; AddressSanitizer wants to know */
    size_t size;
} scheduler;

/* ---- what AddressSanitizer is told ---- */

#ifdef __SANITIZE_ADDRESS__
/* Null stands for the scheduler. */
static void say_going(fiber *from, const fiber *to)
{
    void **keep = from ? &from->fake_stack : &scheduler.fake_stack;
    if (to)
        __sanitizer_start_switch_fiber(keep, to->bottom, (size_t)(to->top - to->bottom));
    else
        __sanitizer_start_switch_fiber(from->ended ? nullptr : keep, scheduler.bottom,
                                       scheduler.size);
}

/* A new fiber, which comes from the scheduler, learns where that is. */
static void say_begun(fiber *)
{
    __sanitizer_finish_switch_fiber(nullptr, &scheduler.bottom, &scheduler.size);
}

static void say_back(fiber *f)
{
    __sanitizer_finish_switch_fiber(f ? f->fake_stack : scheduler.fake_stack, nullptr, nullptr);
}

static void forget_frames(fiber *f)
{
    __asan_unpoison_memory_region(f->bottom, (size_t)(f->top - f->bottom));
}
#else
static void say_going(fiber *, const fiber *)
{
}

static void say_begun(fiber *)
{
}

static void say_back(fiber *)
{
}

static void forget_frames(fiber *)
{
}
#endif

/* ---- fibers ---- */

static std::vector<fiber *> idle;
static fiber *begins, *left; /* what the next place to run wants to know: a new fiber who it is, the
                              * scheduler who comes back */

static void fiber_main()
{
    fiber *f = begins;
    say_begun(f);
    f->work(f->argument);
    f->ended = true;
    fiber_leave(f);
    abort();
}

/* Stacks begin at different places of their pages: else the hot ends of all would meet in the same
 * few sets of the cache. */
static size_t colour(size_t n)
{
    return n % 61 * 64;
}

/* A fiber lies at the end of its own stack. */
static fiber *fiber_new()
{
    static size_t n_made;
    void *stack = mmap(nullptr, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, GUARD_BYTES, PROT_NONE)) {
        perror("cuda_host: no memory for another fiber");
        abort();
    }
    char *bottom = (char *)stack + GUARD_BYTES, *top = bottom + STACK_BYTES - sizeof(fiber);
    fiber *f = new ((void *)((uintptr_t)top & ~(uintptr_t)63)) fiber();
    f->bottom = bottom;
    f->top = (char *)f - colour(n_made++);
    return f;
}

fiber *fiber_take()
{
    fiber *f;
    if (idle.empty()) {
        f = fiber_new();
    } else {
        f = idle.back();
        idle.pop_back();
    }
    f->started = f->ended = false;
    f->fake_stack = nullptr;
    return f;
}

void fiber_give(fiber *f)
{
    idle.push_back(f);
}

bool fiber_enter(fiber *f, void (*work)(void *), void *argument)
{
    if (!f->started) {
        f->started = true;
        f->work = work;
        f->argument = argument;
        begins = f;
        context_make(&f->place, f->bottom, f->top, fiber_main);
    }
    say_going(nullptr, f);
    context_switch(&scheduler.place, &f->place);
    say_back(nullptr);
    return left->ended;
}

void fiber_leave(fiber *f)
{
    left = f;
    say_going(f, nullptr);
    context_switch(&f->place, &scheduler.place);
    say_back(f);
}

void fiber_pass(fiber *f, fiber *to)
{
    say_going(f, to);
    context_switch(&f->place, &to->place);
    say_back(f);
}

void fiber_abandon(fiber *f)
{
    forget_frames(f);
    fiber_give(f);
}

}
