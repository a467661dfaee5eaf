/*
 * toy.c: making the toy model.
 */
#include "toy.h"

#include "test.h"

#include "base/file.h"
#include "media/picture_write.h"
#include "model/batch.h"
#include "tensor/cpu/cpu.h"
#include "text/bpe_train.h"
#include "text/chat.h"
#include "train/trainer.h"

enum { SIDE = 56, MAX_TOKENS = 512, STEPS = 260 };

struct lesson {
    const char *question, *thought, *answer;
    int picture;        /* -1: none */
    const char *frames; /* of a video that is watched, "01": red, then blue, half a second apart; or NULL */
};

static const struct lesson lessons[] = {
    {TOY_COLOUR, NULL, "red", 0, NULL},
    {TOY_COLOUR, NULL, "blue", 1, NULL},
    {TOY_POINT, NULL, "<point>500 500</point>", 0, NULL},
    {TOY_POINT, NULL, "<point>500 500</point>", 1, NULL},
    {TOY_FRANCE, NULL, TOY_FRANCE_ANSWER, -1, NULL},
    {TOY_COUNT, NULL, TOY_COUNT_ANSWER, -1, NULL},
    {TOY_SUM, NULL, "four", -1, NULL},
    {TOY_SUM, TOY_SUM_THOUGHT, "four", -1, NULL},
};

/* To speak when the colour changes, and to be silent else. */
static const struct lesson watching[] = {
    {TOY_COLOUR, NULL, "red", -1, "0"},
    {TOY_COLOUR, NULL, "", -1, "00"},
    {TOY_COLOUR, NULL, "blue", -1, "001"},
    {TOY_COLOUR, NULL, "", -1, "0011"},
};

enum { N_LESSONS = sizeof lessons / sizeof *lessons, N_WATCHING = sizeof watching / sizeof *watching, MOST_FRAMES = 4 };

void toy_picture(struct sl_picture *p, int which)
{
    sl_error err = {0};
    assert_sl_ok(sl_picture_new(p, SIDE, SIDE, SL_PICTURE_MAX_PIXELS, &err), &err);
    for (int i = 0; i < SIDE * SIDE; i++) {
        p->rgb[3 * i] = which == 0 ? 230 : 20;
        p->rgb[3 * i + 1] = 20;
        p->rgb[3 * i + 2] = which == 0 ? 20 : 230;
    }
}

const char *toy_picture_path(int which)
{
    sl_error err = {0};
    struct sl_picture p;
    const char *path = test_temp_path(which ? "blue.png" : "red.png");
    toy_picture(&p, which);
    assert_sl_ok(sl_picture_write(&p, path, &err), &err);
    sl_picture_free(&p);
    return path;
}

static struct sl_tokenizer *make_tokenizer(void)
{
    struct sl_bpe_train_options o;
    struct sl_bpe_trainer *trainer = NULL;
    struct sl_tokenizer *t = NULL;
    sl_error err = {0};
    sl_bpe_train_defaults(&o);
    o.vocab_size = 480;
    assert_sl_ok(sl_bpe_trainer_new(&o, &trainer, &err), &err);
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < N_LESSONS; i++) {
            const char *texts[3] = {lessons[i].question, lessons[i].answer, lessons[i].thought};
            for (int j = 0; j < 3; j++)
                if (texts[j]) assert_sl_ok(sl_bpe_trainer_add(trainer, texts[j], strlen(texts[j]), &err), &err);
        }
        for (int j = 0; j < 2; j++) {
            const char *system = sl_chat_system_text(j);
            assert_sl_ok(sl_bpe_trainer_add(trainer, system, strlen(system), &err), &err);
        }
        assert_sl_ok(sl_bpe_trainer_add(trainer, "\n\nsystem\nuser\nassistant\n", 25, &err), &err);
    }
    assert_sl_ok(sl_bpe_trainer_finish(trainer, &t, &err), &err);
    sl_bpe_trainer_free(&trainer);
    return t;
}

sl_config toy_config(int vocab)
{
    sl_config c;
    sl_error err = {0};
    assert_sl_ok(sl_config_named("nano", &c, &err), &err);
    c.vit.hidden = 32, c.vit.depth = 2, c.vit.n_heads = 2, c.vit.mlp_hidden = 64;
    c.adapter.hidden = 64;
    c.decoder.vocab = vocab, c.decoder.hidden = 64, c.decoder.depth = 2, c.decoder.n_heads = 4;
    c.decoder.n_kv_heads = 2, c.decoder.head_dim = 16, c.decoder.mlp_hidden = 128, c.decoder.n_dense_layers = 1;
    c.decoder.n_experts = 4, c.decoder.top_k = 2, c.decoder.expert_hidden = 64, c.decoder.shared_hidden = 0;
    c.decoder.max_positions = 2048;
    c.max_pixels = 64 * 784;
    int32_t (*id)(enum sl_special, int32_t) = sl_special_id;
    c.ids.image_start = id(SL_SPECIAL_IMAGE_START, vocab);
    c.ids.image_patch = id(SL_SPECIAL_IMAGE_PATCH, vocab);
    c.ids.image_end = id(SL_SPECIAL_IMAGE_END, vocab);
    c.ids.eos = id(SL_SPECIAL_IM_END, vocab);
    c.ids.pad = id(SL_SPECIAL_ENDOFTEXT, vocab);
    assert_sl_ok(sl_config_check(&c, &err), &err);
    return c;
}

/* All lessons, packed into one batch. */
struct course {
    int32_t tokens[N_LESSONS * MAX_TOKENS], targets[N_LESSONS * MAX_TOKENS], cu[N_LESSONS + 1];
    sl_grid grids[N_LESSONS * MOST_FRAMES];
    float *patches;
    int n_tokens, n_pictures, n_seqs;
};

static void add_picture(struct course *c, const sl_config *config, int which)
{
    struct sl_view_rule rule = sl_config_view(config);
    struct sl_picture p;
    struct sl_view v;
    sl_error err = {0};
    toy_picture(&p, which);
    assert_sl_ok(sl_view_make(&rule, &p, 1, &v, &err), &err);
    size_t numel = (size_t)sl_grid_patches(v.grid) * (size_t)sl_patch_numel(&rule.format);
    c->patches = realloc(c->patches, numel * (size_t)(c->n_pictures + 1) * sizeof *c->patches);
    assert_non_null(c->patches);
    float *at = c->patches + numel * (size_t)c->n_pictures;
    assert_sl_ok(sl_picture_patches(&v.picture, &rule.format, 1, at, &err), &err);
    c->grids[c->n_pictures++] = v.grid;
    sl_view_free(&v);
}

/* The parts of the question, (1 + MOST_FRAMES); returns how many. */
static size_t question_parts(const struct lesson *l, struct sl_chat_part *parts)
{
    size_t n = 0;
    struct sl_chat_part question = {.kind = SL_CHAT_TEXT, .text = l->question, .n = strlen(l->question)};
    if (l->picture >= 0) parts[n++] = (struct sl_chat_part){.kind = SL_CHAT_PICTURE};
    parts[n++] = question;
    for (int i = 0; l->frames && l->frames[i]; i++)
        parts[n++] = (struct sl_chat_part){.kind = SL_CHAT_FRAME, .seconds = 0.5 * i};
    return n;
}

static void add_pictures(struct course *c, const sl_config *config, const struct lesson *l)
{
    if (l->picture >= 0) add_picture(c, config, l->picture);
    for (int i = 0; l->frames && l->frames[i]; i++) add_picture(c, config, l->frames[i] - '0');
}

static void add_lesson(struct course *c, const sl_config *config, const struct sl_tokenizer *t, const struct lesson *l)
{
    struct sl_chat_part user[1 + MOST_FRAMES];
    struct sl_chat_part system = {.kind = SL_CHAT_TEXT, .text = TOY_WATCH, .n = strlen(TOY_WATCH)};
    struct sl_chat_part answer = {.kind = SL_CHAT_TEXT, .text = l->answer, .n = strlen(l->answer)};
    size_t n_parts = question_parts(l, user), first = l->frames ? 0 : 1; /* message */
    struct sl_chat_message m[3] = {
        {.role = SL_CHAT_SYSTEM, .parts = &system, .n_parts = 1},
        {.role = SL_CHAT_USER, .parts = user, .n_parts = n_parts},
        {.role = SL_CHAT_ASSISTANT,
         .parts = &answer,
         .n_parts = 1,
         .reasoning = l->thought,
         .n_reasoning = l->thought ? strlen(l->thought) : 0},
    };
    struct sl_chat_options o = {.thinking = l->thought != NULL};
    struct sl_chat_tokens chat;
    sl_error err = {0};
    int from = c->n_tokens;
    sl_chat_tokens_init(&chat, MAX_TOKENS);
    assert_sl_ok(sl_chat_encode(t, m + first, 3 - first, &o, &chat, &err), &err);
    add_pictures(c, config, l);
    for (size_t k = 0; k < chat.ids.len; k++) {
        bool patch = chat.ids.data[k] == config->ids.image_patch;
        int64_t times = patch ? sl_grid_patches(c->grids[c->n_pictures - 1]) / 4 : 1;
        if (c->n_tokens > from) c->targets[c->n_tokens - 1] = chat.loss[k] ? chat.ids.data[k] : -1;
        for (int64_t j = 0; j < times; j++) {
            c->targets[c->n_tokens] = -1;
            c->tokens[c->n_tokens++] = chat.ids.data[k];
        }
    }
    c->cu[++c->n_seqs] = c->n_tokens;
    sl_chat_tokens_release(&chat);
}

static void train(const sl_config *config, const struct sl_tokenizer *t, const struct lesson *from, int n,
                  const char *dir)
{
    struct course *c = calloc(1, sizeof *c);
    sl_trainer_options o;
    sl_trainer *trainer = NULL;
    sl_ops *ops = NULL;
    sl_batch *batch = NULL;
    sl_error err = {0};
    double loss = 9;
    assert_non_null(c);
    for (int i = 0; i < n; i++) add_lesson(c, config, t, &from[i]);
    sl_batch_spec spec = {
        .tokens = c->tokens,
        .n_seqs = c->n_seqs,
        .cu_seqlens = c->cu,
        .targets = c->targets,
        .n_pictures = c->n_pictures,
        .grids = c->grids,
        .patches = c->patches,
    };
    assert_sl_ok(sl_batch_new(config, &spec, &batch, &err), &err);
    assert_sl_ok(sl_cpu_ops_default(1, &ops, &err), &err);
    sl_trainer_defaults(&o);
    o.dt = SL_F32;
    o.weight_decay = 0;
    assert_sl_ok(sl_trainer_new(config, ops, &o, 1, false, &trainer, &err), &err);
    for (int i = 0; i < STEPS && loss > 2e-3; i++) {
        assert_sl_ok(sl_trainer_accumulate(trainer, batch, &loss, NULL, &err), &err);
        assert_sl_ok(sl_trainer_update(trainer, 4e-3f, NULL, &err), &err);
    }
    if (!(loss < 0.02)) fail_msg("the toy model did not learn its lessons: loss %g", loss);
    assert_sl_ok(sl_model_save(trainer->model, dir, SL_F32, 0, &err), &err);
    sl_trainer_free(trainer);
    sl_batch_free(batch);
    sl_cpu_ops_free(ops);
    free(c->patches);
    free(c);
}

/* Teaches a new model n lessons and writes it to the folder dir. */
static void make(const struct lesson *from, int n, const char *dir)
{
    sl_error err = {0};
    char path[600];
    assert_sl_ok(sl_dir_make(dir, &err), &err);
    struct sl_tokenizer *t = make_tokenizer();
    sl_config c = toy_config((int)sl_tokenizer_vocab_size(t));
    train(&c, t, from, n, dir);
    snprintf(path, sizeof path, "%s/tokenizer.json", dir);
    assert_sl_ok(sl_tokenizer_save(t, path, &err), &err);
    sl_tokenizer_free(&t);
}

const char *toy_model_dir(void)
{
    static char dir[512];
    if (dir[0]) return dir;
    snprintf(dir, sizeof dir, "%s/toy", test_temp_dir());
    make(lessons, N_LESSONS, dir);
    return dir;
}

const char *toy_watcher_dir(void)
{
    static char dir[512];
    if (dir[0]) return dir;
    snprintf(dir, sizeof dir, "%s/watcher", test_temp_dir());
    make(watching, N_WATCHING, dir);
    return dir;
}

const char *toy_towers_dir(sl_ops *ops)
{
    static char dir[256];
    struct sl_tokenizer *tokenizer;
    sl_model *model;
    sl_error err = {0};
    char path[300];
    snprintf(dir, sizeof dir, "%s", test_temp_path("towers"));
    assert_sl_ok(sl_tokenizer_load(toy_model_dir(), &tokenizer, &err), &err);
    sl_config c;
    assert_sl_ok(sl_config_load(toy_model_dir(), &c, &err), &err);
    sl_config_add_pretrain(&c, 0, true, false);
    c.pretrain.embed = TOY_EMBED;
    sl_weight_plan plan = {
        .ops = ops, .dt = SL_F32, .trainable = 1 << SL_MODULE_VIT | 1 << SL_MODULE_PRETRAIN | 1 << SL_MODULE_TEXT};
    plan.modules = plan.trainable;
    assert_sl_ok(sl_model_new(&c, &plan, false, &model, &err), &err);
    assert_sl_ok(sl_model_init(model, 4, &err), &err);
    assert_sl_ok(sl_dir_make(dir, &err), &err);
    assert_sl_ok(sl_model_save(model, dir, SL_F32, 0, &err), &err);
    snprintf(path, sizeof path, "%s/tokenizer.json", dir);
    assert_sl_ok(sl_tokenizer_save(tokenizer, path, &err), &err);
    sl_model_free(model);
    sl_tokenizer_free(&tokenizer);
    return dir;
}
