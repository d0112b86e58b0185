#include "tests/cuda_host/grid.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "tests/cuda_host/fault.h"
#include "tests/cuda_host/fiber.h"
#include "tests/cuda_host/options.h"
#include "tests/cuda_host/shared.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace cuda_host {

enum state { READY, AT_BARRIER, IN_WARP, RETURNED };

struct thread {
    uint3 index;
    fiber *on;
    enum state state;
    place at;              /* while it waits */
    const warp_call *call; /* that it waits in, on its own stack; null: it is over */
};

/* The lanes of a warp by what they do, a bit each; the others are ready. Lanes that a block has no
 * threads for count as returned. */
struct warp {
    unsigned in_call, at_barrier, returned;
};

struct meeting {
    unsigned n_arrived;
    place first; /* where the first to arrive stands */
    barrier_kind kind;
    int n_true;
    int result; /* of the last meeting, until all have read it */
};

/* The block that runs. The threads that are ready are a stack: a thread runs until it waits, and
 * those that it sets free run before those that waited longer. So a warp runs far ahead of others,
 * as far as barriers let it, and what should have been a barrier shows. */
struct block {
    const launch_config *config;
    const std::function<void()> *body;
    shuffler random;
    dynamic_shared_block *dynamic;
    std::vector<thread> threads;
    std::vector<warp> warps;
    std::vector<unsigned> ready;
    unsigned current, n_returned;
    bool has_waited; /* shared memory may have been used since it was poisoned */
    meeting barrier;
    std::string fault;
};

static block now;

static unsigned n_threads()
{
    return (unsigned)now.threads.size();
}

/* ---- words ---- */

static std::string name_of(const uint3 &i)
{
    return words("(%u,%u,%u)", i.x, i.y, i.z);
}

static std::string name_of(const place &p)
{
    return words("%s at %s:%d", p.what, p.file, p.line);
}

static void set_fault(const std::string &text)
{
    now.fault = words("kernel %s, block %s: %s", now.config->kernel, name_of(blockIdx).c_str(),
                      text.c_str());
}

/* Thrown through a kernel to end its thread. */
struct failed {
};

void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_fault(words("thread %s: %s", name_of(now.threads[now.current].index).c_str(),
                    format_words(format, args).c_str()));
    va_end(args);
    throw failed();
}

static std::string doing(const thread &t)
{
    return t.state == RETURNED ? "has returned" : "waits in " + name_of(t.at);
}

/* Nobody is ready, and not all have returned: one that waits, and one that does something else. */
static std::string stuck()
{
    const thread *waiting = nullptr, *other = nullptr;
    unsigned n_alike = 0;
    for (const thread &t : now.threads)
        if (t.state != RETURNED && !waiting)
            waiting = &t;
    for (const thread &t : now.threads) {
        bool alike = t.state == waiting->state;
        n_alike += alike;
        other = alike || other ? other : &t;
    }
    std::string text = words("thread %s %s with %u of %u threads", name_of(waiting->index).c_str(),
                             doing(*waiting).c_str(), n_alike, n_threads());
    if (other)
        text += words(", but thread %s %s", name_of(other->index).c_str(), doing(*other).c_str());
    return text;
}

/* ---- waiting ---- */

static unsigned bit_of(unsigned i)
{
    return 1u << i % WARP;
}

static void set_current(unsigned i)
{
    now.current = i;
    threadIdx = now.threads[i].index;
}

/* To the next thread, without a detour by the scheduler when it has started already. */
static void give_way(thread &self)
{
    fiber *next = now.ready.empty() ? nullptr : now.threads[now.ready.back()].on;
    if (!next) {
        fiber_leave(self.on);
        return;
    }
    set_current(now.ready.back());
    now.ready.pop_back();
    fiber_pass(self.on, next);
}

static void wait_here(enum state state, const place &here)
{
    thread &self = now.threads[now.current];
    warp &w = now.warps[now.current / WARP];
    self.state = state;
    self.at = here;
    (state == IN_WARP ? w.in_call : w.at_barrier) |= bit_of(now.current);
    now.has_waited = true;
    give_way(self);
}

static void set_ready(unsigned i)
{
    warp &w = now.warps[i / WARP];
    w.in_call &= ~bit_of(i);
    w.at_barrier &= ~bit_of(i);
    now.threads[i].state = READY;
    now.ready.push_back(i);
}

/* Whole warps in any order, and the lanes of each. */
static void set_all_ready_but(unsigned running)
{
    unsigned n = n_threads(), n_warps = (unsigned)now.warps.size();
    unsigned first_warp = now.random.below(n_warps), flip = now.random.below(WARP);
    bool backwards = now.random.below(2);
    for (unsigned w = 0; w < n_warps; w++) {
        unsigned warp = (first_warp + (backwards ? n_warps - w : w)) % n_warps;
        for (unsigned l = 0; l < WARP; l++) {
            unsigned i = warp * WARP + (l ^ flip);
            if (i < n && i != running)
                set_ready(i);
        }
    }
}

/* ---- barriers ---- */

static int barrier_result(const meeting &m)
{
    switch (m.kind) {
    case BARRIER_COUNT:
        return m.n_true;
    case BARRIER_AND:
        return m.n_true == (int)m.n_arrived;
    case BARRIER_OR:
        return m.n_true > 0;
    default:
        return 0;
    }
}

static inline bool same_text(const char *a, const char *b)
{
    return a == b || !strcmp(a, b);
}

static inline bool same_place(const place &a, const place &b)
{
    return a.line == b.line && same_text(a.what, b.what) && same_text(a.file, b.file);
}

static void arrive(const place &here, barrier_kind kind, int value)
{
    meeting &m = now.barrier;
    if (m.n_arrived == 0)
        m = { 0, here, kind, 0, m.result };
    else if (!same_place(m.first, here))
        fail("%s, while others of its block wait in %s", name_of(here).c_str(),
             name_of(m.first).c_str());
    m.n_arrived++;
    m.n_true += value != 0;
}

int barrier(const place &here, barrier_kind kind, int value)
{
    meeting &m = now.barrier;
    arrive(here, kind, value);
    if (m.n_arrived < n_threads()) {
        wait_here(AT_BARRIER, here);
        return m.result;
    }
    m.result = barrier_result(m);
    m.n_arrived = 0;
    set_all_ready_but(now.current);
    now.has_waited = true;
    return m.result;
}

/* ---- warps ---- */

unsigned lane_id()
{
    return now.current % WARP;
}

/* The first of the lanes; there is one. */
static thread &first_of(unsigned lanes)
{
    return now.threads[now.current / WARP * WARP + (unsigned)__builtin_ctz(lanes)];
}

static bool goes_with(const warp_call &a, const warp_call &b)
{
    return a.mask == b.mask && same_place(a.here, b.here);
}

static inline void check_mate(const warp_call &call, const thread &mate, bool fits)
{
    if (!fits)
        fail("%s with mask 0x%08x, but thread %s brings mask 0x%08x to %s",
             name_of(call.here).c_str(), call.mask, name_of(mate.index).c_str(), mate.call->mask,
             name_of(mate.at).c_str());
}

/* Those lanes of the mask that wait already must wait for the same thing. The first of them is
 * enough to look at: lanes of one mask have looked at each other, and finish_call looks at masks. */
static void check_mates(const warp &w, const warp_call &call)
{
    unsigned elsewhere = w.at_barrier & call.mask, mates = w.in_call & call.mask;
    if (!(call.mask & bit_of(now.current)))
        fail("%s with mask 0x%08x: its own lane %u is not in it", name_of(call.here).c_str(),
             call.mask, lane_id());
    if (elsewhere)
        fail("%s with mask 0x%08x, but thread %s waits in %s", name_of(call.here).c_str(),
             call.mask, name_of(first_of(elsewhere).index).c_str(),
             name_of(first_of(elsewhere).at).c_str());
    if (mates)
        check_mate(call, first_of(mates), goes_with(call, *first_of(mates).call));
}

/* Whether every lane of the mask waits in a call or has returned. */
static bool all_there(const warp &w, unsigned mask)
{
    return !(mask & ~(w.in_call | w.returned));
}

/* All are there, the present thread among them: the call happens, and those that waited go on. */
static void finish_call(const warp &w, const warp_call &call)
{
    thread *lane = &now.threads[now.current / WARP * WARP];
    unsigned here = call.mask & (w.in_call | bit_of(now.current)), flip = now.random.below(WARP);
    void *data[WARP] = { nullptr };
    for (unsigned l = 0; l < WARP; l++)
        if (here >> l & 1) {
            check_mate(call, lane[l], call.mask == lane[l].call->mask);
            data[l] = lane[l].call->data;
        }
    call.finish(data);
    for (unsigned l = 0; l < WARP; l++) {
        unsigned i = now.current / WARP * WARP + (l ^ flip);
        if (here & bit_of(i) && i != now.current) {
            now.threads[i].call = nullptr;
            set_ready(i);
        }
    }
}

void warp_together(const warp_call &call)
{
    thread &self = now.threads[now.current];
    warp &w = now.warps[now.current / WARP];
    check_mates(w, call);
    now.has_waited = true;
    self.call = &call;
    while (!all_there(w, call.mask & ~bit_of(now.current))) {
        wait_here(IN_WARP, call.here);
        if (!self.call) /* one that came later has finished the call */
            return;
    }
    finish_call(w, call);
}

/* Thread i has returned: of those lanes that waited only for it, one finishes their call. */
static void note_return(unsigned i)
{
    warp &w = now.warps[i / WARP];
    w.returned |= bit_of(i);
    for (unsigned l = i / WARP * WARP; l < i / WARP * WARP + WARP; l++)
        if (w.in_call & bit_of(l) && all_there(w, now.threads[l].call->mask))
            set_ready(l);
}

/* ---- running ---- */

static void run_body(void *)
{
    try {
        (*now.body)();
    } catch (const failed &) {
    }
}

/* The present thread has returned. */
static void end_thread()
{
    thread &t = now.threads[now.current];
    fiber_give(t.on);
    t.on = nullptr;
    t.state = RETURNED;
    now.n_returned++;
    note_return(now.current);
}

static void resume(unsigned i)
{
    thread &t = now.threads[i];
    set_current(i);
    if (!t.on)
        t.on = fiber_take();
    if (fiber_enter(t.on, run_body, nullptr))
        end_thread();
}

static void begin_block()
{
    now.n_returned = 0;
    now.barrier = meeting();
    now.ready.clear();
    now.warps.assign((n_threads() + WARP - 1) / WARP, { 0, 0, 0 });
    if (n_threads() % WARP)
        now.warps.back().returned = ~0u << n_threads() % WARP;
    set_all_ready_but(n_threads());
}

static void abandon_block()
{
    for (thread &t : now.threads) {
        if (t.on)
            fiber_abandon(t.on);
        t.on = nullptr;
    }
}

static bool run_block()
{
    begin_block();
    while (!now.ready.empty() && now.fault.empty()) {
        unsigned i = now.ready.back();
        now.ready.pop_back();
        resume(i);
    }
    if (now.fault.empty() && now.n_returned < n_threads())
        set_fault(stuck());
    if (now.fault.empty() && !now.dynamic->intact())
        set_fault("a thread wrote behind the end of dynamic shared memory");
    if (now.fault.empty())
        return true;
    abandon_block();
    return false;
}

static void make_threads(const dim3 &block)
{
    now.threads.clear();
    for (unsigned z = 0; z < block.z; z++)
        for (unsigned y = 0; y < block.y; y++)
            for (unsigned x = 0; x < block.x; x++)
                now.threads.push_back({ { x, y, z }, nullptr, READY, {}, nullptr });
}

static uint3 block_index(uint64_t i, const dim3 &grid)
{
    return { (unsigned)(i % grid.x), (unsigned)(i / grid.x % grid.y),
             (unsigned)(i / grid.x / grid.y) };
}

/* Every block, from any one on, upwards or downwards. */
static bool run_blocks(const dim3 &grid)
{
    static_shared fixed;
    uint64_t n = (uint64_t)grid.x * grid.y * grid.z;
    uint64_t first = now.random.next() % n;
    bool backwards = now.random.below(2);
    now.has_waited = true;
    for (uint64_t i = 0; i < n; i++) {
        if (now.has_waited) {
            fixed.poison();
            now.dynamic->poison();
            now.has_waited = false;
        }
        blockIdx = block_index((first + (backwards ? n - i : i)) % n, grid);
        if (!run_block())
            return false;
    }
    return true;
}

bool grid_run(const launch_config &config, const std::function<void()> &body)
{
    dynamic_shared_block dynamic(config.shared_bytes);
    now.config = &config;
    now.body = &body;
    now.dynamic = &dynamic;
    now.random = { option_seed() };
    now.fault.clear();
    blockDim = config.block;
    gridDim = config.grid;
    make_threads(config.block);
    bool ok = run_blocks(config.grid);
    if (!ok)
        fault_report(now.fault);
    return ok;
}

void *dynamic_shared_memory()
{
    return now.dynamic->data;
}

}
