/*
 * gemm_tiles_vec.c: packing the operands of products with vectors.
 *
 * Everything is made of tiles of 16 rows of 64 bytes, built in one of two ways: from entries whose k is contiguous in
 * memory (one entry a row of the tile), or from entries that are contiguous themselves (k pairs interleaved, one pair
 * a row of the tile). The one is the other with its 16 x 16 dwords transposed, so each operand in either layout takes
 * the way that reads memory in order, and a transposition where it needs one.
 */
#include "tensor/cpu/gemm_tiles.h"

#include "tensor/cpu/scalar.h"
#include "tensor/cpu/vec.h"

typedef uint32_t tile_t[16][16];

/* --- elements ------------------------------------------------------------------------------------------------- */

/* n floats of src (SL_F32 or SL_BF16) from element i; missing lanes are zero. */
static inline vf load(const void *src, sl_dtype type, int64_t i, int64_t n)
{
    if (type == SL_F32) return n >= VW ? vf_load((const float *)src + i) : vf_load_n((const float *)src + i, (int)n);
    return n >= VW ? vf_load_bf16((const sl_bf16 *)src + i) : vf_load_bf16_n((const sl_bf16 *)src + i, (int)n);
}

/* Each lane rounded to bf16, to nearest even, as an f32. NaN stays NaN. */
static inline vf round_to_bf16(vf x)
{
    vu u = (vu)x;
    vu rounded = (u + 0x7fff + (u >> 16 & 1)) & 0xffff0000u;
    vu nan = (vu)(x != x);
    return (vf)((rounded & ~nan) | ((u | 0x400000) & 0xffff0000u & nan));
}

/* Each lane rounded to a whole number and stored as int8. */
static inline void store_i8(int8_t *p, vf x)
{
#if SL_VEC_WIDTH == 16
    _mm_storeu_si128((__m128i *)p, _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32((__m512)x)));
#else
    __m256i i = _mm256_cvtps_epi32((__m256)x);
    __m128i w = _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
    _mm_storel_epi64((__m128i *)p, _mm_packs_epi16(w, w));
#endif
}

/* n contiguous values (n <= a step) become 64 bytes of type; the rest is zero. */
static inline void step_from_values(const void *src, sl_dtype src_type, int64_t i, int64_t n, sl_dtype type,
                                    float inverse, void *out)
{
    int64_t step = gemm_step(type);
    if (type == SL_BF16 && src_type == SL_BF16 && n == step) {
        memcpy(out, (const sl_bf16 *)src + i, 64);
        return;
    }
    for (int64_t x = 0; x < step; x += VW) {
        vf v = x < n ? load(src, src_type, i + x, n - x) : vf_set1(0);
        if (type == SL_F32) vf_store((float *)out + x, v);
        if (type == SL_BF16) vf_store_bf16((sl_bf16 *)out + x, v);
        if (type == SL_I8) store_i8((int8_t *)out + x, v * vf_set1(inverse));
    }
}

/* --- tiles ---------------------------------------------------------------------------------------------------- */

#if SL_VEC_WIDTH == 16

/* Transposes four 4 x 4 blocks of dwords, one in each 128-bit lane of four vectors. */
static inline void transpose_lanes(__m512i v[4])
{
    __m512i a = _mm512_unpacklo_epi32(v[0], v[1]), b = _mm512_unpackhi_epi32(v[0], v[1]);
    __m512i c = _mm512_unpacklo_epi32(v[2], v[3]), d = _mm512_unpackhi_epi32(v[2], v[3]);
    v[0] = _mm512_unpacklo_epi64(a, c), v[1] = _mm512_unpackhi_epi64(a, c);
    v[2] = _mm512_unpacklo_epi64(b, d), v[3] = _mm512_unpackhi_epi64(b, d);
}

/* out[i][j] = in[j][i]. Rows i, i+4, i+8, i+12 are gathered lane by lane while loading, so that in-lane shuffles do. */
static inline void transpose(const tile_t in, tile_t out)
{
#pragma GCC unroll 4
    for (int q = 0; q < 4; q++) { /* columns 4q .. 4q+3 of in */
        __m512i v[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            __m512i x = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)&in[i][4 * q]));
            x = _mm512_mask_broadcast_i32x4(x, 0x00f0, _mm_loadu_si128((const __m128i *)&in[i + 4][4 * q]));
            x = _mm512_mask_broadcast_i32x4(x, 0x0f00, _mm_loadu_si128((const __m128i *)&in[i + 8][4 * q]));
            v[i] = _mm512_mask_broadcast_i32x4(x, 0xf000, _mm_loadu_si128((const __m128i *)&in[i + 12][4 * q]));
        }
        transpose_lanes(v);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) _mm512_storeu_si512(out[4 * q + i], v[i]);
    }
}

#else

/* One 8 x 8 block: out[i][j] = in[j][i]. */
static inline void transpose8(const uint32_t *in, uint32_t *out)
{
    __m256 a[8], b[8];
    for (int i = 0; i < 4; i++) { /* rows i and i+4 side by side */
        a[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps((const float *)in + i * 16)),
                                    _mm_loadu_ps((const float *)in + (i + 4) * 16), 1);
        a[i + 4] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps((const float *)in + i * 16 + 4)),
                                        _mm_loadu_ps((const float *)in + (i + 4) * 16 + 4), 1);
    }
    for (int h = 0; h < 8; h += 4) {
        b[h] = _mm256_unpacklo_ps(a[h], a[h + 1]), b[h + 1] = _mm256_unpackhi_ps(a[h], a[h + 1]);
        b[h + 2] = _mm256_unpacklo_ps(a[h + 2], a[h + 3]), b[h + 3] = _mm256_unpackhi_ps(a[h + 2], a[h + 3]);
        _mm256_storeu_ps((float *)out + h * 16, _mm256_shuffle_ps(b[h], b[h + 2], 0x44));
        _mm256_storeu_ps((float *)out + (h + 1) * 16, _mm256_shuffle_ps(b[h], b[h + 2], 0xee));
        _mm256_storeu_ps((float *)out + (h + 2) * 16, _mm256_shuffle_ps(b[h + 1], b[h + 3], 0x44));
        _mm256_storeu_ps((float *)out + (h + 3) * 16, _mm256_shuffle_ps(b[h + 1], b[h + 3], 0xee));
    }
}

static inline void transpose(const tile_t in, tile_t out)
{
    for (int i = 0; i < 16; i += 8)
        for (int j = 0; j < 16; j += 8) transpose8(&in[i][j], &out[j][i]);
}

#endif

/* Up to 16 entries with contiguous k, one a row; missing ones are zero. row and k count within the piece. */
static inline void tile_from_rows(const struct gemm_piece *p, sl_dtype type, int64_t row, int64_t k, tile_t out)
{
    const struct gemm_source *s = p->source;
    int64_t n = p->depth - k < gemm_step(type) ? p->depth - k : gemm_step(type);
    for (int64_t i = 0; i < 16; i++) {
        if (row + i < p->rows)
            step_from_values(s->data, s->type, (p->row + row + i) * s->ld + p->k + k, n, type,
                             p->inverse ? p->inverse[row + i] : 0, out[i]);
        else
            memset(out[i], 0, 64);
    }
}

/* One row of a tile of int8 from contiguous entries, one by one: int8 operands are hardly ever stored so. */
static void i8_row_from_columns(const struct gemm_piece *p, int64_t row, int64_t k, uint32_t out[16])
{
    const struct gemm_source *s = p->source;
    int8_t *bytes = (int8_t *)out;
    for (int64_t j = 0; j < 64; j++) {
        int64_t r = row + j / 4, x = k + j % 4;
        bool inside = r < p->rows && x < p->depth;
        float v = inside ? scalar_get(s->data, s->type, (p->k + x) * s->ld + p->row + r) : 0;
        bytes[j] = (int8_t)(inside ? rintf(v * p->inverse[r]) : 0);
    }
}

/* Up to 16 contiguous entries: row r holds what a dword holds of k: see gemm.h. */
static inline void tile_from_columns(const struct gemm_piece *p, sl_dtype type, int64_t row, int64_t k, tile_t out)
{
    const struct gemm_source *s = p->source;
    int64_t group = gemm_step(type) / 16;
    for (int64_t r = 0; r < 16; r++) {
        int64_t at = k + r * group;
        if (type == SL_I8) {
            i8_row_from_columns(p, row, at, out[r]);
            continue;
        }
        for (int64_t j = 0; j < 16; j += VW) {
            int64_t n = p->rows - row - j, i = (p->k + at) * s->ld + p->row + row + j;
            bool inside = n > 0 && at < p->depth;
            vf x = inside ? load(s->data, s->type, i, n) : vf_set1(0);
            if (type == SL_BF16) {
                vf y = inside && at + 1 < p->depth ? load(s->data, s->type, i + s->ld, n) : vf_set1(0);
                if (s->type == SL_F32) x = round_to_bf16(x), y = round_to_bf16(y);
                x = (vf)((vu)x >> 16 | (vu)y);
            }
            vf_store((float *)out[r] + j, x);
        }
    }
}

/* --- the right operand ---------------------------------------------------------------------------------------- */

static inline void pack_b(const struct gemm_piece *p, sl_dtype type, char *dst, size_t panel_bytes)
{
    int64_t step = gemm_step(type), steps = gemm_steps(type, p->depth);
    int64_t tiles = gemm_round_up(p->rows, GEMM_PANEL) / 16;
    if (p->source->layout == SL_ROWS) {
        for (int64_t t = 0; t < tiles; t++)
            for (int64_t s = 0; s < steps; s++) {
                tile_t tile;
                tile_from_rows(p, type, t * 16, s * step, tile);
                transpose(tile, (uint32_t(*)[16])(dst + (size_t)(t / 2) * panel_bytes + s * GEMM_STEP_BYTES +
                                                  t % 2 * GEMM_TILE_BYTES));
            }
    } else { /* all columns of a step, then the next step: rows of memory are read from end to end */
        for (int64_t s = 0; s < steps; s++)
            for (int64_t t = 0; t < tiles; t++)
                tile_from_columns(p, type, t * 16, s * step,
                                  (uint32_t(*)[16])(dst + (size_t)(t / 2) * panel_bytes + s * GEMM_STEP_BYTES +
                                                    t % 2 * GEMM_TILE_BYTES));
    }
}

void SL_VEC_NAME(sl_gemm_pack_b_f32)(const struct gemm_piece *p, void *dst, size_t panel_bytes)
{
    pack_b(p, SL_F32, dst, panel_bytes);
}
void SL_VEC_NAME(sl_gemm_pack_b_bf16)(const struct gemm_piece *p, void *dst, size_t panel_bytes)
{
    pack_b(p, SL_BF16, dst, panel_bytes);
}
void SL_VEC_NAME(sl_gemm_pack_b_i8)(const struct gemm_piece *p, void *dst, size_t panel_bytes)
{
    pack_b(p, SL_I8, dst, panel_bytes);
}

/* --- the left operand of vector kernels ----------------------------------------------------------------------- */

/* How the rows of a left operand are made: 64 bytes of type for each step, or bf16 as f32, 128 bytes. */
struct row_format {
    sl_dtype type;
    bool widen;
    int panel_rows;
};

/* 64 bytes of a step to their place in a row. */
static inline void put_step(const uint32_t step[16], bool widen, char *dst)
{
    if (widen) {
        for (int i = 0; i < 32; i += VW) vf_store((float *)dst + i, vf_load_bf16((const sl_bf16 *)step + i));
    } else {
        for (int i = 0; i < 16; i += VW) vf_store((float *)dst + i, vf_load((const float *)step + i));
    }
}

/* Rows of GEMM_A_ROW_BYTES, k contiguous, so that a kernel broadcasts its dwords with constant offsets. */
static inline void pack_a_rows(const struct gemm_piece *p, struct row_format f, char *dst, size_t panel_bytes)
{
    const struct gemm_source *s = p->source;
    int64_t step = gemm_step(f.type), steps = gemm_steps(f.type, p->depth), bytes = f.widen ? 128 : 64;
    for (int64_t r = 0; r < p->rows && s->layout == SL_ROWS; r++) {
        char *row = dst + (size_t)(r / f.panel_rows) * panel_bytes + (size_t)(r % f.panel_rows) * GEMM_A_ROW_BYTES;
        for (int64_t i = 0; i < steps; i++) {
            uint32_t values[16];
            int64_t k = i * step, n = p->depth - k < step ? p->depth - k : step;
            step_from_values(s->data, s->type, (p->row + r) * s->ld + p->k + k, n, f.type,
                             p->inverse ? p->inverse[r] : 0, f.widen ? (void *)values : row + i * bytes);
            if (f.widen) put_step(values, true, row + i * bytes);
        }
    }
    for (int64_t i = 0; i < steps && s->layout != SL_ROWS; i++)
        for (int64_t t = 0; t < p->rows; t += 16) {
            tile_t columns, rows;
            tile_from_columns(p, f.type, t, i * step, columns);
            transpose(columns, rows);
            for (int64_t r = t; r < p->rows && r < t + 16; r++)
                put_step(rows[r - t], f.widen,
                         dst + (size_t)(r / f.panel_rows) * panel_bytes +
                             (size_t)(r % f.panel_rows) * GEMM_A_ROW_BYTES + i * bytes);
        }
}

void SL_VEC_NAME(sl_gemm_pack_a_f32)(const struct gemm_piece *p, void *dst, size_t panel_bytes)
{
    pack_a_rows(p, (struct row_format){SL_F32, false, GEMM_VEC_ROWS(VW)}, dst, panel_bytes);
}
void SL_VEC_NAME(sl_gemm_pack_a_bf16)(const struct gemm_piece *p, void *dst, size_t panel_bytes)
{
    pack_a_rows(p, (struct row_format){SL_BF16, true, GEMM_VEC_ROWS(VW)}, dst, panel_bytes);
}
void SL_VEC_NAME(sl_gemm_pack_a_i8)(const struct gemm_piece *p, void *dst, size_t panel_bytes)
{
    pack_a_rows(p, (struct row_format){SL_I8, false, GEMM_VEC_ROWS(VW)}, dst, panel_bytes);
}

#if SL_VEC_WIDTH == 16
void sl_gemm_pack_a_pairs(const struct gemm_piece *p, void *dst, size_t panel_bytes)
{
    pack_a_rows(p, (struct row_format){SL_BF16, false, GEMM_VEC_ROWS(VW)}, dst, panel_bytes);
}
#endif

/* --- the left operand of tile kernels -------------------------------------------------------------------------- */

#if SL_VEC_WIDTH == 16

/* Panels of 32 rows: for each step two tiles of 16 rows; a panel of at most 16 rows has only the first. */
static inline void pack_a_tiles(const struct gemm_piece *p, sl_dtype type, char *dst, size_t panel_bytes)
{
    int64_t step = gemm_step(type), steps = gemm_steps(type, p->depth), tiles = (p->rows + 15) / 16;
    if (p->source->layout == SL_ROWS) {
        for (int64_t t = 0; t < tiles; t++)
            for (int64_t s = 0; s < steps; s++)
                tile_from_rows(p, type, t * 16, s * step,
                               (uint32_t(*)[16])(dst + (size_t)(t / 2) * panel_bytes + s * GEMM_STEP_BYTES +
                                                 t % 2 * GEMM_TILE_BYTES));
    } else {
        for (int64_t s = 0; s < steps; s++)
            for (int64_t t = 0; t < tiles; t++) {
                tile_t tile;
                tile_from_columns(p, type, t * 16, s * step, tile);
                transpose(tile, (uint32_t(*)[16])(dst + (size_t)(t / 2) * panel_bytes + s * GEMM_STEP_BYTES +
                                                  t % 2 * GEMM_TILE_BYTES));
            }
    }
}

void sl_gemm_pack_tiles_bf16(const struct gemm_piece *p, void *dst, size_t panel_bytes)
{
    pack_a_tiles(p, SL_BF16, dst, panel_bytes);
}
void sl_gemm_pack_tiles_i8(const struct gemm_piece *p, void *dst, size_t panel_bytes)
{
    pack_a_tiles(p, SL_I8, dst, panel_bytes);
}

#endif

/* --- scales --------------------------------------------------------------------------------------------------- */

void SL_VEC_NAME(sl_gemm_absmax)(const struct gemm_piece *p, float *out)
{
    const struct gemm_source *s = p->source;
    const vu magnitude = (vu)vf_set1(0) + 0x7fffffff;
    for (int64_t r = 0; r < p->rows; r++) {
        vf most = vf_set1(0);
        out[r] = 0;
        if (s->layout == SL_ROWS) {
            for (int64_t k = 0; k < p->depth; k += VW) {
                vf x = load(s->data, s->type, (p->row + r) * s->ld + p->k + k, p->depth - k);
                most = vf_max(most, (vf)((vu)x & magnitude));
            }
            out[r] = vf_hmax(most);
        } else {
            for (int64_t k = 0; k < p->depth; k++)
                out[r] = fmaxf(out[r], fabsf(scalar_get(s->data, s->type, (p->k + k) * s->ld + p->row + r)));
        }
    }
}
