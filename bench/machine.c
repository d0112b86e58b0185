#include "bench/machine.h"

#include "base/clock.h"
#include "base/mem.h"
#include "bench/peak.h"

#define PIECE_BYTES ((size_t)1 << 20)
#define PIECES 64 /* of a slice */
#define SLICES 8  /* read in turn: one has left the caches when it comes again */
#define BLOCK_BYTES (PIECE_BYTES * PIECES * SLICES)
#define READS 64

#define SUMS 8 /* independent: no load waits for an addition */

typedef uint64_t words __attribute__((vector_size(16)));

static uint64_t read_piece(const void *piece)
{
    const words *at = piece;
    words sum[SUMS] = { 0 };
    uint64_t total = 0;
    for (size_t i = 0; i < PIECE_BYTES / sizeof *at; i += SUMS)
        _Pragma("GCC unroll 8") for (size_t j = 0; j < SUMS; j++) sum[j] += at[i + j];
    for (int j = 0; j < SUMS; j++)
        total += sum[j][0] + sum[j][1];
    return total;
}

/* Bytes a nanosecond. */
static double read_slice(struct machine *m, int slice)
{
    const unsigned char *at = m->block + (size_t)slice * PIECES * PIECE_BYTES;
    uint64_t sum = 0;
    int64_t start = clock_ns();
#pragma omp parallel for num_threads(m->threads) schedule(static) reduction(+ : sum)
    for (int i = 0; i < PIECES; i++)
        sum += read_piece(at + (size_t)i * PIECE_BYTES);
    m->sum += sum;
    return (double)(PIECES * PIECE_BYTES) / (double)(clock_ns() - start);
}

int machine_open(struct machine *m, int threads, struct device *other, struct err *e)
{
    *m = (struct machine){ .threads = threads, .other = other };
    if (other)
        return device_peak_open(&m->device, other, e);
    m->block = mem_alloc(BLOCK_BYTES, 1);
    if (!m->block)
        return err_set(e, ERR_NOMEM, "no memory for %zu bytes to read", BLOCK_BYTES);
    return 0;
}

void machine_close(struct machine *m)
{
    mem_free(m->block);
    device_peak_close(&m->device);
    *m = (struct machine){ 0 };
}

int machine_probe(struct machine *m, struct rates *ret_rates, struct err *e)
{
    double best = 0;
    if (m->other)
        return device_peak_probe(&m->device, &ret_rates->fma_gflops, &ret_rates->read_gbps, e);
    for (int i = 0; i < READS; i++) {
        double speed = read_slice(m, i % SLICES);
        best = speed > best ? speed : best;
    }
    *ret_rates = (struct rates){ .fma_gflops = peak_gflops(m->threads), .read_gbps = best };
    return 0;
}
