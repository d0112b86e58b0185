#include "tests/cuda_host/grid.h"

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

void fail(const char *format, ...)
{
    thread &self = now.threads[now.current];
    va_list args;
    va_start(args, format);
    set_fault(words("thread %s: %s", name_of(self.index).c_str(),
                    format_words(format, args).c_str()));
    va_end(args);
    for (;;)
        fiber_leave(self.on);
}

/* Nobody is ready, and not all have returned. */
static std::string stuck()
{
    const thread *waiting = nullptr, *other = nullptr;
    unsigned n_alike = 0;
    for (const thread &t : now.threads)
        if (t.state != RETURNED && !waiting)
            waiting = &t;
    for (const thread &t : now.threads)
        if (t.state == waiting->state)
            n_alike++;
        else if (!other)
            other = &t;
    return words("thread %s waits in %s with %u of %u threads, but thread %s %s",
                 name_of(waiting->index).c_str(), name_of(waiting->at).c_str(), n_alike,
                 n_threads(), name_of(other ? other->index : waiting->index).c_str(),
                 !other                     ? "waits for lanes that never come"
                 : other->state == RETURNED ? "has returned"
                                            : name_of(other->at).c_str());
}

/* ---- waiting ---- */

static void wait_here(enum state state, const place &here)
{
    thread &self = now.threads[now.current];
    self.state = state;
    self.at = here;
    now.has_waited = true;
    fiber_leave(self.on);
}

static void set_ready(unsigned i)
{
    now.threads[i].state = READY;
    now.ready.push_back(i);
}

/* Whole warps in any order, and the lanes of each. */
static void set_all_ready_but(unsigned running)
{
    unsigned n = n_threads(), n_warps = (n + WARP - 1) / WARP;
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

static bool same_place(const place &a, const place &b)
{
    return a.line == b.line && std::string(a.file) == b.file && std::string(a.what) == b.what;
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

static thread *lane_of(unsigned warp, unsigned lane)
{
    unsigned i = warp * WARP + lane;
    return i < n_threads() ? &now.threads[i] : nullptr;
}

static bool has_lane(unsigned mask, unsigned lane)
{
    return mask >> lane & 1;
}

/* Why `lane` and the call do not go together; empty if they do. */
static std::string mismatch(const thread &t, const warp_call &call)
{
    if (t.state == AT_BARRIER)
        return "waits in " + name_of(t.at);
    if (t.state != IN_WARP)
        return "";
    if (t.call->mask != call.mask)
        return words("brings mask 0x%08x to %s", t.call->mask, name_of(t.at).c_str());
    if (!same_place(t.at, call.here))
        return "waits in " + name_of(t.at);
    return "";
}

static void check_mates(unsigned warp, const warp_call &call)
{
    if (!has_lane(call.mask, lane_id()))
        fail("%s with mask 0x%08x: its own lane %u is not in it", name_of(call.here).c_str(),
             call.mask, lane_id());
    for (unsigned lane = 0; lane < WARP; lane++) {
        thread *t = has_lane(call.mask, lane) ? lane_of(warp, lane) : nullptr;
        std::string why = t && lane != lane_id() ? mismatch(*t, call) : "";
        if (!why.empty())
            fail("%s with mask 0x%08x, but lane %u %s", name_of(call.here).c_str(), call.mask,
                 lane, why.c_str());
    }
}

/* Whether every lane of the mask is in a call or has returned; the thread `arriving` is in one. */
static bool all_there(unsigned warp, unsigned mask, const thread *arriving)
{
    for (unsigned lane = 0; lane < WARP; lane++) {
        thread *t = has_lane(mask, lane) ? lane_of(warp, lane) : nullptr;
        if (t && t != arriving && t->state != IN_WARP && t->state != RETURNED)
            return false;
    }
    return true;
}

/* All are there: the call happens, and those that waited go on. */
static void finish_call(unsigned warp, const warp_call &call, const thread *arriving)
{
    void *data[WARP] = { nullptr };
    for (unsigned lane = 0; lane < WARP; lane++) {
        thread *t = has_lane(call.mask, lane) ? lane_of(warp, lane) : nullptr;
        if (t && (t == arriving || t->state == IN_WARP))
            data[lane] = t->call->data;
    }
    call.finish(data);
    unsigned flip = now.random.below(WARP);
    for (unsigned l = 0; l < WARP; l++) {
        unsigned lane = l ^ flip;
        if (data[lane] && lane_of(warp, lane) != arriving) {
            lane_of(warp, lane)->call = nullptr;
            set_ready(warp * WARP + lane);
        }
    }
}

void warp_together(const warp_call &call)
{
    thread &self = now.threads[now.current];
    unsigned warp = now.current / WARP;
    check_mates(warp, call);
    now.has_waited = true;
    self.call = &call;
    while (!all_there(warp, call.mask, &self)) {
        wait_here(IN_WARP, call.here);
        if (!self.call) /* one that came later has finished the call */
            return;
    }
    finish_call(warp, call, &self);
}

/* A lane has returned: of those that waited only for it, one finishes the call. */
static void wake_mates(unsigned warp)
{
    for (unsigned lane = 0; lane < WARP; lane++) {
        thread *t = lane_of(warp, lane);
        if (t && t->state == IN_WARP && all_there(warp, t->call->mask, nullptr))
            set_ready(warp * WARP + lane);
    }
}

/* ---- running ---- */

static void run_body(void *)
{
    (*now.body)();
}

static void resume(unsigned i)
{
    thread &t = now.threads[i];
    now.current = i;
    threadIdx = t.index;
    if (!t.on)
        t.on = fiber_take();
    if (!fiber_enter(t.on, run_body, nullptr))
        return;
    fiber_give(t.on);
    t.on = nullptr;
    t.state = RETURNED;
    now.n_returned++;
    if (now.has_waited)
        wake_mates(i / WARP);
}

static void begin_block()
{
    now.n_returned = 0;
    now.barrier = meeting();
    now.ready.clear();
    for (thread &t : now.threads)
        t.state = READY;
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
