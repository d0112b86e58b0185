/*
 * The transforms of winograd.h. Each is written for one line of a square; TURN applies it to the
 * columns, then to the rows.
 *
 * 4x4: the products are values of polynomials at 0, a, -a, b, -b and infinity. a = 5/8, b = 3/2
 * keep the sums of a cell of even size: the error is twice that of plain sums, where the usual 1
 * and 2 have six times (docs/PERF.md).
 */
#include "kernels/cpu/winograd.h"

#include "kernels/cpu/par.h"
#include "kernels/cpu/vec.h"

#define A 0.625f
#define B 1.5f
#define AA (A * A)
#define BB (B * B)

/* ---- 4x4 outputs ---- */

static inline void see_4x4(const vec *x, vec *v)
{
    vec even = x[4] - BB * x[2], odd = x[3] - BB * x[1];
    v[1] = even + A * odd;
    v[2] = even - A * odd;
    even = x[4] - AA * x[2];
    odd = x[3] - AA * x[1];
    v[3] = even + B * odd;
    v[4] = even - B * odd;
    v[0] = x[4] - (AA + BB) * x[2] + (AA * BB) * x[0];
    v[5] = x[5] - (AA + BB) * x[3] + (AA * BB) * x[1];
}

/* Each point's share: one over its distances to the others. */
#define SHARE_0 (1 / (AA * BB))
#define SHARE_A (1 / (2 * AA * (AA - BB)))
#define SHARE_B (1 / (2 * BB * (BB - AA)))

static inline void weigh_4x4(const vec *w, vec *u)
{
    vec even = SHARE_A * w[0] + (SHARE_A * AA) * w[2], odd = (SHARE_A * A) * w[1];
    u[1] = even + odd;
    u[2] = even - odd;
    even = SHARE_B * w[0] + (SHARE_B * BB) * w[2];
    odd = (SHARE_B * B) * w[1];
    u[3] = even + odd;
    u[4] = even - odd;
    u[0] = SHARE_0 * w[0];
    u[5] = w[2];
}

static inline void show_4x4(const vec *m, vec *y)
{
    vec even_a = m[1] + m[2], odd_a = m[1] - m[2];
    vec even_b = m[3] + m[4], odd_b = m[3] - m[4];
    y[0] = m[0] + (even_a + even_b);
    y[1] = A * odd_a + B * odd_b;
    y[2] = AA * even_a + BB * even_b;
    y[3] = m[5] + (A * AA * odd_a + B * BB * odd_b);
}

static inline void spread_4x4(const vec *y, vec *m)
{
    vec even = y[0] + AA * y[2], odd = A * y[1] + A * AA * y[3];
    m[1] = even + odd;
    m[2] = even - odd;
    even = y[0] + BB * y[2];
    odd = B * y[1] + B * BB * y[3];
    m[3] = even + odd;
    m[4] = even - odd;
    m[0] = y[0];
    m[5] = y[3];
}

static inline void gather_4x4(const vec *u, vec *w)
{
    w[0] = SHARE_0 * u[0] + (SHARE_A * (u[1] + u[2]) + SHARE_B * (u[3] + u[4]));
    w[1] = SHARE_A * A * (u[1] - u[2]) + SHARE_B * B * (u[3] - u[4]);
    w[2] = u[5] + (SHARE_A * AA * (u[1] + u[2]) + SHARE_B * BB * (u[3] + u[4]));
}

/* ---- 2x2 outputs: values at 0, 1, -1 and infinity ---- */

static inline void see_2x2(const vec *x, vec *v)
{
    v[0] = x[0] - x[2];
    v[1] = x[1] + x[2];
    v[2] = x[2] - x[1];
    v[3] = x[3] - x[1];
}

static inline void weigh_2x2(const vec *w, vec *u)
{
    u[0] = w[0];
    u[1] = 0.5f * (w[0] + w[2]) + 0.5f * w[1];
    u[2] = 0.5f * (w[0] + w[2]) - 0.5f * w[1];
    u[3] = w[2];
}

static inline void show_2x2(const vec *m, vec *y)
{
    y[0] = m[0] + (m[1] + m[2]);
    y[1] = m[3] + (m[1] - m[2]);
}

static inline void spread_2x2(const vec *y, vec *m)
{
    m[0] = y[0];
    m[1] = y[0] + y[1];
    m[2] = y[0] - y[1];
    m[3] = y[1];
}

static inline void gather_2x2(const vec *u, vec *w)
{
    w[0] = u[0] + 0.5f * (u[1] + u[2]);
    w[1] = 0.5f * (u[1] - u[2]);
    w[2] = u[3] + 0.5f * (u[1] + u[2]);
}

/*
 * ---- a doubled picture ----
 *
 * Of a line .. p q r .. doubled, the outputs at q are w0 p + (w1 + w2) q and (w0 + w1) q + w2 r.
 * With s = w0 + w1 + w2 these are s q - w0 (q - p) and s q + w2 (r - q).
 */

static inline void see_doubled(const vec *x, vec *v)
{
    v[0] = x[1];
    v[1] = x[0] - x[1];
    v[2] = x[2] - x[1];
}

static inline void weigh_doubled(const vec *w, vec *u)
{
    u[0] = w[0] + (w[1] + w[2]);
    u[1] = w[0];
    u[2] = w[2];
}

static inline void show_doubled(const vec *m, vec *y)
{
    y[0] = m[0] + m[1];
    y[1] = m[0] + m[2];
}

static inline void spread_doubled(const vec *y, vec *m)
{
    m[0] = y[0] + y[1];
    m[1] = y[0];
    m[2] = y[1];
}

static inline void gather_doubled(const vec *u, vec *w)
{
    w[0] = u[0] + u[1];
    w[1] = u[0];
    w[2] = u[0] + u[2];
}

/* Its adjoint to q, from the four outputs that q is in: what went out through s, w0, w2. */
static inline void see_halved(const vec *y, vec *v)
{
    v[0] = y[1] + y[2];
    v[1] = y[3] - y[1];
    v[2] = y[0] - y[2];
}

static inline void show_halved(const vec *m, vec *x)
{
    x[0] = m[0] + (m[1] + m[2]);
}

/* ---- squares ---- */

/* NAME turns squares of n x n pixels into m x m, VEC_LANES floats of a pixel at a time. The last
 * vector of a pixel may overlap the one before. */
#define TURN(name, n, m)                                                                           \
    static inline void name##_lanes(const float *from, struct square f, float *to,                 \
                                    struct square t)                                               \
    {                                                                                              \
        vec half[m][n], in[n], out[m];                                                             \
        for (int x = 0; x < (n); x++) {                                                            \
            for (int y = 0; y < (n); y++)                                                          \
                in[y] = vec_load(from + y * f.down + x * f.right);                                 \
            name(in, out);                                                                         \
            for (int y = 0; y < (m); y++)                                                          \
                half[y][x] = out[y];                                                               \
        }                                                                                          \
        for (int y = 0; y < (m); y++) {                                                            \
            name(half[y], out);                                                                    \
            for (int x = 0; x < (m); x++)                                                          \
                vec_store(to + y * t.down + x * t.right, out[x]);                                  \
        }                                                                                          \
    }                                                                                              \
    static void name##_turn(struct square from, struct square to, int64_t floats)                  \
    {                                                                                              \
        for (int64_t i = 0; i < floats; i += VEC_LANES) {                                          \
            int64_t at = par_min(i, floats - VEC_LANES);                                           \
            name##_lanes(from.at + at, from, to.at + at, to);                                      \
        }                                                                                          \
    }

TURN(see_4x4, 6, 6)
TURN(weigh_4x4, 3, 6)
TURN(show_4x4, 6, 4)
TURN(spread_4x4, 4, 6)
TURN(gather_4x4, 6, 3)

TURN(see_2x2, 4, 4)
TURN(weigh_2x2, 3, 4)
TURN(show_2x2, 4, 2)
TURN(spread_2x2, 2, 4)
TURN(gather_2x2, 4, 3)

TURN(see_doubled, 3, 3)
TURN(weigh_doubled, 3, 3)
TURN(show_doubled, 3, 2)
TURN(spread_doubled, 2, 3)
TURN(gather_doubled, 3, 3)

TURN(see_halved, 4, 3)
TURN(show_halved, 3, 1)

const struct winograd CPU(winograd_4x4) = {
    6, 6, 4, 4, see_4x4_turn, weigh_4x4_turn, show_4x4_turn, spread_4x4_turn, gather_4x4_turn,
};
const struct winograd CPU(winograd_2x2) = {
    4, 4, 2, 2, see_2x2_turn, weigh_2x2_turn, show_2x2_turn, spread_2x2_turn, gather_2x2_turn,
};
const struct winograd CPU(winograd_doubled) = {
    3,
    3,
    1,
    2,
    see_doubled_turn,
    weigh_doubled_turn,
    show_doubled_turn,
    spread_doubled_turn,
    gather_doubled_turn,
};
const struct winograd CPU(winograd_halved) = {
    3, 4, 2, 1, see_halved_turn, weigh_doubled_turn, show_halved_turn, NULL, NULL,
};
