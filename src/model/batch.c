/*
 * batch.c: deriving everything that the model reads from tokens and picture grids.
 */
#include "model/batch.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The batch and all its arrays in one allocation. */
struct owned_batch {
    sl_batch batch;
    int32_t numbers[];
};

static sl_status count_patches(const sl_batch_spec *s, int64_t *patches, sl_error *err)
{
    *patches = 0;
    for (int i = 0; i < s->n_pictures; i++) {
        sl_grid g = s->grids[i];
        if (g.rows <= 0 || g.cols <= 0 || g.rows % 2 || g.cols % 2 || g.rows > 1 << 15 || g.cols > 1 << 15)
            return sl_fail(err, SL_ERR_ARGUMENT,
                           "picture %d: a grid of %d x %d patches; both must be even and positive", i, g.rows, g.cols);
        *patches += (int64_t)g.rows * g.cols;
    }
    if (*patches > INT32_MAX) return sl_fail(err, SL_ERR_ARGUMENT, "%lld patches are too many", (long long)*patches);
    return SL_OK;
}

static sl_status check_tokens(const sl_config *c, const sl_batch_spec *s, int64_t n_tokens, int64_t features,
                              sl_error *err)
{
    int64_t places = 0;
    for (int64_t i = 0; i < n_tokens; i++) {
        if (s->tokens[i] < 0 || s->tokens[i] >= c->decoder.vocab)
            return sl_fail(err, SL_ERR_ARGUMENT, "token %lld is %d; the vocabulary has %d", (long long)i, s->tokens[i],
                           c->decoder.vocab);
        places += sl_is_patch(&c->ids, s->tokens[i]);
    }
    if (n_tokens && places != features)
        return sl_fail(err, SL_ERR_ARGUMENT, "%lld picture tokens for %lld picture features", (long long)places,
                       (long long)features);
    return SL_OK;
}

/* Patch order: block row, block column, then row and column inside the 2x2 block. */
static int32_t *write_grid(sl_grid g, int32_t *out)
{
    for (int32_t r = 0; r < g.rows; r += 2)
        for (int32_t col = 0; col < g.cols; col += 2)
            for (int inner = 0; inner < 4; inner++) {
                *out++ = r + inner / 2;
                *out++ = col + inner % 2;
            }
    return out;
}

static void fill_tokens(const sl_config *c, const sl_batch_spec *s, int32_t *tokens, int32_t *grad_tokens,
                        int32_t *positions, int32_t *feature_rows)
{
    for (int q = 0; q < s->n_seqs; q++) {
        int32_t position = s->first_position ? s->first_position[q] : 0;
        for (int32_t i = s->cu_seqlens[q]; i < s->cu_seqlens[q + 1]; i++) {
            bool picture = sl_is_patch(&c->ids, s->tokens[i]);
            tokens[i] = s->tokens[i];
            grad_tokens[i] = picture ? -1 : s->tokens[i];
            positions[i] = position++;
            if (picture) *feature_rows++ = i;
        }
    }
}

/* Moments between two frames of a video of n frames from `from` on: their mean distance, at a hundredth of a second. */
static double frame_distance(const sl_axes_spec *s, int from, int n)
{
    static const double BY_DEFAULT = 1; /* pairs of frames at two frames a second */
    if (!s->seconds || n < 2) return BY_DEFAULT;
    return rint((s->seconds[from + n - 1] - s->seconds[from]) / (n - 1) * 100) / 100;
}

/* Frames of the run of features that starts at token `at`. */
static int frames_from(const sl_config *c, const sl_axes_spec *s, int64_t at, int picture)
{
    int n = 0;
    for (; picture + n < s->n_pictures && at < s->n && sl_is_patch(&c->ids, s->tokens[at]); n++)
        at += (int64_t)s->grids[picture + n].rows * s->grids[picture + n].cols / 4;
    return n;
}

int32_t sl_axes_fill(const sl_config *c, const sl_axes_spec *s, int32_t *axes)
{
    int32_t next = 0;
    int picture = 0;
    for (int64_t i = 0; i < s->n;) {
        int n = sl_is_patch(&c->ids, s->tokens[i]) ? frames_from(c, s, i, picture) : 0;
        if (n == 0) { /* text, or features that no picture was given for */
            for (int k = 0; k < 3; k++) axes[3 * i + k] = next;
            next++, i++;
            continue;
        }
        int32_t start = next;
        double step = frame_distance(s, picture, n) * (c->decoder.frame_steps > 0 ? (double)c->decoder.frame_steps : 1);
        for (int f = 0; f < n; f++, picture++) {
            sl_grid g = s->grids[picture];
            int32_t t = start + (int32_t)floor(f * step + 1e-6), far = g.rows > g.cols ? g.rows / 2 : g.cols / 2;
            for (int32_t cell = 0; cell < g.rows * g.cols / 4 && i < s->n; cell++, i++) {
                axes[3 * i] = t;
                axes[3 * i + 1] = start + cell / (g.cols / 2);
                axes[3 * i + 2] = start + cell % (g.cols / 2);
            }
            if (start + far > next) next = start + far;
            if (t + 1 > next) next = t + 1;
        }
    }
    return next;
}

static void fill_axes(const sl_config *c, const sl_batch_spec *s, int32_t *axes)
{
    int picture = 0;
    for (int q = 0; q < s->n_seqs; q++) {
        int64_t from = s->cu_seqlens[q], n = s->cu_seqlens[q + 1] - from, features = 0;
        for (int64_t i = from; i < from + n; i++) features += sl_is_patch(&c->ids, s->tokens[i]);
        int first = picture;
        for (; picture < s->n_pictures && features > 0; picture++)
            features -= (int64_t)s->grids[picture].rows * s->grids[picture].cols / 4;
        sl_axes_spec spec = {s->tokens + from, n, s->grids + first, s->seconds ? s->seconds + first : NULL,
                             picture - first};
        sl_axes_fill(c, &spec, axes + 3 * from);
        for (int64_t i = 0; s->first_position && i < 3 * n; i++) axes[3 * from + i] += s->first_position[q];
    }
}

static void fill_targets(const sl_batch_spec *s, int64_t n, int32_t *targets, float *weights)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        targets[i] = s->targets[i];
        weights[i] = s->targets[i] < 0 ? 0.0f : s->loss_weights ? s->loss_weights[i] : 1.0f;
        total += weights[i];
    }
    if (s->loss_unit > 0) total = s->loss_unit;
    for (int64_t i = 0; i < n; i++) weights[i] = total > 0 ? (float)(weights[i] / total) : 0.0f;
}

sl_status sl_batch_new(const sl_config *c, const sl_batch_spec *s, sl_batch **out, sl_error *err)
{
    int64_t n = s->n_seqs ? s->cu_seqlens[s->n_seqs] : 0, patches;
    sl_status st = count_patches(s, &patches, err);
    if (st == SL_OK) st = check_tokens(c, s, n, patches / 4, err);
    if (st != SL_OK) return st;
    size_t seqs = (size_t)s->n_seqs + 1, pictures = (size_t)s->n_pictures + 1, tokens = (size_t)n;
    size_t numbers = 5 * tokens + seqs + 2 * (size_t)patches + pictures + (size_t)patches / 4;
    bool has_axes = c->decoder.rope_sections.n > 0;
    if (has_axes) numbers += 3 * tokens;
    struct owned_batch *o = calloc(1, sizeof *o + numbers * sizeof(int32_t));
    if (!o) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a batch of %lld tokens", (long long)n);
    int32_t *tok = o->numbers, *grad = tok + n, *pos = grad + n, *target = pos + n, *weight = target + n;
    int32_t *cu = weight + n, *patch_pos = cu + seqs, *cu_patches = patch_pos + 2 * patches;
    int32_t *rows = cu_patches + pictures, *axes = has_axes ? rows + patches / 4 : NULL;
    for (size_t i = 0; i < seqs && s->n_seqs; i++) cu[i] = s->cu_seqlens[i];
    fill_tokens(c, s, tok, grad, pos, rows);
    if (has_axes) fill_axes(c, s, axes);
    if (s->targets) fill_targets(s, n, target, (float *)weight);
    int32_t *at = patch_pos;
    for (int i = 0; i < s->n_pictures; i++) {
        at = write_grid(s->grids[i], at);
        cu_patches[i + 1] = (int32_t)((at - patch_pos) / 2);
    }
    o->batch = (sl_batch){
        .n_tokens = n,
        .tokens = tok,
        .grad_tokens = grad,
        .positions = pos,
        .axes = axes,
        .n_seqs = s->n_seqs,
        .cu_seqlens = cu,
        .targets = s->targets ? target : NULL,
        .loss_weights = s->targets ? (float *)weight : NULL,
        .n_patches = patches,
        .patches = s->patches,
        .patch_positions = patch_pos,
        .n_pictures = s->n_pictures,
        .cu_patches = cu_patches,
        .feature_rows = rows,
    };
    *out = &o->batch;
    return SL_OK;
}

void sl_batch_free(sl_batch *b)
{
    free(b); /* the batch is the first member of its allocation */
}

struct sl_video_sampling sl_config_sampling(const sl_config *c, double fps)
{
    struct sl_video_sampling s = sl_video_sampling_default();
    if (c->family == SL_FAMILY_QWEN3_VL || c->family == SL_FAMILY_QWEN2_5_VL) {
        bool third = c->family == SL_FAMILY_QWEN3_VL;
        s.fps = 2;
        s.budget = (struct sl_video_budget){
            .cell = 2 * c->vit.patch_size,
            .min_frames = 4,
            .max_frames = 768,
            .min_pixels = third ? 4096 : 4 * 128 * 28 * 28,
            .max_pixels = third ? 25165824 : 24576LL * 28 * 28,
            .filter = c->bicubic ? SL_FILTER_BICUBIC : SL_FILTER_BILINEAR,
        };
    }
    if (fps > 0) s.fps = fps;
    return s;
}

enum sl_chat_format sl_config_chat_format(const sl_config *c)
{
    static const enum sl_chat_format formats[SL_N_FAMILIES] = {
        [SL_FAMILY_SEEDLING] = SL_CHAT_FORMAT_SEEDLING,
        [SL_FAMILY_QWEN3_VL] = SL_CHAT_FORMAT_QWEN3_VL,
        [SL_FAMILY_QWEN2_5_VL] = SL_CHAT_FORMAT_QWEN2_5_VL,
        [SL_FAMILY_KIMI_VL] = SL_CHAT_FORMAT_KIMI_VL,
    };
    return formats[c->family];
}

struct sl_view_rule sl_config_view(const sl_config *c)
{
    struct sl_view_rule rule = {
        .fit = {2 * c->vit.patch_size, c->min_pixels, c->max_pixels},
        .filter = c->bicubic ? SL_FILTER_BICUBIC : SL_FILTER_BILINEAR,
        .pad = c->family == SL_FAMILY_KIMI_VL,
        .format = {.patch_size = c->vit.patch_size, .frames = sl_vit_frames(&c->vit)},
    };
    memcpy(rule.format.mean, c->vit.mean, sizeof rule.format.mean);
    memcpy(rule.format.std, c->vit.std, sizeof rule.format.std);
    return rule;
}
